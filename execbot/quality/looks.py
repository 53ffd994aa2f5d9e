"""What is looked up for a confirmation after the fill, and when. Pure.

Nothing of it stands in the way of an order: the watch, or the next command, asks for the quotes of
past moments when they have passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.exit_orders import is_meant_to_close
from execbot.journal.confirmation import ArrivalBasis, Confirmation, QuoteSeen
from execbot.journal.records import OrderRecord
from execbot.model.enums import ENDED_UNFILLED, STOP_TYPES
from execbot.quality.arrival import is_target
from execbot.quality.facts import LATER_SECONDS, LOOK_BACK_MAX, Facts, Looked

SETTLE = timedelta(seconds=2)
"""The history of quotes is complete so long after a moment."""

GIVE_UP = timedelta(minutes=30)
"""What could not be had so long after its moment is not asked for again."""

RETRY = timedelta(seconds=30)

ARRIVAL, AT_FILL, ENDED = "arrival", "at_fill", "ended"


class Look(Struct, frozen=True):
    """The quote of `at` is wanted. `name` is a constant above, or the seconds after the fill."""

    name: str
    at: datetime

    @property
    def due(self) -> datetime:
        return self.at + SETTLE


def looks_left(facts: Facts) -> tuple[Look, ...]:
    """What is wanted and not looked up yet, the earliest first."""
    if not facts.has_quotes:
        return ()
    return tuple(sorted(_wanted(facts), key=lambda look: look.at))


def _wanted(facts: Facts) -> Iterator[Look]:
    record, looked, decided = facts.record, facts.looked, facts.decided_at
    has_own_price = record.order.type in STOP_TYPES or is_target(record)
    if not has_own_price and facts.decided_by is None and looked.arrival is None and decided:
        yield Look(ARRIVAL, decided)
    worst, last = facts.worst, facts.last_fill
    if worst is not None and looked.at_fill is None:
        yield Look(AT_FILL, worst.at)
    if last is not None and (record.order.is_terminal or facts.now - last > SETTLE):
        for seconds in LATER_SECONDS:
            if seconds not in looked.later:
                yield Look(str(seconds), last + timedelta(seconds=seconds))
    if looked.ended is None and (ended := _unfilled_end(facts)) is not None:
        yield Look(ENDED, ended)


def _unfilled_end(facts: Facts) -> datetime | None:
    """When an entry ended that did not fill whole."""
    order = facts.record.order
    if not ended_early(facts.record):
        return None
    return order.canceled_at or order.expired_at or order.failed_at or order.updated_at


def ended_early(record: OrderRecord) -> bool:
    """An entry of ours that the broker had, and that ended before it was filled whole. One that was
    replaced goes on in its successor."""
    order = record.order
    is_over = order.status in ENDED_UNFILLED
    if not is_over or not order.id or not record.is_ours or record.parent_id is not None:
        return False
    return not order.is_refused_change and not is_meant_to_close(record)


def due_at(facts: Facts, *, needs_position: bool) -> datetime | None:
    """When there is something to look up next; None: nothing is left."""
    moments = [look.due for look in looks_left(facts)]
    last = facts.last_fill
    if needs_position and last is not None and not is_old(last, facts.now):
        moments.append(last + SETTLE)
    return min(moments, default=None)


def given_up(facts: Facts) -> Looked:
    """With what is too late to ask for marked as not there."""
    looked = facts.looked
    for look in looks_left(facts):
        if facts.now - look.at > GIVE_UP:
            looked = answered(looked, look, QuoteSeen())
    return looked


def looked_of(previous: Confirmation | None, last_fill: datetime | None) -> Looked:
    """What the version before has looked up and still counts: another fill has other moments."""
    if previous is None:
        return Looked()
    arrival, missed = previous.arrival, previous.missed
    known = Looked(
        arrival.quote if arrival.basis is ArrivalBasis.LOOKED_UP else None,
        ended=missed.quote if missed is not None else None,
    )
    if previous.times.last_fill != last_fill:
        return known
    later = {item.after_seconds: item.quote or QuoteSeen() for item in previous.later}
    return replace(known, at_fill=previous.at_fill, later=later)


def is_old(moment: datetime, now: datetime) -> bool:
    """Learned of so late that nothing is looked up for it."""
    return now - moment > LOOK_BACK_MAX


def answered(looked: Looked, look: Look, quote: QuoteSeen) -> Looked:
    """With the answer to one look."""
    if look.name == ARRIVAL:
        return replace(looked, arrival=quote)
    if look.name == AT_FILL:
        return replace(looked, at_fill=quote)
    if look.name == ENDED:
        return replace(looked, ended=quote)
    return replace(looked, later={**looked.later, int(look.name): quote})
