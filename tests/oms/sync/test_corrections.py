"""Goal: executions that the exchange corrects or takes back end the same here and there.

Method: the built-in exchange corrects and busts; its frames come, come late, or never.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.desk import Desk, market

from execbot.broker.port import TradeUpdate

D = Decimal


def bought(desk: Desk) -> Any:
    """20 AAPL ordered at market; the first 10 filled."""
    quote = {"bid": D("99.9"), "ask": D(100), "size": D(10)}
    desk.venue.market.set_price("AAPL", desk.venue.clock.now(), quote)
    order = desk.oms.submit(market("AAPL", "20", client_order_id="mine"))
    desk.sleep(0.4)
    return order


def restated(desk: Desk, what: str, **values: Any) -> dict[str, Any]:
    answer = desk.call(
        "POST", f"/sim/executions/{what}", {"key": "desk", "symbol": "AAPL", **values}
    )
    assert "execution_id" in answer, answer
    return dict(answer)


def there(desk: Desk) -> tuple[str, str | None]:
    row = desk.orders_there()["mine"]
    return row["filled_qty"], row["filled_avg_price"]


def agrees(desk: Desk) -> bool:
    qty, average = there(desk)
    record = desk.oms.record("mine")
    mine = record.order.filled_avg_price
    return record.order.filled_qty == D(qty) and (average is None or mine == D(average))


@pytest.mark.parametrize("when", ["at once", "rows first", "twice and backwards"])
@pytest.mark.parametrize(
    ("what", "values"),
    [
        ("correct", {"qty": "12"}),
        ("correct", {"qty": "7"}),
        ("correct", {"price": "98.5"}),
        ("bust", {}),
    ],
    ids=["more", "less", "price", "bust"],
)
def test_restated_execution_ends_the_same_here_and_there(
    desk: Desk, when: str, what: str, values: dict[str, Any]
) -> None:
    """E-EXE-5, E-EXE-6, E-EXE-8: whether the fill is known by its frame, its row, or not yet."""
    bought(desk)
    told: list[TradeUpdate] = []
    if when == "at once":
        desk.oms.apply_batch(desk.frames())
    elif when == "rows first":
        desk.frames()  # lost
        desk.oms.gap_fill()
    restated(desk, what, **values)
    told = desk.frames()
    desk.oms.apply_batch(told[::-1] + told if when == "twice and backwards" else told)
    assert agrees(desk), there(desk)
    result = desk.oms.reconcile()
    assert not result.breaks
    assert agrees(desk), there(desk)
    assert {p.symbol: str(p.qty) for p in desk.journal.positions()} == desk.positions_there()


def test_bust_that_nobody_reports_is_a_break_and_told(desk: Desk) -> None:
    """E-EXE-9: nothing is taken back on the strength of a total."""
    bought(desk)
    desk.oms.apply_batch(desk.frames())
    desk.sleep(10)
    desk.oms.gap_fill()
    filled = desk.oms.record("mine").order.filled_qty
    restated(desk, "bust")
    desk.frames()  # lost
    result = desk.oms.reconcile()
    assert "order.filled_qty" in {item.kind for item in result.breaks}
    assert any("nothing was taken back" in note for note in result.notes)
    assert desk.oms.record("mine").order.filled_qty == filled
