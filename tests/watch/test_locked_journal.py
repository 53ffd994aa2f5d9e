"""Goal: shares do not stay without a stop because the journal is locked or cannot be written: exits
are sent from memory, once, and written as soon as can be (docs/oms.md, the one exception to I1).

Method: a real `watch` against a served exchange; another connection holds the write lock, somebody
cancels the stop at the broker meanwhile, and the process is killed or not.
"""

from __future__ import annotations

import io
import json
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from desk.failing_file import Fails, failing
from msgspec.structs import replace
from support.oms_making import T0
from support.processes import Server, done, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually
from support.wishes import stop_at, target, wishes
from support.world import World, open_world

from execbot.desk.account import open_desk
from execbot.desk.watching import LOCK_SECONDS, WatchSession
from execbot.exits.plan.plan import AdjustRules, Lift
from execbot.exits.store import save_plan
from execbot.exits.tags import tag_of
from execbot.journal.errors import JournalCorrupt, JournalError, JournalFull
from execbot.journal.stand_in_journal import stand_in_journal
from execbot.model.enums import FAILED
from execbot.watch.core.exit_endings import TAKEN_AWAY_WINDOW
from execbot.watch.perform import Performer
from execbot.watch.show.sinks import JsonSink
from execbot.watch.stand_in import StandIn
from execbot.watch.watcher import Watcher

LIVE = {"new", "accepted", "held", "pending_new"}


class Account:
    """Four shares of AAPL with a stop, and the `watch` that keeps them."""

    def __init__(self, server: Server, home: Path) -> None:
        self.server, self.home, self.env = server, home, server.environment(home)
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        bought = execbot(["submit", "AAPL", "--qty", "4", "--stop-loss", "190"], self.env)
        assert bought.code == 0, bought.err
        self.start()
        assert eventually(lambda: self.lines(type="guard", state="protected"))

    def start(self) -> None:
        self.output = self.home / "watch.ndjson"
        self.watch = start_execbot(
            ["watch", "--json"], self.env, stdout=self.output.open("w"), stderr=None
        )

    def lines(self, **facts: str) -> list[dict[str, Any]]:
        whole = [x for x in self.output.read_text().splitlines(keepends=True) if x.endswith("\n")]
        told = [json.loads(x) for x in whole]
        return [line for line in told if all(line.get(k) == v for k, v in facts.items())]

    def stops(self) -> list[dict[str, Any]]:
        """Living stops at the exchange, the held leg of the filled entry among them."""
        rows = [r for order in self.server.orders() for r in (order, *(order["legs"] or ()))]
        found = {r["id"]: r for r in rows if r["type"] == "stop" and r["status"] in LIVE}
        return list(found.values())

    def cancel_stop(self) -> None:
        """In another program."""
        for row in self.stops():
            self.server.call("DELETE", f"/v2/orders/{row['id']}")
        assert self.stops() == []


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another process keeps the journal's write lock."""
    [path] = home.rglob("journal.db")
    other = sqlite3.connect(path, isolation_level=None, timeout=60)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@contextmanager
def account(home: Path) -> Iterator[Account]:
    with exchange(home) as server:
        found = Account(server, home)
        try:
            yield found
        finally:
            found.watch.send_signal(signal.SIGTERM)
            found.watch.wait(timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("is_killed", [False, True])
def test_shares_that_lose_their_stop_while_the_journal_is_locked_get_one_and_only_one(
    tmp_path: Path, is_killed: bool
) -> None:
    with account(tmp_path) as found:
        with locked(found.home):
            found.cancel_stop()
            assert eventually(found.stops), found.output.read_text()
            [stop] = found.stops()
            assert tag_of(stop["client_order_id"]) == "s" and stop["qty"] == "4"
            assert eventually(lambda: found.lines(type="alarm", kind="journal", symbol="AAPL"))
            first = found.lines(type="alarm", kind="journal")[0]
            assert first["symbols"] == ["AAPL"] and "AAPL 4" in first["message"]
            if is_killed:
                found.watch.kill()
                found.watch.wait()
        if is_killed:
            found.start()
            assert eventually(lambda: found.lines(type="guard", state="protected"))

        def written() -> bool:
            listed = json.dumps(done(found.env, "orders", "--status", "all"))
            return stop["client_order_id"] in listed

        assert eventually(written), found.output.read_text()
        assert [row["id"] for row in found.stops()] == [stop["id"]]
        assert execbot(["reconcile", "--json"], found.env).code == 0
        found.server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "185"})
        assert eventually(lambda: found.server.get("/v2/positions") == [])


