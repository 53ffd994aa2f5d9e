"""How far a round trip ran against its owner and for it: worst and best price, in R. Pure.

Both are lower bounds: between two prices that were seen there were others. `seen_by` says which
prices were seen; the trip's own fills always count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.exits.plan.plan import ExitPlan
from execbot.model.enums import PositionSide
from execbot.model.quote import Bar
from execbot.trades.model import RoundTrip
from execbot.trades.risk_taken import RiskTaken


class SeenBy(StrEnum):
    WATCH = "watch"  # prices that `watch` followed the position by
    MINUTES = "1-minute bars"
    DAYS = "1-day bars"
    FILLS = "own fills"


class Excursion(Struct, frozen=True):
    """Prices in shares of the trip's end. `worst_r` is negative where the price ran against the
    position; both are None where no risk is known."""

    worst: Decimal
    best: Decimal
    seen_by: SeenBy
    worst_r: Decimal | None = None
    best_r: Decimal | None = None


BARS_FIT = Decimal("0.2")
"""Bars that do not reach within this share of the trip's own prices are of other shares: a split
since then, or a symbol that was given to another company."""


def excursion(
    trip: RoundTrip,
    risk: RiskTaken | None,
    plans: Sequence[ExitPlan],
    bars: Sequence[Bar] = (),
    bars_are: SeenBy = SeenBy.MINUTES,
) -> Excursion | None:
    """By what `watch` has seen; where it has seen nothing, by bars; else by the fills alone. None
    where nothing was traded."""
    fills = [trip.in_shares_of_the_end(p.price, p.at) for p in trip.parts if p.is_trade]
    if not fills:
        return None
    seen = list(_marks(trip, plans))
    by = SeenBy.WATCH
    if not seen:
        seen, by = _of_bars(trip, bars, fills), bars_are
    if not seen:
        by = SeenBy.FILLS
    low, high = min([*seen, *fills]), max([*seen, *fills])
    long = trip.side is PositionSide.LONG
    worst, best = (low, high) if long else (high, low)
    return Excursion(worst, best, by, _in_r(trip, risk, worst), _in_r(trip, risk, best))


def _marks(trip: RoundTrip, plans: Iterable[ExitPlan]) -> Iterable[Decimal]:
    """What every version of the plan had seen until then, in shares of the end."""
    for plan in plans:
        for price in (plan.best_price, plan.worst_price):
            if price is not None:
                yield trip.in_shares_of_the_end(price, plan.updated_at)


def _of_bars(trip: RoundTrip, bars: Iterable[Bar], fills: Sequence[Decimal]) -> list[Decimal]:
    """Lows and highs of bars that begin within the trip: those of its first and last bar may lie
    outside of it, and its fills stand for them. Bars are adjusted to the shares of today."""
    inside = [
        bar
        for bar in bars
        if bar.at is not None
        and bar.at >= trip.opened_at
        and (trip.closed_at is None or bar.at < trip.closed_at)
        and 0 < bar.low <= bar.high
    ]
    if trip.closed_at is not None:
        inside = inside[:-1] if inside else []
    prices = [price for bar in inside for price in (bar.low, bar.high)]
    if not prices or min(prices) > max(fills) * (1 + BARS_FIT):
        return []
    return [] if max(prices) < min(fills) * (1 - BARS_FIT) else prices


def _in_r(trip: RoundTrip, risk: RiskTaken | None, price: Decimal) -> Decimal | None:
    if risk is None:
        return None
    away = 1 if trip.side is PositionSide.LONG else -1
    return (price - trip.entry_price) * away / risk.per_share
