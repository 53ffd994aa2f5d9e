"""`execbot orders`: list orders, show one with its whole history, give one up by hand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.flags.order_ids import full_id
from execbot.cli.flags.times import read_time
from execbot.cli.outcome import confirm_live, show_outcome
from execbot.cli.show.freshen import freshen, journal_warnings
from execbot.cli.show.later_targets import later_targets_behind
from execbot.cli.show.order_views import (
    audit_json,
    describe,
    event_json,
    fill_json,
    history_table,
    is_refused_change,
    orders_table,
    record_json,
    sentence,
)
from execbot.desk.context import Context
from execbot.desk.following import lowered
from execbot.desk.journal_need import Need
from execbot.journal.errors import JournalError
from execbot.journal.journal import Which
from execbot.journal.records import OrderRecord
from execbot.report.daily import Day

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
        warnings = freshen(desk)
        which: Which = status.value if status else "all"
        found = desk.journal.orders(which, symbol=wanted, since=after, legs=False)
        if status is None and after is None:
            today = Day.at(desk.now())
            found = [r for r in found if r.order.is_open or _is_of(r, today)]
            # What was refused changed nothing; the full lists and `show` tell of it.
            found = [r for r in found if not is_refused_change(r.order)]
        found = found[:limit]
        cli.show([record_json(r) for r in found], orders_table(found), warnings=warnings)


def _is_of(record: OrderRecord, day: Day) -> bool:
    order = record.order
    return any(
        day.holds(moment)
        for moment in (record.intent_at, order.submitted_at, order.filled_at, order.canceled_at)
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
        record, warnings = _current(desk, full_id(desk, id_))
        events = desk.journal.events_of(record.client_order_id)
        audit = desk.journal.audit_of(record.client_order_id)
        fills = [e.as_fill() for e in desk.journal.executions_of(record.client_order_id)]
        data = {
            **record_json(record),
            "history": [event_json(event) for event in events],
            "decisions": [audit_json(row) for row in audit],
            "fills": [fill_json(fill) for fill in fills],
        }
        cli.show(
            data,
            sentence(record),
            *([f"Note: {record.note}"] if record.note else []),
            *([f"ALARM: {record.alarm}"] if record.alarm else []),
            history_table(events, audit),
            warnings=[*warnings, *journal_warnings(desk)],
        )


def _current(desk: Context, identifier: str) -> tuple[OrderRecord, list[str]]:
    """The order as the broker has it now; as last recorded where the broker is away."""
    known = desk.journal.find_order(identifier)
    if known is not None and known.order.is_terminal:
        return known, []
    try:
        try:
            return desk.oms.refresh(identifier), []
        except JournalError as error:
            desk.pass_over(error)
            return desk.oms.refresh(identifier), []
    except BrokerError as error:
        if known is None or error.kind.startswith("auth."):
            raise
        return known, [f"Shown as last recorded: {lowered(error.message)}."]


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
    from execbot.oms.place.retry_by_hand import retry as send_again

    with cli.open() as desk:
        record = desk.oms.record(id_)
        confirm_live(cli, desk, f"retry {describe(record.order)}", yes)
        again = send_again(desk.placer, id_).record
        show_outcome(cli, again, later=later_targets_behind(desk, again))


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
    from execbot.oms.place.retry_by_hand import abandon as give_up

    with cli.open() as desk:
        record = give_up(desk.placer, id_, reason)
        cli.show(record_json(record), sentence(record))
