"""Goal: a change that risks more than the order did is known as one, and no other change is.

Method: the rule itself, for entries, stops and targets of both sides.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from journal.rows import record
from msgspec.structs import replace

from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.oms.send.riskier import what_risks_more

D = Decimal
LIMIT = {"type": OrderType.LIMIT, "qty": D(10), "limit_price": D(100)}
STOP = {"type": OrderType.STOP, "qty": D(10), "stop_price": D(90)}
STOP_LIMIT = {**STOP, "type": OrderType.STOP_LIMIT, "limit_price": D(89)}
TRAIL = {"type": OrderType.TRAILING_STOP, "qty": D(10), "trail_percent": D(2), "stop_price": D(88)}


def words(
    was: dict[str, Any], change: dict[str, Any], *, side: Side, role: Role | None, held: str = "0"
) -> str:
    old: OrderRecord = replace(record("a", **was, side=side), role=role)
    wanted = OrderRequest(symbol="AAPL", side=side, **{**was, **change})
    return what_risks_more(old, wanted, D(held))


@pytest.mark.parametrize(
    ("was", "change", "buy", "sell"),
    [
        (LIMIT, {"qty": D(11)}, True, True),
        (LIMIT, {"qty": D(9)}, False, False),
        (LIMIT, {"limit_price": D(101)}, True, False),
        (LIMIT, {"limit_price": D(99)}, False, True),
        (LIMIT, {"time_in_force": TimeInForce.GTC}, True, True),
        (STOP, {"stop_price": D(91)}, True, False),
        (TRAIL, {"trail_percent": D(3)}, True, True),
        (TRAIL, {"trail_percent": D(1)}, False, False),
    ],
)
def test_entries(was: dict[str, Any], change: dict[str, Any], buy: bool, sell: bool) -> None:
    for side, risks in ((Side.BUY, buy), (Side.SELL, sell)):
        assert bool(words(was, change, side=side, role=Role.ENTRY)) is risks


@pytest.mark.parametrize(
    ("was", "change", "of_long", "of_short"),
    [
        (STOP, {"stop_price": D(89)}, True, False),
        (STOP, {"stop_price": D(91)}, False, True),
        (STOP, {"qty": D(9)}, True, True),
        (STOP, {"qty": D(11)}, False, False),
        (STOP, {"time_in_force": TimeInForce.GTC}, False, False),
        (STOP_LIMIT, {"limit_price": D("89.5")}, True, False),
        (TRAIL, {"trail_percent": D(3)}, True, True),
        (TRAIL, {"trail_percent": D(1)}, False, False),
        (LIMIT, {"limit_price": D(150)}, False, False),
        (LIMIT, {"qty": D(1)}, False, False),
    ],
)
def test_exits(was: dict[str, Any], change: dict[str, Any], of_long: bool, of_short: bool) -> None:
    for side, held, risks in ((Side.SELL, "10", of_long), (Side.BUY, "-10", of_short)):
        assert bool(words(was, change, side=side, role=Role.STOP)) is risks
        unsaid = words(was, change, side=side, role=None, held=held)
        assert bool(unsaid) is risks, "its side against what is held says what it is for"


def test_a_stop_that_would_lapse_at_the_close_risks_more() -> None:
    lasting = {**STOP, "time_in_force": TimeInForce.GTC}
    for_the_day = {"time_in_force": TimeInForce.DAY}
    assert words(lasting, for_the_day, side=Side.SELL, role=Role.STOP) == "for the day only"
    assert words(lasting, {"stop_price": D(91)}, side=Side.SELL, role=Role.STOP) == ""
    resting = {**LIMIT, "time_in_force": TimeInForce.GTC}
    assert words(resting, for_the_day, side=Side.SELL, role=Role.TARGET) == ""
    assert words(resting, for_the_day, side=Side.BUY, role=Role.ENTRY) == ""


def test_the_words_name_what_is_worse() -> None:
    change = {"qty": D(12), "limit_price": D("100.50")}
    said = words(LIMIT, change, side=Side.BUY, role=Role.ENTRY)
    assert said == "quantity 10 -> 12, limit 100.00 -> 100.50"
