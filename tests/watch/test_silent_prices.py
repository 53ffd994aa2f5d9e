"""Goal: an open and silent price stream is found out, and what rests on a price acts on REST's
(docs/evidence.md, E-PX-2).

Method: the feed with a clock of its own and REST as the test says; then a real `watch` against a
served exchange whose data streams fall silent.
"""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.processes import Server, exchange, execbot, start_execbot
from support.sessions.random_session import Outages
from support.waiting import PATIENCE_SECONDS, eventually
from support.wishes import stop_at
from support.world import D, World, open_world

from execbot.broker.market_stream import MarketDataStream
from execbot.broker.stream_states import Connected, Disconnected
from execbot.exits.rules.view import Guarded
from execbot.model.quote import Trade
from execbot.sim.types import SECOND
from execbot.watch.core.inputs import Input, Price, PricesKnown
from execbot.watch.core.jobs import Note
from execbot.watch.feed import StreamedFeed

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


class Rest:
    """Asked instead of a stream; tells what the test has put there."""

    def __init__(self) -> None:
        self.wanted: frozenset[str] = frozenset()
        self.answers: list[Input | Note] = []

    def want(self, symbols: frozenset[str]) -> None:
        self.wanted = symbols

    def drain(self) -> list[Input | Note]:
        told, self.answers = self.answers, []
        return [one for one in told if isinstance(one, Price) and one.symbol in self.wanted]

    def start(self) -> None: ...

    def close(self) -> None: ...


class Silent(MarketDataStream):
    def __init__(self) -> None:
        self.renewed: list[str] = []

    def subscribe(self, **symbols: Any) -> None: ...

    def unsubscribe(self, **symbols: Any) -> None: ...

    def messages(self) -> Iterator[Any]:
        yield from ()

    def renew(self, reason: str) -> None:
        self.renewed.append(reason)

    def close(self) -> None: ...


class Followed:
    """AAPL and MSFT, both heard of at NOW."""

    def __init__(self) -> None:
        self.at = NOW
        self.rest, self.stream = Rest(), Silent()
        self.feed = StreamedFeed(self.stream, lambda: self.at, instead=self.rest)
        self.feed.want(frozenset({"AAPL", "MSFT"}))
        self.trade("AAPL"), self.trade("MSFT")
        self.feed.drain()

    def trade(self, symbol: str, price: int = 100) -> None:
        self.feed._take(Trade(symbol, self.at, D(price), D(1)))

    def after(self, seconds: float, *answers: Price) -> list[Input | Note]:
        """What the feed brings then; REST has answered so meanwhile."""
        self.at = NOW + timedelta(seconds=seconds)
        self.rest.answers = [*answers]
        return self.feed.drain()


def by_rest(seconds: float, price: int = 90, symbol: str = "AAPL") -> Price:
    return Price(symbol, last=D(price), at=NOW + timedelta(seconds=seconds))


def test_rest_is_asked_of_what_the_stream_is_silent_of_and_of_nothing_else() -> None:
    followed = Followed()
    followed.after(19)
    assert followed.rest.wanted == frozenset()
    followed.trade("MSFT")
    followed.after(20)
    assert followed.rest.wanted == {"AAPL"}


def test_a_younger_price_is_acted_on_and_the_stream_connected_anew_once() -> None:
    followed = Followed()
    followed.after(20)
    told = followed.after(25, by_rest(21))
    assert by_rest(21) in told
    assert [note.data["state"] for note in told if isinstance(note, Note)] == ["deaf"]
    assert len(followed.stream.renewed) == 1 and "AAPL" in followed.stream.renewed[0]
    assert by_rest(26, 80) in followed.after(30, by_rest(26, 80))
    assert len(followed.stream.renewed) == 1


def test_a_stream_that_stays_deaf_is_connected_anew_with_pauses_and_rest_asked_all_along() -> None:
    followed = Followed()
    connected = 0
    for seconds in range(20, 620, 5):
        told = followed.after(seconds, by_rest(seconds - 3))
        assert seconds == 20 or by_rest(seconds - 3) in told
        if len(followed.stream.renewed) > connected:
            connected += 1
            followed.feed._take(Connected(followed.at))
    assert 3 <= len(followed.stream.renewed) <= 5


