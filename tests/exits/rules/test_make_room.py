"""Goal: an addition lifts exactly the exits for which the broker would refuse it.

Method: the rule beside the exchange's own answer, for each kind of exit and each kind of buy.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import Desk, open_desk

from execbot.broker.errors import BrokerError
from execbot.broker.port import OrderQuery
from execbot.exits.rules.make_room import conflicts
from execbot.model.enums import OrderClass, OrderType, Side
from execbot.model.order import OrderRequest, StopLoss, TakeProfit

D = Decimal

STOP = OrderRequest("AAPL", Side.SELL, qty=D(10), type=OrderType.STOP, stop_price=D(98))
LIMIT = OrderRequest("AAPL", Side.SELL, qty=D(10), type=OrderType.LIMIT, limit_price=D(110))
STOP_LIMIT = OrderRequest(
    "AAPL",
    Side.SELL,
    qty=D(10),
    type=OrderType.STOP_LIMIT,
    stop_price=D(98),
    limit_price=D(97),
)
TRAILING = OrderRequest(
    "AAPL", Side.SELL, qty=D(10), type=OrderType.TRAILING_STOP, trail_percent=D(2)
)
OCO = OrderRequest(
    "AAPL",
    Side.SELL,
    qty=D(10),
    type=OrderType.LIMIT,
    order_class=OrderClass.OCO,
    take_profit=TakeProfit(D(110)),
    stop_loss=StopLoss(D(98)),
)
BUYS = {
    "market": OrderRequest("AAPL", Side.BUY, qty=D(5)),
    "dollars": OrderRequest("AAPL", Side.BUY, notional=D(500)),
    "limit below": OrderRequest(
        "AAPL", Side.BUY, qty=D(5), type=OrderType.LIMIT, limit_price=D("96.5")
    ),
    "limit above": OrderRequest(
        "AAPL", Side.BUY, qty=D(5), type=OrderType.LIMIT, limit_price=D(101)
    ),
    "stop": OrderRequest("AAPL", Side.BUY, qty=D(5), type=OrderType.STOP, stop_price=D(103)),
    "trailing": OrderRequest(
        "AAPL", Side.BUY, qty=D(5), type=OrderType.TRAILING_STOP, trail_percent=D(2)
    ),
}
EXITS = {
    "stop": STOP,
    "limit": LIMIT,
    "stop_limit": STOP_LIMIT,
    "trailing": TRAILING,
    "oco": OCO,
}


def holding(path: Path, exit_request: OrderRequest) -> Desk:
    """Ten shares of AAPL at 100, and the exit at the broker."""
    desk = open_desk(path)
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100"})
    desk.oms.submit(OrderRequest("AAPL", Side.BUY, qty=D(10), client_order_id="first"))
    desk.sleep(1)
    desk.oms.submit(exit_request)
    return desk


@pytest.mark.parametrize("exit_name", EXITS)
@pytest.mark.parametrize("buy_name", BUYS)
def test_the_rule_says_what_the_exchange_says(
    tmp_path: Path, exit_name: str, buy_name: str
) -> None:
    desk = holding(tmp_path, EXITS[exit_name])
    listed = desk.client.list_orders(OrderQuery(nested=False))
    resting = [order for order in listed if order.side is Side.SELL]
    ours = any(conflicts(BUYS[buy_name], order) for order in resting)
    try:
        desk.oms.submit(BUYS[buy_name])
        refused = False
    except BrokerError as error:
        assert error.kind in ("broker.wash_trade", "broker.closing_order_open"), error
        refused = True
    assert ours is refused
