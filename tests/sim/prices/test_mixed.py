"""Goal: overrides, halts and closed hours change exactly what they should, and can be saved.
Method: properties against a walk over every tick, and named situations of the control plane.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.sim.assets import shipped_directory
from execbot.sim.calendar import AlwaysOpen, ExchangeCalendar, new_york
from execbot.sim.prices.mixed import MixedPrices, build_prices
from execbot.sim.prices.sessions import SessionPrices
from execbot.sim.prices.synthetic import SyntheticPrices
from execbot.sim.types import SECOND, Crossing, Field, TradingSession

START = 1_790_035_200 * SECOND
D = Decimal


def mixed(seed: int = 0) -> MixedPrices:
    return build_prices(seed=seed)[0]


def at(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * SECOND


def test_a_pinned_price_holds_from_its_instant_on_and_not_before():
    prices = mixed()
    before = prices.quote("AAPL", START + SECOND - 1)
    prices.set_price("AAPL", START + SECOND, price=D("150"))
    assert prices.quote("AAPL", START + SECOND - 1) == before
    for later in (0, 3, 86_400 * 30):
        quote = prices.quote("AAPL", START + SECOND + later * SECOND)
        last = prices.last_trade("AAPL", START + SECOND + later * SECOND)
        assert (quote.bid, quote.ask, last.price) == (D(150), D(150), D(150))
    assert prices.quote("MSFT", START).bid != 150


def test_bid_ask_and_size_can_be_pinned_apart():
    prices = mixed()
    prices.set_price("AAPL", START, bid=D("99.5"), ask=D("100.5"), size=D(40))
    quote = prices.quote("AAPL", START)
    assert (quote.bid, quote.ask, quote.ask_size) == (D("99.5"), D("100.5"), D(40))
    level = prices.book("AAPL", START, "ask")[0]
    assert (level.price, level.size) == (D("100.5"), D(40))


def test_a_pinned_market_ticks_every_second_so_that_its_size_comes_back():
    prices = mixed()
    prices.set_price("AAPL", START + 7, price=D(10))
    ticks = list(prices.ticks("AAPL", START, START + 3 * SECOND))
    assert [tick.at for tick in ticks] == [START + 7 + i * SECOND for i in range(3)]
    assert prices.next_tick("AAPL", START + 7, START + 5 * SECOND).at == START + 7 + SECOND
    bar = prices.bar("AAPL", START + 7, START + 7 + 60 * SECOND)
    assert (bar.open, bar.high, bar.low, bar.close, bar.trade_count) == (10, 10, 10, 10, 60)


def test_a_symbol_without_a_source_can_be_given_a_price():
    prices = mixed()
    assert prices.quote("NOPE", START) is None
    prices.set_price("NOPE", START, price=D(5))
    assert "NOPE" in prices.symbols()
    assert prices.quote("NOPE", START).ask == 5
    assert prices.quote("NOPE", START - 1) is None
    with pytest.raises(ValueError, match="no market"):
        prices.set_price("NOPE2", START, price=D(5), hold=False)


@pytest.mark.parametrize(
    "values",
    [{}, {"price": D(0)}, {"price": D(-1)}, {"bid": D(2), "ask": D(1)}, {"bid": D(0)}],
)
def test_impossible_prices_are_refused_and_change_nothing(values):
    prices = mixed()
    with pytest.raises(ValueError):
        prices.set_price("AAPL", START, **values)
    assert prices.dump() == {}


def test_a_side_can_be_left_empty():
    prices = mixed()
    prices.set_price("AAPL", START, bid=D(0), ask=D(150))
    quote = prices.quote("AAPL", START)
    assert (quote.bid, quote.bid_size, quote.ask) == (0, 0, 150)
    assert prices.book("AAPL", START, "bid") == ()
    low = Crossing(Field.BID, "<=", D(1))
    assert prices.first_crossing("AAPL", START - 1, START + 10 * SECOND, low) is None
    assert prices.last_trade("AAPL", START).price == 150


def test_very_many_overrides_keep_the_newest():
    prices = mixed()
    for i in range(3000):
        prices.set_price("AAPL", START + i, price=D(100 + i))
    assert len(prices.dump()["AAPL"]) == 1000
    assert prices.quote("AAPL", START + 2999).bid == 3099
    assert prices.quote("AAPL", START + 2500).bid == 2600
    assert prices.next_tick("AAPL", START + 2997, START + SECOND).quote.bid == 3098


def test_a_moved_market_starts_at_the_price_and_lives_on():
    prices = mixed()
    prices.set_price("AAPL", START, price=D(50), hold=False)
    here = prices.quote("AAPL", START)
    assert here.bid <= 50 <= here.ask and here.ask - here.bid < D("0.05")
    later = [prices.quote("AAPL", START + i * 3600 * SECOND).bid for i in range(24)]
    assert len(set(later)) > 10 and all(45 < bid < 55 for bid in later)
    assert len(prices.book("AAPL", START, "ask")) > 1


def test_a_halt_freezes_the_market_and_its_end_restores_what_was_before():
    prices = mixed()
    prices.set_price("AAPL", START, price=D(150))
    prices.freeze("AAPL", START + 10 * SECOND)
    frozen = prices.quote("AAPL", START + 3600 * SECOND)
    assert frozen.bid == 150 and frozen.at <= START + 10 * SECOND
    assert prices.next_tick("AAPL", START + 10 * SECOND, START + 3600 * SECOND) is None
    assert prices.bar("AAPL", START + 20 * SECOND, START + 80 * SECOND) is None
    prices.thaw("AAPL", START + 3600 * SECOND)
    tick = prices.next_tick("AAPL", START + 10 * SECOND, START + 7200 * SECOND)
    assert tick.at == START + 3600 * SECOND and tick.quote.bid == 150
    prices.release("AAPL", START + 3700 * SECOND)
    live = mixed().quote("AAPL", START + 3700 * SECOND)
    assert prices.quote("AAPL", START + 3700 * SECOND) == live


def test_overrides_survive_a_round_trip_through_json():
    prices = mixed()
    prices.set_price("AAPL", START, bid=D("99.5"), ask=D("100.5"))
    prices.set_price("BTC/USD", START + 5, price=D(50_000), hold=False)
    prices.freeze("TSLA", START)
    prices.release("AAPL", START + SECOND)
    other = mixed()
    other.load(json.loads(json.dumps(prices.dump())))
    for symbol in ("AAPL", "BTC/USD", "TSLA"):
        for moment in (START - 1, START, START + 5, START + 60 * SECOND):
            assert other.quote(symbol, moment) == prices.quote(symbol, moment)
            assert other.last_trade(symbol, moment) == prices.last_trade(symbol, moment)
    prices.clear()
    assert prices.quote("AAPL", START) == mixed().quote("AAPL", START)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["pin", "shift", "release", "freeze", "thaw"]),
        st.integers(0, 200 * SECOND),
        st.integers(-200, 200),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=120)
@given(
    ACTIONS,
    st.sampled_from(["AAPL", "OCGN", "DOGE/USD"]),
    st.sampled_from(list(Field)),
    st.sampled_from([">=", "<="]),
    st.integers(-200, 200),
)
def test_first_crossing_equals_a_walk_whatever_was_set(actions, symbol, field, op, offset):
    prices = mixed()
    base = prices.quote(symbol, START).bid
    for kind, delay, points in sorted(actions, key=lambda action: action[1]):
        when = START + delay
        if kind in ("pin", "shift"):
            price = (base * (1 + D(points) / 10_000)).quantize(D("0.0001"))
            prices.set_price(symbol, when, price=price, hold=kind == "pin")
        else:
            getattr(prices, kind)(symbol, when)
    level = base * (1 + D(offset) / 10_000)
    condition = Crossing(field, op, level)
    until = START + 300 * SECOND
    ticks = list(prices.ticks(symbol, START, until))
    expected = next((tick for tick in ticks if tick.meets(condition)), None)
    assert prices.first_crossing(symbol, START, until, condition) == expected
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})
    for tick in ticks:
        assert 0 < tick.quote.bid <= tick.quote.ask
        assert prices.quote(symbol, tick.at) == tick.quote
        assert prices.last_trade(symbol, tick.at) == tick.last
    step, seen = START, []
    while (tick := prices.next_tick(symbol, step, until)) is not None:
        seen.append(tick)
        step = tick.at
    assert seen == ticks


# --- closed hours -------------------------------------------------------------------------


def sessions() -> tuple[SessionPrices, SyntheticPrices]:
    base = SyntheticPrices(1)
    return SessionPrices(base, ExchangeCalendar(), shipped_directory()), base


def test_equities_rest_on_the_weekend_and_crypto_does_not():
    prices, base = sessions()
    closing, monday = at("2024-07-05T20:00:00"), at("2024-07-08T04:00:00")
    weekend = at("2024-07-06T12:00:00")
    assert prices.quote("GILD", weekend) == base.quote("GILD", closing - 1)
    assert prices.last_trade("GILD", weekend) == base.last_trade("GILD", closing - 1)
    assert prices.book("GILD", weekend, "ask") == base.book("GILD", closing - 1, "ask")
    assert prices.next_tick("GILD", weekend, monday + SECOND).at == monday
    assert prices.next_tick("GILD", weekend, monday - 1) is None
    assert prices.bar("GILD", weekend, monday) is None
    assert prices.quote("BTC/USD", weekend) == base.quote("BTC/USD", weekend)


def test_only_overnight_symbols_trade_at_night():
    prices, base = sessions()
    night = at("2024-07-02T01:00:00")
    assert prices.quote("AAPL", night) == base.quote("AAPL", night)
    assert prices.quote("GILD", night).at < at("2024-07-01T20:00:00")
    sunday = at("2024-07-07T20:00:00")
    assert prices.next_tick("AAPL", sunday - 3600 * SECOND, sunday).at == sunday


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 6 * 86_400), st.integers(1, 5000), st.sampled_from(["GILD", "AAPL"]))
def test_ticks_lie_inside_sessions_and_searches_agree(offset, length, symbol):
    prices, _ = sessions()
    calendar = ExchangeCalendar()
    after = at("2024-07-02T00:00:00") + offset * SECOND
    until = after + length * SECOND
    ticks = list(prices.ticks(symbol, after, until))
    allowed = {TradingSession.PRE, TradingSession.REGULAR, TradingSession.AFTER}
    if symbol == "AAPL":
        allowed.add(TradingSession.OVERNIGHT)
    for tick in ticks[:: max(len(ticks) // 50, 1)]:
        assert calendar.session(tick.at) in allowed
    expected = [
        after // SECOND * SECOND + i * SECOND
        for i in range(1, length + 1)
        if calendar.session(after // SECOND * SECOND + i * SECOND) in allowed
    ]
    assert [tick.at for tick in ticks] == expected
    if ticks:
        top = max(tick.quote.bid for tick in ticks)
        condition = Crossing(Field.BID, ">=", top)
        found = prices.first_crossing(symbol, after, until, condition)
        assert found == next(tick for tick in ticks if tick.quote.bid == top)


def test_hour_bars_cut_by_the_close_hold_the_prints_before_it():
    prices, base = sessions()
    hour = 3600 * SECOND
    start = at("2024-07-03T12:00:00")
    bars = list(prices.bars("GILD", hour, start, start + 30 * hour))
    assert [bar.at for bar in bars] == [start + i * hour for i in range(5)]
    assert bars[-1] == base.bar("GILD", start + 4 * hour, start + 5 * hour)
    daily = prices.bar("GILD", at("2024-07-03T00:00:00"), at("2024-07-05T00:00:00"))
    assert daily.open == base.last_trade("GILD", at("2024-07-03T04:00:00")).price
    assert daily.close == base.last_trade("GILD", at("2024-07-03T17:00:00") - 1).price


def test_recorded_and_synthetic_symbols_live_side_by_side(tmp_path):
    (tmp_path / "AAPL_20131008.csv").write_text(
        "symbol,timestamp,bid,bid_size,ask,ask_size\n"
        "AAPL,2013-10-08T13:30:00.100Z,480.00,100,480.02,200\n"
    )
    prices, directory = build_prices(data=tmp_path, calendar=ExchangeCalendar())
    moment = at("2013-10-08T10:00:00")
    assert prices.quote("AAPL", moment).ask == D("480.02")
    assert prices.quote("MSFT", moment) == SyntheticPrices().quote("MSFT", moment)
    assert directory.get("AAPL").tradable
    always, _ = build_prices(calendar=AlwaysOpen())
    sunday = at("2024-07-07T12:00:00")
    assert always.quote("MSFT", sunday).at == sunday


def test_a_peak_is_known_of_untouched_symbols_only_and_over_closed_hours():
    calendar = ExchangeCalendar()
    prices, _ = build_prices(calendar=calendar)
    after, until = new_york("2026-10-08", 19 * 60), new_york("2026-10-09", 5 * 60)
    walked = [tick.last.price for tick in prices.ticks("KO", after, until)]
    assert prices.peak("KO", after, until, highest=True) == max(walked)
    assert prices.peak("KO", after, until, highest=False) == min(walked)
    assert prices.peak("NOSUCH", after, until, highest=True) is None
    prices.set_price("KO", until - 1, price=D("1000"))
    assert prices.peak("KO", after, until, highest=True) is None
