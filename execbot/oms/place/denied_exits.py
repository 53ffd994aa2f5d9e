"""Exits that were asked for with an entry that the checks denied: kept beside the denial, so that
they come along when the order is tried again. They are no plan, since nothing can fill under them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from execbot.exits.plan.plan import ExitPlan
from execbot.exits.plan.plan_json import from_data, to_data
from execbot.exits.structures.plan import StructurePlan
from execbot.journal.journal import Journal

KIND = "exits_denied"
"""Of the audit row, whose subject is the id that the plan would have had."""


def keep_denied(
    journal: Journal, plan: ExitPlan | None, structure: StructurePlan | None, now: datetime
) -> None:
    """In the transaction of the denial. Raises JournalError."""
    if plan is not None:
        journal.audit(KIND, plan.plan_id, "denied", to_data(plan), "kept", now)
    if structure is not None:
        journal.audit(KIND, structure.plan_id, "denied", structure.to_json(), "kept", now)


def denied_plan(journal: Journal, plan_id: str) -> ExitPlan | None:
    """As it was asked for last. Raises JournalError."""
    facts = _kept(journal, plan_id)
    return None if facts is None else from_data(facts)


def denied_structure(journal: Journal, plan_id: str, now: datetime) -> StructurePlan | None:
    """The same of a spread."""
    facts = _kept(journal, plan_id)
    return None if facts is None else StructurePlan.from_json(plan_id, facts, now)


def _kept(journal: Journal, plan_id: str) -> Mapping[str, Any] | None:
    rows = [row for row in journal.audit_of(plan_id) if row.kind == KIND]
    return rows[-1].facts if rows else None
