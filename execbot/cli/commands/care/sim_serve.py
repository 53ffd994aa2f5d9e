"""`execbot sim serve`: the built-in exchange behind sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.care.sim_options import (
    AtOption,
    CalendarOption,
    DataOption,
    RateOption,
    ScenarioOption,
    SeedOption,
    SetOption,
    SpeedOption,
    settings_given,
)
from execbot.desk.opening import exchange
from execbot.desk.opening.exchange import Served

KEY = SECRET = "demo"
"""Any pair is good; this is the one that the hints print."""

SERVE_HELP = """Serve the exchange: REST and WebSockets on one port, until Ctrl-C.

\b
Examples:
  execbot sim serve                          # always open, synthetic prices
  execbot sim serve --calendar exchange --seed 7
  execbot sim serve --data recorded/ --at "2013-10-08 09:30" --speed 10
  execbot sim serve --scenario tests/scenarios/reply-lost-after-accept.yaml --json
  execbot sim serve --tls --port 443        # for those who lead Alpaca's names here themselves

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
    tls: Annotated[
        bool,
        typer.Option("--tls", help="https and wss, with a certificate for Alpaca's names too."),
    ] = False,
    cors: Annotated[
        bool, typer.Option("--cors", help="Pages of other origins may use it, not steer it.")
    ] = False,
    data: DataOption = None,
    at: AtOption = None,
    speed: SpeedOption = 1.0,
    calendar: CalendarOption = "always",
    seed: SeedOption = 0,
    scenario: ScenarioOption = None,
    state_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the exchange there; others may share.")
    ] = None,
    rate_limit: RateOption = 0,
    frames: Annotated[
        str, typer.Option(help="Trade updates as `binary` (paper) or `text` (live) frames.")
    ] = "binary",
    single_stream: Annotated[
        bool, typer.Option("--single-stream", help="A second trade-update stream gets HTTP 429.")
    ] = False,
    bad_key: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Refuse this key; may be repeated.")
    ] = None,
    set_: SetOption = None,
) -> None:
    settings = settings_given(
        data=data,
        at=at,
        speed=speed,
        calendar=calendar,
        seed=seed,
        rate_limit=rate_limit,
        frames=frames,
        single_stream=single_stream,
        bad_keys=list(bad_key or ()),
    )
    exchange.serve(
        settings,
        scenario=scenario,
        pairs=set_ or (),
        host=host,
        port=port,
        public=public,
        tls=tls,
        cors=cors,
        state_dir=state_dir,
        warn=lambda words: cli.warn(f"{words}."),
        ready=_ready(cli),
    )


def _ready(cli: Cli) -> Callable[[Served], None]:
    """What says that it serves. With --quiet nobody does: its port was chosen beforehand."""
    if cli.quiet:
        return lambda served: None
    return _print_json if cli.json else _print_block


def _print_json(served: Served) -> None:
    """One line with the URLs, once it serves."""
    line: dict[str, Any] = {**served.urls, "key": KEY, "secret": SECRET, "pid": os.getpid()}
    if served.warnings:
        line["warnings"] = served.warnings
    print(json.dumps(line), flush=True)


def _print_block(served: Served) -> None:
    """What people are shown once it serves."""
    trusted = TRUSTED.format(**served.urls) if "authority" in served.urls else ""
    print(
        _block(served.urls) + trusted + (RECORDED if served.prints_fill else "") + END, flush=True
    )


TRUSTED = """
Its certificate is good for Alpaca's names and this machine, once clients trust its authority
(gone when this ends):
  export SSL_CERT_FILE={authority} REQUESTS_CA_BUNDLE={authority} NODE_EXTRA_CA_CERTS={authority}
"""
RECORDED = """
Recorded prices: a print beyond a resting limit fills it at its price
(--set exchange.trade_through=false: only a quote does).
"""
END = "\nCtrl-C ends it."


def _block(urls: Mapping[str, str]) -> str:
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
