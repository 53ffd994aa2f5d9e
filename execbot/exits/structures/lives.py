"""Whether what a plan was made for is still what is held."""

from __future__ import annotations

from execbot.exits.structures.plan import StructurePlan
from execbot.journal.journal import Journal
from execbot.model.numbers import ZERO


def has_outlived(journal: Journal, plan: StructurePlan) -> bool:
    """Each of its contracts was at nothing since the plan was made: what is held of them now was
    opened later, and its levels are another structure's. As of shares, docs/evidence.md E-POS-10.
    While its entry may still fill, what is held is of it.
    """
    return not plan.entry and all(_was_flat_since(journal, symbol, plan) for symbol in plan.ratios)


def _was_flat_since(journal: Journal, symbol: str, plan: StructurePlan) -> bool:
    held = ZERO
    for execution in journal.executions(symbol=symbol):
        held += execution.signed_qty
        if execution.signed_qty and not held and execution.at > plan.created_at:
            return True
    return False
