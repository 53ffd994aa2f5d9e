"""Trailing stops: the mark that follows the market, and the search for where it ends.

A mark moves far less often than the market ticks, so the market is searched for the next print
that moves it or fires the stop, in long strokes, and never read tick by tick.
"""

from __future__ import annotations

from decimal import Decimal

from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order, OrderType
from execbot.sim.engine.orders import prints
from execbot.sim.types import Crossing, Field, Ns

# Less than any step between two prices.
TINY = Decimal("0.0000000001")


def search(core: ExchangeCore, order: Order, after: Ns, until: Ns) -> Ns | None:
    """Leaps from one new high-water mark to the next until the stop is reached.

    The same as looking at every tick, and many times faster: a mark moves far less often than
    the market ticks.
    """
    calm: tuple[Decimal, Ns] | None = None
    while True:
        if order.hwm is None or order.stop_price is None:
            tick = core.prices.next_tick(order.symbol, after, until)
            if tick is None:
                return None
            follow_at(core, order, tick.at)
            after = tick.at
            continue
        if calm is None or _beyond(order.stop_price, order, calm[0]):
            calm = _calm(core, order, after, until)
            end = min(until, calm[1])
            if end > after and _follow_peak(core, order, after, end, calm[0]):
                after = end
                continue
        if after >= until:
            return None
        fires, moves = _conditions(order)
        fired = None
        if calm[1] < until:
            fired = prints.first_crossing(core, order, max(after, calm[1]), until, fires)
        end = until if fired is None else fired.at
        mark = prints.first_crossing(core, order, after, end, moves)
        if mark is None:
            return None if fired is None else fired.at
        ratchet(order, mark.last.price)
        after = mark.at


def _calm(core: ExchangeCore, order: Order, after: Ns, until: Ns) -> tuple[Decimal, Ns]:
    """A stop price half way up to the mark, and up to when not even that one would fire."""
    assert order.hwm is not None and order.stop_price is not None
    half = (order.hwm + order.stop_price) / 2
    condition = Crossing(Field.LAST, ">=" if order.is_buy else "<=", half)
    tick = core.prices.first_crossing(order.symbol, after, until, condition)
    return half, until if tick is None else tick.at - 1


def _follow_peak(
    core: ExchangeCore, order: Order, after: Ns, until: Ns, highest_stop: Decimal
) -> bool:
    """Moves the mark to the peak of a calm stretch at once; False when that is not possible:
    the peak is not known, or it would take the stop past what was looked at.
    """
    peak = core.prices.peak(order.symbol, after, until, highest=not order.is_buy)
    if peak is None or _beyond(trail_stop(order, peak), order, highest_stop):
        return False
    ratchet(order, peak)
    return True


def _beyond(stop: Decimal, order: Order, limit: Decimal) -> bool:
    """Whether a stop lies past another one on its way after the market."""
    return stop < limit if order.is_buy else stop > limit


def quiet_until(core: ExchangeCore, order: Order, after: Ns, until: Ns) -> Ns:
    """Up to when, from `after` on, no print moves the mark of a trailing stop or fires it.

    Changes nothing. Looks no further than the session in which `after` lies.
    """
    window = core.window(order)
    if order.hwm is None or order.stop_price is None or not core.hours.is_open(window, after):
        return after
    closing = core.hours.open_until(window, after)
    end = until if closing is None else min(until, closing - 1)
    for condition in _conditions(order):
        tick = (
            core.prices.first_crossing(order.symbol, after, end, condition) if end > after else None
        )
        end = end if tick is None else tick.at - 1
    return max(after, end)


def _conditions(order: Order) -> tuple[Crossing, Crossing]:
    """What fires a trailing stop, and what moves its mark."""
    assert order.hwm is not None and order.stop_price is not None
    if order.is_buy:
        return (
            Crossing(Field.LAST, ">=", order.stop_price),
            Crossing(Field.LAST, "<=", order.hwm - TINY),
        )
    return (
        Crossing(Field.LAST, "<=", order.stop_price),
        Crossing(Field.LAST, ">=", order.hwm + TINY),
    )


def follow_at(core: ExchangeCore, order: Order, at: Ns) -> None:
    """Lets a trailing stop see the print in force at `at`."""
    if order.type is OrderType.TRAILING_STOP and not order.triggered:
        last = prints.last_print(core, order, at)
        if last is not None:
            ratchet(order, last.price)


def ratchet(order: Order, price: Decimal) -> None:
    """The high-water mark moves one way only (the low-water mark of a buy)."""
    if order.hwm is not None and (price >= order.hwm if order.is_buy else price <= order.hwm):
        return
    order.hwm = price
    order.stop_price = trail_stop(order, price)


def trail_stop(order: Order, hwm: Decimal) -> Decimal:
    """`hwm` less the trail (plus it for a buy), unrounded as Alpaca shows it."""
    trail = order.trail_price
    if trail is None:
        assert order.trail_percent is not None
        trail = hwm * order.trail_percent / 100
    return (hwm + trail if order.is_buy else hwm - trail).normalize()
