"""Goal: levels follow a split that prices tell, and nothing else that looks a little like one.

Method: the pure rule as a table; each row changes one thing of a split.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from execbot.exits.plan.plan import ExitPlan, PlanStatus, StopPlan
from execbot.exits.plan.rescale import plan_ratio, price_ratio, ratio_words, rescaled_by_price
from execbot.model.enums import PositionSide

D = Decimal
T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)


def plan(entry: str = "100", stop: str = "98", best: str | None = None) -> ExitPlan:
    return ExitPlan(
        plan_id="plan",
        symbol="AAPL",
        side=PositionSide.LONG,
        status=PlanStatus.ACTIVE,
        created_at=T0,
        updated_at=T0,
        base_qty=D(10),
        entry_price=D(entry),
        stop=StopPlan(price=D(stop), initial=D(stop)),
        best_price=None if best is None else D(best),
    )


ROWS = {
    "4:1": (plan(), "1000", "1000", "25", None, "25.1", "4:1"),
    "4:1, some sold since": (plan(), "700", "800", "25", None, "24", "4:1"),
    "4:1, averages mixed": (plan("97"), "1050", "1050", "25", None, "25", "4:1"),
    "5:4": (plan(), "1000", "1000", "80", None, "80", "5:4"),
    "1:2": (plan(), "1000", "1000", "200", None, "200", "1:2"),
    "a winner, 2:1": (plan(stop="290", best="300"), "1000", "1000", "50", None, "150", "2:1"),
    "a winner by its last price": (plan(stop="290"), "1000", "1000", "50", "300", "150", "2:1"),
    "the price stays": (plan(), "1000", "1000", "50", None, "100", None),
    "the price is unknown": (plan(), "1000", "1000", "50", None, None, None),
    "the average stays": (plan(), "1000", "4000", "100", None, "25", None),
    "the cost has doubled": (plan(), "1000", "2000", "25", None, "25", None),
    "turned": (plan(), "1000", "-1000", "25", None, "25", None),
    "gone": (plan(), "1000", "0", "25", None, "25", None),
    "rescaled before": (plan("25", "24.5"), "1000", "1000", "25", None, "25", None),
    "the stop is of after it": (plan(stop="24.5"), "1000", "1000", "25", None, "25", None),
    "no ratio": (plan(), "1000", "1000", "58", None, "58", None),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_average_cost_and_market_must_speak_for_a_split(row: tuple[ExitPlan, ...]) -> None:
    old, cost, their_cost, average, last, price, words = row
    numbers = [None if n is None else D(str(n)) for n in (cost, their_cost, average, last, price)]
    ratio = price_ratio(old, *numbers)  # type: ignore[arg-type]
    assert (None if ratio is None else ratio_words(ratio)) == words


@pytest.mark.parametrize(
    ("entry", "ratio"),
    [("100", "6"), ("92", "6"), ("50", "3"), ("16.70", "1"), ("15", "1")],
    ids=["behind", "about", "knows the first", "knows both", "about right"],
)
def test_a_plan_is_divided_by_what_it_lacks(entry: str, ratio: str) -> None:
    assert plan_ratio(plan(entry), (D(6), D(3)), D("16.67")) == D(ratio)
    assert plan_ratio(plan(entry), (D(6), D(3)), None) == 6


def test_a_position_of_doubtful_size_never_looks_as_if_it_had_grown() -> None:
    new = rescaled_by_price(plan(), D("0.5"), T0, (D(12), D(6)))
    assert (new.base_qty, new.entry_price, new.stop.price) == (12, 200, 196)
