"""An order of several legs, as one request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from execbot.model.enums import OrderClass, OrderType, Side
from execbot.model.options.legs import Leg
from execbot.model.order import OrderRequest
from execbot.model.symbols import option_contract


def spread_request(
    legs: tuple[Leg, ...], qty: Decimal, net: Decimal | None, **more: Any
) -> OrderRequest:
    """`net` is the price of one unit: above 0 is paid, below 0 is received; None: at market."""
    return OrderRequest(
        symbol="",
        side=Side.BUY,
        qty=qty,
        type=OrderType.MARKET if net is None else OrderType.LIMIT,
        limit_price=net,
        order_class=OrderClass.MLEG,
        spread=legs,
        **more,
    )


def names_of(request: OrderRequest) -> tuple[str, ...]:
    """The symbols that an order trades: its own, or the contracts of its legs."""
    return tuple(leg.symbol for leg in request.spread) or (request.symbol,)


def underlying_of(request: OrderRequest) -> str:
    """The root that the contracts of an order name; the symbol of any other order."""
    symbol = request.spread[0].symbol if request.spread else request.symbol
    found = option_contract(symbol)
    return found.root if found is not None else symbol


def with_intent(request: OrderRequest, *, opens: bool) -> OrderRequest:
    """An order of one contract says what it is for: the broker then refuses it should it do the
    other thing, a close that would open a short above all."""
    intent = f"{request.side.value}_to_{'open' if opens else 'close'}"
    return replace(request, position_intent=intent)
