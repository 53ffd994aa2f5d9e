"""`execbot cancel` and the emergency brake `execbot cancel-all`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from execbot.broker.errors import BrokerError
from execbot.broker.port import OrderQuery
from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_symbol, read_wait
from execbot.cli.flags.order_ids import full_id
from execbot.cli.show.order_views import describe, orders_table, record_json, sentence, short_id
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.desk.emergency import unrecorded
from execbot.desk.following import successor_of
from execbot.desk.journal_need import Need
from execbot.exits.store import change_plan, open_plans, plan_of, suspend_plans
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord
from execbot.model.enums import OrderStatus
from execbot.model.numbers import text

if TYPE_CHECKING:
    from execbot.exits.plan.plan import ExitPlan
    from execbot.oms.send.cancel import CancelAllResult

CANCEL_WAIT_SECONDS = 5.0
"""A cancel is confirmed within milliseconds when the market is open; when it is closed, Alpaca
may confirm it only later, and the answer says so."""


@command
def cancel(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
    wait: Annotated[
        float, typer.Option(help="How long to wait for the end of the order.", metavar="SECONDS")
    ] = CANCEL_WAIT_SECONDS,
) -> None:
    """Cancel one order. Never asks.

    The id of an order that was replaced cancels the order that it became.

    An order that has ended otherwise meanwhile is shown as it ended; one that was filled before it
    could be canceled ends the command with 6. A damaged, locked or read-only journal does not hold
    it up.

    \b
    Examples:
      execbot cancel my-own-id
      execbot cancel 61e69015-8549-4bfd-b9c3-01e75843f47d --json
    """
    read_wait(wait)
    with cli.open(need=Need.BRAKE) as desk:
        identifier = full_id(desk, id_)
        record, warnings = _cancel(desk, identifier, wait)
        while successor := successor_of(record):
            warnings.append(f"{record.client_order_id} was replaced: canceling what it became.")
            record, more = _cancel(desk, successor, wait)
            warnings.extend(more)
        if record.status is OrderStatus.FILLED:
            raise Failure(
                "order.already_filled",
                f"Too late to cancel, it is filled: {describe(record.order)}",
                ExitCode.REJECTED,
                outcome=record.outcome.value,
                hint="A fill may win against a cancel.",
                next_step=f"execbot close {record.symbol}",
                extra={"client_order_id": record.client_order_id, "order": record_json(record)},
            )
        if not record.order.is_terminal:
            warnings.append(f"The cancel is requested, not confirmed: {record.status.value}.")
        warnings.extend(unrecorded(desk, [record]))
        cli.show(record_json(record), sentence(record), warnings=warnings)


@command
def cancel_all(
    cli: Cli,
    entries: Annotated[
        bool, typer.Option("--entries", help="Only entries; protective exits stay.")
    ] = False,
    mine: Annotated[bool, typer.Option("--mine", help="Only orders placed by execbot.")] = False,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    wait: Annotated[
        float, typer.Option(help="How long to wait for the end of the orders.", metavar="SECONDS")
    ] = 15.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Cancel every open order of the account: the emergency brake.

    Lists the orders, asks on a terminal, cancels, waits until each has ended, and names every
    position that is left without a stop. Ends with 12 when some could not be canceled. A damaged,
    locked or read-only journal does not hold it up.

    \b
    Examples:
      execbot cancel-all
      execbot cancel-all --yes --json
      execbot cancel-all --entries --mine
    """
    wanted = None if symbol is None else read_symbol(symbol)
    read_wait(wait)
    with cli.open(need=Need.BRAKE) as desk:
        if mine and desk.journal_trouble is not None and not desk.journal_is_copy:
            raise desk.journal_trouble  # which orders are ours only the journal knows
        if cli.can_ask and not yes:
            _review(cli, desk)
        plans = [] if entries else _suspended(desk, wanted)
        try:
            result = desk.oms.cancel_all(
                symbol=wanted, entries_only=entries, mine_only=mine, wait_seconds=wait
            )
        except BrokerError as error:
            if not error.in_doubt:
                for plan in plans:
                    _as_before(desk, plan)
            raise
        failed = bool(result.failed or result.still_open or result.in_doubt or result.unread)
        cli.show(
            {**_result_json(result), "recorded": desk.journal_trouble is None},
            *_result_views(result),
            warnings=[
                *unrecorded(desk, [*result.canceled, *result.still_open]),
                *unread(result),
                *_bare(result),
            ],
            exit_code=ExitCode.PARTLY if failed else ExitCode.DONE,
        )


