"""Alpaca's rule against trading with oneself, for orders of one symbol. Pure.

Source: Alpaca's page "User protection" (2026-09). A new order is refused where one of the other
side works: market and stop orders beside any order, limits (and stop-limits) only where the buy
limit reaches the sell limit. Orders of brackets and OCO pairs and trailing stops are exempt, the
new one as well as the one that works; orders of an OTO are not. It holds on paper and for crypto
too.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from execbot.model.enums import OrderClass, OrderType, Side

AT_ANY_PRICE = frozenset({OrderType.MARKET, OrderType.STOP})
"""Once they work there is no price that they do not trade at."""

EXEMPT_CLASSES = frozenset({OrderClass.BRACKET, OrderClass.OCO})


class Crossing(Protocol):
    """The fields of a request, or of a working order, that the rule compares."""

    @property
    def side(self) -> Side: ...
    @property
    def type(self) -> OrderType: ...
    @property
    def order_class(self) -> OrderClass: ...
    @property
    def limit_price(self) -> Decimal | None: ...


def is_wash_trade(new: Crossing, working: Crossing) -> bool:
    """Whether Alpaca refuses `new` while `working`, an order of the same symbol, is open."""
    if new.side is working.side or _is_exempt(new) or _is_exempt(working):
        return False
    if new.type in AT_ANY_PRICE or working.type in AT_ANY_PRICE:
        return True
    buy, sell = new.limit_price, working.limit_price
    if new.side is Side.SELL:
        buy, sell = sell, buy
    return buy is None or sell is None or buy >= sell


def _is_exempt(order: Crossing) -> bool:
    return order.order_class in EXEMPT_CLASSES or order.type is OrderType.TRAILING_STOP
