"""Prices that the control plane forces on a symbol, from an instant on.

A symbol's time is cut into segments, each under one rule:

    live     the source's own prices
    pin      a fixed bid, ask and last price
    shift    the source's prices times a ratio, on the symbol's price grid
    freeze   nothing moves: a trading halt

A segment rules until the next begins. Segments are plain values, so a state can be saved and
loaded, and every moment still has one price whatever was asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Literal

from execbot.sim.types import SECOND, Bar, Crossing, Ns, Quote, Tick, Trade

CENT, SUB_CENT, ONE = Decimal("0.01"), Decimal("0.0001"), Decimal(1)
PINNED_SIZE = Decimal(1_000_000)
"""Shown on both sides of a pinned market unless a size is given: nothing is left over."""
ROUNDING = {"bid": ROUND_FLOOR, "ask": ROUND_CEILING}
"""Away from the other side, so that a moved price never crosses it."""
PINNED_TICK: Ns = SECOND
PINNED_PRINT = Decimal(100)


class Rule(StrEnum):
    LIVE = "live"
    PIN = "pin"
    SHIFT = "shift"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class Segment:
    """One rule from `at` on. `bid`, `ask`, `last`, sizes belong to a pin, `ratio` to a shift."""

    at: Ns
    rule: Rule
    bid: Decimal = Decimal(0)
    ask: Decimal = Decimal(0)
    last: Decimal = Decimal(0)
    bid_size: Decimal = PINNED_SIZE
    ask_size: Decimal = PINNED_SIZE
    ratio: Decimal = ONE

    def plain(self) -> dict[str, Any]:
        """JSON values that `of` reads back; only what the rule needs."""
        found: dict[str, Any] = {"at": self.at, "rule": str(self.rule)}
        names: tuple[str, ...] = ()
        if self.rule is Rule.PIN:
            names = ("bid", "ask", "last", "bid_size", "ask_size")
        elif self.rule is Rule.SHIFT:
            names = ("ratio",)
        return found | {name: str(getattr(self, name)) for name in names}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Segment:
        rest = {k: Decimal(v) for k, v in values.items() if k not in ("at", "rule")}
        return cls(at=int(values["at"]), rule=Rule(values["rule"]), **rest)


# --- a pinned market -----------------------------------------------------------------------
#
# It ticks once a second from its first instant on, always the same, so that what is shown can be
# taken again and again.


def pinned_at(segment: Segment, at: Ns) -> Ns:
    """The tick in force at an instant."""
    return at - (at - segment.at) % PINNED_TICK


def pinned_tick(segment: Segment, symbol: str, at: Ns) -> Tick:
    quote = Quote(symbol, at, segment.bid, segment.bid_size, segment.ask, segment.ask_size)
    return Tick(at, quote, Trade(symbol, at, segment.last, PINNED_PRINT))


def pinned_range(segment: Segment, after: Ns, until: Ns) -> range:
    """The instants of ticks in `(after, until]`."""
    first = segment.at
    if after >= first:
        first = pinned_at(segment, after) + PINNED_TICK
    return range(first, until + 1, PINNED_TICK)


def pinned_bar(segment: Segment, symbol: str, start: Ns, end: Ns) -> Bar | None:
    count = len(pinned_range(segment, start - 1, end - 1))
    if not count:
        return None
    price = segment.last
    return Bar(symbol, start, price, price, price, price, count * PINNED_PRINT, count, price)


# --- a shifted market ----------------------------------------------------------------------


def grid_step(price: Decimal, increment: Decimal | None) -> Decimal:
    """The distance between two allowed prices: a pair's increment, a cent, or below one dollar
    a hundredth of one.
    """
    if increment is not None:
        return increment
    return CENT if price >= 1 else SUB_CENT


def on_grid(price: Decimal, increment: Decimal | None, rounding: str) -> Decimal:
    step = grid_step(price, increment)
    return max((price / step).to_integral_value(rounding) * step, step)


def shifted_quote(quote: Quote, ratio: Decimal, increment: Decimal | None) -> Quote:
    """The quote at another price level: bid down, ask up to the grid, never crossed."""
    bid, ask = quote.bid, quote.ask
    if bid > 0:
        bid = on_grid(bid * ratio, increment, ROUND_FLOOR)
    if ask > 0:
        ask = on_grid(ask * ratio, increment, ROUND_CEILING)
    return Quote(quote.symbol, quote.at, bid, quote.bid_size, ask, quote.ask_size)


def shifted_trade(trade: Trade, quote: Quote, shifted: Quote, ratio: Decimal) -> Trade:
    """A print at the bid or ask stays there; another keeps its place between them."""
    if trade.price == quote.ask:
        price = shifted.ask
    elif trade.price == quote.bid:
        price = shifted.bid
    else:
        price = (trade.price * ratio).quantize(SUB_CENT) or SUB_CENT
    return Trade(trade.symbol, trade.at, price, trade.size)


def shifted_tick(tick: Tick, ratio: Decimal, increment: Decimal | None) -> Tick:
    quote = shifted_quote(tick.quote, ratio, increment)
    return Tick(tick.at, quote, shifted_trade(tick.last, tick.quote, quote, ratio))


def necessary_for(condition: Crossing, ratio: Decimal, increment: Decimal | None) -> Crossing:
    """What the source's prices must fulfil for the shifted ones to fulfil `condition`.

    Weaker by two steps of the grid, so that rounding cannot hide a crossing; what it finds is
    checked again.
    """
    slack = 2 * grid_step(max(condition.price, ONE), increment)
    price = condition.price - slack if condition.op == ">=" else condition.price + slack
    return Crossing(condition.field, condition.op, max(price, Decimal(0)) / ratio)


def shifted_bar(bar: Bar, ratio: Decimal, increment: Decimal | None) -> Bar:
    """A bar at another price level; its high and low may be a step wider than its prints."""

    def moved(price: Decimal, side: Literal["bid", "ask"]) -> Decimal:
        return on_grid(price * ratio, increment, ROUNDING[side])

    return Bar(
        symbol=bar.symbol,
        at=bar.at,
        open=moved(bar.open, "bid"),
        high=moved(bar.high, "ask"),
        low=moved(bar.low, "bid"),
        close=moved(bar.close, "bid"),
        volume=bar.volume,
        trade_count=bar.trade_count,
        vwap=(bar.vwap * ratio).quantize(bar.vwap),
    )


def scaled(segment: Segment, at: Ns, ratio: Decimal, increment: Decimal | None) -> Segment:
    """A pin or a shift that goes on at another price level."""
    if segment.rule is Rule.SHIFT:
        return replace(segment, at=at, ratio=segment.ratio * ratio)

    def moved(price: Decimal, rounding: str) -> Decimal:
        return on_grid(price * ratio, increment, rounding) if price else price

    return replace(
        segment,
        at=at,
        bid=moved(segment.bid, ROUND_FLOOR),
        ask=moved(segment.ask, ROUND_CEILING),
        last=moved(segment.last, ROUND_HALF_UP),
    )