def test_a_quiet_name_connects_nothing_anew_and_is_asked_seldom() -> None:
    followed = Followed()
    asked = 0
    for seconds in range(20, 120, 1):
        answers = [by_rest(0, 100, symbol) for symbol in followed.rest.wanted]
        told = followed.after(seconds, *answers)
        asked += bool(answers)
        assert told == []
    assert followed.stream.renewed == []
    assert asked <= 6


def test_a_name_that_is_quiet_after_the_stream_was_connected_anew_is_not_deaf_any_more() -> None:
    followed = Followed()
    followed.after(20)
    followed.after(25, by_rest(21))
    followed.at = NOW + timedelta(seconds=26)
    followed.feed._take(Connected(followed.at))
    for seconds in range(30, 330, 5):
        assert followed.after(seconds, by_rest(21), by_rest(0, 100, "MSFT")) == []
    assert len(followed.stream.renewed) == 1


def test_a_price_that_is_just_coming_by_the_stream_is_no_proof() -> None:
    followed = Followed()
    followed.after(20)
    followed.after(22, by_rest(21.5))
    assert followed.stream.renewed == []
    followed.trade("AAPL")
    followed.after(27, by_rest(21.5))
    assert followed.stream.renewed == []


def test_a_price_of_before_the_stream_was_asked_fires_nothing() -> None:
    followed = Followed()
    followed.after(20)
    assert followed.after(25, by_rest(-3600)) == []


def test_a_price_of_while_the_stream_was_away_is_acted_on_and_no_sign_of_deafness() -> None:
    """The connection was lost for two seconds, and the only trade was then."""
    followed = Followed()
    followed.at = NOW + timedelta(seconds=3)
    followed.feed._take(Disconnected(followed.at, "gone", 2.0))
    followed.at = NOW + timedelta(seconds=5)
    followed.feed._take(Connected(followed.at))
    followed.after(25)
    assert followed.rest.wanted == {"AAPL", "MSFT"}
    assert followed.after(26, by_rest(4)) == [by_rest(4)]
    assert not [one for one in followed.after(31, by_rest(4)) if isinstance(one, Price)]
    assert followed.stream.renewed == []


def test_a_stream_that_is_lost_uses_up_no_attempt_at_a_deaf_one() -> None:
    followed = Followed()
    followed.feed._take(Disconnected(NOW, "gone", 2.0))
    for second in range(20, 300, 5):
        followed.after(second, by_rest(second - 1))
    followed.at = NOW + timedelta(seconds=300)
    followed.feed._take(Connected(followed.at))
    for second in range(320, 340, 5):
        followed.after(second, by_rest(second - 4))
    assert len(followed.stream.renewed) == 1


def test_halts_are_not_followed_of_what_the_stream_is_deaf_of() -> None:
    """Connected anew it is no better until it speaks; one that tells of others is deaf of one."""
    followed = Followed()
    followed.feed._take(Connected(NOW))
    followed.after(20)
    assert followed.feed.halts_followed() == {"AAPL", "MSFT"}, "both may be quiet"
    followed.after(25, by_rest(21))
    assert followed.feed.halts_followed() == frozenset()
    followed.feed._take(Connected(followed.at))
    followed.after(30, by_rest(28))
    assert followed.feed.halts_followed() == frozenset()
    followed.trade("MSFT")
    assert followed.feed.halts_followed() == {"MSFT"}
    followed.trade("AAPL")
    assert followed.feed.halts_followed() == {"AAPL", "MSFT"}


def test_symbols_that_neither_gives_are_told_once_and_their_return_too() -> None:
    followed = Followed()
    for seconds in range(20, 30):
        assert followed.after(seconds) == []
    assert followed.after(30) == [PricesKnown(frozenset({"AAPL", "MSFT"}), False)]
    assert followed.after(60) == []
    told = followed.after(61, by_rest(50), by_rest(0, 100, "MSFT"))
    assert PricesKnown(frozenset({"AAPL", "MSFT"}), True) in told


# --- a stop that `watch` holds itself ----------------------------------------------------------


def test_a_symbol_that_was_left_while_its_price_was_unknown_begins_anew() -> None:
    followed = Followed()
    assert PricesKnown(frozenset({"AAPL", "MSFT"}), False) in followed.after(31)
    followed.feed.want(frozenset({"MSFT"}))
    assert PricesKnown(frozenset({"AAPL"}), True) in followed.after(32)
    followed.feed.want(frozenset({"AAPL", "MSFT"}))
    assert followed.after(33) == []
    assert PricesKnown(frozenset({"AAPL"}), False) in followed.after(64)


