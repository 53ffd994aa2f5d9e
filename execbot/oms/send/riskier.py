"""Does a change of an order risk more than the order did? Pure.

An entry risks more by a larger size, a worse price or a longer life; an exit by a stop farther
from the market, a wider trail, a shorter life, or fewer shares that it covers. Targets and cancels
only take risk away.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from execbot.exits.exit_orders import is_exit
from execbot.journal.records import OrderRecord
from execbot.model.enums import STOP_TYPES, Side, TimeInForce
from execbot.model.numbers import text
from execbot.model.order import Order, OrderRequest
from execbot.model.order_words import price_format


def what_risks_more(old: OrderRecord, wanted: OrderRequest, held: Decimal) -> str:
    """In words, what of the new order risks more than the old one; empty where nothing does.

    `held` is the signed position: it tells what the order is for where nobody has said so.
    """
    found = _as_exit(old, wanted) if is_exit(old, held) else _as_entry(old, wanted)
    return ", ".join(words for words in found if words)


def _as_entry(old: OrderRecord, wanted: OrderRequest) -> tuple[str, ...]:
    order = old.order
    sign = 1 if order.side is Side.BUY else -1
    shown = price_format(order)
    lasts = wanted.time_in_force is not order.time_in_force
    return (
        _grown("quantity", order.qty, wanted.qty, 1),
        _grown("limit", order.limit_price, wanted.limit_price, sign, shown),
        _grown("stop", order.stop_price, wanted.stop_price, sign, shown),
        _grown("trail", _trail(order), _trail(wanted), 1, _trail_shown(order)),
        "good till canceled" if lasts and wanted.time_in_force is TimeInForce.GTC else "",
    )


def _as_exit(old: OrderRecord, wanted: OrderRequest) -> tuple[str, ...]:
    """A sale protects by a stop below the market: lower is looser."""
    order = old.order
    if order.type not in STOP_TYPES:
        return ()
    sign = 1 if order.side is Side.BUY else -1
    shown = price_format(order)
    moved = wanted.stop_price if order.trail_price is order.trail_percent is None else None
    return (
        _grown("quantity", order.qty, wanted.qty, -1),
        _grown("stop", order.stop_price, moved, sign, shown),
        _grown("limit", order.limit_price, wanted.limit_price, -sign, shown),
        _grown("trail", _trail(order), _trail(wanted), 1, _trail_shown(order)),
        "for the day only" if _is_shortened(order.time_in_force, wanted.time_in_force) else "",
    )


def _is_shortened(was: TimeInForce, new: TimeInForce) -> bool:
    """Whether a stop that outlived the close ends with it."""
    return was is TimeInForce.GTC and new is not TimeInForce.GTC


def _trail(order: object) -> Decimal | None:
    price: Decimal | None = getattr(order, "trail_price", None)
    percent: Decimal | None = getattr(order, "trail_percent", None)
    return price if percent is None else percent


def _trail_shown(order: Order) -> Callable[[Decimal], str]:
    """A distance as prices are, a percentage as it is."""
    return text if order.trail_price is None else price_format(order)


def _grown(
    name: str,
    was: Decimal | None,
    new: Decimal | None,
    sign: int,
    shown: Callable[[Decimal], str] = text,
) -> str:
    """Whether a number went the way of `sign`, where more is worse."""
    if was is None or new is None or (new - was) * sign <= 0:
        return ""
    return f"{name} {shown(was)} -> {shown(new)}"
