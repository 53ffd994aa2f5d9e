"""Plans of spreads that came with their order: durable with its intent, and true to its fate.

Such a plan names the order until that has ended. What became of the order is read from its whole
wish: it may have gone out again under another id.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.plan.legs import NoLegs
from execbot.exits.plan.wishes import Wishes
from execbot.exits.structures.asked import PLAN_OF_ENTRY, plan_of_entry
from execbot.exits.structures.lives import has_outlived
from execbot.exits.structures.plan import (
    StructurePlan,
    replace_structure,
    save_structure,
    structure_plans,
)
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.order import OrderRequest
from execbot.oms.errors import ClientIdReused
from execbot.oms.place.entry_plans import LegsRefused
from execbot.oms.place.family import family_of, filled


class EntryOf(Struct, frozen=True):
    """What became of the order of a plan. `working` may still fill; `ended_at` is None while there
    are such."""

    working: tuple[OrderRecord, ...] = ()
    has_filled: bool = False
    ended_at: datetime | None = None


def entry_of(journal: Journal, plan: StructurePlan, now: datetime) -> EntryOf:
    first = journal.order_by_client_id(plan.entry)
    if first is None:
        return EntryOf(ended_at=plan.created_at)
    family = family_of(journal, first)
    has_filled = bool(filled(family.orders))
    if family.open:
        return EntryOf(family.open, has_filled)
    return EntryOf((), has_filled, max(_ended_at(one, now) for one in family.orders))


def _ended_at(record: OrderRecord, now: datetime) -> datetime:
    order = record.order
    ends = (order.filled_at, order.canceled_at, order.expired_at, order.failed_at)
    return max((at for at in ends if at is not None), default=record.intent_at or now)


def save_entry_structure(journal: Journal, plan: StructurePlan, now: datetime) -> None:
    """In the transaction of the intent. Raises LegsRefused where another plan rules one of its
    contracts: of what is held nobody could tell whose it is."""
    for other in structure_plans(journal, now):
        shared = sorted({*other.ratios} & {*plan.ratios})
        if shared and other.plan_id != plan.plan_id and _is_alive(journal, other, now):
            why = NoLegs(
                f"{', '.join(shared)} has the exits of {other.entry or other.plan_id} already",
                "One contract has one plan.",
            )
            raise LegsRefused(why, "Leave them out, or wait until those have ended.")
    save_structure(journal, plan, now)


def _is_alive(journal: Journal, plan: StructurePlan, now: datetime) -> bool:
    """Something of it is held, or its order may still fill."""
    if plan.entry and entry_of(journal, plan, now).working:
        return True
    positions = journal.positions_of(sorted(plan.ratios))
    return any(one.qty for one in positions.values()) and not has_outlived(journal, plan)


def structure_went_out(
    journal: Journal, plan: StructurePlan, entry: OrderRecord, now: datetime
) -> None:
    """The order may wait under another id in the end: tell the plan."""
    name = entry.client_order_id
    if name != plan.entry:
        replace_structure(journal, plan, replace(plan, entry=name), f"sent as {name}", now)


def structure_of_entry(journal: Journal, name: str, now: datetime) -> StructurePlan | None:
    """The plan that came with an order, as it was saved first; None where none did."""
    plan_id = f"{PLAN_OF_ENTRY}{name}"
    rows = [row for row in journal.audit_of(plan_id) if row.kind == "option" and row.facts]
    return StructurePlan.from_json(plan_id, rows[0].facts, now) if rows else None


def structure_in_force(journal: Journal, record: OrderRecord) -> StructurePlan | None:
    """The same as it stands now; None once it is over. The order may be a later attempt, which goes
    by another id than the one that the plan came with."""
    ids = (record.client_order_id, family_of(journal, record).name)
    names = {f"{PLAN_OF_ENTRY}{name}" for name in ids}
    at = record.intent_at or datetime.now(UTC)  # for a plan that does not say since when it is
    return next((p for p in structure_plans(journal, at) if p.plan_id in names), None)


def check_same_structure(
    journal: Journal, known: OrderRecord, request: OrderRequest, wishes: Wishes, now: datetime
) -> None:
    """Raises ClientIdReused when an id is given again with other exits. What was asked for first
    counts: the trader may have given others since."""
    first = structure_of_entry(journal, known.client_order_id, now)
    asked = plan_of_entry(request, wishes, now)
    if first is not None and first.levels == asked.levels:
        return
    said = "none" if first is None else first.levels
    name = known.client_order_id
    raise ClientIdReused(f"client_order_id {name} was used with other exits ({said})", record=known)
