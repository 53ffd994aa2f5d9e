"""`execbot orders`: list orders, show one with its whole history, retry or give one up."""

from __future__ import annotations

from enum import StrEnum
from operator import attrgetter
from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.flags.times import read_time
from execbot.cli.outcome import show_outcome
from execbot.cli.show.confirmation_views import confirmation_views
from execbot.cli.show.list_form import (
    ColumnsFlag,
    CsvFlag,
    ListForm,
    for_people,
    list_form,
)
from execbot.cli.show.order_list import COLUMNS, most_telling_first, rows_of, totals_line, within
from execbot.cli.show.order_views import history_table, orders_table, sentence
from execbot.cli.show.output import Table
from execbot.desk.changing import abandon as give_up
from execbot.desk.changing import retry as send_again
from execbot.desk.confirming import Act, confirm
from execbot.desk.look.order_json import record_json
from execbot.desk.look.orders import (
    HISTORY_COLUMNS,
    History,
    Listing,
    Which,
    history_json,
    history_of,
    history_rows,
    list_orders,
    living_legs,
    record_of,
)
from execbot.desk.opening.journal_need import Need
from execbot.model.order_words import describe

app = typer.Typer()


class Status(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@app.callback(invoke_without_command=True)
@command
def orders(
    cli: Cli,
    status: Annotated[
        Status | None, typer.Option(help="Default: open orders, and today's.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    since: Annotated[
        str | None, typer.Option(help="2026-11-20, 2026-11-20 15:30, 2h, 3d.", metavar="TIME")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="At most this many rows, newest first; with --json orders with legs."),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Only those of this strategy.", metavar="NAME")
    ] = None,
    filled: Annotated[
        bool, typer.Option("--filled", help="Only orders that filled, in whole or in part.")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="Also replaced orders, and refused exits.")
    ] = False,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """List orders, newest first; `orders show ID` for one with its whole history.

    For people what works comes first, then what has filled. A replaced order has the status
    `replaced` and names its successor in `replaced_by`; it is listed with --all or --status, and so
    are changes and exits that the broker refused. --csv has a line for each leg too.

    \b
    Examples:
      execbot orders
      execbot orders --status all --since 3d --symbol AAPL
      execbot orders --filled --strategy momentum --since 2026-11-20 --csv
      execbot orders --columns symbol,side,filled_qty,filled_avg_price
      execbot orders show 61e69015-8549-4bfd-b9c3-01e75843f47d
    """
    if limit is not None and limit < 1:
        raise usage(f"--limit was {limit}", hint="It must be at least 1.")
    wanted = None if symbol is None else read_symbol(symbol)
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        after = None if since is None else read_time("--since", since, desk.now())
        which: Which | None = status.value if status else None
        every = all_ or which is not None
        found = list_orders(
            desk,
            which,
            symbol=wanted,
            since=after,
            limit=limit,
            strategy=strategy,
            filled=filled,
            heap=every,
        )
        data = [
            {**record_json(record), "cancel_at": found.ends.get(record.client_order_id)}
            for record in found.orders
        ]
        cli.show(data, *_views(form, found, every, limit), warnings=found.warnings)


def _views(form: ListForm, found: Listing, every: bool, limit: int | None) -> list[Table | str]:
    kept, legs_of = within(found.orders, limit, attrgetter("legs") if every else living_legs)
    shown = most_telling_first(kept)
    table = orders_table(shown, ends=found.ends, legs_of=legs_of)
    rows = rows_of(shown, found.ends, legs_of) if form.takes_rows else []
    return form.views(rows, table, for_people(totals_line(shown, found.hidden)))


@app.command()
@command
def show(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """One order with everything that happened to it and every decision about it.

    With --csv its history, a line an event or decision.

    \b
    Examples:
      execbot orders show my-own-id
      execbot orders show 61e69015-8549-4bfd-b9c3-01e75843f47d --json
      execbot orders show my-own-id --columns at,kind,status,qty,price
    """
    form = list_form(cli, HISTORY_COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        found = history_of(desk, id_)
        rows = history_rows(found) if form.takes_rows else []
        views = form.views(rows, *_history_views(found))
        cli.show(history_json(found), *views, warnings=found.warnings)


def _history_views(found: History) -> list[Table | str]:
    record = found.record
    return [
        sentence(record),
        *([found.ending.line()] if found.ending is not None else []),
        *([f"Note: {record.note}"] if record.note else []),
        *([f"ALARM: {found.alarm}"] if found.alarm else []),
        *([] if found.confirmation is None else confirmation_views(found.confirmation)),
        history_table(found.events, found.audit, title="History"),
    ]


@app.command()
@command
def retry(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a live order.")] = False,
) -> None:
    """Send a failed order once more, as a new order that passes every check afresh.

    For orders that were refused, rejected, canceled, expired or never sent; of a partly filled one
    the rest is asked for. An order in doubt is settled with `execbot reconcile` first.

    \b
    Examples:
      execbot orders retry my-order
      execbot orders retry my-order --json
    """
    with cli.open() as desk:
        record = record_of(desk, id_)
        confirm(desk, Act.SEND, f"retry {describe(record.order)}", cli.consent(yes))
        show_outcome(cli, send_again(desk, record.client_order_id))


@app.command()
@command
def abandon(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the journal.")] = "given up by hand",
) -> None:
    """Give up an order that is queued, or whose fate is unknown. Nothing is sent.

    Should the broker report it after all, it is taken in again and shown as a break.

    \b
    Examples:
      execbot orders abandon my-order --reason "too late now"
    """
    with cli.open() as desk:
        record = give_up(desk, id_, reason)
        cli.show(record_json(record), sentence(record))
