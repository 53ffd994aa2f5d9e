"""Goal: plans survive the journal unchanged, and two writers never overwrite each other.

Method: round trips through JSON and a real journal.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.exit_views import T0, D, later, plan
from support.wishes import target

from execbot.exits.levels import LevelFacts
from execbot.exits.plan.plan import (
    AdjustRules,
    ExitIntent,
    ExitStage,
    Lift,
    PlanStatus,
    Trail,
    TrailKind,
)
from execbot.exits.plan.plan_json import from_data, to_data
from execbot.exits.store import change_plan, lifted, plan_of, save_plan, suspend_plans
from execbot.journal import Journal


def full_plan() -> object:
    base = plan("95", target("105", shares=50), target("110", shares=50))
    trail = Trail(TrailKind.PERCENT, D("1.5"), False)
    return replace(
        base,
        stop=replace(base.stop, trail=trail, high_water=D(104), moved_at=later(4)),
        targets=tuple(replace(target, moved_at=later(5)) for target in base.targets),
        rules=AdjustRules(D(1), D(2), D("0.4"), D(3), 30, 5),
        exit=ExitIntent("stop", T0, ExitStage.LIMIT, later(3), D(2), 1),
        lift=Lift("scale in", later(9), "entry-2", "process 77"),
        strategy_id="momentum",
        strength=D(82),
        best_price=D(104),
        worst_price=D("98.5"),
        note="a note",
    )


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    original = full_plan()
    assert from_data(to_data(original)) == original  # type: ignore[arg-type]


def test_a_zero_comes_back_as_a_zero() -> None:
    """Right at the support, and tightened to the price: no offset and no distance are figures."""
    original = replace(
        plan("95"), facts=LevelFacts(offset_pct=D(0)), rules=AdjustRules(tighten_to_pct=D(0))
    )
    assert from_data(to_data(original)) == original


def test_a_plan_of_a_newer_version_is_refused() -> None:
    data = {**to_data(plan()), "schema": 99}
    with pytest.raises(ValueError, match="schema was 99"):
        from_data(data)


def test_two_writers_of_one_version_do_not_overwrite_each_other(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        first = plan()
        assert save_plan(journal, first)
        assert save_plan(journal, first.changed(T0, note="mine"))
        assert not save_plan(journal, first.changed(T0, note="theirs"))
        changed = change_plan(journal, "p1", lambda p: p.changed(T0, note="after both"))
        assert changed is not None
        assert changed.version == 3


def test_suspending_and_lifting_are_durable_and_end(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        save_plan(journal, plan())
        with lifted(journal, "AAPL", lambda: T0, "close") as during:
            assert during is not None
            found = plan_of(journal, "AAPL")
            assert found is not None
            assert found.lift is not None
        found = plan_of(journal, "AAPL")
        assert found is not None
        assert found.lift is None
        assert suspend_plans(journal, T0, "cancel-all") == ["AAPL"]
        found = plan_of(journal, "AAPL")
        assert found is not None
        assert found.status is PlanStatus.SUSPENDED
