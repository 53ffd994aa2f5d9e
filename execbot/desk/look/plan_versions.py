"""Versions of exit plans for what looks back: one that cannot be read is left out.

What acts on a plan reads it by `execbot.exits.store`, where that is an error.
"""

from __future__ import annotations

from execbot.exits.plan.plan import ExitPlan
from execbot.exits.plan.plan_json import from_data
from execbot.journal.connection import UNREADABLE
from execbot.journal.journal import Journal
from execbot.journal.records import PlanRecord


def plan_versions(journal: Journal, plan_id: str) -> list[ExitPlan]:
    """All versions of a plan that can be read, the first one first. Raises JournalError."""
    found = (plan_in(record) for record in journal.plan_history(plan_id))
    return [plan for plan in found if plan is not None]


def plan_in(record: PlanRecord) -> ExitPlan | None:
    try:
        return from_data(record.body)
    except UNREADABLE:
        return None
