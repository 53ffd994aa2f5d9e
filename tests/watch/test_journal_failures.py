"""Goal: a journal that fails for a while ends nothing, loses nothing and does nothing twice.

Method: the real watcher in virtual time on a real journal that takes no writes, or whose tables
cannot be read, for some seconds; then one loop whose alarm cannot be passed on.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.wishes import stop_at, trail
from support.world import D, World, open_world

from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note, SymbolJob
from execbot.watch.loop import WatchLoop


@contextmanager
def no_writes(world: World) -> Iterator[None]:
    """The journal of `watch` refuses every write, as on a full disk."""
    connection = world.desk.journal._connection
    connection.execute("PRAGMA query_only = ON")
    yield
    connection.execute("PRAGMA query_only = OFF")


@contextmanager
def no_reads(world: World) -> Iterator[None]:
    """The orders cannot be read, as after an I/O error."""
    with sqlite3.connect(world.desk.journal.path) as other:
        other.execute("ALTER TABLE orders RENAME TO orders_away")
    other.close()
    yield
    with sqlite3.connect(world.desk.journal.path) as other:
        other.execute("ALTER TABLE orders_away RENAME TO orders")
    other.close()


def protected(path: Path) -> World:
    world = open_world(path)
    world.trader.buy("10", stop_at("2%"), trail("1.5%", from_start=False))
    world.run(3)
    assert world.witness.covered() == 10
    return world


def stop_price(world: World) -> Decimal:
    price = world.the_plan().stop.price
    assert price is not None
    return price


def stops_there(world: World) -> list[Decimal]:
    return [D(row["stop_price"]) for row in world.witness.living()]


def test_a_stop_that_cannot_be_saved_is_saved_and_moved_when_the_journal_writes_again(
    tmp_path: Path,
) -> None:
    world = protected(tmp_path)
    before = stop_price(world)
    with no_writes(world):
        world.price("AAPL", "105")
        world.run(5)
        assert stop_price(world) == before
        assert stops_there(world) == [before]
        assert len([text for text in world.alarms() if text.startswith("journal:")]) == 1
    world.run(3)
    assert stop_price(world) > D(103)
    assert stops_there(world) == [stop_price(world)]
    assert world.watcher is not None and world.watcher.journal_error is None


def test_what_another_process_wrote_is_not_lost_when_a_read_fails(tmp_path: Path) -> None:
    world = protected(tmp_path)
    watcher = world.watcher
    assert watcher is not None
    stop = next(r for r in world.desk.journal.orders("open") if r.role == "stop")
    world.desk.oms.cancel(stop.client_order_id)
    seen = watcher.last_seq
    with no_reads(world):
        assert watcher.follow() == []
        assert watcher.journal_error is not None and watcher.last_seq == seen
    watcher.follow()
    state = watcher.core.symbols["AAPL"]
    assert watcher.journal_error is None and watcher.last_seq > seen
    assert state.hands_off_until is not None  # the cancel of the other process was heard of


def test_results_wait_until_the_orders_that_were_sent_can_be_read(tmp_path: Path) -> None:
    world = protected(tmp_path)
    watcher, hands = world.watcher, world.hands
    assert watcher is not None and hands is not None
    world.trader.cancel_elsewhere()
    world.pass_time(0.1)
    jobs = deque(watcher.take_updates(world.desk.frames()))
    while not isinstance(job := jobs.popleft(), SymbolJob):
        jobs.extend(watcher.take_results(hands.perform(job)))
    done = hands.perform(job)
    with no_reads(world):
        assert watcher.take_results(done) == []
        again = watcher.feed(inputs.Tick())
        assert not [job for job in again if isinstance(job, SymbolJob)]
        assert watcher.core.symbols["AAPL"].is_busy
    world.jobs.extend(watcher.follow())
    assert not watcher.core.symbols["AAPL"].is_busy
    world.run(3)
    assert world.witness.covered() == 10
    assert len(world.witness.living()) == 1


def test_an_alarm_that_cannot_be_passed_on_does_not_end_the_watching(tmp_path: Path) -> None:
    world = protected(tmp_path)
    assert world.watcher is not None and world.hands is not None
    heard: list[str] = []

    class Lines:
        def note(self, note: Note, at: Any) -> None:
            heard.append(note.text)

    def fails(note: Note) -> None:
        raise OSError("no space left on device")

    loop = WatchLoop(world.watcher, world.hands, world.desk.client, None, Lines(), world.now, fails)  # type: ignore[arg-type]
    loop._emit(Note("alarm", "ten shares without a stop", {}, True, True))
    assert heard == ["ten shares without a stop"]
