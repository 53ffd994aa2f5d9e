"""Goal: what `stats` says of a seeded month is what the exchange's own record gives, figure by
figure: those of trades and groups with their intervals, R and excursions, returns, drawdown,
Sharpe.

Method: as `test_months`, over more than thirty sessions and with stops whose way the player keeps;
every figure is worked out again here, in fractions, by its definition in docs/reports.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from statistics import fmean, median

import pytest
from report.a_month import desk_of
from trades.exchange_record import CENT, NEW_YORK, Trip, trips_of
from trades.test_months import FIRST, play

from execbot.desk.look.statistics import Statistics, statistics
from execbot.desk.look.trades import Wanted, trades_of
from execbot.trades.excursions import SeenBy
from execbot.trades.figures import Figure
from execbot.trades.trade import Trade
from execbot.trades.trade_stats import By, HoldingTime

D = Decimal
ZERO = Fraction(0)
TINY = Fraction(1, 10**9)
LAST = date(2026, 11, 13)
"""Thirty-four sessions, over the change of clocks."""
Z = 1.959963984540054


class Judged:
    """A month, what execbot says of it, and what the judge has read."""

    def __init__(self, path: Path, seed: int) -> None:
        self.month = play(path, seed, LAST, has_stops=True)
        self.desk = desk_of(self.month, path)
        self.trades: list[Trade] = list(trades_of(self.month.desk.journal, Wanted()).trades)
        found, _ = trips_of(self.month.desk)
        self.trips = sorted(found, key=lambda trip: (trip.opened_at, trip.symbol))
        closed = [trip for trip in self.trips if trip.closed_at is not None]
        self.closed = sorted(closed, key=lambda trip: (closed_at(trip), trip.opened_at))
        self.said: Statistics = statistics(self.desk, Wanted())

    def risk(self, trip: Trip) -> Fraction | None:
        """What the shares would have lost at the stop of their time; None where none stood."""
        stops = self.month.stops
        assert stops is not None
        name = stops.plan_at(trip.symbol, trip.opened_at)
        if name is None:
            return None
        usd = ZERO
        for fill in trip.fills:
            if fill.buys == (trip.side > 0):
                each = (fill.price - stops.stop_at(name, fill.at)) * trip.side
                if each <= 0:
                    return None
                usd += each * fill.qty
        return usd

    def r(self, trip: Trip) -> Fraction | None:
        usd = self.risk(trip)
        return None if usd is None or trip.closed_at is None else trip.net / usd


def closed_at(trip: Trip) -> datetime:
    assert trip.closed_at is not None
    return trip.closed_at


@pytest.fixture(scope="module", params=[0, pytest.param(1, marks=pytest.mark.long)])
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return Judged(tmp_path_factory.mktemp("figures"), request.param)


def is_near(one: object, other: Fraction | float) -> bool:
    return one is not None and math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-9)  # type: ignore[arg-type]


# --- single trades --------------------------------------------------------------------------------


def test_r_is_the_net_by_what_was_at_risk_when_the_shares_came(judged: Judged) -> None:
    with_r = 0
    for trade, trip in zip(judged.trades, judged.trips, strict=True):
        usd = judged.risk(trip)
        assert (trade.risk is None) == (usd is None), trade.trip.id
        if usd is None or trade.risk is None:
            continue
        assert is_near(trade.risk.usd, usd)
        assert is_near(trade.risk.per_share, usd / trip.entered)
        r = judged.r(trip)
        assert (trade.r is None) == (r is None)
        if r is not None:
            assert is_near(trade.r, r)
            with_r += 1
    assert with_r >= 10


def test_worst_and_best_without_a_watch_are_those_of_the_fills(judged: Judged) -> None:
    for trade, trip in zip(judged.trades, judged.trips, strict=True):
        prices = [fill.price / ratio for fill, ratio in zip(trip.fills, trip.ratios, strict=True)]
        worst, best = sorted((min(prices), max(prices)), reverse=trip.side < 0)
        seen, usd = trade.excursion, judged.risk(trip)
        assert seen is not None and seen.seen_by is SeenBy.FILLS
        assert is_near(seen.worst, worst) and is_near(seen.best, best)
        if usd is not None:
            away = trip.side * (worst - trip.paid / trip.entered)
            assert is_near(seen.worst_r, away / (usd / trip.entered))


# --- figures of trades ------------------------------------------------------------------------


def test_money_of_the_closed_trades(judged: Judged) -> None:
    found, nets = judged.said.trades, [trip.net for trip in judged.closed]
    assert found.trades == len(nets) >= 20
    assert found.even == sum(1 for net in nets if net == 0)
    assert is_near(found.gross, sum((trip.gross for trip in judged.closed), ZERO))
    assert Fraction(found.fees) == sum((trip.fees for trip in judged.closed), ZERO) > 0
    assert is_near(found.net, sum(nets, ZERO))
    assert judged.said.open_trades == len(judged.trips) - len(nets)


def test_rates_and_means_have_the_intervals_of_their_definition(judged: Judged) -> None:
    found, nets = judged.said.trades, [trip.net for trip in judged.closed]
    assert_wilson(found.win_rate, sum(net > 0 for net in nets), len(nets))
    assert_mean(found.expectancy, nets)
    rs = [r for trip in judged.closed if (r := judged.r(trip)) is not None]
    assert len(rs) >= 10
    assert_mean(found.expectancy_r, rs)
    won, lost = [n for n in nets if n > 0], [n for n in nets if n < 0]
    assert len(won) >= 3 and len(lost) >= 3
    assert_mean(found.mean_win, won)
    assert_mean(found.mean_loss, lost)
    assert is_near(found.payoff.value, mean(won) / -mean(lost))
    assert is_near(found.profit_factor.value, sum(won, ZERO) / -sum(lost, ZERO))


def mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, ZERO) / len(values)


def assert_mean(found: Figure, values: Sequence[Fraction]) -> None:
    middle = mean(values)
    square = sum(((value - middle) ** 2 for value in values), ZERO) / (len(values) - 1)
    half = Z * math.sqrt(square) / math.sqrt(len(values))
    assert found.n == len(values) and is_near(found.value, middle)
    assert found.low == pytest.approx(float(middle) - half)
    assert found.high == pytest.approx(float(middle) + half)


def assert_wilson(found: Figure, hits: int, n: int) -> None:
    """The interval's ends are where the share would just be rejected: (p - hits/n)^2 = Z^2 p (1 -
    p) / n."""
    assert is_near(found.value, Fraction(hits, n))
    assert found.low is not None and found.high is not None
    assert found.low < hits / n < found.high
    for p in (found.low, found.high):
        assert (p - hits / n) ** 2 == pytest.approx(Z * Z * p * (1 - p) / n)


def test_holding_times_of_winners_and_losers(judged: Judged) -> None:
    for found, so in (
        (judged.said.trades.held_winners, lambda net: net > 0),
        (judged.said.trades.held_losers, lambda net: net < 0),
    ):
        assert_held(found, judged, so)


def assert_held(found: HoldingTime, judged: Judged, so: Callable[[Fraction], bool]) -> None:
    held = [closed_at(trip) - trip.opened_at for trip in judged.closed if so(trip.net)]
    assert found.n == len(held) >= 3
    assert found.mean == sum(held, timedelta(0)) / len(held)
    assert found.median is not None
    middle = median(one / timedelta(microseconds=1) for one in held)
    assert found.median / timedelta(microseconds=1) == pytest.approx(middle, abs=1)


def test_days_with_exits(judged: Judged) -> None:
    made: defaultdict[date, Fraction] = defaultdict(Fraction)
    for trip in judged.closed:
        made[closed_at(trip).astimezone(NEW_YORK).date()] += trip.net
    found = judged.said.trades.days
    assert found.won == sum(net >= CENT for net in made.values())
    assert found.lost == sum(net <= -CENT for net in made.values())
    assert found.even == len(made) - found.won - found.lost
    assert is_near(found.best, max(made.values()))
    assert is_near(found.worst, min(made.values()))


_WORD: dict[By, Callable[[Trip], str]] = {
    By.SYMBOL: lambda trip: trip.symbol,
    By.WEEKDAY: lambda trip: trip.opened_at.astimezone(NEW_YORK).strftime("%A"),
    By.HOUR: lambda trip: trip.opened_at.astimezone(NEW_YORK).strftime("%H:00"),
    By.MONTH: lambda trip: closed_at(trip).astimezone(NEW_YORK).strftime("%Y-%m"),
    By.STRATEGY: lambda trip: "-",
}


@pytest.mark.parametrize("by", list(_WORD))
def test_each_group_has_the_figures_of_its_own_trades(judged: Judged, by: By) -> None:
    expected: defaultdict[str, list[Fraction]] = defaultdict(list)
    for trip in judged.closed:
        expected[_WORD[by](trip)].append(trip.net)
    groups = statistics(judged.desk, Wanted(), by).groups
    assert groups.keys() == expected.keys()
    for word, nets in expected.items():
        found, won = groups[word], [net for net in nets if net > 0]
        assert (found.trades, found.wins) == (len(nets), len(won))
        assert is_near(found.net, sum(nets, ZERO))
        assert is_near(found.best, max(nets)) and is_near(found.worst, min(nets))
        assert (found.win_rate.value is not None) == (len(nets) >= 10)
        lost = sum((net for net in nets if net < 0), ZERO)
        if len(nets) >= 10 and lost:
            assert is_near(found.profit_factor.value, sum(won, ZERO) / -lost)


# --- the account ------------------------------------------------------------------------------


class Account:
    """The closes that the exchange's books gave, and what came and went, day by day."""

    def __init__(self, judged: Judged) -> None:
        month = judged.month
        self.profits: list[Fraction] = []
        self.rates: list[Fraction] = []
        self.moved: list[tuple[Fraction, Fraction]] = []
        """What came, what went."""
        before = ZERO
        for session in month.sessions:
            close = month.closes[session.date].limit_denominator(10**9)
            flow = month.flows.get(session.date, ZERO)
            came = max(flow, ZERO)
            self.profits.append(close - before - flow)
            self.rates.append(self.profits[-1] / (before + came))
            self.moved.append((came, min(flow, ZERO)))
            before = close
        self.closing = before


