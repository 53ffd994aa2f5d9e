"""Goal: what a watch reads ahead makes an entry no less sure and costs no more than the entry would
have, whoever says what how often that something is coming.

Method: the two rules walked in every order of events; the real door under attack; the real work of
the watch at a served exchange, with every request to it counted.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from desk.door.test_serving import Held, asking, door, heard, held, knocking, runtime
from msgspec.structs import replace
from support.processes import Server
from support.waiting import eventually

from execbot.desk.account import Desk, open_desk
from execbot.desk.door.ahead import Ahead
from execbot.desk.door.doing import FACTS_AGE_MAX, workbench
from execbot.desk.door.lanes import Work
from execbot.desk.door.messages import Close, Coming, Request, Submit, Wanted
from execbot.desk.door.peer import PROTOCOL
from execbot.desk.door.rules import UNUSED_EVERY_SECONDS, Reading, is_due, is_usable
from execbot.desk.door.serving import Door
from execbot.desk.door.wire import REQUEST_BYTES_MAX, to_line
from execbot.exits.plan.wishes import NO_WISHES
from execbot.model.enums import Side
from execbot.model.flags import NO_FLAGS
from execbot.model.order import OrderRequest
from execbot.model.timer import boot_seconds
from execbot.version import __version__

__all__ = ["door", "held", "runtime"]


def coming(symbol: str = "AAPL", side: Side = Side.BUY) -> Coming:
    return Coming(PROTOCOL, __version__, symbol, side)


# --- the rules ------------------------------------------------------------------------------

EVENTS = ("coming A", "coming B", "coming A, no room", "entry A", "entry B", "quarter", "second")
LENGTH = 6


def test_in_every_order_of_events_little_is_read_and_nothing_is_used_twice_or_late() -> None:
    seen = set()
    for events in itertools.product(EVENTS, repeat=LENGTH):
        now, last, unused, used = 10.0, None, [], []
        for event in events:
            what, _, symbol = event.partition(" ")
            if what in ("quarter", "second"):
                now += {"quarter": 0.25, "second": 1.0}[what]
            elif what == "coming":
                if is_due(last, now, has_room="no room" not in event):
                    assert "no room" not in event
                    last = Reading(symbol, now)
                    unused.append(now)
            elif last is not None and is_usable(last, symbol, now, FACTS_AGE_MAX):
                assert now - last.began < FACTS_AGE_MAX
                assert last.symbol == symbol
                used.append(last)
                unused.remove(last.began)
                last = last.but_taken()
        assert len(used) == len({id(one) for one in used}), events
        assert all(b - a >= UNUSED_EVERY_SECONDS for a, b in itertools.pairwise(unused)), events
        seen.add((len(unused), len(used)))
    assert seen >= {(0, 0), (1, 0), (0, 1), (2, 0), (0, 3), (3, 0)}, "the walk proves nothing"


def test_a_clock_that_went_back_neither_uses_nor_blocks() -> None:
    last = Reading("A", 10.0)
    assert not is_usable(last, "A", 9.0, FACTS_AGE_MAX)
    assert is_due(last, 9.0, has_room=True)


# --- the door -------------------------------------------------------------------------------


@pytest.fixture
def told(door: Door) -> list[Coming]:
    """What the door was told is coming."""
    found: list[Coming] = []
    door._hear_coming = found.append
    return found


@pytest.mark.parametrize(
    "sent",
    [
        to_line(coming()).replace(b"buy", b"sideways"),
        to_line(coming()).replace(b'"symbol":"AAPL"', b'"symbol":5'),
        to_line(coming()).replace(b'"coming"', b'"going"'),
        to_line(coming()).replace(f'"protocol":{PROTOCOL}'.encode(), b'"protocol":99'),
        to_line(coming()).replace(__version__.encode(), b"0.0.0"),
        b'{"type":"coming"}\n',
        to_line(coming())[:-9],
        b'{"type":"coming","symbol":"' + b"A" * REQUEST_BYTES_MAX,
    ],
    ids=["side", "symbol", "kind", "protocol", "version", "bare", "half", "endless"],
)
def test_what_says_it_wrongly_is_heard_by_nobody(
    tmp_path: Path, told: list[Coming], held: Held, sent: bytes
) -> None:
    visitor = knocking(tmp_path)
    visitor.sendall(sent)
    visitor.shutdown(socket.SHUT_WR)
    heard(visitor)
    assert told == []
    assert held.begun == []


def test_one_that_is_coming_is_told_once_and_answered_with_nothing(
    tmp_path: Path, told: list[Coming], held: Held
) -> None:
    visitor = knocking(tmp_path)
    visitor.sendall(to_line(coming("KO", Side.SELL)) * 3)
    assert heard(visitor) == []
    assert told == [coming("KO", Side.SELL)]
    assert held.begun == []


def test_thousands_that_are_coming_keep_no_request_from_being_done(
    tmp_path: Path, told: list[Coming], held: Held, door: Door
) -> None:
    held.go.set()
    line = to_line(coming())
    said: list[int] = []
    for number in range(3000):
        with suppress(BlockingIOError):  # the queue is full: one more hint is left unsaid
            visitor = knocking(tmp_path)
            visitor.sendall(line)
            visitor.close()
            said.append(number)
        if number % 300 == 0:
            assert eventually(lambda: len(told) == len(said) and not door._visitors)
            assert heard(asking(tmp_path, f"a{number}"))[0]["type"] == "answer"
    assert eventually(lambda: not door._visitors)
    assert eventually(lambda: len(told) == len(said))
    assert len(held.begun) == 10


# --- what is read ---------------------------------------------------------------------------


class Trader:
    """The work of a watch, its clock in the test's hand, and what it asks."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._seen: list[str] = []
        session: Any = desk.client._client._session  # type: ignore[attr-defined]
        session._observer = lambda one: self._seen.append(f"{one.method} {one.path}")
        self.at = 100.0
        self.ahead = Ahead(lambda: self.at)
        self.work: Work = workbench(desk, self.ahead)()

    def begin(self, said: Coming) -> None:
        """Let it be read ahead, to the end."""
        before = self.ahead._reading
        self.ahead.hear(said)
        assert eventually(lambda: self.ahead._reading is not before and self.ahead._wanted is None)
        assert eventually(lambda: self.ahead._round is not None)
        begun: dict[str, Any] = self.ahead._round._begun  # type: ignore[union-attr]
        for one in begun.values():
            one.wait()

    def entry(self, symbol: str = "AAPL") -> bytes:
        order = OrderRequest(symbol, Side.BUY, qty="1")
        return self.do(Submit(order, NO_WISHES, NO_FLAGS, True, True))

    def do(self, wanted: Wanted) -> bytes:
        name = f"ahead-{time.time_ns()}"
        if isinstance(wanted, Submit):
            wanted = Submit(
                OrderRequest(wanted.request.symbol, wanted.request.side, qty="1",
                             client_order_id=name),
                NO_WISHES, NO_FLAGS, True, True,
            )  # fmt: skip
        line = self.work(Request(PROTOCOL, __version__, "same", name, boot_seconds(), wanted))
        assert line is not None
        return line

    def asked(self) -> list[str]:
        """What the broker was asked since the last time."""
        seen, self._seen[:] = sorted(self._seen), []
        return seen


