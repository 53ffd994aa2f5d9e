"""Which mode is traded in, and which servers that mode may talk to.

Live trading never starts by accident: it needs the mode `live` and `ALPACA_LIVE_TRADE=true`
together, and no URL that belongs to another mode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from execbot.config.environment import LIVE_GATE, Environment, as_environment
from execbot.config.errors import ConfigError
from execbot.config.schema import Mode
from execbot.model.hosts import is_loopback

_MODE_VARIABLES = ("EXECBOT_MODE", "TRADING_MODE")

TRADING_HOST = {Mode.PAPER: "paper-api.alpaca.markets", Mode.LIVE: "api.alpaca.markets"}
DATA_HOST = "data.alpaca.markets"
STREAM_DATA_HOST = "stream.data.alpaca.markets"

_TRADING_URLS = ("ALPACA_TRADING_URL", "ALPACA_BASE_URL", "APCA_API_BASE_URL")
_STREAM_URL = "ALPACA_TRADING_WS_URL"
_DATA_URL = "ALPACA_DATA_URL"
_DATA_STREAM_URL = "ALPACA_DATA_WS_URL"


class ModeChoice(Struct, frozen=True):
    """`source` says who chose; `notices` are lines for stderr."""

    mode: Mode
    source: str
    notices: tuple[str, ...] = ()


class Endpoints(Struct, frozen=True):
    """Where each wire leads. None means the address that follows from the mode, or for a stream
    the one that follows from the REST address beside it."""

    trading: str | None = None
    stream: str | None = None
    data: str | None = None
    data_stream: str | None = None

    @property
    def is_loopback(self) -> bool:
        return self.trading is not None


def choose_mode(
    flag: str | None,
    env: Mapping[str, str],
    configured: Mode | None,
    has_credentials: Callable[[], bool],
    *,
    on_terminal: bool = True,
) -> ModeChoice:
    """The mode, by the order of the contract.

    `has_credentials` is asked only when nothing else decides. Where it does not either, a person on
    a terminal gets the built-in exchange and is told; cron never does, since it would trade and
    reconcile an account that nobody means. Raises ConfigError there, and where the live gate is
    shut.
    """
    env = as_environment(env)
    mode, source = _asked_mode(flag, env, configured)
    notices: list[str] = []
    if mode is None:
        if has_credentials():
            mode, source = Mode.PAPER, "credentials"
        elif not on_terminal:
            raise _not_said()
        else:
            mode, source = Mode.SIM, "default"
            notices.append(
                "No Alpaca keys found: using the built-in exchange (sim). No real order is sent."
            )
    gate = env.get(LIVE_GATE, "").strip()
    is_open = gate.lower() == "true"
    if mode is Mode.LIVE and not is_open:
        raise ConfigError(
            f"Live trading needs {LIVE_GATE}=true beside mode live",
            kind="mode.live_gate",
            hint=_gate_words(env, gate),
            next_step=f"export {LIVE_GATE}=true, or trade on paper: --mode paper",
        )
    if is_open and mode is not Mode.LIVE:
        notices.append(f"{LIVE_GATE}=true is set but the mode is {mode.value}: staying {mode}.")
    return ModeChoice(mode, source, tuple(notices))


def _gate_words(env: Environment, gate: str) -> str:
    if LIVE_GATE in env.withheld:
        return (
            f"{env.path} says it, which counts only where that file is named: --env-file {env.path}"
        )
    return f"{LIVE_GATE} was {gate!r}." if gate else f"{LIVE_GATE} is not set."


def _not_said() -> ConfigError:
    return ConfigError(
        "No mode was said, there are no Alpaca keys, and no terminal is there: nothing was done",
        kind="mode.not_said",
        hint="cron and services start with an empty environment: your keys are not in it.",
        next_step="Say --mode paper (or sim), and give the keys: execbot doctor names the places.",
    )


def _asked_mode(
    flag: str | None, env: Environment, configured: Mode | None
) -> tuple[Mode | None, str]:
    if flag:
        return _read_mode(flag, "--mode"), "--mode"
    for variable in _MODE_VARIABLES:
        if env.get(variable, "").strip():
            source = env.source(variable)
            mode = _read_mode(env[variable], source)
            if env.profile is not None and variable in env.own and configured not in (None, mode):
                raise _other_mode(env.profile, configured, variable, mode)
            return mode, source
    return configured, "trading.yaml"


def _other_mode(profile: str, configured: Mode | None, variable: str, mode: Mode) -> ConfigError:
    return ConfigError(
        f"Profile {profile} trades {configured}, and {variable} says {mode}",
        kind="profile.other_mode",
        hint="Neither of them wins silently.",
        next_step=f"unset {variable}, or say --mode {mode}",
    )


def _read_mode(word: str, source: str) -> Mode:
    try:
        return Mode(word.strip().lower())
    except ValueError:
        raise ConfigError(
            f"{source} was {word!r}, must be sim, paper or live", kind="mode.unknown"
        ) from None


def choose_endpoints(mode: Mode, env: Mapping[str, str]) -> Endpoints:
    """The URLs of the environment, each checked against the mode.

    A URL may be Alpaca's own for this mode or a server on loopback; anything else is refused, so
    that a left-over variable never sends paper orders to the live account or keys to a stranger.
    With trading on loopback, market data is there too unless its URL is given.
    """
    trading = None
    for variable in _TRADING_URLS:
        value = env.get(variable, "").strip()
        if value:
            checked = _checked(variable, value, mode, ("https", "http"), TRADING_HOST.get(mode))
            trading = trading if trading is not None else checked
    data_host = None if mode is Mode.SIM else DATA_HOST
    stream_data_host = None if mode is Mode.SIM else STREAM_DATA_HOST
    stream = _optional(env, _STREAM_URL, mode, ("wss", "ws"), TRADING_HOST.get(mode))
    data = _optional(env, _DATA_URL, mode, ("https", "http"), data_host)
    data_stream = _optional(env, _DATA_STREAM_URL, mode, ("wss", "ws"), stream_data_host)
    on_loopback = trading is not None and is_loopback(urlsplit(trading).hostname or "")
    if not on_loopback:
        return Endpoints(None, stream, data, data_stream)
    return Endpoints(trading, stream, data or trading, data_stream)


def _optional(
    env: Mapping[str, str], variable: str, mode: Mode, schemes: tuple[str, ...], host: str | None
) -> str | None:
    value = env.get(variable, "").strip()
    return _checked(variable, value, mode, schemes, host) if value else None


def _checked(
    variable: str, value: str, mode: Mode, schemes: tuple[str, ...], host: str | None
) -> str:
    """The URL without a trailing slash or `/v2`, or ConfigError."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in schemes or not parts.hostname:
        raise ConfigError(
            f"{variable} was {_without_secrets(value)!r}, must be a URL such as {schemes[0]}://...",
            kind="config.bad_url",
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"{variable} carries a user name, which is not sent to {parts.hostname}",
            kind="config.bad_url",
            hint="Alpaca's keys go in headers, never in the URL.",
            next_step=f"Set {variable} without what stands before the @.",
        )
    if not _is_plain(parts.netloc + parts.path):
        raise ConfigError(
            f"{variable} has a character that no URL takes: {ascii(value)[:80]}",
            kind="config.bad_url",
            hint="A URL is printable ASCII without blanks.",
            next_step=f"Correct {variable}, or unset it.",
        )
    secure = parts.scheme == schemes[0]
    if not is_loopback(parts.hostname) and not (parts.hostname == host and secure):
        allowed = f"{host} or a server on loopback" if host else "a server on loopback"
        raise ConfigError(
            f"{variable} names {parts.hostname}, which contradicts mode {mode.value}",
            kind="mode.url_contradiction",
            hint=f"In {mode.value} mode it may name {allowed}.",
            next_step=f"Unset {variable}, or choose the mode it belongs to with --mode.",
        )
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return plain.removesuffix("/v2")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _without_secrets(value: str) -> str:
    return value.rsplit("@", 1)[-1][:80]