@pytest.fixture(scope="module")
def account(judged: Judged) -> Account:
    return Account(judged)


def test_profit_and_days_of_the_account(judged: Judged, account: Account) -> None:
    found = judged.said.equity
    assert found is not None
    assert (found.first, found.last) == (FIRST, LAST)
    assert found.sessions == len(account.rates) >= 30
    assert float(found.closing) == pytest.approx(float(account.closing), abs=0.02)
    assert float(found.profit) == pytest.approx(float(sum(account.profits)), abs=0.02)
    flows = sum(judged.month.flows.values(), ZERO) - judged.month.opening
    assert (Fraction(found.opening), Fraction(found.flows)) == (judged.month.opening, flows)
    assert found.days_won == sum(p >= CENT for p in account.profits)
    assert found.days_lost == sum(p <= -CENT for p in account.profits)
    assert found.days_even == len(account.profits) - found.days_won - found.days_lost
    assert float(found.best_day or 0) == pytest.approx(float(max(account.profits)), abs=0.02)
    assert float(found.worst_day or 0) == pytest.approx(float(min(account.profits)), abs=0.02)


def test_returns_of_the_account(judged: Judged, account: Account) -> None:
    found = judged.said.equity
    assert found is not None and found.twr.value is not None and found.mwr.value is not None
    index = math.prod(1 + float(rate) for rate in account.rates)
    assert float(found.twr.value) == pytest.approx(index - 1, abs=1e-6)
    assert found.twr_year.value is None and found.twr_year.n == len(account.rates) < 252
    growth, n = 1 + float(found.mwr.value), len(account.rates)
    grown = 0.0
    for number, (came, went) in enumerate(account.moved):
        grown += float(came) * growth ** ((n - number) / n)
        grown += float(went) * growth ** ((n - number - 1) / n)
    assert grown == pytest.approx(float(account.closing), abs=0.1)