ROUND = ["GET /v2/account", "GET /v2/orders", "GET /v2/positions"]
QUOTE = "GET /v2/stocks/quotes/latest"
POST = "POST /v2/orders"


@pytest.fixture
def trader(server: Server, tmp_path: Path) -> Iterator[Trader]:
    home = tmp_path / "ahead"
    home.mkdir()
    (home / "trading.yaml").write_text(
        "trading_execution:\n  risk: {duplicate_window_seconds: 0, one_pending_per_symbol: false,"
        " scale_in: {enabled: true, max_steps: 1000, min_profit_pct: -100}}\n"
    )
    env = server.environment(home, key=tmp_path.name, EXECBOT_CONFIG=str(home / "trading.yaml"))
    desk = open_desk(env=env)
    trader = Trader(desk)
    try:
        for symbol in ("AAPL", "KO"):
            trader.entry(symbol)  # assets, clock and the day's rows are kept from now on
        time.sleep(FACTS_AGE_MAX)
        trader.asked()
        yield trader
    finally:
        desk.close()


def test_an_entry_goes_by_what_was_read_ahead_and_nothing_is_asked_twice(trader: Trader) -> None:
    trader.begin(coming())
    assert trader.asked() == [*ROUND, QUOTE]
    assert b'"answer"' in trader.entry()
    assert trader.asked() == [POST]


