"""`execbot chart`: bars with entries, exits, and the way of stop and targets."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from execbot.charts.frames import FRAMES
from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.flags.span import SinceFlag, UntilFlag, read_span
from execbot.cli.show.chart_views import chart_views
from execbot.desk.look.reporting.chart_files import write_chart
from execbot.desk.look.reporting.chart_json import chart_json
from execbot.desk.look.reporting.charts import ChartWanted, read_chart
from execbot.desk.opening.journal_need import Need
from execbot.model.symbols import symbol_key


class Frame(StrEnum):
    """In small letters, as choices are read; the values of `FRAMES` in their order."""

    MINUTE = "1min"
    FIVE_MINUTES = "5min"
    QUARTER = "15min"
    HOUR = "1hour"
    DAY = "1day"
    WEEK = "1week"


FRAME_OF = dict(zip(Frame, FRAMES, strict=True))


@command
def chart(
    cli: Cli,
    symbol: Annotated[
        str | None, typer.Argument(metavar="SYMBOL", help="May be left out with --trade.")
    ] = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    trade: Annotated[
        str | None, typer.Option("--trade", metavar="ID", help="Only this trade, as in `trades`.")
    ] = None,
    bars: Annotated[Frame | None, typer.Option("--bars", help="The length of a bar.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="A page for the browser.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="A picture.")] = None,
) -> None:
    """Bars of a symbol with entries and exits, and the way its stop and targets went.

    Without --since: the open trades of the symbol, else the last one that was closed. Stops and
    targets stand where the plan had them at each moment, from the journal; bars are the broker's.

    \b
    Examples:
      execbot chart AAPL
      execbot chart AAPL --since 5d --bars 1hour
      execbot chart --trade AAPL-3f2a91c0 --html trade.html
      execbot chart AAPL --png aapl.png
    """
    if symbol is None and trade is None:
        raise usage("No symbol was given", hint="Name a symbol, or a trade with --trade.")
    name = None if symbol is None else read_symbol(symbol)
    with cli.open(need=Need.LOOK) as desk:
        span = read_span(since, until, desk.now())
        wanted = ChartWanted(
            symbol=name,
            trade=trade,
            since=span.since,
            until=span.until,
            frame=None if bars is None else FRAME_OF[bars],
        )
        charted = read_chart(desk, wanted)
        if name is not None and symbol_key(charted.chart.symbol) != symbol_key(name):
            raise usage(
                f"The trade {trade} is of {charted.chart.symbol}, not of {name}",
                hint="Leave the symbol out, or name a trade of it.",
            )
        files, said = write_chart(charted.chart, html, png)
        warnings = [*charted.warnings, *said]
        data = chart_json(charted, files)
        views = [] if cli.json else chart_views(charted, files)
        cli.show(data, *views, warnings=warnings)
