"""An order that is placed once more, with the exits that were asked for with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from execbot.exits.plan.legs import without_legs
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.store import OPEN, drop_plan, plan_by_id
from execbot.exits.structures.asked import PLAN_OF_ENTRY
from execbot.exits.structures.plan import StructurePlan, end_structures, structure_plans
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.model.flags import Flag, Flags, flags_of
from execbot.model.order import OrderRequest
from execbot.oms.errors import NotPossible
from execbot.oms.place.denied_exits import denied_plan, denied_structure
from execbot.oms.place.entry_plans import PricedEntry, asked_again
from execbot.oms.place.family import Family, filled
from execbot.oms.place.placed import Placed, why_again
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import flags_given
from execbot.oms.place.structure_entries import structure_of_entry


def place_again(
    placer: Placer,
    record: OrderRecord,
    family: Family,
    request: OrderRequest,
    *,
    adjust: bool = False,
) -> Placed:
    """Place `request`, another attempt at `record`, with the flags that were given with that.

    The wishes of an entry's plan are measured from the market of now: under a new plan, or as an
    addition where the old one holds what has filled. Raises whatever `prepare` and `place` raise.
    """
    journal, why = placer.oms.journal, why_again(family, record)
    given = flags_given(journal, record.client_order_id) - {Flag.ALLOW_DUPLICATE}
    implied = flags_of(allow_duplicate=True, add=bool(filled(family.orders)))
    flags: Flags = given | implied
    if request.spread:
        entry = PricedEntry(request, structure=_exits_again(placer, record, family, request))
        why = replace(why, plan_id=record.plan_id)
        return placer.place(entry, why, flags=flags, adjust=adjust)
    plan = _plan_of(journal, record)
    if plan is None:
        why = replace(why, plan_id=record.plan_id)
        return placer.place(request, why, flags=flags, adjust=adjust)
    position = journal.position(plan.symbol)
    if plan.status in OPEN and position is not None and position.qty * request.side.sign > 0:
        # What is held is under it, and legs of its own would be a second plan.
        entry = PricedEntry(without_legs(request), joins=plan.plan_id)
        return placer.place(entry, why, flags=flags, adjust=adjust)
    name = request.client_order_id
    drop_plan(journal, plan.plan_id, placer.oms.now(), f"tried again as {name}")
    prepared = placer.prepare(request, asked_again(plan), flags=given, implied=implied)
    return placer.place(
        prepared.entry, why, checked=prepared.checked, flags=prepared.flags, adjust=adjust
    )


def _plan_of(journal: Journal, record: OrderRecord) -> ExitPlan | None:
    """The plan of an entry, or what would have been that of a denied one; None of anything else.
    Raises NotPossible where it is not known: without its exits an entry is not tried again."""
    if record.plan_id is None or record.role != Role.ENTRY:
        return None
    plan = plan_by_id(journal, record.plan_id) or denied_plan(journal, record.plan_id)
    if plan is None:
        raise NotPossible(
            f"the exits that were given with {record.client_order_id} are not known",
            record=record,
            hint="It would be bought without them: give the order anew, with its exits.",
        )
    return plan


def _exits_again(
    placer: Placer, record: OrderRecord, family: Family, request: OrderRequest
) -> StructurePlan | None:
    """The exits of a spread at the levels that were given with it, for the new order; None where
    there were none, or where they rule what has filled, and so all that is held."""
    journal, now, name = placer.oms.journal, placer.oms.now(), request.client_order_id
    names = dict.fromkeys((record.client_order_id, family.name))
    found = (structure_of_entry(journal, name, now) for name in names)
    given = next((plan for plan in found if plan is not None), None)
    if given is None:
        return _denied_exits(journal, names, name, now)
    is_in_force = any(p.plan_id == given.plan_id for p in structure_plans(journal, now))
    if is_in_force and filled(family.orders):
        return None
    end_structures(journal, [given.plan_id], f"tried again as {name}", now)
    return replace(given, plan_id=f"{PLAN_OF_ENTRY}{name}", created_at=now, entry=name)


def _denied_exits(
    journal: Journal, names: Iterable[str], name: str, now: datetime
) -> StructurePlan | None:
    """The exits of a spread that was denied, for the order `name`; None where there were none."""
    found = (denied_structure(journal, f"{PLAN_OF_ENTRY}{one}", now) for one in names)
    given = next((plan for plan in found if plan is not None), None)
    if given is None:
        return None
    return replace(given, plan_id=f"{PLAN_OF_ENTRY}{name}", created_at=now, entry=name)
