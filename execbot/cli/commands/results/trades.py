"""`execbot trades`: round trips, one of them in full, and the files that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.flags.span import SinceFlag, UntilFlag, read_span
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.trade_views import lots_table, parts_table, story, trades_line, trades_table
from execbot.desk.look.trade_json import (
    COLUMNS,
    LOT_COLUMNS,
    PART_COLUMNS,
    lot_json,
    part_json,
    trade_json,
)
from execbot.desk.look.trades import Trade, Wanted, one_trade, read_trades
from execbot.desk.opening.journal_need import Need

app = typer.Typer()

DEFAULT_SINCE = "30d"


class Lots(StrEnum):
    AVERAGE = "average"
    FIFO = "fifo"


class Format(StrEnum):
    TRADERVUE = "tradervue"
    TRADENOTE = "tradenote"
    TRADETALLY = "tradetally"
    HLEDGER = "hledger"
    BEANCOUNT = "beancount"


@app.callback(invoke_without_command=True)
@command
def trades(
    cli: Cli,
    since: SinceFlag = None,
    until: UntilFlag = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Only this strategy; `-` for trades without one.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only open ones.")] = False,
    only_closed: Annotated[bool, typer.Option("--closed", help="Only closed ones.")] = False,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Only those that ended so: stop, target, `target 2`, time, by_hand ..."),
    ] = None,
    lots: Annotated[
        Lots | None, typer.Option(help="fifo: the lots, first in, first out, as the tax counts.")
    ] = None,
    bars: Annotated[
        bool, typer.Option("--bars", help="Look at bars where watch has not followed a trade.")
    ] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="Executions for a journal, or bookings.")
    ] = None,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Round trips from flat to flat at average cost, newest first; `trades show ID` for one.

    Without --since those of the last 30 days: closed in that time, or open. Net is gross less the
    fees that are known, `~` where a day's fees were shared out. R is net by what was risked at the
    entry. Worst and best are lower bounds, by the prices that `watch` has seen.

    --format prints every execution of the trades, in New York's time, for Tradervue, TradeNote or
    TradeTally, or as bookings for hledger or beancount.

    \b
    Examples:
      execbot trades
      execbot trades --since 2026-11-01 --closed --reason stop
      execbot trades --lots fifo --since 2026-01-01 --csv
      execbot trades --since 2026-11-01 --format tradervue > november.csv
      execbot trades show AAPL-3f2a91c0
    """
    form = list_form(cli, LOT_COLUMNS if lots is Lots.FIFO else COLUMNS, csv=csv, columns=columns)
    if only_open and only_closed:
        raise usage("--open and --closed exclude each other", hint="Give one of them, or none.")
    _check_format(cli, format_, is_list=csv or columns is not None or lots is not None)
    wanted_symbol = None if symbol is None else read_symbol(symbol)
    with cli.open(need=Need.LOOK) as desk:
        span = read_span(since or DEFAULT_SINCE, until, desk.now())
        wanted = Wanted(
            since=span.since,
            until=span.until,
            symbol=wanted_symbol,
            strategy=strategy,
            state="open" if only_open else "closed" if only_closed else None,
            reasons=tuple(word.lower().replace("-", "_") for word in reason or ()),
            bars=bars,
        )
        found = read_trades(desk, wanted)
        if format_ is not None:
            from execbot.desk.look.exports import export

            file = export(desk, found, format_.value, span.since, span.until)
            return cli.show(file.text, file.text, warnings=[*found.warnings, *file.warnings])
        if lots is Lots.FIFO:
            matched = [
                lot
                for trade in found.trades
                for lot in trade.trip.lots
                if (span.since is None or lot.closed_at >= span.since)
                and (span.until is None or lot.closed_at < span.until)
            ]
            rows = [lot_json(lot) for lot in sorted(matched, key=lambda lot: lot.closed_at)]
            return cli.show(rows, *form.views(rows, lots_table(rows)), warnings=found.warnings)
        newest = _newest_first(found.trades)
        rows = [trade_json(trade) for trade in newest]
        cli.show(
            rows,
            *form.views(rows, trades_table(newest), trades_line(newest)),
            warnings=found.warnings,
        )


@app.command()
@command
def show(
    cli: Cli,
    id_: Annotated[
        str,
        typer.Argument(metavar="ID", help="As in the list, or its end; of a symbol the newest."),
    ],
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """One trade with its executions, its lots, its plan and what is known of its prices.

    With --csv its executions, a line each; `trades --lots fifo --csv` has lots.

    \b
    Examples:
      execbot trades show AAPL
      execbot trades show 3f2a91c0 --json
      execbot trades show AAPL --csv
    """
    form = list_form(cli, PART_COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        found = one_trade(desk, id_)
        (trade,) = found.trades
        data: dict[str, Any] = {
            **trade_json(trade),
            "parts": [part_json(part) for part in trade.trip.parts],
            "lots": [lot_json(lot) for lot in trade.trip.lots],
        }
        lots = [lots_table(data["lots"])] if data["lots"] else []
        views = form.views(data["parts"], *story(trade), parts_table(trade), *lots)
        cli.show(data, *views, warnings=found.warnings)


def _newest_first(found: Sequence[Trade]) -> list[Trade]:
    """Open ones above, then by when they were closed."""
    opened = sorted(
        (t for t in found if t.trip.is_open), key=lambda t: t.trip.opened_at, reverse=True
    )
    closed = [(t.trip.closed_at, t.trip.opened_at, t) for t in found if t.trip.closed_at]
    return [*opened, *(t for _, _, t in sorted(closed, key=lambda one: one[:2], reverse=True))]


def _check_format(cli: Cli, format_: Format | None, *, is_list: bool) -> None:
    if format_ is not None and (cli.json or is_list):
        raise usage(
            f"--format {format_.value} is a file of its own",
            hint="It goes with none of --json, --csv, --columns and --lots.",
            kind="usage.columns",
        )
