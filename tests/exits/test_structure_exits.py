"""Goal: exits that go with a spread become net levels on the right side of its price, or are
refused by name.

Method: a debit and a credit vertical ten dollars wide, as tables.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.desk import desk_journal

from execbot.exits.distances import distances_of_structure
from execbot.exits.levels import LevelError, parse_level
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.exits.structures.asked import plan_of_entry
from execbot.exits.structures.plan import (
    StructurePlan,
    replace_structure,
    save_structure,
    structure_plans,
)
from execbot.model.enums import Side
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request

D = Decimal
LOW, HIGH, LATER = "AAPL261218C00250000", "AAPL261218C00260000", "AAPL270115C00260000"
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def planned(net: str, stop: str | None, *targets: str, second: str = HIGH) -> StructurePlan:
    """The spread is bought for a debit, sold for a credit."""
    first, other = (Side.BUY, Side.SELL) if D(net) > 0 else (Side.SELL, Side.BUY)
    legs = (Leg(LOW, first), Leg(second, other))
    request = spread_request(legs, D(2), D(net), client_order_id="one")
    levels = in_equal_parts([parse_level(word) for word in targets])
    return plan_of_entry(
        request, Wishes(None if stop is None else parse_level(stop), None, levels), NOW
    )


@pytest.mark.parametrize(
    ("net", "stop", "target", "stop_net", "target_net"),
    [
        ("1.20", "0.60", "2.40", "0.60", "2.40"),
        ("1.20", "50%", "100%", "0.60", "2.40"),
        ("1.20", "0.30USD", "2R", "0.90", "1.80"),
        ("1.25", "33%", "33%", "0.84", "1.66"),  # rounded towards the entry, both
        ("-1.20", "2.40", "0.60", "-2.40", "-0.60"),
        ("-1.20", "100%", "50%", "-2.40", "-0.60"),
        ("-1.20", "0.30USD", "2R", "-1.50", "-0.60"),
    ],
)
def test_levels_stand_where_they_were_asked_for(
    net: str, stop: str, target: str, stop_net: str, target_net: str
) -> None:
    plan = planned(net, stop, target)
    assert (plan.stop_net, plan.target_net) == (D(stop_net), D(target_net))
    assert (plan.entry_net, plan.entry, plan.plan_id) == (D(net), "one", "structure-one")
    assert not plan.due(D(net), None)
    assert plan.due(D(stop_net), None) == "stop" and plan.due(D(target_net), None) == "target"


@pytest.mark.parametrize(
    ("net", "stop", "target", "kind"),
    [
        ("1.20", "1.20", None, "exits.stop_wrong_side"),
        ("1.20", "60", None, "exits.stop_wrong_side"),
        ("1.20", None, "0.60", "exits.target_wrong_side"),
        ("1.20", None, "24", "exits.unreachable"),
        ("-1.20", "24", None, "exits.unreachable"),
        ("-1.20", "0.60", None, "exits.stop_wrong_side"),
        ("1.20", "1.5ATR", None, "exits.structure_level"),
        ("1.20", None, "resistance", "exits.structure_level"),
        ("1.20", "100%", None, "exits.bad_level"),
    ],
)
def test_level_that_makes_no_sense_is_refused(
    net: str, stop: str | None, target: str | None, kind: str
) -> None:
    with pytest.raises(LevelError) as error:
        planned(net, stop, *([] if target is None else [target]))
    assert error.value.kind == kind


def test_structure_has_one_target() -> None:
    with pytest.raises(LevelError, match="one target, 2 were given"):
        planned("1.20", "0.60", "2", "3")


def test_bounds_of_several_expiries_are_not_known() -> None:
    assert planned("1.20", None, "24", second=LATER).target_net == 24


def test_distances_are_in_dollars_of_all_units() -> None:
    stop, target = distances_of_structure(planned("-1.20", "2.40", "0.60"), None, D(2))
    assert (stop.price, stop.usd, stop.r) == (D("2.40"), -240, None)
    assert (target.price, target.usd, target.r) == (D("0.60"), 120, None)
    assert stop.words() == "stop 2.40: -100 %, 240.00 USD at risk"


def test_a_plan_that_was_read_before_its_contracts_changed_undoes_no_change(tmp_path: Path) -> None:
    """Another process booked a split since: a slow look would write the old contracts."""
    plan = planned("1.20", "0.60", "2.40")
    split = replace(plan, ratios={LOW: D(3), LATER: D(3)})
    with desk_journal(tmp_path / "journal.db") as journal:
        save_structure(journal, plan, NOW)
        replace_structure(journal, plan, split, "3:1", NOW)
        replace_structure(journal, plan, replace(plan, entry=""), "its order has ended", NOW)
        [kept] = structure_plans(journal, NOW)
    assert kept == split