def test_where_the_account_was_just_read_the_quote_alone_is_read_ahead(trader: Trader) -> None:
    trader.begin(coming())
    trader.entry()
    trader.asked()
    trader.begin(coming("KO"))
    assert trader.asked() == [QUOTE]
    assert b'"answer"' in trader.entry("KO")
    assert QUOTE not in trader.asked()


def test_what_is_too_old_or_of_another_symbol_is_asked_for_anew(trader: Trader) -> None:
    trader.begin(coming("KO"))
    trader.asked()
    assert b'"answer"' in trader.entry("AAPL")
    assert QUOTE in trader.asked()
    trader.at += FACTS_AGE_MAX + 0.1
    assert b'"answer"' in trader.entry("KO")
    assert QUOTE in trader.asked()


def test_an_exit_takes_nothing_that_was_read_ahead(trader: Trader) -> None:
    """Reads of that kind may wait for the rate limit; those of an exit never do."""
    assert eventually(lambda: trader.desk.client.get_position("AAPL") is not None)
    trader.desk.oms.gap_fill()
    trader.begin(coming("AAPL"))
    assert trader.ahead.take(trader.desk, Close("AAPL")) is None
    sells = Submit(OrderRequest("AAPL", Side.SELL, qty="1"), NO_WISHES, NO_FLAGS, True, True)
    assert trader.ahead.take(trader.desk, sells) is None
    assert trader.ahead.take(trader.desk, Submit(OrderRequest("AAPL", Side.BUY, qty="1"),
                             NO_WISHES, NO_FLAGS, True, True)) is not None  # fmt: skip


def test_a_flood_reads_once_a_second_and_leaves_half_of_the_requests(trader: Trader) -> None:
    trader.begin(coming())
    trader.asked()
    for number in range(2000):
        trader.ahead.hear(coming(("AAPL", "KO", "F")[number % 3]))
    assert eventually(lambda: trader.ahead._wanted is None)
    assert trader.asked() == []
    budget = trader.desk.client._client.budgets["trading"]  # type: ignore[attr-defined]
    budget.observe(200, {"x-ratelimit-remaining": str(int(budget.level.capacity * 0.4))})
    trader.at += 10
    trader.ahead.hear(coming())
    assert eventually(lambda: trader.ahead._wanted is None)
    time.sleep(0.2)
    assert trader.asked() == []


def test_where_exits_are_looked_for_first_nothing_is_read_ahead(trader: Trader) -> None:
    trading = trader.desk.settings.trading
    from msgspec.structs import replace as changed

    exits = changed(trading.exits, unprotected_stops_entries=True)
    settings = changed(trader.desk.settings, trading=changed(trading, exits=exits))
    ahead = Ahead()
    ahead.serve(replace(trader.desk, settings=settings, _closers=[]), FACTS_AGE_MAX)
    ahead.hear(coming())
    assert ahead._wanted is None
    ahead.serve(trader.desk, 0.0)  # facts_max_age_seconds: 0
    ahead.hear(coming())
    assert ahead._wanted is None