def _cancel(desk: Context, identifier: str, wait: float) -> tuple[OrderRecord, list[str]]:
    """Who cancels a stop or target by hand means it: `watch` does not put it back.

    Where the broker did not take the cancel the plan stays as it was.
    """
    known = desk.journal.find_order(identifier)
    plan = None
    if known is not None and known.role in PROTECTIVE_ROLES:
        plan = plan_of(desk.journal, known.symbol)
    if plan is None:
        return desk.oms.cancel(identifier, wait_seconds=wait), []
    suspend_plans(desk.journal, desk.now(), "an exit was canceled by hand", plan.symbol)
    try:
        record = desk.oms.cancel(identifier, wait_seconds=wait)
    except BrokerError as error:
        if not error.in_doubt:
            _as_before(desk, plan)
        raise
    said = f"{plan.symbol} is not protected any more: execbot protect {plan.symbol} resumes."
    return record, [said]


def _suspended(desk: Context, symbol: str | None) -> list[ExitPlan]:
    """Before the cancels, or a running `watch` puts the stops back: the plans as they were.

    Nothing can be canceled at a broker out of reach: then the plans stay as they are. One that only
    does not show its orders may still take cancels.
    """
    try:
        desk.client.list_orders(OrderQuery("open", nested=False))
    except BrokerError as error:
        if error.kind.startswith("network."):
            raise
    plans = [plan for plan in open_plans(desk.journal) if symbol in (None, plan.symbol)]
    suspend_plans(desk.journal, desk.now(), "cancel-all", symbol)
    return plans


def _as_before(desk: Context, plan: ExitPlan) -> None:
    def restored(current: ExitPlan) -> ExitPlan:
        return current.changed(
            desk.now(),
            status=plan.status,
            exit=plan.exit,
            lift=plan.lift,
            note="the cancel was not taken",
        )

    change_plan(desk.journal, plan.plan_id, restored)


def _review(cli: Cli, desk: Context) -> None:
    """On a terminal: what is open, and a question. Nothing open needs no answer."""
    from execbot.cli.show.freshen import freshen
    from execbot.cli.show.output import print_table

    freshen(desk)
    found = desk.journal.orders("open")
    if not found:
        return
    print_table(orders_table(found), cli.style)
    if not cli.confirm(f"Cancel open orders of {desk.mode.value} account {desk.account}?"):
        raise Failure("confirm.declined", "Not confirmed: nothing was canceled", ExitCode.DECLINED)


def unread(result: CancelAllResult) -> list[str]:
    """That the list of what was canceled may not be all."""
    if not result.unread:
        return []
    said = f"The open orders could not be read ({result.unread}): others may still be open."
    return [f"{said} Run `execbot orders --status open`."]


def _bare(result: CancelAllResult) -> list[str]:
    return [
        f"{item.symbol}: {text(item.uncovered_qty)} of {text(item.qty)} have no stop"
        for item in result.unprotected
    ]


def _result_json(result: CancelAllResult) -> dict[str, Any]:
    return {
        "canceled": [record_json(record) for record in result.canceled],
        "filled": [record_json(record) for record in result.filled],
        "failed": [
            *({**record_json(record), "error": reason} for record, reason in result.failed),
            *({**record_json(r), "error": "not ended yet"} for r in result.still_open),
            *({**record_json(r), "error": "in doubt"} for r in result.in_doubt),
        ],
        "unprotected": [
            {"symbol": item.symbol, "qty": item.qty, "uncovered_qty": item.uncovered_qty}
            for item in result.unprotected
        ],
    }


def _result_views(result: CancelAllResult) -> list[Table | str]:
    rows: list[tuple[object, ...]] = []
    for outcome, records in (
        ("canceled", result.canceled),
        ("filled", result.filled),
        ("not ended yet", result.still_open),
        ("in doubt", result.in_doubt),
    ):
        rows.extend(_row(record, outcome) for record in records)
    rows.extend(_row(record, f"failed: {reason}") for record, reason in result.failed)
    return [
        Table(
            ("order", "result", "id", "client_order_id"),
            rows,
            empty="No open orders.",
            drop=("client_order_id",),
            wrap=frozenset({"result"}),
        )
    ]


def _row(record: OrderRecord, outcome: str) -> tuple[object, ...]:
    return (
        describe(record.order),
        outcome,
        short_id(record.order_id, record.client_order_id),
        record.client_order_id,
    )
