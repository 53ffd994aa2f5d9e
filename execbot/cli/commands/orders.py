"""`execbot orders`: list orders, show one with its whole history, retry or give one up."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.flags.times import read_time
from execbot.cli.outcome import confirm_live, show_outcome
from execbot.cli.show.order_views import history_table, orders_table, sentence
from execbot.desk.changing import abandon as give_up
from execbot.desk.changing import retry as send_again
from execbot.desk.journal_need import Need
from execbot.desk.order_json import audit_json, event_json, fill_json, record_json
from execbot.desk.orders import Which, history_of, list_orders, record_of
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
    limit: Annotated[int | None, typer.Option(help="At most this many, newest first.")] = None,
) -> None:
    """List orders, newest first; `orders show ID` for one with its whole history.

    A replaced order has the status `replaced` and names its successor in `replaced_by`. Changes
    that the broker refused are listed with --status all or closed only.

    \b
    Examples:
      execbot orders
      execbot orders --status all --since 3d --symbol AAPL
      execbot orders show 61e69015-8549-4bfd-b9c3-01e75843f47d
    """
    if limit is not None and limit < 1:
        raise usage(f"--limit was {limit}", hint="It must be at least 1.")
    wanted = None if symbol is None else read_symbol(symbol)
    with cli.open(need=Need.LOOK) as desk:
        after = None if since is None else read_time("--since", since, desk.now())
        which: Which | None = status.value if status else None
        found = list_orders(desk, which, symbol=wanted, since=after, limit=limit)
        cli.show(
            [record_json(record) for record in found.orders],
            orders_table(found.orders),
            warnings=found.warnings,
        )


@app.command()
@command
def show(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
) -> None:
    """One order with everything that happened to it and every decision about it.

    \b
    Examples:
      execbot orders show my-own-id
      execbot orders show 61e69015-8549-4bfd-b9c3-01e75843f47d --json
    """
    with cli.open(need=Need.LOOK) as desk:
        found = history_of(desk, id_)
        record = found.record
        data = {
            **record_json(record),
            "history": [event_json(event) for event in found.events],
            "decisions": [audit_json(row) for row in found.audit],
            "fills": [fill_json(fill) for fill in found.fills],
        }
        cli.show(
            data,
            sentence(record),
            *([f"Note: {record.note}"] if record.note else []),
            *([f"ALARM: {found.alarm}"] if found.alarm else []),
            history_table(found.events, found.audit),
            warnings=found.warnings,
        )


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
        confirm_live(cli, desk, f"retry {describe(record.order)}", yes)
        show_outcome(cli, send_again(desk, id_))


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
