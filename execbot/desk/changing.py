"""Changing an order: another price or quantity, once more, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest
from execbot.desk.account import Desk
from execbot.desk.confirming import AGREED, Act, Consent, confirm
from execbot.desk.look.orders import full_id, newest
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.model.numbers import ZERO
from execbot.model.order_words import describe
from execbot.oms.errors import OmsError, Refused
from execbot.oms.send.riskier import what_risks_more

if TYPE_CHECKING:
    from execbot.desk.sent import Sent
    from execbot.journal.records import OrderRecord
    from execbot.model.order import OrderRequest

__all__ = ["ReplaceRequest", "abandon", "replace", "retry"]


@carried_out(CommandStep.INTENT, CommandStep.ANSWER, CommandStep.DECISION, CommandStep.MARK)
def replace(
    desk: Desk, word: str, change: ReplaceRequest, *, consent: Consent = AGREED
) -> OrderRecord:
    """Change a working order, or what it was replaced by; the record of the new one.

    A changed entry passes every check like an order of its own, in the place of the old one; where
    it trips the kill switch, alerts go out. A change that risks more must be agreed to as an order
    must. Raises Refused, NotPossible, UnknownOrder, AmbiguousId, InDoubt, BrokerError,
    NotConfirmed.
    """

    from execbot.oms.place.replacing import replace_checked

    def agree(old: OrderRecord, wanted: OrderRequest) -> None:
        position = desk.journal.position(old.symbol)
        more = what_risks_more(old, wanted, position.qty if position is not None else ZERO)
        if more:
            confirm(desk, Act.SEND, f"{describe(wanted)} ({more})", consent)

    try:
        with reading_at(RequestPriority.PROTECT):  # it may be a stop
            identifier = newest(desk, full_id(desk, word))
        return replace_checked(desk.placer, identifier, change, agree)
    except Refused as error:
        _without_dry_run(error)
        raise


def _without_dry_run(error: Refused) -> None:
    """There is no --dry-run of a change or of another attempt."""
    if error.next_step == Refused.next_step:
        error.next_step = "See how far the limits are used: execbot account"


@carried_out(
    CommandStep.INTENT, CommandStep.ANSWER, CommandStep.PLAN, CommandStep.DECISION, CommandStep.MARK
)
def retry(desk: Desk, word: str) -> Sent:
    """Send a failed order once more, as a new order that passes every check afresh.

    It is told as `submit` tells of an order. Raises NotPossible, UnknownOrder, Refused, InDoubt,
    BrokerError.
    """
    from execbot.desk.placing import sent_of
    from execbot.desk.protect import Restorer
    from execbot.oms.place.retry_by_hand import retry

    desk.placer.protect = restorer = Restorer(desk)
    try:
        placed = retry(desk.placer, full_id(desk, word))
    except (BrokerError, OmsError) as error:
        restorer.tell(error)
        if isinstance(error, Refused):
            _without_dry_run(error)
        raise
    return sent_of(desk, placed, restorer)


def abandon(desk: Desk, word: str, reason: str) -> OrderRecord:
    """Give up an order that the broker is not known to have. Raises NotPossible, UnknownOrder."""
    from execbot.oms.place.retry_by_hand import abandon

    return abandon(desk.placer, full_id(desk, word), reason)
