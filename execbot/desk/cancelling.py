"""Taking orders back, and what that means for exit plans.

Who cancels a stop or a target means it: its plan is suspended before the cancel leaves, or a
running `watch` would put the order back. Where nothing was taken away (the broker refuses the
cancel, or the order had ended before) the plan is put back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.broker.port import OrderQuery
from execbot.config.schema import Mode
from execbot.desk.account import Desk
from execbot.desk.confirming import AGREED, Act, Consent, confirm, needs_consent
from execbot.desk.emergency import unrecorded
from execbot.desk.errors import AlreadyFilled
from execbot.desk.following import successor_of
from execbot.desk.look.freshen import freshen
from execbot.desk.look.orders import full_id
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.store import change_plan, open_plans, plan_of, suspend_plans
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord
from execbot.model.enums import OrderStatus
from execbot.oms.errors import HandedBack, OmsError
from execbot.oms.send import hand_over
from execbot.oms.send.cancel import CancelAllResult
from execbot.oms.send.exits_of import Unprotected, unprotected
from execbot.oms.send.orders import held_position

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


@carried_out(CommandStep.ANSWER, CommandStep.CANCEL, CommandStep.PLAN, CommandStep.MARK)
def cancel(desk: Desk, word: str, *, wait_seconds: float) -> Canceled:
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
    bare = [f"{item.symbol}: {item.missing}" for item in _left_bare(desk, record.symbol)]
    return Canceled(record, [*warnings, *bare, *unrecorded(desk, [record])])


@reading_at(RequestPriority.EXIT)
def _left_bare(desk: Desk, symbol: str) -> list[Unprotected]:
    """The position of the symbol, if it stands without a stop now: an exit, or a sale that was on
    its way, was canceled."""
    ours = desk.journal.position(symbol)
    if (ours is None or not ours.qty) and desk.journal_trouble is None:
        return []
    try:
        desk.oms.gap_fill()  # a stop may have ended, and no list says so
        held = held_position(desk.oms, symbol)
    except BrokerError:
        return []
    return unprotected(desk.journal, [held] if held is not None else [])


def cancel_one(desk: Desk, identifier: str, wait: float) -> tuple[OrderRecord, list[str]]:
    """Cancel this very order, by a full id; what it was replaced by stands."""
    known = desk.journal.find_order(identifier)
    is_exit = known is not None and known.role in PROTECTIVE_ROLES
    plan = plan_of(desk.journal, known.symbol) if known is not None and is_exit else None
    if known is None or plan is None:
        return desk.oms.cancel(identifier, wait_seconds=wait), []
    hand_over.refuse_revoked(desk.journal)
    suspend_plans(desk.journal, desk.now(), "an exit was canceled by hand", plan.symbol)
    try:
        record = desk.oms.cancel(identifier, wait_seconds=wait)
    except HandedBack:
        raise  # the plan is in the hands of whoever cancels it now
    except (BrokerError, OmsError) as error:
        if not error.in_doubt:
            _put_back(desk, plan)
        raise
    if _took_nothing(known, record):
        _put_back(desk, plan)
        return record, []
    said = f"{plan.symbol} is not protected any more: execbot protect {plan.symbol} resumes."
    return record, [said]


def _took_nothing(before: OrderRecord, after: OrderRecord) -> bool:
    """It had ended before, and the broker says so too; or its fill was faster."""
    had_ended = before.order.is_terminal and after.status is before.status
    return had_ended or after.status is OrderStatus.FILLED


@carried_out(CommandStep.ANSWER, CommandStep.CANCEL, CommandStep.PLAN, CommandStep.MARK)
def cancel_all(
    desk: Desk,
    *,
    symbol: str | None = None,
    entries_only: bool = False,
    mine_only: bool = False,
    wait_seconds: float,
    consent: Consent = AGREED,
    show: Callable[[Sequence[OrderRecord]], None] = lambda found: None,
) -> CanceledAll:
    """Cancel every open order that is meant, wait for each to end, say what is left bare.

    Where somebody must agree first they are shown (`show`) what is open. Raises NotConfirmed, and
    BrokerError when nothing at all could be asked for.
    """
    if mine_only and desk.journal_trouble is not None and not desk.journal_is_copy:
        raise desk.journal_trouble  # which orders are ours only the journal knows
    if needs_consent(Act.CANCEL_ALL, desk.mode, consent):
        _review(desk, consent, show)
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


def _review(desk: Desk, consent: Consent, show: Callable[[Sequence[OrderRecord]], None]) -> None:
    """What a person must agree to. Nothing open needs no answer; in live more may be open than
    could be read."""
    found: Sequence[OrderRecord] = ()
    if consent.ask is not None:
        freshen(desk, confirms=0)
        found = desk.journal.orders("open")
    if found:
        show(found)
    if found or desk.mode is Mode.LIVE:
        confirm(desk, Act.CANCEL_ALL, "all open orders", consent)


def _bare(result: CancelAllResult) -> list[str]:
    return [f"{item.symbol}: {item.missing}" for item in result.unprotected]


def unread(result: CancelAllResult) -> list[str]:
    """A warning that the list of what was canceled may not be all."""
    if not result.unread:
        return []
    said = f"The open orders could not be read ({result.unread}): others may still be open."
    return [f"{said} Run `execbot orders --status open`."]


def _suspended(desk: Desk, symbol: str | None) -> list[ExitPlan]:
    """Suspend the plans before the cancels leave, or a running `watch` puts the stops back. Returns
    them as they were.

    A broker out of reach takes no cancel: then the plans stay as they are. One that only does not
    show its orders may still take cancels.
    """
    try:
        desk.client.list_orders(OrderQuery("open", nested=False))
    except BrokerError as error:
        if error.kind.startswith("network."):
            raise
    plans = [plan for plan in open_plans(desk.journal) if symbol in (None, plan.symbol)]
    suspend_plans(desk.journal, desk.now(), "cancel-all", symbol)
    return plans


def _put_back(desk: Desk, plan: ExitPlan) -> None:
    """Put a suspended plan back as it was, unless somebody has changed it since."""

    def restored(current: ExitPlan) -> ExitPlan:
        if current.status is not PlanStatus.SUSPENDED:
            return current
        return current.changed(
            desk.now(),
            status=plan.status,
            exit=plan.exit,
            lift=plan.lift,
            note="the cancel was not taken",
        )

    change_plan(desk.journal, plan.plan_id, restored)
