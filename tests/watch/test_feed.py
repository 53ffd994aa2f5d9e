"""Goal: prices and halts stay true when the data stream fails, and the trader is told.

Method: a stream that tells what the test says, read without a thread; prices by REST come from
the exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.world import D, open_world

from execbot.broker.data_stream import data_stream_error
from execbot.broker.market_stream import (
    DataWarning,
    MarketDataMessage,
    MarketDataStream,
    TradingStatus,
)
from execbot.broker.stream_states import Connected, Disconnected
from execbot.model.quote import Trade
from execbot.watch.core.inputs import Halts, Price
from execbot.watch.core.jobs import Note
from execbot.watch.feed import PolledFeed, StreamedFeed

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
HALTED = TradingStatus("AAPL", NOW, "H", "halted", "LUDP", "pause", "C")


def later(**passed: float) -> datetime:
    return NOW + timedelta(**passed)


class Told(MarketDataStream):
    """Tells what it is given, and raises what is an error among it."""

    def __init__(self) -> None:
        self.script: list[MarketDataMessage | Exception] = []
        self.asked: dict[str, set[str]] = {}

    def subscribe(self, **symbols: Iterable[str]) -> None:
        for channel, names in symbols.items():
            self.asked.setdefault(channel, set()).update(names)

    def unsubscribe(self, **symbols: Iterable[str]) -> None:
        for channel, names in symbols.items():
            self.asked.setdefault(channel, set()).difference_update(names)

    def messages(self) -> Iterator[MarketDataMessage]:
        for message in self.script:
            if isinstance(message, Exception):
                raise message
            yield message

    def close(self) -> None: ...


class Followed:
    """A feed with its clock; `hear` is the thread that reads the stream."""

    def __init__(self, **options: Any) -> None:
        self.at = NOW
        self.stream = Told()
        self.feed = StreamedFeed(self.stream, lambda: self.at, **options)
        self.feed.want(frozenset({"AAPL"}))

    def hear(self, *messages: MarketDataMessage) -> None:
        for message in messages:
            self.feed._take(message)

    def end(self, error: Exception) -> None:
        self.stream.script = [error]
        self.feed._run()

    def notes(self) -> list[Note]:
        return [item for item in self.feed.drain() if isinstance(item, Note)]

    def halts(self) -> list[frozenset[str]]:
        return [item.symbols for item in self.feed.drain() if isinstance(item, Halts)]


def test_a_stream_that_ended_for_good_is_told_once_and_prices_are_asked_for(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path, watch=False)
    polled = PolledFeed(world.desk.client, 5.0)
    followed = Followed(instead=polled)
    assert followed.notes() == []
    assert polled._symbols == frozenset()
    followed.end(data_stream_error(409))
    (told,) = followed.notes()
    assert told.data["kind"] == "prices_lost" and told.is_critical
    assert followed.notes() == []
    polled.ask(sorted(polled._symbols))
    (price,) = [item for item in followed.feed.drain() if isinstance(item, Price)]
    assert (price.symbol, price.bid) == ("AAPL", D("99.99"))


def test_a_stream_that_fails_in_an_unknown_way_is_told_too() -> None:
    followed = Followed()
    followed.end(RuntimeError("a defect"))
    assert [note.data["kind"] for note in followed.notes()] == ["prices_lost"]


def test_a_lost_connection_is_replaced_at_once_and_told_when_it_lasts() -> None:
    polled = PolledFeed(client=None, seconds=5.0)  # type: ignore[arg-type]
    followed = Followed(instead=polled, lost_after=timedelta(seconds=60))
    followed.hear(Connected(NOW), Disconnected(NOW, "cut", 1.0))
    assert followed.notes() == []
    assert polled._symbols == {"AAPL"}
    followed.at = later(seconds=59)
    followed.hear(Disconnected(followed.at, "refused", 2.0))
    assert followed.notes() == []
    followed.at = later(seconds=60)
    assert [note.data["kind"] for note in followed.notes()] == ["prices_lost"]
    followed.hear(Connected(followed.at))
    (back,) = followed.notes()
    assert (back.type, back.data["state"]) == ("prices", "streamed")
    assert polled._symbols == frozenset()


def test_symbols_beyond_the_plan_are_told_and_asked_for() -> None:
    polled = PolledFeed(client=None, seconds=5.0)  # type: ignore[arg-type]
    followed = Followed(instead=polled)
    followed.hear(DataWarning(NOW, 405, "too many symbols"))
    (told,) = followed.notes()
    assert told.is_alarm and "too many symbols" in told.text
    assert polled._symbols == {"AAPL"}


def test_nothing_is_told_of_a_stream_that_nobody_needs() -> None:
    followed = Followed()
    followed.feed.want(frozenset())
    followed.end(data_stream_error(409))
    assert followed.notes() == []


def test_a_halt_whose_end_was_missed_ends_with_the_next_trade() -> None:
    """E-HALT-2."""
    followed = Followed()
    followed.hear(HALTED)
    assert followed.halts() == [frozenset({"AAPL"})]
    reported_late = Trade("AAPL", later(seconds=10), D(100), D(1))
    followed.hear(reported_late)
    assert followed.halts() == []
    followed.hear(Trade("AAPL", later(minutes=5), D(100), D(1)))
    assert followed.halts() == [frozenset()]


def test_a_halt_that_is_older_than_a_day_of_trading_ends_by_itself() -> None:
    followed = Followed()
    followed.hear(HALTED)
    assert followed.halts() == [frozenset({"AAPL"})]
    followed.at = later(hours=9)
    assert followed.halts() == [frozenset()]


def test_of_symbols_that_are_not_held_only_halts_are_asked_for_and_trades_while_halted() -> None:
    """E-HALT-1."""
    followed = Followed()
    asked = followed.stream.asked
    followed.feed.follow_halts(frozenset({"SPY", "AAPL"}))
    assert asked["statuses"] == asked["lulds"] == {"AAPL", "SPY"}
    assert asked["quotes"] == asked["trades"] == {"AAPL"}
    followed.hear(TradingStatus("SPY", NOW, "2", "halted", "1", "level 1", "B"))
    (told,) = [item for item in followed.feed.drain() if isinstance(item, Halts)]
    assert told.market and told.symbols == {"SPY"}
    assert asked["trades"] == {"AAPL", "SPY"} and asked["quotes"] == {"AAPL"}
    followed.hear(Trade("SPY", later(minutes=15), D(100), D(1)))
    (told,) = [item for item in followed.feed.drain() if isinstance(item, Halts)]
    assert (told.market, told.symbols) == ("", frozenset())
    assert asked["trades"] == {"AAPL"}
    followed.feed.follow_halts(frozenset())
    assert asked["statuses"] == {"AAPL"}


def test_halts_are_followed_only_while_the_stream_is_heard() -> None:
    """E-HALT-3."""
    followed = Followed()
    assert followed.feed.halts_followed() == frozenset(), "it is not connected yet"
    followed.hear(Connected(NOW))
    assert followed.feed.halts_followed() == {"AAPL"}
    followed.hear(Disconnected(NOW, "cut", 1.0))
    assert followed.feed.halts_followed() == frozenset()
    followed.hear(Connected(NOW), DataWarning(NOW, 405, "too many symbols"))
    assert followed.feed.halts_followed() == frozenset()


def test_a_halt_from_before_a_restart_is_known_from_the_start() -> None:
    from execbot.market.halts import HaltBook, apply_message

    raw = {"T": "s", "S": "AAPL", "sc": "H", "rc": "T1", "z": "C"}
    before = apply_message(HaltBook(), raw, NOW)
    followed = Followed(book=before)
    assert followed.halts() == [frozenset({"AAPL"})]
