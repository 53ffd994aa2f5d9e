"""Goal: Alpaca's rule against trading with oneself, as its table has it, is decided in one place.

Method: every pair of kinds of orders through the pure rule.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from execbot.market.wash_trade import is_wash_trade
from execbot.model.enums import OrderClass, OrderType, Side
from execbot.model.order import OrderRequest

ANY_PRICE = (OrderType.MARKET, OrderType.STOP)
LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)


def asked(
    side: Side,
    kind: OrderType,
    limit: str | None = None,
    order_class: OrderClass = OrderClass.NONE,
) -> OrderRequest:
    price = Decimal(limit) if limit is not None and kind in LIMITED else None
    return OrderRequest(
        "AAPL", side, qty=Decimal(1), type=kind, limit_price=price, order_class=order_class
    )


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("new", "working"), list(product((*ANY_PRICE, *LIMITED), repeat=2)))
def test_market_and_stop_orders_stand_beside_no_order_of_the_other_side(
    side: Side, new: OrderType, working: OrderType
) -> None:
    """The limits here would not meet: the buy bids 99, the sale asks 101."""
    buy, sell = (new, working) if side is Side.BUY else (working, new)
    pair = {Side.BUY: asked(Side.BUY, buy, "99"), Side.SELL: asked(Side.SELL, sell, "101")}
    refused = new in ANY_PRICE or working in ANY_PRICE
    assert is_wash_trade(pair[side], pair[side.opposite]) is refused


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("buy", "sell", "refused"),
    [("100", "100.01", False), ("100", "100", True), ("101", "100", True)],
)
def test_limits_are_refused_where_they_would_meet(
    side: Side, buy: str, sell: str, refused: bool
) -> None:
    pair = {
        Side.BUY: asked(Side.BUY, OrderType.LIMIT, buy),
        Side.SELL: asked(Side.SELL, OrderType.STOP_LIMIT, sell),
    }
    assert is_wash_trade(pair[side], pair[side.opposite]) is refused


@pytest.mark.parametrize("new_is_exempt", [True, False])
@pytest.mark.parametrize(
    ("kind", "order_class", "exempt"),
    [
        (OrderType.LIMIT, OrderClass.BRACKET, True),
        (OrderType.LIMIT, OrderClass.OCO, True),
        (OrderType.TRAILING_STOP, OrderClass.NONE, True),
        (OrderType.STOP, OrderClass.BRACKET, True),
        (OrderType.STOP, OrderClass.OTO, False),
        (OrderType.MARKET, OrderClass.SIMPLE, False),
    ],
)
def test_brackets_pairs_and_trailing_stops_are_exempt_on_either_side(
    kind: OrderType, order_class: OrderClass, exempt: bool, new_is_exempt: bool
) -> None:
    one = asked(Side.SELL, kind, "90", order_class)
    other = asked(Side.BUY, OrderType.MARKET)
    new, working = (one, other) if new_is_exempt else (other, one)
    assert is_wash_trade(new, working) is not exempt


def test_orders_of_one_side_never_meet() -> None:
    assert not is_wash_trade(asked(Side.BUY, OrderType.MARKET), asked(Side.BUY, OrderType.STOP))
