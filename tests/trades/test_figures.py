"""Goal: each figure is what its definition says, with its interval, and none is given below its
minimum.

Method: values worked out by hand or known from the literature; empyrical-reloaded as a witness
where it is installed; the cases that have misled other programs.
"""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from execbot.trades.equity import Basis, EquityDay
from execbot.trades.equity_stats import drawdown, equity_stats, money_weighted, time_weighted
from execbot.trades.figures import CLASS_MIN, TRADES_MIN, mean, rate, sharpe, sortino

D = Decimal
FIRST = date(2026, 1, 5)


def days(
    *closes: float, opening: float = 100.0, flows: dict[int, float] | None = None
) -> list[EquityDay]:
    """Sessions with these closing equities; flows by their number."""
    found, began = [], D(str(opening))
    for number, close in enumerate(closes):
        moved = D(str((flows or {}).get(number, 0)))
        came = max(moved, D(0))
        closed = D(str(close))
        on = FIRST + timedelta(days=number)
        found.append(EquityDay(on, Basis.OWN, began, closed, moved, came, samples=(closed,)))
        began = closed
    return found


# --- rates and means -----------------------------------------------------------------------------


def test_the_interval_of_a_win_rate_is_wilsons() -> None:
    """Brown, Cai and DasGupta (2001): 10 of 20 gives 0.299 to 0.701."""
    found = rate(10, 20)
    assert found.value == 0.5
    assert found.low == pytest.approx(0.2993, abs=5e-5)
    assert found.high == pytest.approx(0.7007, abs=5e-5)


def test_all_won_is_no_certainty() -> None:
    found = rate(12, 12)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low is not None and found.low < 0.8


def test_no_rate_and_no_mean_below_ten_trades() -> None:
    assert TRADES_MIN == 10 and CLASS_MIN == 3
    assert rate(9, 9).value is None and rate(9, 9).n == 9
    assert mean([D(1)] * 9).value is None
    assert mean([D(1)] * 10).value == 1
    assert rate(0, 0).value is None


# --- Sharpe and Sortino ---------------------------------------------------------------------------


def returns(seed: int, n: int = 250) -> list[float]:
    chance = random.Random(seed)
    return [0.0 if chance.random() < 0.3 else chance.gauss(0.0006, 0.011) for _ in range(n)]


@pytest.mark.parametrize("seed", range(6))
def test_sharpe_sortino_and_drawdown_agree_with_empyrical(seed: int) -> None:
    witness = pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed")
    pandas = pytest.importorskip("pandas")
    series = returns(seed)
    table = pandas.Series(series)
    assert sharpe(series).value == pytest.approx(witness.sharpe_ratio(table), rel=1e-9)
    assert sortino(series).value == pytest.approx(witness.sortino_ratio(table), rel=1e-9)
    equity, closes = 100.0, []
    for one in series:
        equity *= 1 + one
        closes.append(equity)
    known = days(*closes)
    total = witness.cum_returns_final(table)
    assert time_weighted(known) == pytest.approx(total, rel=1e-6)
    assert drawdown(known).share == pytest.approx(-witness.max_drawdown(table), rel=1e-6)


def test_the_error_of_sharpe_is_los() -> None:
    """Lo (2002), independent returns: the root of (1 + SR^2 / 2) / T, by the day."""
    series = [0.01, -0.005] * 50
    found = sharpe(series)
    each = (sum(series) / 100) / math.sqrt(sum((r - 0.0025) ** 2 for r in series) / 99)
    error = math.sqrt((1 + each**2 / 2) / 100) * math.sqrt(252)
    assert found.value == pytest.approx(each * math.sqrt(252))
    assert found.low == pytest.approx(each * math.sqrt(252) - 1.959964 * error, rel=1e-6)


def test_the_interval_of_sortino_covers_what_is_true() -> None:
    """Of 400 histories of known returns about 95 % hold the true figure in their interval."""
    mu, sigma, n = 0.0005, 0.01, 250
    chance = random.Random(7)
    big = [chance.gauss(mu, sigma) for _ in range(400_000)]
    down = math.sqrt(sum(min(r, 0.0) ** 2 for r in big) / len(big))
    truth = mu / down * math.sqrt(252)
    held = 0
    for _ in range(400):
        found = sortino([chance.gauss(mu, sigma) for _ in range(n)])
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert 0.91 < held / 400 < 0.99