def emulated(path: Path) -> tuple[World, Outages]:
    """Ten shares with a stop that the broker does not take, and a deaf stream of prices."""
    world = open_world(path)
    outages = Outages(world, random.Random(1))
    world.see = outages.prices
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.trader.keep_stops_out()
    world.run(10)
    assert world.guarded() is Guarded.EMULATED
    outages.deaf_until = world.ns + 600 * SECOND
    return world, outages


def test_a_stop_of_its_own_is_taken_while_the_stream_is_silent(tmp_path: Path) -> None:
    world, _ = emulated(tmp_path)
    world.price("AAPL", "95")
    world.run(30)
    assert world.witness.qty() == 0


def test_a_stop_of_its_own_that_no_price_reaches_is_named(tmp_path: Path) -> None:
    world, _ = emulated(tmp_path)
    world.desk.fault("server_error", method="GET", path="/v2/stocks*", count=None, for_seconds=600)
    world.price("AAPL", "95")
    world.run(40)
    [alarm] = world.notes_of("prices_lost")
    assert alarm.is_critical and "AAPL 10: the stop at 98.00" in alarm.text
    world.desk.call("DELETE", "/sim/faults")
    world.run(10)
    assert world.witness.qty() == 0
    assert world.notes_of("prices")


# --- the running process -----------------------------------------------------------------------

QUICK = {"EXECBOT__STREAM__SILENCE_PROBE_SECONDS": "1"}


class Watching:
    """Half a share of AAPL, whose target no order at the broker serves, and its `watch`."""

    def __init__(self, server: Server, home: Path) -> None:
        self.server, self.env = server, server.environment(home, **QUICK)
        self.price("200")
        for command in (
            ["submit", "AAPL", "--qty", "0.5", "--wait", "10"],
            ["protect", "AAPL", "--stop", "190", "--target", "220"],
        ):
            done = execbot(command, self.env)
            assert done.code == 0, done.err
        self.output = home / "watch.ndjson"
        self.process = start_execbot(
            ["watch", "--json"], self.env, stdout=self.output.open("w"), stderr=None
        )

    def price(self, price: str) -> None:
        self.server.call("POST", "/sim/price", {"symbol": "AAPL", "price": price})

    def lines(self, **facts: str) -> list[dict[str, Any]]:
        whole = [x for x in self.output.read_text().splitlines(keepends=True) if x.endswith("\n")]
        told = [json.loads(x) for x in whole]
        return [line for line in told if all(line.get(k) == v for k, v in facts.items())]

    def fault(self, kind: str, **rule: Any) -> None:
        self.server.call("POST", "/sim/faults", {"kind": kind, **rule})

    def sold(self) -> bool:
        return self.server.get("/v2/positions") == []


@contextmanager
def watching(home: Path) -> Iterator[Watching]:
    with exchange(home) as server:
        watch = Watching(server, home)
        try:
            assert eventually(lambda: watch.lines(type="guard", symbol="AAPL"))
            yield watch
        finally:
            watch.process.send_signal(signal.SIGTERM)
            watch.process.wait(timeout=PATIENCE_SECONDS)


def test_a_target_of_its_own_is_taken_while_the_stream_is_silent(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        watch.fault("data_muted", for_seconds=3600)
        watch.price("205")
        assert eventually(lambda: watch.lines(type="prices", state="deaf"))
        watch.price("225")
        assert eventually(watch.sold), watch.output.read_text()


def test_positions_that_rest_on_a_price_that_nobody_gives_are_named(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        watch.fault("data_muted", for_seconds=3600)
        watch.fault("server_error", method="GET", path="/v2/stocks*", for_seconds=3600)
        assert eventually(lambda: watch.lines(type="alarm", kind="prices_lost"))
        [alarm] = watch.lines(type="alarm", kind="prices_lost")
        assert alarm["symbols"] == ["AAPL"] and alarm["critical"]
        assert "AAPL 0.5: the target at 220.00" in alarm["message"]
        watch.server.call("DELETE", "/sim/faults")
        watch.price("200.5")
        assert eventually(lambda: watch.lines(type="prices", state="known"))
