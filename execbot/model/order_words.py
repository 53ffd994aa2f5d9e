"""An order in one line of words: what is bought or sold, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from execbot.model.amounts import money_words, price_words
from execbot.model.numbers import text

if TYPE_CHECKING:
    from execbot.model.order import Order, OrderRequest


def price_format(order: Order | OrderRequest) -> Callable[[Decimal], str]:
    """How sentences write its prices: net prices of a spread in cents, as those of contracts."""
    return money_words if _is_spread(order) else partial(price_words, symbol=order.symbol)


def prices_of(order: Order | OrderRequest, shown: Callable[[Decimal], str]) -> str | None:
    """`187.50`, `stop 180.00`, `stop 180.00 limit 179.00`, `trail 2%`: what it waits for."""
    parts = []
    if order.stop_price is not None:
        parts.append(f"stop {shown(order.stop_price)}")
    if order.limit_price is not None:
        parts.append(f"limit {shown(order.limit_price)}" if parts else shown(order.limit_price))
    if order.trail_percent is not None:
        parts.append(f"trail {text(order.trail_percent)}%")
    if order.trail_price is not None:
        parts.append(f"trail {shown(order.trail_price)}")
    return " ".join(parts) or None


def describe(order: Order | OrderRequest) -> str:
    """`buy 10 AAPL at market, day` in one line."""
    legs = getattr(order, "spread", ()) or (getattr(order, "legs", ()) if _is_spread(order) else ())
    if legs or _is_spread(order):
        return _spread_words(order, legs)
    dollars = f"${money_words(order.notional or Decimal(0))} of"
    size = dollars if order.qty is None else text(order.qty)
    shown = price_format(order)
    kind = _kind(order.type.value.replace("_", " "), prices_of(order, shown))
    extra = ", extended hours" if order.extended_hours else ""
    return (
        f"{order.side.value} {size} {order.symbol} {kind}, {order.time_in_force.value}{extra}"
        + _legs_of(order, shown)
    )


def _is_spread(order: Order | OrderRequest) -> bool:
    return bool(getattr(order, "is_spread", False))


def _spread_words(order: Order | OrderRequest, legs: Sequence[Any]) -> str:
    """`2 spreads (buy 1 X, sell 1 Y) at a debit of 1.20, day`."""
    units = order.qty or Decimal(1)
    named = ", ".join(
        f"{leg.side.value} {getattr(leg, 'ratio', None) or text((leg.qty or units) / units)} "
        f"{leg.symbol}{' to close' if _closes(leg) else ''}"
        for leg in legs
    )
    count = f"{text(units)} spread{'s' if units != 1 else ''}"
    which = f" ({named})" if named else ""
    return f"{count}{which} {net_words(order.limit_price)}, {order.time_in_force.value}"


def _closes(leg: Any) -> bool:
    """A leg as it was asked for, or as the broker shows it."""
    opens = getattr(leg, "opens", None)
    return (leg.position_intent or "").endswith("_to_close") if opens is None else not opens


def spreads_words(order: Order, underlying: str = "") -> str:
    """`3 AAPL spreads`: the order itself names neither a symbol nor a side."""
    words = (text(order.qty or Decimal(1)), underlying, "spread" if order.qty == 1 else "spreads")
    return " ".join(word for word in words if word)


def net_words(net: Decimal | None) -> str:
    """The price of one unit of a spread."""
    if net is None:
        return "at market"
    return f"at a {'credit' if net < 0 else 'debit'} of {money_words(abs(net))}"


def _kind(type_: str, price: str | None) -> str:
    """`stop 180.00`, not `stop stop 180.00`."""
    if price is None:
        return "at market"
    return price if price.startswith(type_) else f"{type_} {price}"


def _legs_of(order: Order | OrderRequest, shown: Callable[[Decimal], str]) -> str:
    """The exits that a request carries along."""
    stop, target = getattr(order, "stop_loss", None), getattr(order, "take_profit", None)
    said = f", stop {shown(stop.stop_price)}" if stop is not None else ""
    return said + (f", target {shown(target.limit_price)}" if target is not None else "")
