"""Goal: a structure that was left is one trade for the streak of losses, not one for each leg.

Method: executions by hand.
"""

from __future__ import annotations

import pytest
from trades.making import T0, executed, history

from execbot.risk.streaks import losses_in_a_row

LOW, HIGH = "AAPL261218C00250000", "AAPL261218C00260000"


def left(number: int, low: str, high: str) -> list[object]:
    """A bought vertical, entered at 2.00 and 0.80, left at these prices."""
    return [
        executed(number, "1", "2", symbol=LOW),
        executed(number + 1, "-1", "0.80", symbol=HIGH),
        executed(number + 2, "-1", low, symbol=LOW, at=executed(number + 2, "1", "1").at),
        executed(number + 3, "1", high, symbol=HIGH, at=executed(number + 2, "1", "1").at),
    ]


@pytest.mark.parametrize(
    ("ways", "losses"),
    [
        ([("1.50", "0.40")], 1),  # 50 lost, 40 won: one loss
        ([("3.50", "1.00")], 0),  # 150 won, 20 lost: no loss
        ([("1.50", "0.40"), ("1.20", "0.30"), ("1.00", "0.20")], 3),
        ([("1.50", "0.40"), ("3.50", "1.00"), ("1.00", "0.20")], 1),
    ],
)
def test_legs_that_were_left_at_once_count_once(ways: list[tuple[str, str]], losses: int) -> None:
    items = [item for n, way in enumerate(ways) for item in left(n * 10, *way)]
    assert losses_in_a_row(history(*items), since=T0) == losses  # type: ignore[arg-type]
