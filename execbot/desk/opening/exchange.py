"""The built-in exchange from outside: steered over its control requests, or served on sockets.

Control requests go to a running server, or to the exchange of sim mode in this process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.config.environment import environment_of
from execbot.config.load import load_settings
from execbot.config.paths import exchange_directory, state_root
from execbot.desk.errors import BadRequest, CannotServe, ExtraMissing, NoExchange
from execbot.desk.opening.in_process import KEY, open_exchange

if TYPE_CHECKING:
    from execbot.sim.config import SimConfig

HTTP_TIMEOUT_SECONDS = 30


# --- steering ----------------------------------------------------------------------------------


def control(
    method: str,
    path: str,
    body: Any = None,
    *,
    url: str | None = None,
    config_path: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Any:
    """One control request; the decoded answer. `url` names a server, else sim mode's own is asked.

    Raises BadRequest when the exchange refuses it, NoExchange when none answers, ConfigError.
    """
    raw = None if body is None else json.dumps(body).encode()
    if url is not None:
        status, text = _over_http(url, method, path, raw)
    else:
        given = environment_of(env or None, config_path)
        status, text = _in_process(config_path, given, method, path, raw)
    where = url or "the state directory"
    try:
        found = json.loads(text)
    except ValueError:
        raise _no_exchange(where, "Its answer is not JSON.") from None
    if not isinstance(found, dict):
        raise _no_exchange(where, "Its answer is no JSON object.")
    if status >= 400:
        kind = f"usage.sim_{path.partition('/')[0]}"
        raise BadRequest(str(found.get("message", text)), kind=kind)
    return found


def _over_http(url: str, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    target = f"{url.rstrip('/').removesuffix('/sim')}/sim/{path}"
    try:
        request = Request(target, data=body, method=method)
        with urlopen(request, timeout=HTTP_TIMEOUT_SECONDS) as reply:
            return reply.status, reply.read()
    except HTTPError as error:
        return error.code, error.read()
    except (OSError, ValueError, HTTPException) as error:
        raise _no_exchange(url, str(getattr(error, "reason", error))) from None


def _no_exchange(where: str, why: str) -> NoExchange:
    return NoExchange(f"No exchange answers at {where}", hint=why)


def _in_process(
    config_path: Path | None,
    env: Mapping[str, str],
    method: str,
    path: str,
    body: bytes | None,
) -> tuple[int, bytes]:
    settings = load_settings(config_path, env)
    exchange = open_exchange(exchange_directory(state_root(env)), settings.trading.sim)
    headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": KEY}
    try:
        status, _, answer = exchange.request(method, f"/sim/{path}", headers, body)
    finally:
        exchange.close()
    return status, answer


# --- serving -----------------------------------------------------------------------------------


class Served(Struct, frozen=True):
    """Where it listens: `rest`, `stream`, `data`, `control`, and for each market its stream of
    data: `data_stream`, `crypto_stream`, `option_stream`; with TLS also `authority`, the file that
    clients must trust.

    `prints_fill`: prices are recorded, and a print beyond a resting limit fills it.
    """

    urls: Mapping[str, str]
    prints_fill: bool = False
    warnings: Sequence[str] = ()


SERVE_NEXT = "execbot sim serve --help"


def serve(
    settings: Mapping[str, Any],
    *,
    scenario: Path | None = None,
    pairs: Sequence[str] = (),
    host: str,
    port: int,
    public: bool = False,
    tls: bool = False,
    cors: bool = False,
    state_dir: Path | None = None,
    warn: Callable[[str], None],
    ready: Callable[[Served], None],
) -> None:
    """Serve the exchange until it is interrupted; calls `ready` with its URLs once it listens.

    A host that other machines reach needs `public`, and calls `warn` with words on that. `tls`
    serves https and wss for Alpaca's names too, `cors` lets pages of other origins in.

    `settings` at other than their defaults win over the scenario's, `pairs` (`name=value`,
    `exchange.name=value`) over both. Raises BadRequest for a setting that makes no sense,
    CannotServe, and ExtraMissing.
    """
    config = settings_of(settings, scenario, pairs)
    try:
        from execbot.sim.doors.guard import is_loopback
        from execbot.sim.doors.serve import serve as run
    except ModuleNotFoundError as error:
        raise _missing(error, "pip install aiohttp msgpack") from None
    warnings: list[str] = []
    if not is_loopback(host):
        if not public:
            raise BadRequest(
                f"{host} can be reached from other machines",
                hint="Whoever reaches it may trade on it and steer it; no key protects it.",
                next_step=f"execbot sim serve --host {host} --public",
            )
        warnings.append(f"{host} can be reached from other machines; no key protects it")
        warn(warnings[0])
    recorded = config.data is not None and config.exchange.get("trade_through") is not False
    try:
        run(
            config,
            host=host,
            port=port,
            state_dir=state_dir,
            ready=lambda urls: ready(Served(urls, recorded, warnings)),
            public=public,
            tls=tls,
            cors=cors,
        )
    except ModuleNotFoundError as error:
        raise _missing(error, "pip install trustme") from None
    except OSError as error:
        raise CannotServe(
            f"{host}:{port} could not be served: {error.strerror or error}"
        ) from error
    except ValueError as error:
        raise BadRequest(str(error), next_step=SERVE_NEXT) from error


def _missing(error: ModuleNotFoundError, next_step: str) -> ExtraMissing:
    return ExtraMissing(
        f"The server needs {error.name}, which is not installed",
        kind="config.missing_package",
        hint="The exchange of sim mode works without it.",
        next_step=next_step,
    )


def settings_of(given: Mapping[str, Any], scenario: Path | None, pairs: Sequence[str]) -> SimConfig:
    """The caller's settings over those of the scenario. Raises BadRequest."""
    from execbot.sim.config import ConfigError as BadConfig
    from execbot.sim.config import SimConfig

    defaults = SimConfig().plain()
    chosen = {n: v for n, v in given.items() if v != defaults[n] and v != []}
    try:
        if scenario is not None:
            from execbot.sim.faults.scenario import Scenario

            chosen = {**Scenario.read(scenario).settings, **chosen}
        for pair in pairs:
            chosen = _with_setting(chosen, pair)
        config = SimConfig.of(chosen)
        _ = config.start  # refuse a wrong time before the server starts
    except (BadConfig, TypeError) as error:
        raise BadRequest(str(error), next_step=SERVE_NEXT) from None
    return config


def _with_setting(chosen: dict[str, Any], pair: str) -> dict[str, Any]:
    """`name=value` or `exchange.name=value`; the value is read as JSON where it is JSON."""
    name, equals, text = pair.partition("=")
    if not equals:
        raise BadRequest(f"--set was {pair!r}, must be NAME=VALUE")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    room, dot, inner = name.partition(".")
    if not dot:
        return {**chosen, name: value}
    return {**chosen, room: {**chosen.get(room, {}), inner: value}}
