"""Goal: the synthetic market is fair, repeatable and fast to search.
Method: properties over random symbols, regimes and moments against a walk over every tick.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.sim.prices.path import BITS, CHUNK, Path
from execbot.sim.prices.regimes import TRAITS, Regime
from execbot.sim.prices.synthetic import SyntheticPrices
from execbot.sim.types import SECOND, Crossing, Field

SYMBOLS = ("AAPL", "BRK.A", "SHY", "OCGN", "BTC/USD", "SHIB/USD", "USDC/USD")
symbols = st.sampled_from(SYMBOLS)
regimes = st.sampled_from(list(Regime))
seeds = st.integers(0, 50)
seconds = st.integers(946_684_800, 2_500_000_000)


def source(seed: int, symbol: str, regime: Regime) -> SyntheticPrices:
    return SyntheticPrices(seed, {symbol: regime})


def on_grid(symbol: str, price: Decimal) -> bool:
    if symbol == "SHIB/USD":
        return price % Decimal("0.00000001") == 0
    if symbol == "USDC/USD":
        return price % Decimal("0.0001") == 0
    step = "0.01" if price >= 1 or symbol == "BTC/USD" else "0.0001"
    return price % Decimal(step) == 0


@settings(deadline=None, max_examples=150)
@given(seeds, symbols, regimes, seconds)
def test_quotes_are_never_crossed_and_lie_on_the_grid(seed, symbol, regime, second):
    prices = source(seed, symbol, regime)
    for at in range(second * SECOND, (second + 5) * SECOND, SECOND // 2):
        quote = prices.quote(symbol, at)
        last = prices.last_trade(symbol, at)
        assert 0 < quote.bid < quote.ask
        assert quote.bid_size > 0 and quote.ask_size > 0 and last.size > 0
        assert last.price in (quote.bid, quote.ask)
        assert quote.at <= at and last.at == quote.at
        assert on_grid(symbol, quote.bid) and on_grid(symbol, quote.ask)


@settings(deadline=None, max_examples=40)
@given(seeds, symbols, regimes, st.lists(seconds, min_size=2, max_size=20))
def test_a_moment_has_one_price_whatever_was_asked_before(seed, symbol, regime, moments):
    walked, jumped = source(seed, symbol, regime), source(seed, symbol, regime)
    forward = [walked.quote(symbol, at * SECOND) for at in sorted(moments)]
    backward = [jumped.quote(symbol, at * SECOND) for at in sorted(moments, reverse=True)]
    assert forward == backward[::-1]


@settings(deadline=None, max_examples=100)
@given(seeds, seconds)
def test_one_point_alone_is_the_point_of_its_chunk(seed, second):
    key = seed.to_bytes(4, "little")
    whole = Path(key, 0.001, 0.1).chunk(0, second >> BITS)
    assert Path(key, 0.001, 0.1).value(second) == whole[second % CHUNK]
    twice = Path(key, 0.001, 0.1)
    assert [twice.value(second) for _ in range(3)] == [whole[second % CHUNK]] * 3


@settings(deadline=None, max_examples=60)
@given(seeds, symbols, regimes, seconds, st.integers(0, 400), st.booleans())
def test_the_peak_is_the_highest_or_lowest_print_of_a_walk(
    seed, symbol, regime, second, length, highest
):
    prices = source(seed, symbol, regime)
    after, until = second * SECOND + 5, (second + length) * SECOND + 7
    walked = [tick.last.price for tick in prices.ticks(symbol, after, until)]
    expected = (max if highest else min)(walked, default=None)
    assert prices.peak(symbol, after, until, highest=highest) == expected


def test_prices_of_a_seed_are_the_same_on_every_machine():
    quote = SyntheticPrices(7).quote("AAPL", 1_790_000_000 * SECOND)
    assert (quote.bid, quote.ask) == (Decimal("225.88"), Decimal("225.90"))
    assert SyntheticPrices(8).quote("AAPL", 1_790_000_000 * SECOND) != quote


@settings(deadline=None, max_examples=120)
@given(
    seeds,
    symbols,
    regimes,
    seconds,
    st.integers(0, 6000),
    st.sampled_from(list(Field)),
    st.sampled_from([">=", "<="]),
    st.integers(-300, 300),
)
def test_first_crossing_equals_a_walk_over_every_tick(
    seed, symbol, regime, second, length, field, op, offset
):
    prices = source(seed, symbol, regime)
    after, until = second * SECOND + 5, (second + length) * SECOND
    here = prices.quote(symbol, after).bid
    level = (here * (1 + Decimal(offset) / 20_000)).quantize(Decimal("1E-8"))
    condition = Crossing(field, op, level)

    def holds(tick):
        seen = {"bid": tick.quote.bid, "ask": tick.quote.ask, "last": tick.last.price}[field]
        return seen >= level if op == ">=" else seen <= level

    expected = next((tick for tick in prices.ticks(symbol, after, until) if holds(tick)), None)
    assert source(seed, symbol, regime).first_crossing(symbol, after, until, condition) == expected


@pytest.mark.parametrize("regime", list(Regime))
def test_first_crossing_finds_the_same_tick_in_a_day_as_a_walk(regime):
    prices = source(3, "TSLA", regime)
    # From before the opening's gap until after the last moment for a crash, in UTC.
    start = (1_790_035_200 + 13 * 3600) * SECOND
    ticks = list(prices.ticks("TSLA", start, start + 7 * 3600 * SECOND))
    top = max(tick.quote.bid for tick in ticks)
    bottom = min(tick.quote.ask for tick in ticks)
    for field, op, level in ((Field.BID, ">=", top), (Field.ASK, "<=", bottom)):
        found = prices.first_crossing("TSLA", start, ticks[-1].at, Crossing(field, op, level))
        key = {"bid": lambda t: t.quote.bid, "ask": lambda t: t.quote.ask}[field]
        assert found == next(tick for tick in ticks if key(tick) == level)
        beyond = Crossing(field, op, level + (1 if op == ">=" else -1) * Decimal("0.01"))
        assert prices.first_crossing("TSLA", start, ticks[-1].at, beyond) is None


@settings(deadline=None, max_examples=40)
@given(seeds, symbols, regimes, seconds, st.integers(60, 9000))
def test_bars_are_what_the_prints_of_their_span_say(seed, symbol, regime, second, length):
    prices = source(seed, symbol, regime)
    start, end = second * SECOND, (second + length) * SECOND
    prints = list(prices.trades(symbol, start, end - 1))
    bar = prices.bar(symbol, start, end)
    assert (bar.open, bar.close) == (prints[0].price, prints[-1].price)
    assert bar.high == max(p.price for p in prints)
    assert bar.low == min(p.price for p in prints)
    assert bar.volume == sum(p.size for p in prints)
    assert bar.trade_count == len(prints)
    assert bar.low <= bar.vwap <= bar.high


@settings(deadline=None, max_examples=60)
@given(seeds, symbols, regimes, seconds, st.sampled_from(["bid", "ask"]))
def test_the_book_starts_at_the_quote_and_gets_worse(seed, symbol, regime, second, side):
    prices = source(seed, symbol, regime)
    quote = prices.quote(symbol, second * SECOND)
    levels = prices.book(symbol, second * SECOND, side)
    best = (quote.bid, quote.bid_size) if side == "bid" else (quote.ask, quote.ask_size)
    assert (levels[0].price, levels[0].size) == best
    found = [level.price for level in levels]
    assert found == sorted(set(found), reverse=side == "bid")
    assert all(level.size > 0 and level.price > 0 for level in levels)
    assert len(levels) <= TRAITS[regime].levels


def test_an_unknown_or_inactive_symbol_has_no_prices():
    prices = SyntheticPrices()
    for symbol in ("NOPE", "TWTR"):
        assert prices.quote(symbol, SECOND) is None
        assert prices.last_trade(symbol, SECOND) is None
        assert prices.next_tick(symbol, 0, 10 * SECOND) is None
        assert prices.bar(symbol, 0, 60 * SECOND) is None
        assert list(prices.ticks(symbol, 0, 10 * SECOND)) == []


def test_regimes_look_like_their_names():
    start, day = 1_790_035_200 * SECOND, 86_400 * SECOND

    def ranged(regime):
        bar = source(1, "MSFT", regime).bar("MSFT", start, start + day)
        return (bar.high - bar.low) / bar.open

    assert ranged(Regime.CALM) < ranged(Regime.NORMAL) < ranged(Regime.VOLATILE)
    assert ranged(Regime.CRASH) > Decimal("0.07")
    thin = source(1, "MSFT", Regime.THIN).quote("MSFT", start)
    normal = source(1, "MSFT", Regime.NORMAL).quote("MSFT", start)
    assert thin.ask - thin.bid > 3 * (normal.ask - normal.bid)
    assert thin.ask_size < normal.ask_size


def test_a_crash_falls_within_minutes_and_a_gap_jumps_at_the_opening():
    start = 1_790_035_200 * SECOND
    crash = source(1, "MSFT", Regime.CRASH)
    falls = [
        1
        - crash.quote("MSFT", start + (s + 120) * SECOND).bid
        / crash.quote("MSFT", start + s * SECOND).bid
        for s in range(0, 86_400, 30)
    ]
    assert max(falls) > Decimal("0.07")
    gap = source(1, "MSFT", Regime.GAP)
    jumps = []
    for day in range(10):
        opening = start + (day * 86_400 + 13 * 3600 + 1800) * SECOND
        before, after = gap.quote("MSFT", opening - 1), gap.quote("MSFT", opening)
        jumps.append(abs(after.bid / before.bid - 1))
    assert max(jumps) > Decimal("0.02")
