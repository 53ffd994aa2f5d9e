"""Positions and exits to begin with, on a desk."""

from __future__ import annotations

from decimal import Decimal

from support.desk import Desk, market

from execbot.model.enums import OrderClass, OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit

D = Decimal


GTC = TimeInForce.GTC


def hold(desk: Desk, qty: str = "10") -> None:
    desk.oms.submit(market(qty=qty))
    desk.sleep(1)
    desk.oms.gap_fill()


def stop(qty: str = "10", price: str = "100") -> OrderRequest:
    return OrderRequest(
        "AAPL",
        Side.SELL,
        qty=D(qty),
        type=OrderType.STOP,
        stop_price=D(price),
        time_in_force=GTC,
    )


def bracket() -> OrderRequest:
    return market(
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(D(400)),
        stop_loss=StopLoss(D(100)),
        time_in_force=GTC,
    )
