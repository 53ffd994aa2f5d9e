"""Goal: a plan whose shares come back divides them as before. Method: the pure step."""

from __future__ import annotations

from msgspec.structs import replace
from support.exit_views import D, plan, view
from support.wishes import target

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.asleep import woken


def test_what_targets_took_before_still_counts_for_their_parts() -> None:
    """Six of twelve were taken by the first: three are left for each of the others."""
    goals = (target("105", shares=50), target("110", shares=25), target("115", shares=25))
    asleep = plan("95", *goals, base="12", status=PlanStatus.SLEEPING)
    first = replace(asleep.targets[0], filled_qty=D(6), done=True)
    asleep = replace(asleep, targets=(first, *asleep.targets[1:]))
    _, awake = woken(view("6", asleep), asleep)
    assert (awake.status, awake.base_qty) == (PlanStatus.ACTIVE, 12)
