"""Whether an entry may carry its stop and target to the broker, and the entry that does.

Alpaca takes one stop and one target with an entry (a bracket, or OTO with one of them) for whole
shares of a stock in the regular session, and only where the order opens the position (docs.alpaca
.markets, "Placing orders": bracket, OTO). This is the one place that says so.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.model.enums import OrderClass, OrderType, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit
from execbot.model.symbols import is_option


class NoLegs(Struct, frozen=True):
    """Why not: `message` for what was asked, `hint` for the rule behind it."""

    message: str
    hint: str


def why_no_legs(
    request: OrderRequest, *, is_crypto: bool, holds_already: bool = False
) -> NoLegs | None:
    """Why the broker would take no stop and target with this entry; None where it takes them."""
    fraction = request.qty is None or request.qty != request.qty.to_integral_value()
    rules = (
        (
            is_crypto or is_option(request.symbol),
            f"{request.symbol} takes no stop or target with the order",
            "Alpaca holds no legs for crypto pairs and option contracts; those of one contract are "
            "placed at its fill while `execbot watch` runs.",
        ),
        (
            fraction,
            "a stop or target with the order needs whole shares",
            "Alpaca holds no legs for fractional and --notional orders.",
        ),
        (
            request.extended_hours,
            "no stop or target goes with an order for extended hours",
            "Orders with legs trade in regular hours only.",
        ),
        (
            request.time_in_force not in (TimeInForce.DAY, TimeInForce.GTC),
            f"no stop or target goes with a {request.time_in_force} order",
            "Orders with legs are day or gtc.",
        ),
        (
            request.type not in (OrderType.MARKET, OrderType.LIMIT),
            f"no stop or target goes with a {request.type} order",
            "The entry of an order with legs is a market or limit order.",
        ),
        (
            holds_already,
            f"{request.symbol} is held: no stop or target goes with an order that adds to it",
            "Alpaca takes legs only with an order that opens a position.",
        ),
    )
    return next((NoLegs(message, hint) for broken, message, hint in rules if broken), None)


def with_legs(request: OrderRequest, stop: Decimal | None, target: Decimal | None) -> OrderRequest:
    """The entry with these prices as its legs, at least one of them given."""
    both = stop is not None and target is not None
    return replace(
        request,
        order_class=OrderClass.BRACKET if both else OrderClass.OTO,
        stop_loss=None if stop is None else StopLoss(stop),
        take_profit=None if target is None else TakeProfit(target),
    )


def without_legs(request: OrderRequest) -> OrderRequest:
    """The entry alone."""
    if not has_legs(request):
        return request
    return replace(request, order_class=OrderClass.NONE, stop_loss=None, take_profit=None)


def has_legs(request: OrderRequest) -> bool:
    return request.stop_loss is not None or request.take_profit is not None
