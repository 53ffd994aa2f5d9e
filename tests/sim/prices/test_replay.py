"""Goal: replayed prices are the recorded ones, at the recorded times, and never from the future.
Method: read the same CSV files with plain code in the test and compare; small files for edges.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import os
from bisect import bisect_right
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import ROOT

from execbot.sim.calendar import new_york
from execbot.sim.prices.files import DataError, Kind, discover, instant
from execbot.sim.prices.replay import RecordedPrices
from execbot.sim.types import SECOND, Crossing, Field

MARKET_DATA = Path(os.environ.get("EXECBOT_MARKET_DATA", ROOT.parent / "shared" / "market-data"))
MINUTE = 60 * SECOND
needs_data = pytest.mark.skipif(
    not (MARKET_DATA / "quotes-tick").exists(), reason=f"no recorded market data at {MARKET_DATA}"
)


def rows_of(name: str) -> list[dict[str, str]]:
    with gzip.open(MARKET_DATA / name, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def ns(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) * SECOND + moment.microsecond * 1000


@pytest.fixture(scope="module")
def recorded() -> RecordedPrices:
    return RecordedPrices(MARKET_DATA)


@needs_data
def test_tick_quotes_are_those_of_the_file_at_every_moment(recorded):
    rows = rows_of("quotes-tick/IBM_20131008.csv.gz")
    times = [ns(row["timestamp"]) for row in rows]
    for at in range(times[500], times[-500], 97 * SECOND + 1_234_567):
        row = rows[bisect_right(times, at) - 1]
        quote = recorded.quote("IBM", at)
        assert quote.bid == Decimal(row["bid"]) and quote.ask == Decimal(row["ask"])
        assert quote.bid_size == Decimal(row["bid_size"])
        assert quote.ask_size == Decimal(row["ask_size"])
        assert quote.at == ns(row["timestamp"])
        book = recorded.book("IBM", at, "ask")
        assert [(level.price, level.size) for level in book] == [(quote.ask, quote.ask_size)]


@needs_data
def test_every_trade_of_the_file_is_replayed_in_order(recorded):
    rows = rows_of("trades-tick/AIG_20131008.csv.gz")
    start, end = ns("2013-10-08T13:30:00Z"), ns("2013-10-08T14:00:00Z")
    expected = [
        (Decimal(row["price"]), Decimal(row["size"]))
        for row in rows
        if start <= ns(row["timestamp"]) < end
    ]
    trades = list(recorded.trades("AIG", start, end - 1))
    assert [(trade.price, trade.size) for trade in trades] == expected
    assert all(a.at < b.at for a, b in itertools.pairwise(trades))


@needs_data
@pytest.mark.parametrize(
    ("symbol", "file", "width"),
    [
        ("AIG", "bars-1m/AIG", MINUTE),
        ("SHY", "bars-1m/SHY", MINUTE),
        ("SPX", "index/SPX_1m", MINUTE),
    ],
)
def test_minute_bars_are_those_of_the_file(recorded, symbol, file, width):
    rows = rows_of(f"{file}.csv.gz")
    start, end = ns(rows[0]["timestamp"]), ns(rows[-1]["timestamp"])
    bars = list(recorded.bars(symbol, width, start, end))
    assert [(bar.at, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars] == [
        (
            ns(row["timestamp"]),
            *(Decimal(row[c]) for c in ("open", "high", "low", "close", "volume")),
        )
        for row in rows
    ]


@needs_data
def test_a_day_without_ticks_aggregates_to_its_minute_bars(recorded):
    rows = rows_of("bars-1m/NWSA.csv.gz")[:200]
    for row in rows:
        at = ns(row["timestamp"])
        bar = recorded.bar("NWSA", at, at + MINUTE)
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == tuple(
            Decimal(row[c]) for c in ("open", "high", "low", "close", "volume")
        )


@needs_data
def test_minute_quotes_are_known_only_at_the_end_of_their_minute(recorded):
    rows = rows_of("quotes-1m/TWX.csv.gz")
    for row, following in itertools.pairwise(rows):
        at, until = ns(row["timestamp"]), ns(following["timestamp"])
        told = list(recorded.quotes("TWX", at, until - 1))
        assert [(quote.at, quote.ask) for quote in told] == [(at, Decimal(row["ask"]))]
        for moment in (at, until - 1):
            quote = recorded.quote("TWX", moment)
            assert quote.at == at and quote.ask >= Decimal(row["ask"])


@needs_data
def test_the_finest_recording_of_a_day_wins(recorded):
    at = ns("2013-10-08T15:00:00Z")
    ticks = [
        row for row in rows_of("quotes-tick/BAC_20131008.csv.gz") if ns(row["timestamp"]) <= at
    ]
    assert recorded.quote("BAC", at).bid == Decimal(ticks[-1]["bid"])
    later = ns("2013-10-09T15:01:00Z")
    minutes = [row for row in rows_of("quotes-1m/BAC.csv.gz") if ns(row["timestamp"]) <= later]
    assert recorded.quote("BAC", later).bid == Decimal(minutes[-1]["bid"])


@needs_data
def test_daily_bars_cover_the_session_of_their_date(recorded):
    row = next(row for row in rows_of("bars-1d/IBM.csv.gz") if row["date"] == "2013-10-08")
    bar = recorded.bar("IBM", new_york("2013-10-08", 570), new_york("2013-10-08", 960))
    assert (bar.open, bar.close) == (Decimal(row["open"]), Decimal(row["close"]))
    # Part of the session comes from the trades and knows nothing of the afternoon.
    morning = recorded.bar("IBM", new_york("2013-10-08", 570), new_york("2013-10-08", 600))
    assert morning.close != bar.close and morning.low > bar.low


@needs_data
def test_crypto_files_replay_as_pairs_with_utc_days(recorded):
    assert {"BTC/USD", "ETH/USD", "LTC/USD"} <= set(recorded.symbols())
    row = rows_of("crypto/quotes-1m/ETHUSD.csv.gz")[700]
    at = ns(row["timestamp"])
    (quote,) = recorded.quotes("ETH/USD", at, at + 59 * SECOND)
    assert (quote.bid, quote.ask) == (Decimal(row["bid"]), Decimal(row["ask"]))
    bars = rows_of("crypto/bars-1m/LTCUSD.csv.gz")
    at = ns(bars[50]["timestamp"])
    around = recorded.quote("LTC/USD", at)
    assert around.bid < Decimal(bars[50]["open"]) < around.ask


@needs_data
@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(["2013-10-08", "2013-10-09"]),  # ticks; minutes
    st.integers(0, 23_000),
    st.integers(0, 600),
    st.sampled_from(list(Field)),
    st.sampled_from([">=", "<="]),
    st.integers(-30, 30),
)
def test_first_crossing_equals_a_walk_over_every_tick(day, begin, length, field, op, cents):
    prices = _shared()
    after = ns(f"{day}T13:30:00Z") + begin * SECOND
    until = after + length * SECOND
    level = prices.quote("IBM", after).bid + Decimal(cents) / 100
    condition = Crossing(field, op, level)
    ticks = prices.ticks("IBM", after, until)
    expected = next((tick for tick in ticks if tick.meets(condition)), None)
    assert prices.first_crossing("IBM", after, until, condition) == expected


_SHARED: list[RecordedPrices] = []


def _shared() -> RecordedPrices:
    if not _SHARED:
        _SHARED.append(RecordedPrices(MARKET_DATA))
    return _SHARED[0]


@needs_data
def test_a_search_over_months_without_data_ends_at_once(recorded):
    start = ns("2013-10-11T20:00:00Z")
    condition = Crossing(Field.BID, ">=", Decimal(1000))
    assert recorded.first_crossing("AIG", start, start + 90 * 86_400 * SECOND, condition) is None
    assert recorded.quote("AIG", start + 90 * 86_400 * SECOND) is not None


# --- small files --------------------------------------------------------------------------


def write(place: Path, name: str, text: str) -> Path:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


TICKS = """symbol,timestamp,bid,bid_size,ask,ask_size
ZZZ,2013-10-08T13:30:00.100Z,10.00,100,10.02,200
ZZZ,2013-10-08T13:30:00.500Z,10.01,100,10.03,200
ZZZ,2013-10-08T13:30:00.500Z,10.02,100,10.04,300
ZZZ,2013-10-08T13:30:01Z,0,0,10.05,100
"""


def test_rows_of_one_millisecond_are_all_kept_and_the_last_is_in_force(tmp_path):
    path = write(tmp_path, "ZZZ_20131008.csv", TICKS)
    prices = RecordedPrices(path)
    at = instant("2013-10-08T13:30:00.500Z")
    assert prices.quote("ZZZ", at).bid == Decimal("10.02")
    quotes = list(prices.quotes("ZZZ", at - SECOND, at + SECOND))
    assert [str(quote.bid) for quote in quotes] == ["10", "10.01", "10.02", "0"]
    assert [quote.at for quote in quotes[1:3]] == [at - 1, at]
    assert prices.quote("ZZZ", instant("2013-10-08T13:30:00.099Z")) is None


def test_an_absent_side_fulfils_no_condition(tmp_path):
    prices = RecordedPrices(write(tmp_path, "ZZZ.csv", TICKS))
    start = instant("2013-10-08T13:30:00")
    low = Crossing(Field.BID, "<=", Decimal("9.99"))
    assert prices.first_crossing("ZZZ", start, start + 10 * SECOND, low) is None
    assert prices.book("ZZZ", start + 5 * SECOND, "bid") == ()
    assert len(prices.book("ZZZ", start + 5 * SECOND, "ask")) == 1


BARS = """symbol,timestamp,open,high,low,close,volume
YYY,2013-10-08T13:30:00Z,10.00,10.50,9.80,10.20,1003
YYY,2013-10-08T13:32:00Z,10.20,10.60,10.10,10.15,400
"""


def test_quotes_are_made_around_bars_where_none_were_recorded(tmp_path):
    prices = RecordedPrices(write(tmp_path, "bars-1m/YYY.csv", BARS))
    start = instant("2013-10-08T13:30:00")
    path = [
        str(prices.last_trade("YYY", start + seconds * SECOND).price)
        for seconds in (0, 15, 30, 59, 60, 120, 135, 150, 180)
    ]
    assert path == ["10", "9.8", "10.5", "10.5", "10.2", "10.2", "10.6", "10.1", "10.15"]
    quote = prices.quote("YYY", start + 15 * SECOND)
    assert (quote.bid, quote.ask) == (Decimal("9.79"), Decimal("9.81"))
    assert prices.quote("YYY", start - 1) is None
    bar = prices.bar("YYY", start, start + 180 * SECOND)
    assert (bar.open, bar.high, bar.low, bar.close) == tuple(
        Decimal(text) for text in ("10.00", "10.60", "9.80", "10.15")
    )
    assert bar.volume == 1403


def test_one_file_may_hold_several_symbols(tmp_path):
    rows = BARS + BARS.split("\n", 1)[1].replace("YYY", "XXX")
    prices = RecordedPrices(write(tmp_path, "both.csv", rows))
    assert prices.symbols() == ("XXX", "YYY")
    at = instant("2013-10-08T13:32:00")
    assert prices.last_trade("XXX", at) is not None


def test_kind_and_width_come_from_the_header_names_and_rows(tmp_path):
    write(tmp_path, "a/ZZZ.csv", TICKS)
    write(tmp_path, "b/YYY.csv", BARS)
    write(tmp_path, "bars-5m/WWW.csv", BARS.replace("YYY", "WWW"))
    write(tmp_path, "c/notes.csv", "who,what\nme,that\n")
    found = {entry.symbol: entry for entry in discover(tmp_path)}
    assert set(found) == {"ZZZ", "YYY", "WWW"}
    assert (found["ZZZ"].kind, found["ZZZ"].width) == (Kind.QUOTES, 0)
    assert (found["YYY"].kind, found["YYY"].width) == (Kind.BARS, MINUTE)
    assert found["WWW"].width == 5 * MINUTE


def test_missing_or_broken_data_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        RecordedPrices(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no recorded quotes"):
        RecordedPrices(tmp_path)
    path = write(tmp_path, "YYY_1m.csv", BARS.replace("10.50", "ten"))
    prices = RecordedPrices(path)
    with pytest.raises(DataError, match=r"YYY_1m\.csv"):
        prices.quote("YYY", instant("2013-10-08T14:00:00"))
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(BARS.encode())[:20])
    with pytest.raises(DataError, match=r"cut\.csv\.gz"):
        discover(cut)


# --- auctions ----------------------------------------------------------------------------------


def test_open_and_close_of_the_daily_bar_are_the_official_prices(tmp_path: Path) -> None:
    (tmp_path / "bars-1d").mkdir()
    (tmp_path / "bars-1d" / "XYZ.csv").write_text(
        "symbol,date,open,high,low,close,volume\nXYZ,2013-10-08,10.5,12,10,11.25,1000\n"
    )
    (tmp_path / "bars-1m").mkdir()
    (tmp_path / "bars-1m" / "XYZ.csv").write_text(
        "symbol,timestamp,open,high,low,close,volume\n"
        "XYZ,2013-10-08T13:30:00Z,10.6,10.7,10.6,10.7,100\n"
        "XYZ,2013-10-09T13:30:00Z,11,11,11,11,100\n"
    )
    prices = RecordedPrices(tmp_path)
    assert prices.official("XYZ", new_york("2013-10-08", 570)) == Decimal("10.5")
    assert prices.official("XYZ", new_york("2013-10-08", 960)) == Decimal("11.25")
    assert prices.official("XYZ", new_york("2013-10-08", 959)) is None
    assert prices.official("XYZ", new_york("2013-10-09", 570)) is None
    assert prices.official("ABC", new_york("2013-10-08", 570)) is None


@needs_data
def test_official_prices_of_a_day_that_has_every_trade_are_those_of_the_daily_file(recorded):
    (row,) = [row for row in rows_of("bars-1d/AIG.csv.gz") if row["date"] == "2013-10-08"]
    assert recorded.official("AIG", ns("2013-10-08T13:30:00Z")) == Decimal(row["open"])
    assert recorded.official("AIG", ns("2013-10-08T20:00:00Z")) == Decimal(row["close"])


# --- between two rows of quotes ----------------------------------------------------------------


@pytest.fixture
def minutes(tmp_path: Path) -> RecordedPrices:
    """Quotes of 13:31 and 13:32, and one minute between them that falls from 100 to 95."""
    write(
        tmp_path,
        "quotes-1m/XYZ.csv",
        "symbol,timestamp,bid,bid_size,ask,ask_size\n"
        "XYZ,2013-10-08T13:31:00Z,99.99,500,100.01,500\n"
        "XYZ,2013-10-08T13:32:00Z,94.99,500,95.01,500\n",
    )
    write(
        tmp_path,
        "bars-1m/XYZ.csv",
        "symbol,timestamp,open,high,low,close,volume\n"
        "XYZ,2013-10-08T13:31:00Z,100,102,95,95,4000\n",
    )
    return RecordedPrices(tmp_path)


@pytest.mark.parametrize(
    ("second", "bid", "ask"),
    [
        (0, "99.99", "100.01"),  # the row itself
        (16, "99.99", "102"),  # the high came: who buys pays no less
        (31, "95", "100.01"),  # the low came: who sells gets no more
        (60, "94.99", "95.01"),
    ],
)
def test_between_two_rows_the_worse_of_quote_and_print_is_taken(minutes, second, bid, ask):
    quote = minutes.quote("XYZ", ns("2013-10-08T13:31:00Z") + second * SECOND)
    assert (quote.bid, quote.ask) == (Decimal(bid), Decimal(ask))
    assert (quote.bid_size, quote.ask_size) == (Decimal(500), Decimal(500))


def test_recorded_quotes_are_told_as_they_were_recorded(minutes):
    start = ns("2013-10-08T13:31:00Z")
    assert [quote.ask for quote in minutes.quotes("XYZ", start, start + MINUTE)] == [
        Decimal("100.01"),
        Decimal("95.01"),
    ]


@needs_data
@pytest.mark.parametrize("symbol", ["AIG", "BAC", "IBM", "SPY"])
def test_no_fired_stop_sells_above_its_trigger(recorded, symbol):
    """On a day of minutes: stops a little below the market, every ten minutes."""
    begin, end = ns("2013-10-09T13:31:00Z"), ns("2013-10-09T19:59:00Z")
    fired = 0
    for at in range(begin, end, 10 * MINUTE):
        stop = recorded.last_trade(symbol, at).price * Decimal("0.999")
        tick = recorded.first_crossing(symbol, at, end, Crossing(Field.LAST, "<=", stop))
        if tick is not None:
            fired += 1
            assert recorded.quote(symbol, tick.at + 50_000_000).bid <= stop
    assert fired > 5
