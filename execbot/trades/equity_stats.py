"""How well the account went: returns, drawdown, Sharpe, Sortino, days. Pure.

From equity by session, so open profit, fees, interest and dividends are in it, and what came and
went is not. Definitions and where they mislead: docs/reports.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from math import pow

from msgspec import Struct

from execbot.model.numbers import CENT, ZERO
from execbot.trades.equity import Basis, EquityDay
from execbot.trades.figures import YEAR_SESSIONS, Figure, figure, sharpe, sortino

DRAWDOWN_MIN = 2
"""Sessions for a largest drawdown and for days won and lost."""


class Drawdown(Struct, frozen=True):
    """The largest fall from a peak. `share` of the peak, by the time-weighted index; `usd` the
    largest fall of the profit, flows left out: of another moment, perhaps. `peak_on` None: the
    opening equity. `recovered_on` None: not yet."""

    share: float
    usd: Decimal
    peak_on: date | None
    trough_on: date | None
    recovered_on: date | None


class EquityStats(Struct, frozen=True):
    """`first` and `last` session, `opening` and `closing` equity. Returns are fractions of the
    whole span, `twr_year` by the year. `sessions` were measured one by one; `spanned` are sessions
    that could not be told apart (no sample at their close), `gap_minutes` those without a sample.
    `under_water`: share of sessions that closed below the peak before. `spy`: the return of SPY's
    price (no dividends) over the same sessions; None where its prices could not be had."""

    first: date
    last: date
    opening: Decimal
    closing: Decimal
    profit: Decimal
    flows: Decimal
    twr: Figure
    twr_year: Figure
    mwr: Figure
    drawdown: Drawdown | None
    sharpe: Figure
    sortino: Figure
    days_won: int
    days_even: int
    days_lost: int
    best_day: Decimal | None
    worst_day: Decimal | None
    under_water: Figure
    spy: float | None
    sessions: int
    spanned: int
    gap_minutes: int
    bases: Mapping[Basis, int]


def equity_stats(days: Sequence[EquityDay], spy: float | None = None) -> EquityStats | None:
    """None where no session is known from its beginning to its end."""
    known = [day for day in days if day.rate is not None]
    if not known:
        return None
    opening, closing = known[0].began, known[-1].closed
    assert opening is not None and closing is not None
    single = [day for day in known if day.spans == 1]
    returns = [day.rate for day in single if day.rate is not None]
    profits = [day.profit for day in single if day.profit is not None]
    n = sum(day.spans for day in known)
    total = time_weighted(known)
    water, fall = _under_water(known), drawdown(known)
    return EquityStats(
        first=known[0].day,
        last=known[-1].day,
        opening=opening,
        closing=closing,
        profit=sum((day.profit or ZERO for day in known), ZERO),
        flows=sum((day.flows for day in known), ZERO),
        twr=figure(total, n),
        twr_year=figure(_by_the_year(total, n), n, YEAR_SESSIONS),
        mwr=figure(money_weighted(known), n),
        drawdown=fall if n >= DRAWDOWN_MIN else None,
        sharpe=sharpe(returns),
        sortino=sortino(returns),
        days_won=sum(1 for profit in profits if profit >= CENT),
        days_even=sum(1 for profit in profits if -CENT < profit < CENT),
        days_lost=sum(1 for profit in profits if profit <= -CENT),
        best_day=max(profits, default=None),
        worst_day=min(profits, default=None),
        under_water=figure(water, len(known), DRAWDOWN_MIN),
        spy=spy,
        sessions=len(single),
        spanned=sum(day.spans for day in known if day.spans > 1),
        gap_minutes=sum(day.gap_minutes for day in days),
        bases=_bases(days),
    )


def time_weighted(days: Iterable[EquityDay]) -> float:
    """Returns linked session by session: what a dollar that was there all the time became."""
    index = 1.0
    for day in days:
        index *= 1 + (day.rate or 0.0)
    return index - 1


def _by_the_year(total: float, sessions: int) -> float | None:
    return pow(1 + total, YEAR_SESSIONS / sessions) - 1 if total > -1 else None


def money_weighted(days: Sequence[EquityDay]) -> float | None:
    """The one return of the whole span at which the opening equity and all that came and went
    become the closing equity; None where there is no such return. A flow counts for the sessions
    that it was there: what came for its own, what went for its own as well."""
    opening, closing = days[0].began, days[-1].closed
    whole = sum(day.spans for day in days)
    assert opening is not None and closing is not None
    moved: list[tuple[float, float]] = [(float(opening), 1.0)]
    before = 0
    for day in days:
        moved.append((float(day.came), (whole - before) / whole))
        before += day.spans
        moved.append((float(day.flows - day.came), (whole - before) / whole))

    def missing(rate: float) -> float:
        growth = 1 + rate
        return sum(amount * pow(growth, share) for amount, share in moved) - float(closing)

    low, high = -0.999999, 1.0
    while missing(high) < 0 and high < 1e6:
        high *= 2
    if missing(low) > 0 or missing(high) < 0:
        return None
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if missing(middle) > 0 else (middle, high)
    return (low + high) / 2


def drawdown(days: Sequence[EquityDay]) -> Drawdown:
    """By closes, and by every sample of sessions in which nothing came or went: when in a session
    it did is not known. The first peak is the opening equity."""
    index = peak = 1.0
    profit = top = worst_usd = ZERO
    worst = 0.0
    peak_on: date | None = None
    found: tuple[date | None, date | None] = (None, None)
    recovered: date | None = None
    target = 1.0
    for day in days:
        for level, made in _levels(day, index, profit):
            if level > peak:
                peak, peak_on = level, day.day
            top = max(top, made)
            worst_usd = max(worst_usd, top - made)
            if 1 - level / peak > worst:
                worst, found, recovered, target = 1 - level / peak, (peak_on, day.day), None, peak
            elif worst and recovered is None and level >= target:
                recovered = day.day
        index *= 1 + (day.rate or 0.0)
        profit += day.profit or ZERO
    return Drawdown(worst, worst_usd, found[0], found[1], recovered)


def _levels(day: EquityDay, index: float, profit: Decimal) -> Iterable[tuple[float, Decimal]]:
    """The index and the profit at each sample of a session, its close last."""
    assert day.began is not None
    if not day.flows and not day.came and day.spans == 1 and day.began > 0:
        for equity in day.samples:
            yield index * float(equity / day.began), profit + equity - day.began
    yield index * (1 + (day.rate or 0.0)), profit + (day.profit or ZERO)


def _under_water(days: Iterable[EquityDay]) -> float:
    index = peak = 1.0
    below = count = 0
    for day in days:
        index *= 1 + (day.rate or 0.0)
        count += 1
        below += index < peak * (1 - 1e-12)
        peak = max(peak, index)
    return below / count


def _bases(days: Iterable[EquityDay]) -> dict[Basis, int]:
    found: dict[Basis, int] = {}
    for day in days:
        found[day.basis] = found.get(day.basis, 0) + 1
    return found
