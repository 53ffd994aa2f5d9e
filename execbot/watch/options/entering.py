"""A plan that came with its order, while that works and just after (docs/evidence.md, E-OPT-9).

Its levels hold from the first fill on. Until a minute after the order has ended its legs may still
come in one after the other, so that nothing is concluded from how they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.structures.plan import StructurePlan, end_structures, replace_structure
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.oms.place.structure_entries import EntryOf, entry_of

POSITIONS_FOLLOW = timedelta(minutes=1)
"""So long after an order was filled its contracts may still be missing, or still be listed."""


class Entering(Struct, frozen=True):
    """`plan` is None while there is nothing to keep; `working` are its orders that may still fill,
    which are taken back before it is left."""

    plan: StructurePlan | None
    working: tuple[OrderRecord, ...] = ()


def entering(
    journal: Journal, plan: StructurePlan, held: Mapping[str, Decimal], now: datetime
) -> Entering:
    """Ends a plan whose order came to nothing, and begins one whose order has ended. Raises
    JournalError."""
    if not plan.entry:
        return Entering(plan)
    entry, units = entry_of(journal, plan, now), plan.units_in(held)
    if units:
        has_begun = entry.ended_at is not None and now - entry.ended_at >= POSITIONS_FOLLOW
        return Entering(_begun(journal, plan, entry, now) if has_begun else plan, entry.working)
    if now - _last_news(entry, now) < POSITIONS_FOLLOW:
        return Entering(None)
    if units is None:
        return Entering(plan, entry.working)
    if entry.working:
        return Entering(None)
    if not entry.has_filled:
        end_structures(journal, [plan.plan_id], "its order came to nothing", now)
        return Entering(None)
    return Entering(_begun(journal, plan, entry, now))


def _last_news(entry: EntryOf, now: datetime) -> datetime:
    """When the order was last heard to fill, or to end."""
    if entry.ended_at is not None:
        return entry.ended_at
    moments = (one.order.updated_at or one.sent_at or now for one in entry.working)
    return max(moments, default=now)


def _begun(journal: Journal, plan: StructurePlan, entry: EntryOf, now: datetime) -> StructurePlan:
    """From the end of its order on it is a plan as any other."""
    since = max(plan.created_at, entry.ended_at or now)
    new = replace(plan, entry="", created_at=since)
    replace_structure(journal, plan, new, "its order has ended", now)
    return new