def test_drawdown_and_time_under_water(judged: Judged, account: Account) -> None:
    """By every sample of a session in which nothing came or went, and by the closes."""
    found = judged.said.equity
    assert found is not None and found.drawdown is not None
    index = peak = top_close = 1.0
    profit = top = fall = ZERO
    worst, below, before = 0.0, 0, ZERO
    samples = {day.day: day.samples for day in judged.said.days}
    for number, session in enumerate(judged.month.sessions):
        levels = []
        if account.moved[number] == (0, 0):
            levels = [Fraction(sample) for sample in samples[session.date]]
        for level in levels:
            peak = max(peak, index * float(level / before))
            worst = max(worst, 1 - index * float(level / before) / peak)
            top = max(top, profit + level - before)
            fall = max(fall, top - (profit + level - before))
        index *= 1 + float(account.rates[number])
        profit += account.profits[number]
        peak, top = max(peak, index), max(top, profit)
        worst, fall = max(worst, 1 - index / peak), max(fall, top - profit)
        below += index < top_close * (1 - 1e-9)
        top_close = max(top_close, index)
        before = judged.month.closes[session.date]
    assert worst > 0 and found.drawdown.share == pytest.approx(worst, abs=1e-6)
    assert float(found.drawdown.usd) == pytest.approx(float(fall), abs=0.03)
    assert found.under_water.value == pytest.approx(below / len(account.rates))


def test_sharpe_and_sortino_with_their_intervals(judged: Judged, account: Account) -> None:
    found = judged.said.equity
    assert found is not None
    rates = [float(rate) for rate in account.rates]
    n, middle, year = len(rates), fmean(rates), math.sqrt(252)
    deviation = math.sqrt(sum((rate - middle) ** 2 for rate in rates) / (n - 1))
    sharpe = middle / deviation
    down = math.sqrt(sum(min(rate, 0.0) ** 2 for rate in rates) / n)
    assert found.sharpe.value == pytest.approx(sharpe * year, rel=1e-3)
    assert found.sortino.value == pytest.approx(middle / down * year, rel=1e-3)
    error = math.sqrt((1 + sharpe**2 / 2) / n)
    assert found.sharpe.low == pytest.approx((sharpe - Z * error) * year, rel=1e-3)
    assert found.sharpe.high == pytest.approx((sharpe + Z * error) * year, rel=1e-3)
    assert found.sortino.low is not None and found.sortino.high is not None
    assert found.sortino.low < middle / down * year < found.sortino.high


def test_spy_over_the_same_sessions_is_the_exchanges_price(judged: Judged) -> None:
    found, desk = judged.said.equity, judged.month.desk
    assert found is not None and found.spy is not None
    path = "/v2/stocks/SPY/bars?timeframe=1Day&start=2026-09-20&end=2026-11-16&limit=1000"
    closes = {row["t"][:10]: row["c"] for row in desk.call("GET", path)["bars"]}
    before = max(day for day in closes if day < str(FIRST))
    assert found.spy == pytest.approx(closes[str(LAST)] / closes[before] - 1)
