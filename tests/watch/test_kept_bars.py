"""Goal: what `watch` has seen of prices is there afterwards as minute bars, whatever the disk does,
and a chart without the broker is drawn from them.

Method: prices by hand in virtual time; real files; a folder that cannot be written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.waiting import eventually

from execbot.model.quote import Bar
from execbot.watch.bars import files, keeping
from execbot.watch.bars.files import append, read
from execbot.watch.bars.keeping import KeptFeed
from execbot.watch.bars.minutes import SYMBOLS_MOST, MinuteBars, joined
from execbot.watch.core.inputs import Input, Price
from execbot.watch.core.jobs import Note

D = Decimal
T0 = datetime(2026, 10, 7, 14, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def last(value: str, at: datetime, symbol: str = "AAPL") -> Price:
    return Price(symbol, last=D(value), at=at)


def bar(minute: int, prices: str, symbol: str = "AAPL") -> Bar:
    return Bar(symbol, T0 + minute * MINUTE, *map(D, prices.split()), D(0))


def test_prices_of_a_minute_are_one_bar_and_old_news_none() -> None:
    bars = MinuteBars()
    for seconds, value in ((1, "10"), (20, "12"), (40, "9"), (59, "11"), (61, "20")):
        at = T0 + seconds * SECOND
        bars.take(last(value, at), at)
        bars.take(last(value, at), at + 30 * SECOND)  # asked for again, and nothing is new
    assert bars.finished(T0 + 62 * SECOND) == [bar(0, "10 12 9 11")]
    assert bars.finished(T0 + 122 * SECOND) == []  # prices may still be on their way
    assert bars.finished(T0 + 124 * SECOND) == [bar(1, "20 20 20 20")]
    assert bars.rest() == []


def test_symbols_of_a_long_run_have_bars_and_the_oldest_are_forgotten() -> None:
    """A run of a year trades more contracts than anybody need remember."""
    bars, more = MinuteBars(), 20
    for number in range(SYMBOLS_MOST + more):
        bars.take(last("10", T0 + number * SECOND, f"S{number}"), T0 + number * SECOND)
        bars.take(last("10", T0, "AAPL"), T0)  # heard of again and again, and never news
    symbols = [one.symbol for one in bars.rest()]
    assert sorted(symbols) == sorted([*(f"S{n}" for n in range(SYMBOLS_MOST + more)), "AAPL"])
    assert len(bars._seen) == SYMBOLS_MOST


@pytest.mark.parametrize(
    ("price", "value"),
    [
        (Price("A", D("9"), D("11")), "10"),
        (Price("A", D("9"), D("11"), D("10.5")), "10.5"),
        (Price("A", D("11"), D("9")), None),
        (Price("A", D("0"), D("9")), None),
        (Price("A", bid=D("9")), None),
    ],
)
def test_a_price_is_the_last_trade_or_the_middle_of_a_sound_quote(
    price: Price, value: str | None
) -> None:
    bars = MinuteBars()
    bars.take(price, T0)
    assert [one.close for one in bars.rest()] == ([] if value is None else [D(value)])


def test_longer_bars_are_those_of_their_minutes() -> None:
    minutes = [bar(n, f"{n + 1} {n + 2} {n} {n + 1}") for n in range(7)]
    assert joined(minutes, 5 * MINUTE) == [bar(0, "1 6 0 5"), bar(5, "6 8 5 7")]
    [day] = joined(minutes, timedelta(days=1))
    assert day.at == datetime(2026, 10, 7, 4, tzinfo=UTC)  # New York's midnight


def test_files_are_read_back_by_symbol_and_time_and_a_restart_makes_one_bar(
    tmp_path: Path,
) -> None:
    append(tmp_path, [bar(0, "10 12 9 11"), bar(0, "1 1 1 1", "MSFT")], 90)
    append(tmp_path, [bar(0, "11 13 11 12"), bar(1, "12 12 12 12")], 90)
    [path] = (tmp_path / "bars").iterdir()
    path.write_text(path.read_text() + "AAPL,never,1,2,3\nAAPL,2026-10-07T14:35:00,1,1,1,1\nhalf")
    assert read(tmp_path, "aapl", T0, T0 + MINUTE) == [bar(0, "10 13 9 12")]
    assert len(read(tmp_path, "AAPL", T0 - MINUTE, T0 + 60 * MINUTE)) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_old_days_go_and_a_day_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path, [bar(0, "1 1 1 1")], 5)
    later = Bar("AAPL", T0 + timedelta(days=6), D(1), D(1), D(1), D(1), D(0))
    append(tmp_path, [later], 5)
    [left] = (tmp_path / "bars").iterdir()
    assert left.stem == "2026-10-13"
    monkeypatch.setattr(files, "DAY_BYTES_MAX", left.stat().st_size)
    before = left.read_text()
    append(tmp_path, [later], 5)
    assert left.read_text() == before


class OnePrice:
    """A feed that tells what it was given."""

    def __init__(self) -> None:
        self.items: list[Input | Note] = []
        self.wanted: frozenset[str] = frozenset()

    def want(self, symbols: frozenset[str]) -> None:
        self.wanted = symbols

    def follow_halts(self, symbols: frozenset[str]) -> None:
        return None

    def halts_followed(self) -> frozenset[str]:
        return self.wanted

    def drain(self) -> list[Input | Note]:
        items, self.items = self.items, []
        return items

    def start(self) -> None:
        return None

    def close(self) -> None:
        return None


def kept_feed(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[OnePrice, KeptFeed]:
    monkeypatch.setattr(keeping, "WRITE_SECONDS", 0.01)
    inner = OnePrice()
    return inner, KeptFeed(inner, path, lambda: T0 + 90 * SECOND, 90)


def test_prices_pass_and_are_on_the_disk_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, feed = kept_feed(tmp_path, monkeypatch)
    feed.start()
    inner.items = [last("10", T0), last("11", T0 + 80 * SECOND)]
    assert feed.drain() == [last("10", T0), last("11", T0 + 80 * SECOND)]
    assert eventually(lambda: len(read(tmp_path, "AAPL", T0, T0 + MINUTE)) == 1)
    feed.close()
    assert [one.close for one in read(tmp_path, "AAPL", T0, T0 + 2 * MINUTE)] == [D(10), D(11)]


def test_a_disk_that_fails_is_told_once_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bars").write_text("no folder")
    inner, feed = kept_feed(tmp_path, monkeypatch)
    feed.start()
    told: list[Note] = []
    for minute in range(3):
        inner.items = [last("10", T0 - (3 - minute) * MINUTE)]
        told += [item for item in feed.drain() if isinstance(item, Note)]
        assert minute or eventually(lambda: bool(feed._fails))
    eventually(lambda: bool(told.extend(i for i in feed.drain() if isinstance(i, Note)) or told))
    feed.close()
    told += [item for item in feed.drain() if isinstance(item, Note)]
    assert [note.data["kind"] for note in told] == ["bars"]
    assert not told[0].is_critical


def test_what_is_left_of_an_almost_full_disk_is_the_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROOM_LEFT", 1 << 60)
    inner, feed = kept_feed(tmp_path, monkeypatch)
    feed.start()
    inner.items = [last("10", T0)]
    feed.drain()
    feed.close()
    assert not (tmp_path / "bars").exists()
    assert feed.drain() == []
