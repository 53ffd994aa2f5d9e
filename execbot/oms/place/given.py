"""An order that was given before, with what was planned for it then: whoever carries its intent on,
or is given its id again, tells of it as the process that began it would have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.store import plan_by_id
from execbot.journal.records import Role
from execbot.model.numbers import ZERO
from execbot.oms.place.entry_basis import basis_kept
from execbot.oms.place.entry_plans import PricedEntry
from execbot.oms.place.placed import Placed
from execbot.oms.place.structure_entries import structure_in_force
from execbot.oms.send.intent import request_of

if TYPE_CHECKING:
    from execbot.journal.journal import Journal
    from execbot.journal.records import OrderRecord


def given_before(journal: Journal, record: OrderRecord) -> Placed:
    """As the journal has it. Its exits are those of its plan as it stands now, none once that is
    closed: what an answer says of protection is what there is."""
    basis = basis_kept(journal, record.client_order_id)
    entry = PricedEntry(request_of(record), known=record)
    if basis is not None:
        entry = replace(entry, price=basis.price)
    if entry.request.spread:
        entry = replace(entry, structure=structure_in_force(journal, record))
    found = Placed(record, entry=entry, basis=basis)
    plan = None
    if record.plan_id is not None and record.role == Role.ENTRY:
        plan = plan_by_id(journal, record.plan_id)
    if plan is None:
        return found
    found = replace(found, plan=plan)
    if plan.entry_client_order_id == record.client_order_id:
        is_open = plan.status is not PlanStatus.CLOSED
        return replace(found, entry=replace(entry, plan=plan if is_open else None))
    from execbot.oms.place.add_to_position import Addition

    lifts = frozenset(basis.lifts if basis is not None else ())
    return replace(found, addition=Addition(plan, ZERO, lifts))
