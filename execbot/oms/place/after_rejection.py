"""Entries that the broker took and rejected later: tried again, altered, a bounded number of times.

Who sends an order and ends sees such a rejection only in its history; `watch` sees it happen and
carries this out, for entries of signals and of the queue. An entry that was given by hand is only
told: whoever gave it decides.

The decision is in the audit before anything is sent, with the id of the next attempt. Where the
process ends in between, nothing has that id, and the next one decides again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.alerts import Alert
from execbot.broker.errors import BrokerError
from execbot.exits.exit_orders import is_meant_to_close
from execbot.exits.levels import LevelError
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin
from execbot.model.enums import ErrorCategory, OrderStatus
from execbot.oms.errors import OmsError
from execbot.oms.machine.table import Act
from execbot.oms.place.after_error import History, RetryDecision, RetryStep, next_after_rejection
from execbot.oms.place.again import place_again
from execbot.oms.place.family import Family, family_of, filled, name_in_signal
from execbot.oms.place.placer import Placer
from execbot.oms.send.intent import request_of

LOOK_BACK = timedelta(days=8)
"""Orders wait in the queue for days before they are sent: so far back a rejected one is looked for
by the time of its intent."""

RULE = "rejected_later"
"""Of the audit rows: one for each rejection that was decided on."""

KIND = "order_rejected"
"""Of the alerts."""


class Followed(Struct, frozen=True):
    """The answer to one rejection. `record` is the next attempt, None where there is none."""

    rejected: OrderRecord
    reason: str
    record: OrderRecord | None = None

    def __str__(self) -> str:
        what = f"{self.rejected.symbol} {self.rejected.client_order_id} was rejected"
        if self.record is None:
            return f"{what} and is not tried again: {self.reason}"
        again = self.record
        return f"{what}; tried again as {again.client_order_id} ({again.status}): {self.reason}"


def is_late_rejection(record: OrderRecord) -> bool:
    """An entry of ours that the broker had taken and that came to nothing. Pure.

    The replacement of an order is none: when it is rejected the old one stands, or has filled.
    """
    return (
        record.status is OrderStatus.REJECTED
        and record.is_ours
        and bool(record.order_id and record.request_json)
        and record.parent_id is None
        and not record.order.replaces
        and not record.order.filled_qty
        and not is_meant_to_close(record)
    )


def follow_up(placer: Placer) -> list[Followed]:
    """Decide on every late rejection that nobody has decided on, and try again what may be.

    One that is older than a signal lives is left alone. Raises BrokerError in the end where the
    market could not be read for one of them, which is then undecided still; what an attempt meets
    is in the result.
    """
    oms = placer.oms
    ttl = timedelta(seconds=float(placer.risk.settings.signal_ttl_seconds))
    done, unread = list[Followed](), list[BrokerError]()
    for record in undecided(oms.journal, oms.now(), oms.now() - ttl):
        try:
            done.append(_follow(placer, record))
        except BrokerError as error:
            unread.append(error)
    if unread:
        raise unread[0]
    return done


def undecided(journal: Journal, now: datetime, oldest: datetime) -> list[OrderRecord]:
    """Late rejections since `oldest`, oldest first."""
    found = []
    for record in reversed(journal.orders("rejected", since=now - LOOK_BACK, legs=False)):
        at = record.order.failed_at or record.order.updated_at or now
        if is_late_rejection(record) and at >= oldest and not _is_decided(journal, record):
            found.append(record)
    return found


# --- inside ------------------------------------------------------------------------------------


def _is_decided(journal: Journal, record: OrderRecord) -> bool:
    rows = [row for row in journal.audit_of(record.client_order_id) if row.rule == RULE]
    if not rows:
        return False
    name = rows[-1].facts.get("new_id")
    return name is None or journal.order_by_client_id(str(name)) is not None


def _follow(placer: Placer, record: OrderRecord) -> Followed:
    family = family_of(placer.oms.journal, record)
    following = _decide(placer, record, family)
    request = following.request
    if request is None:
        _note(placer, record, following, {})
        if following.tell:
            _tell(placer, record, following.reason)
        return Followed(record, following.reason)
    name = placer.unused(f"{family.name}.{len(family.orders) + 1}")
    _note(placer, record, following, {"new_id": name})
    try:
        placed = place_again(
            placer,
            record,
            family,
            replace(request, client_order_id=name),
            adjust=record.signal_id is not None,
        )
    except (OmsError, BrokerError, LevelError) as error:
        known = placer.oms.journal.order_by_client_id(name)
        if known is None:  # said once, not tried for ever
            _note(placer, record, RetryDecision(RetryStep.STOP, error.message), {})
        _tell(placer, record, error.message)
        return Followed(record, error.message, known)
    facts = {"category": ErrorCategory.ADJUSTABLE, "reason": following.reason}
    again, now = placed.record, placer.oms.now()
    placer.oms.journal.audit(
        "recovery", again.client_order_id, "tried_again", facts, "recovered", now
    )
    name_in_signal(placer.oms.journal, record, again, following.reason, now)
    return Followed(record, following.reason, placed.record)


def _decide(placer: Placer, record: OrderRecord, family: Family) -> RetryDecision:
    journal, why = placer.oms.journal, record.note or "no reason given"
    others = [one for one in family.open if one is not record]
    if others or filled(family.orders):
        return RetryDecision(RetryStep.STOP, f"rejected: {why}; another attempt at it was made")
    if not _follows_by_itself(journal, record, family):
        retry = f"`execbot orders retry {record.client_order_id}` tries it again"
        return RetryDecision(RetryStep.STOP, f"rejected: {why}; {retry}", tell=True)
    earlier = [
        one
        for one in family.orders
        if one.client_order_id != record.client_order_id and is_late_rejection(one)
    ]
    request = request_of(record)
    return next_after_rejection(
        why,
        request,
        History(rejections=len(earlier), sent=tuple(request_of(one) for one in earlier)),
        placer.oms.settings,
        quote=placer.risk.reader.read(request).symbol.quote,
    )


def _follows_by_itself(journal: Journal, record: OrderRecord, family: Family) -> bool:
    """Entries of signals, and what was sent from the queue with nobody there."""
    if record.origin == Origin.SIGNAL or record.signal_id is not None:
        return True
    return any(journal.has_act(one.client_order_id, Act.RELEASE) for one in family.orders)


def _note(
    placer: Placer, record: OrderRecord, following: RetryDecision, more: dict[str, Any]
) -> None:
    altered = following.request is not None
    category = ErrorCategory.ADJUSTABLE if altered else ErrorCategory.FATAL
    facts = {"reason": following.reason, "category": category, **more}
    placer.oms.journal.audit(
        "recovery", record.client_order_id, RULE, facts, following.step, placer.oms.now()
    )


def _tell(placer: Placer, record: OrderRecord, reason: str) -> None:
    message = f"{record.symbol}: {record.client_order_id}: {reason}"
    placer.alert(Alert(KIND, message, record.symbol))
