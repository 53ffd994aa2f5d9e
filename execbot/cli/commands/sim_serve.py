"""`execbot sim serve`: the built-in exchange behind sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from execbot.sim.config import SimConfig

KEY = SECRET = "demo"
"""Any pair is good; this is the one that the hints print."""

AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help='Where its clock starts, New York: "2013-10-08 09:30".'
    ),
]
SpeedOption = Annotated[
    float, typer.Option("--speed", metavar="N", help="Times real time; 0 stands still.")
]

SERVE_HELP = """Serve the exchange: REST and WebSockets on one port, until Ctrl-C.

\b
Examples:
  execbot sim serve                          # always open, synthetic prices
  execbot sim serve --calendar exchange --seed 7
  execbot sim serve --data recorded/ --at "2013-10-08 09:30" --speed 10
  execbot sim serve --scenario tests/scenarios/reply-lost-after-accept.yaml --json

\b
alpaca-py, unchanged, with the URLs that are printed:
  TradingClient("demo", "demo", url_override=REST)
  TradingStream("demo", "demo", url_override=STREAM)
  StockHistoricalDataClient("demo", "demo", url_override=DATA)
  StockDataStream("demo", "demo", url_override=DATA_STREAM)

\b
The official command line and others read their environment:
  export APCA_API_BASE_URL=REST APCA_API_DATA_URL=DATA
  export APCA_API_KEY_ID=demo APCA_API_SECRET_KEY=demo
"""


@command
def serve(
    cli: Cli,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    public: Annotated[
        bool,
        typer.Option("--public", help="Other machines may use it: any key is good, all may steer."),
    ] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Recorded CSV files to replay.")
    ] = None,
    at: AtOption = None,
    speed: SpeedOption = 1.0,
    calendar: Annotated[
        str, typer.Option(help="`always` open, or the real hours of the `exchange`.")
    ] = "always",
    seed: Annotated[int, typer.Option(help="Same seed, same requests: same bytes.")] = 0,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML with settings, faults, actions.")
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the exchange there; others may share.")
    ] = None,
    rate_limit: Annotated[
        int, typer.Option(help="Requests a minute and key (Alpaca: 200); 0 is no limit.")
    ] = 0,
    frames: Annotated[
        str, typer.Option(help="Trade updates as `binary` (paper) or `text` (live) frames.")
    ] = "binary",
    single_stream: Annotated[
        bool, typer.Option("--single-stream", help="A second trade-update stream gets HTTP 429.")
    ] = False,
    bad_key: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Refuse this key; may be repeated.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated."),
    ] = None,
) -> None:
    settings: dict[str, Any] = {
        "data": None if data is None else str(data.resolve()),
        "at": at,
        "speed": speed,
        "calendar": calendar,
        "seed": seed,
        "rate_limit": rate_limit,
        "frames": frames,
        "single_stream": single_stream,
        "bad_keys": list(bad_key or ()),
    }
    config = _config(settings, scenario, set_ or [])
    try:
        from execbot.sim.doors.guard import is_loopback
        from execbot.sim.doors.serve import serve as run
    except ModuleNotFoundError as error:
        raise Failure(
            "config.missing_package",
            f"The server needs {error.name}, which is not installed",
            ExitCode.CONFIG,
            hint="The exchange of sim mode works without it.",
            next_step="pip install 'execbot[sim]'",
        ) from None
    warnings: list[str] = []
    if not is_loopback(host):
        if not public:
            raise usage(
                f"{host} can be reached from other machines",
                hint="Whoever reaches it may trade on it and steer it; no key protects it.",
                next_step=f"execbot sim serve --host {host} --public",
            )
        warnings.append(f"{host} can be reached from other machines; no key protects it")
        cli.note(f"Warning: {warnings[0]}.")
    try:
        run(
            config,
            host=host,
            port=port,
            state_dir=state_dir,
            ready=_print_json(warnings) if cli.json else _print_block(config),
            public=public,
        )
    except OSError as error:
        raise Failure(
            "config.address",
            f"{host}:{port} could not be served: {error.strerror or error}",
            ExitCode.CONFIG,
            next_step="execbot sim serve --port 0",
        ) from error
    except ValueError as error:
        raise usage(str(error), next_step="execbot sim serve --help") from error


def _config(given: Mapping[str, Any], scenario: Path | None, pairs: list[str]) -> SimConfig:
    """The command line's settings over those of the scenario."""
    from execbot.sim.config import ConfigError, SimConfig

    defaults = SimConfig().plain()
    chosen = {n: v for n, v in given.items() if v != defaults[n] and v != []}
    try:
        if scenario is not None:
            from execbot.sim.faults.scenario import Scenario

            chosen = {**Scenario.read(scenario).settings, **chosen}
        for pair in pairs:
            chosen = _with_setting(chosen, pair)
        config = SimConfig.of(chosen)
        _ = config.start  # a wrong time is told before the server starts
    except (ConfigError, TypeError) as error:
        raise usage(str(error), next_step="execbot sim serve --help") from None
    return config


def _with_setting(chosen: dict[str, Any], pair: str) -> dict[str, Any]:
    """`name=value` or `exchange.name=value`; the value is read as JSON where it is JSON."""
    name, equals, text = pair.partition("=")
    if not equals:
        raise usage(f"--set was {pair!r}, must be NAME=VALUE")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    room, dot, inner = name.partition(".")
    if not dot:
        return {**chosen, name: value}
    return {**chosen, room: {**chosen.get(room, {}), inner: value}}


def _print_json(warnings: list[str]) -> Callable[[dict[str, str]], None]:
    """One line with the URLs, once it serves."""

    def show(urls: dict[str, str]) -> None:
        line: dict[str, Any] = {**urls, "key": KEY, "secret": SECRET, "pid": os.getpid()}
        if warnings:
            line["warnings"] = warnings
        print(json.dumps(line), flush=True)

    return show


def _print_block(config: SimConfig) -> Callable[[dict[str, str]], None]:
    """What people are shown once it serves."""
    return lambda urls: print(_block(urls) + _about_recordings(config) + END, flush=True)


def _about_recordings(config: SimConfig) -> str:
    if config.data is None or config.exchange.get("trade_through") is False:
        return ""
    return (
        "\nRecorded prices: a print beyond a resting limit fills it at its price\n"
        "(--set exchange.trade_through=false: only a quote does).\n"
    )


END = "\nCtrl-C ends it."


def _block(urls: dict[str, str]) -> str:
    rest, data = urls["rest"], urls["data"]
    return f"""The exchange is open. Any key pair is good; each key is an account of its own.

  REST         {rest}
  stream       {urls["stream"]}
  data         {data}
  data stream  {urls["data_stream"]}   (crypto: {urls["crypto_stream"]})
  control      {urls["control"]}/status

execbot:     export EXECBOT_MODE=paper ALPACA_API_KEY={KEY} ALPACA_SECRET_KEY={SECRET} \\
                    ALPACA_TRADING_URL={rest}
alpaca-py:   TradingClient("{KEY}", "{SECRET}", url_override="{rest}")
             TradingStream("{KEY}", "{SECRET}", url_override="{urls["stream"]}")
             StockHistoricalDataClient("{KEY}", "{SECRET}", url_override="{data}")
             StockDataStream("{KEY}", "{SECRET}", url_override="{urls["data_stream"]}")
others:      export APCA_API_BASE_URL={rest} APCA_API_DATA_URL={data} \\
                    APCA_API_KEY_ID={KEY} APCA_API_SECRET_KEY={SECRET}
"""
