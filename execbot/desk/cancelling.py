"""Taking orders back, and what that means for exit plans.

Who cancels a stop or a target means it: its plan is suspended before the cancel leaves, or a
running `watch` would put the order back. Where the broker does not take the cancel the plan stays
as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.broker.port import OrderQuery
from execbot.desk.context import Context
from execbot.desk.emergency import unrecorded
from execbot.desk.errors import AlreadyFilled
from execbot.desk.following import successor_of
from execbot.desk.freshen import freshen
from execbot.desk.orders import full_id
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.store import change_plan, open_plans, plan_of, suspend_plans
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord
from execbot.model.enums import OrderStatus
from execbot.model.numbers import text
from execbot.oms.send.cancel import CancelAllResult

__all__ = [
    "CancelAllResult",
    "Canceled",
    "CanceledAll",
    "cancel",
    "cancel_all",
    "cancel_one",
    "unread",
]


class Canceled(Struct, frozen=True):
    """The order as it then is: not ended where the broker has not confirmed yet."""

    record: OrderRecord
    warnings: Sequence[str] = ()


class CanceledAll(Struct, frozen=True):
    """`recorded` is False where the account's journal could not be used."""

    result: CancelAllResult
    recorded: bool
    warnings: Sequence[str] = ()

    @property
    def is_partly(self) -> bool:
        """Whether anything may still be open."""
        found = self.result
        return bool(found.failed or found.still_open or found.in_doubt or found.unread)


def cancel(desk: Context, word: str, *, wait_seconds: float) -> Canceled:
    """Cancel one order, and what it was replaced by; wait for its end.

    Raises AlreadyFilled, AmbiguousId, UnknownOrder, InDoubt, BrokerError.
    """
    record, warnings = cancel_one(desk, full_id(desk, word), wait_seconds)
    while successor := successor_of(record):
        warnings.append(f"{record.client_order_id} was replaced: canceling what it became.")
        record, more = cancel_one(desk, successor, wait_seconds)
        warnings.extend(more)
    if record.status is OrderStatus.FILLED:
        raise AlreadyFilled(record)
    if not record.order.is_terminal:
        warnings.append(f"The cancel is requested, not confirmed: {record.status.value}.")
    return Canceled(record, [*warnings, *unrecorded(desk, [record])])


def cancel_one(desk: Context, identifier: str, wait: float) -> tuple[OrderRecord, list[str]]:
    """Cancel this very order, by a full id; what it was replaced by stands."""
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
            _put_back(desk, plan)
        raise
    said = f"{plan.symbol} is not protected any more: execbot protect {plan.symbol} resumes."
    return record, [said]


def cancel_all(
    desk: Context,
    *,
    symbol: str | None = None,
    entries_only: bool = False,
    mine_only: bool = False,
    wait_seconds: float,
    review: Callable[[Sequence[OrderRecord]], None] | None = None,
) -> CanceledAll:
    """Cancel every open order that is meant, wait for each to end, say what is left bare.

    `review` is shown what is open, where anything is, before the first cancel leaves; what it
    raises stops everything. Raises BrokerError when nothing at all could be asked for.
    """
    if mine_only and desk.journal_trouble is not None and not desk.journal_is_copy:
        raise desk.journal_trouble  # which orders are ours only the journal knows
    if review is not None:
        freshen(desk)
        if found := desk.journal.orders("open"):
            review(found)
    plans = [] if entries_only else _suspended(desk, symbol)
    try:
        result = desk.oms.cancel_all(
            symbol=symbol, entries_only=entries_only, mine_only=mine_only, wait_seconds=wait_seconds
        )
    except BrokerError as error:
        if not error.in_doubt:
            for plan in plans:
                _put_back(desk, plan)
        raise
    warnings = [
        *unrecorded(desk, [*result.canceled, *result.still_open]),
        *unread(result),
        *_bare(result),
    ]
    return CanceledAll(result, desk.journal_trouble is None, warnings)


def _bare(result: CancelAllResult) -> list[str]:
    return [
        f"{item.symbol}: {text(item.uncovered_qty)} of {text(item.qty)} have no stop"
        for item in result.unprotected
    ]


def unread(result: CancelAllResult) -> list[str]:
    """That the list of what was canceled may not be all."""
    if not result.unread:
        return []
    said = f"The open orders could not be read ({result.unread}): others may still be open."
    return [f"{said} Run `execbot orders --status open`."]


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


def _put_back(desk: Context, plan: ExitPlan) -> None:
    def restored(current: ExitPlan) -> ExitPlan:
        return current.changed(
            desk.now(),
            status=plan.status,
            exit=plan.exit,
            lift=plan.lift,
            note="the cancel was not taken",
        )

    change_plan(desk.journal, plan.plan_id, restored)
