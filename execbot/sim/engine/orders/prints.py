"""Picks the prints that count for an order: those of the session that it trades in.

What was traded before the open elects no stop, moves no trailing mark and fills no limit; the
first print of the session does.
"""

from __future__ import annotations

from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order
from execbot.sim.types import Crossing, Field, Ns, Tick, Trade


def last_print(core: ExchangeCore, order: Order, at: Ns) -> Trade | None:
    """The last print at `at`, unless it is older than the session."""
    last = core.prices.last_trade(order.symbol, at)
    since = core.hours.open_since(core.window(order), at)
    return None if last is None or (since is not None and last.at < since) else last


def first_crossing(
    core: ExchangeCore, order: Order, after: Ns, until: Ns, condition: Crossing
) -> Tick | None:
    """The first tick in `(after, until]`, all of one session, at which the condition holds.

    A tick may still carry the last print of before the session; that one does not count.
    """
    tick = core.prices.first_crossing(order.symbol, after, until, condition)
    if condition.field is not Field.LAST:
        return tick
    since = core.hours.open_since(core.window(order), after)
    while tick is not None and since is not None and tick.last.at < since:
        tick = core.prices.first_crossing(order.symbol, tick.at, until, condition)
    return tick