def test_nobody_sends_exits_for_a_watch_that_has_ended(tmp_path: Path) -> None:
    """In a program that goes on: another `watch` may have begun while the journal is locked."""

    def standing_in_now() -> bool:
        return any(thread.name == "stand-in" for thread in threading.enumerate())

    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        assert execbot(["submit", "AAPL", "--qty", "4", "--stop-loss", "190"], env).code == 0
        desk = open_desk(env=env)
        try:
            with WatchSession(desk, lambda act: JsonSink(desk.now, io.StringIO())) as session:
                running = threading.Thread(target=session.run)
                running.start()
                with locked(tmp_path):
                    server.call("DELETE", "/v2/orders")
                    assert eventually(standing_in_now)
                    session.loop.stop()
                    running.join(PATIENCE_SECONDS)
                    assert not running.is_alive()
                    assert not standing_in_now()
        finally:
            desk.close()


# --- the one that stands in ---------------------------------------------------------------------


def naked(path: Path, lift: Lift | None) -> tuple[World, StandIn]:
    """Ten shares that have just lost their stop, and who stands in for `watch`."""
    world = open_world(path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.kill_watch()
    world.trader.cancel_elsewhere()
    plan = world.the_plan()
    assert save_plan(world.desk.journal, plan.changed(world.now(), lift=lift))
    return world, standing_in(world)


def standing_in(world: World) -> StandIn:
    """One for the journal as it is now."""

    def make() -> tuple[Watcher, Performer]:
        oms = world.desk.open_oms(stand_in_journal(world.desk.journal.path))
        return Watcher(oms, world.settings, world.hours, world.now), Performer(oms, world.now)

    stand_in = StandIn(make, world.desk.journal.path, [], world.notes.append)
    stand_in.begin()
    return stand_in


def turn(world: World, stand_in: StandIn, turns: int = 30) -> None:
    for _ in range(turns):
        world.pass_time(0.1)
        stand_in.turn()


@pytest.mark.parametrize("holder", [None, "another process"])
def test_a_symbol_that_another_process_had_in_hand_is_left_alone(
    tmp_path: Path, holder: str | None
) -> None:
    """Also once its lease is over: whether it went on nobody can read now."""
    lease = Lift("an addition", T0 + timedelta(seconds=8), holder=holder) if holder else None
    world, stand_in = naked(tmp_path, lease)
    turn(world, stand_in, 100)
    assert lease is None or not lease.lasts(world.now())
    assert world.witness.covered() == (0 if holder else 10)
    assert len(stand_in.sent) == (0 if holder else 1)


def test_the_time_without_a_stop_is_counted_on_while_the_journal_is_locked(tmp_path: Path) -> None:
    """Who stands in for two seconds of a lock begins with what was counted until then."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    refused = {"method": "POST", "path": "/v2/orders", "params": {"status": 422}, "count": 1000}
    world.desk.fault("server_error", **refused)
    limit = float(world.settings.exits.unprotected_alarm_seconds)
    world.trader.cancel_elsewhere()
    world.run(limit - LOCK_SECONDS)
    assert world.alarm_kinds() == []
    world.locked_at = world.ns
    world.run(LOCK_SECONDS + 0.5)
    assert world.stand_in is not None
    assert {"unprotected", "stop_emulated"} & set(world.alarm_kinds())


def test_a_way_out_that_is_due_waits_for_the_journal_and_takes_no_stop_away(tmp_path: Path) -> None:
    """Stops and targets alone are sent from memory."""
    world = open_world(tmp_path)
    rules = AdjustRules(time_stop_minutes=1)
    world.trader.buy("10", replace(wishes(stop_at("2%")), rules=rules))
    world.run(3)
    world.kill_watch()
    world.pass_time(60)
    stand_in = standing_in(world)
    turn(world, stand_in, 100)
    assert (stand_in.sent, world.witness.qty(), world.witness.covered()) == ([], 10, 10)
    world.start_watch()
    world.run(5)
    assert (world.witness.qty(), world.witness.living()) == (0, [])


def test_the_same_need_meets_its_own_id_at_the_broker(tmp_path: Path) -> None:
    """Another process, with the journal as it was before, that is not shown the order."""
    world, first = naked(tmp_path, None)
    again = standing_in(world)
    turn(world, first)
    assert world.witness.covered() == 10
    world.desk.fault("order_unknown", count=None, for_seconds=60)
    turn(world, again)
    assert len(world.witness.account.live) == 1
    known = {sent.record.client_order_id for sent in first.sent}
    before = {record.client_order_id for record in world.desk.journal.orders()}
    tried = {record.client_order_id for record in again._watcher.journal.orders()} - before
    assert tried == known and len(known) == 1


def test_shares_that_are_bought_meanwhile_get_their_stop(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), limit="99")
    world.run(3)
    world.kill_watch()
    stand_in = standing_in(world)
    world.price("AAPL", "98.95")
    frames = world.desk.frames()
    stand_in.frames.extend(frames)
    turn(world, stand_in)
    assert world.witness.qty() == world.witness.covered() == 10
    stand_in.write(world.desk.journal, world.now())
    world.desk.oms.apply_batch(frames)
    world.start_watch()
    world.run(5)
    assert world.booked() == world.witness.covered() == 10
    assert len(world.witness.living()) == 1


def test_what_was_sent_is_written_once(tmp_path: Path) -> None:
    world, stand_in = naked(tmp_path, None)
    turn(world, stand_in)
    for _ in range(2):
        stand_in.write(world.desk.journal, world.now())
    [sent] = stand_in.sent
    record = world.desk.journal.order_by_client_id(sent.record.client_order_id)
    assert record is not None and record.role == "stop" and record.order_id
    assert record.plan_id == world.the_plan().plan_id
    world.start_watch()
    world.run(5)
    assert world.witness.covered() == 10
    assert len(world.witness.living()) == 1


def test_each_of_several_exits_is_sent_once(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=50), target("6%", shares=50))
    world.run(3)
    world.kill_watch()
    world.trader.cancel_elsewhere()
    stand_in = standing_in(world)
    turn(world, stand_in)
    assert world.witness.covered() == 10
    assert sorted(tag_of(s.record.client_order_id) or "" for s in stand_in.sent) == ["t1", "t2"]
    tried = stand_in._watcher.journal.orders()
    assert not [r.client_order_id for r in tried if r.status in FAILED]


def test_a_later_lock_does_not_take_an_earlier_order_for_its_own(tmp_path: Path) -> None:
    world, first = naked(tmp_path, None)
    turn(world, first)
    first.write(world.desk.journal, world.now())
    world.trader.cancel_elsewhere()
    world.desk.oms.gap_fill()
    second = standing_in(world)
    turn(world, second)
    assert world.witness.covered() == 10
    [old], [new] = first.sent, second.sent
    assert new.record.client_order_id != old.record.client_order_id


def test_what_another_process_takes_in_hand_between_two_locks_is_left_alone(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.kill_watch()
    stand_in = standing_in(world)
    turn(world, stand_in)
    lease = Lift("an addition", T0 + timedelta(seconds=55), holder="another process")
    assert save_plan(world.desk.journal, world.the_plan().changed(world.now(), lift=lease))
    world.trader.cancel_elsewhere()
    stand_in.frames.extend(world.desk.frames())
    turn(world, stand_in, 100)
    assert stand_in.sent == [] and world.witness.covered() == 0


def test_a_stop_that_is_lost_again_is_sent_again(tmp_path: Path) -> None:
    """The first is asked about meanwhile, for its report does not come: in the way of nothing."""
    world, stand_in = naked(tmp_path, None)
    turn(world, stand_in, 50)
    assert world.witness.covered() == 10
    world.pass_time(TAKEN_AWAY_WINDOW.total_seconds())  # sooner it would be the trader's wish
    world.trader.cancel_elsewhere()
    stand_in.frames.extend(world.desk.frames())
    turn(world, stand_in, 50)
    assert world.witness.covered() == 10
    assert len(world.witness.living()) == 1


def test_an_exit_that_the_ordinary_hands_are_sending_is_theirs(tmp_path: Path) -> None:
    world, stand_in = naked(tmp_path, None)
    seen: list[bool] = []
    world.at_request = lambda moment: seen.append(hands.is_under_way("AAPL"))
    world.start_watch()
    assert world.hands is not None
    hands = world.hands
    stand_in.is_under_way = hands.is_under_way
    world.run(1)
    assert True in seen and not hands.is_under_way("AAPL")


def test_a_lock_that_comes_back_finds_somebody_who_stands_in(tmp_path: Path) -> None:
    world, stand_in = naked(tmp_path, None)
    make = stand_in.make

    def ticking() -> datetime:
        world.pass_time(0.05)
        return world.now()

    def make_ticking() -> tuple[Watcher, Performer]:
        watcher, hands = make()
        watcher.now = ticking
        return watcher, hands

    stand_in.make = make_ticking
    stand_in.go_on()
    assert eventually(lambda: len(stand_in.sent) == 1)
    assert stand_in.has_ended(PATIENCE_SECONDS)
    world.trader.cancel_elsewhere()
    stand_in.go_on()
    assert eventually(lambda: len(stand_in.sent) == 2)
    assert stand_in.has_ended(PATIENCE_SECONDS)
    assert world.witness.covered() == 10


@pytest.mark.parametrize("kind", [Fails.FULL, Fails.FAILS_TO_WRITE])
def test_shares_get_their_stop_back_while_the_journal_fails_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Fails
) -> None:
    """It can be read: the disk is full, or writing ends with an I/O error."""
    with exchange(tmp_path) as server, failing(monkeypatch, kind, 0) as faults:
        env = server.environment(tmp_path)
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        assert execbot(["submit", "AAPL", "--qty", "4", "--stop-loss", "190"], env).code == 0
        told = io.StringIO()
        desk = open_desk(env=env)

        def stops() -> list[str]:
            rows = server.get("/v2/orders?status=all&limit=500")
            found = [r for r in rows if r["type"] == "stop" and r["status"] in LIVE]
            return [row["client_order_id"] for row in found]

        try:
            with WatchSession(desk, lambda act: JsonSink(desk.now, told)) as session:
                running = threading.Thread(target=session.run, daemon=True)
                running.start()
                assert eventually(lambda: '"protected"' in told.getvalue())
                faults.at = 1
                server.call("DELETE", "/v2/orders")
                for row in server.get("/v2/orders"):
                    with suppress(HTTPError):  # it has ended meanwhile
                        server.call("DELETE", f"/v2/orders/{row['id']}")
                assert eventually(stops), told.getvalue()
                [stop] = stops()
                assert stop.startswith("execbot-x-s-")
                assert eventually(lambda: "the journal takes no writes" in told.getvalue())
                faults.at = 0
                assert eventually(lambda: desk.journal.order_by_client_id(stop) is not None)
                session.loop.stop()
                running.join(PATIENCE_SECONDS)
                assert not running.is_alive()
        finally:
            desk.close()
        assert stops() == [stop]
        assert execbot(["reconcile"], env).code == 0


def test_a_damaged_journal_is_no_base_for_exits(tmp_path: Path) -> None:
    """What it says may be wrong: the trader is told, and nothing is sent from a copy of it."""
    damaged = JournalCorrupt("a row of orders", path=tmp_path)
    of_statement = JournalError("no such function", path=tmp_path)
    of_statement.is_of_file = False
    assert not damaged.leaves_what_was_read and not of_statement.leaves_what_was_read
    assert JournalFull("full", path=tmp_path).leaves_what_was_read
    assert JournalError("disk I/O error", path=tmp_path).leaves_what_was_read


def test_what_a_first_run_could_not_tell_is_told_by_the_next(tmp_path: Path) -> None:
    """Killed while the journal took nothing, it had written no mark of what it told: the next run
    is no first one, and what happened in between is no history."""
    world = open_world(tmp_path)
    world.locked_at, world.is_full = world.ns, True
    world.trader.trade_elsewhere("buy", "5")
    world.run(3)
    world.kill_watch()
    world.unlock()
    world.trader.reconcile()
    world.start_watch()
    world.run(3)
    told = [n.data for n in world.notes if n.type == "order"]
    assert told and told[-1]["filled_qty"] == "5"