def test_equal_days_have_no_sharpe_instead_of_an_absurd_one() -> None:
    assert sharpe([0.001] * 40).value is None
    assert sortino([0.001] * 40).value is None
    assert sharpe([0.0] * 40).value is None


def test_few_sessions_have_none() -> None:
    assert sharpe(returns(1, 29)).value is None
    assert sharpe(returns(1, 30)).value is not None


# --- drawdown -------------------------------------------------------------------------------------


def test_a_loss_at_the_start_counts_from_the_opening_equity() -> None:
    fall = drawdown(days(50, 55, 50))
    assert fall.share == pytest.approx(0.5)
    assert (fall.peak_on, fall.trough_on, fall.recovered_on) == (None, FIRST, None)
    assert fall.usd == 50


def test_a_drawdown_is_recovered_when_its_peak_is_reached_again() -> None:
    fall = drawdown(days(110, 99, 105, 110, 120))
    assert fall.share == pytest.approx(0.1)
    assert fall.peak_on == FIRST
    assert fall.trough_on == FIRST + timedelta(days=1)
    assert fall.recovered_on == FIRST + timedelta(days=3)


def test_what_was_lost_within_a_day_counts_too() -> None:
    day = days(100)[0]
    day = EquityDay(day.day, Basis.OWN, D(100), D(100), samples=(D(100), D(80), D(100)))
    assert drawdown([day]).share == pytest.approx(0.2)


def test_a_withdrawal_is_no_drawdown_and_a_deposit_no_gain() -> None:
    known = days(50, 150, flows={0: -50, 1: 100})
    assert drawdown(known).share == 0
    assert time_weighted(known) == 0
    stats = equity_stats(known)
    assert stats is not None
    assert (stats.profit, stats.flows, stats.days_even) == (0, 50, 2)


# --- returns --------------------------------------------------------------------------------------


def test_time_and_money_weighted_differ_by_when_the_money_was_there() -> None:
    """+50 % on 100, then -50 % on 1150: a loss of money, and -25 % in time."""
    known = days(150, 575, flows={1: 1000})
    assert time_weighted(known) == pytest.approx(-0.25)
    found = money_weighted(known)
    assert found is not None and found < -0.4
    grown = 100 * (1 + found) + 1000 * (1 + found) ** 0.5
    assert grown == pytest.approx(575)


@pytest.mark.parametrize("seed", range(8))
def test_at_a_steady_rate_both_returns_are_the_same_whatever_came_and_went(seed: int) -> None:
    chance = random.Random(seed)
    each, equity = chance.uniform(-0.01, 0.01), 1000.0
    flows, closes = {}, []
    for number in range(30):
        moved = chance.choice([0, 0, 0, 250.0, -100.0])
        flows[number] = moved
        equity = (equity + max(moved, 0)) * (1 + each) + min(moved, 0)
        closes.append(equity)
    known = days(*closes, opening=1000.0, flows=flows)
    assert time_weighted(known) == pytest.approx((1 + each) ** 30 - 1, rel=1e-9)
    assert money_weighted(known) == pytest.approx((1 + each) ** 30 - 1, rel=1e-9)


def test_two_days_are_not_made_a_year() -> None:
    stats = equity_stats(days(102, 103.02))
    assert stats is not None
    assert stats.twr_year.value is None and stats.twr_year.least == 252
    assert stats.twr.value == pytest.approx(0.0302)


def test_flat_days_are_sessions_like_others() -> None:
    series = [100.0 + n % 2 for n in range(40)]
    with_flat = [value for value in series for _ in range(2)]
    one, other = equity_stats(days(*series)), equity_stats(days(*with_flat))
    assert one is not None and other is not None
    assert other.days_even > one.days_even
    assert other.sharpe.n == 80
    assert float(other.sharpe.value or 0) < float(one.sharpe.value or 0)


def test_nothing_is_known_of_no_session() -> None:
    assert equity_stats([]) is None
    assert equity_stats([EquityDay(FIRST, Basis.MISSING, D(1), None)]) is None
