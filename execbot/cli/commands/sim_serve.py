"""`execbot sim serve`: the built-in exchange behind sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.desk import exchange
from execbot.desk.exchange import Served

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
    exchange.serve(
        settings,
        scenario=scenario,
        pairs=set_ or (),
        host=host,
        port=port,
        public=public,
        state_dir=state_dir,
        warn=lambda words: cli.note(f"Warning: {words}."),
        ready=_print_json if cli.json else _print_block,
    )


def _print_json(served: Served) -> None:
    """One line with the URLs, once it serves."""
    line: dict[str, Any] = {**served.urls, "key": KEY, "secret": SECRET, "pid": os.getpid()}
    if served.warnings:
        line["warnings"] = served.warnings
    print(json.dumps(line), flush=True)


def _print_block(served: Served) -> None:
    """What people are shown once it serves."""
    print(_block(served.urls) + (RECORDED if served.prints_fill else "") + END, flush=True)


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
