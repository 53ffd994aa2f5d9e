"""Goal: `watch --json` tells each fact once a run, and a later run tells it under the same id.

Method: real processes on a served exchange: orders by commands, by another program, while nobody
watches, and across restarts and kills. The facts are counted from the exchange's own orders. What
two ways lead to in one process is worked out on a journal by hand.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.oms_making import at, order
from support.processes import Server, execbot, start_execbot
from support.waiting import eventually

from execbot.journal import Journal
from execbot.oms.machine.changes import EventName
from execbot.oms.sync.intake import apply_snapshot
from execbot.watch.order_news import OrderNews


class Run:
    """One `watch --json`, and the lines that it has printed so far."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.lines: list[dict[str, Any]] = []
        self.process: subprocess.Popen[str] = start_execbot(["watch", "--json"], env)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert eventually(lambda: self.of("stream")), self.lines

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]

    def order(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.of("order") if line["client_order_id"] == name]

    def has_filled(self, name: str) -> bool:
        return any(line["status"] == "filled" for line in self.order(name))

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(60)
        self._reader.join(10)


def buy(env: Mapping[str, str], name: str, *more: str, symbol: str = "AAPL") -> None:
    done = execbot(["submit", symbol, "--qty", "3", "--client-order-id", name, "--wait", "30",
                    *more], env)  # fmt: skip
    assert done.code == 0, done


def assert_told_once(run: Run) -> None:
    ids = [line["event_id"] for line in run.lines]
    assert sorted(ids) == sorted(set(ids))
    fills = [fill["execution_id"] for line in run.of("order") for fill in line["fills"]]
    assert sorted(fills) == sorted(set(fills))
    changes = [(o["client_order_id"], o["status"], o["filled_qty"]) for o in run.of("order")]
    assert sorted(changes) == sorted(set(changes))
    assert [line["seq"] for line in run.lines] == list(range(1, len(run.lines) + 1))


def test_each_fact_is_told_once_by_whatever_way_it_is_learned(
    server: Server, env: dict[str, str]
) -> None:
    run = Run(env)
    buy(env, "by-command")
    row = {"symbol": "MSFT", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"}
    server.call("POST", "/v2/orders", {**row, "client_order_id": "by-hand"})
    assert eventually(lambda: run.has_filled("by-command") and run.has_filled("by-hand"))
    execbot(["close", "--all", "--yes", "--wait", "20"], env)  # flat: the symbols are forgotten
    server.call("POST", "/sim/streams/cut", {})  # everything is read from REST again
    assert eventually(lambda: len(run.of("stream")) >= 3)
    for _ in range(2):
        execbot(["reconcile"], env)
    buy(env, "after-it", "--allow-duplicate")
    assert eventually(lambda: run.has_filled("after-it"))
    run.end()
    assert_told_once(run)
    filled = {line["client_order_id"] for line in run.of("order") if line["status"] == "filled"}
    there = {row["client_order_id"] for row in server.orders() if row["status"] == "filled"}
    assert filled == there and len(there) == 5
    assert not any(line.get("replayed") for line in run.lines)
    for line in run.of("order"):
        booked = sum(float(fill["qty"]) for fill in line["fills"])
        assert (EventName.ORDER_FILLED in line["events"]) is (booked > 0)
        assert set(line["events"]) <= set(EventName)
    names = [name for line in run.order("by-command") for name in line["events"]]
    assert names.count("order_submitted") == names.count("order_filled") == 1
    foreign = [name for line in run.order("by-hand") for name in line["events"]]
    assert "order_submitted" not in foreign and "order_filled" in foreign


@pytest.mark.parametrize("reads_first", [False, True])
def test_a_fact_that_is_written_here_and_read_is_told_by_the_first_of_both(
    tmp_path: Path, reads_first: bool
) -> None:
    """An order of another process stands before ours: the reading begins with that."""
    now = at(10)
    with Journal.open(tmp_path / "journal.db") as journal:
        news = OrderNews(journal)
        news.begin((), now)
        apply_snapshot(journal, order("new", id="b-1", client_order_id="theirs"), now)
        mine = apply_snapshot(journal, order("new", id="b-2", client_order_id="ours"), now)
        notes = list(news.read_on(now)) if reads_first else []
        notes += news.of_changes(mine, now)
        notes += news.of_changes(mine, now)
        notes += news.read_on(now)
        told = [note.data["client_order_id"] for note in notes if note.type == "order"]
    assert sorted(told) == ["ours", "theirs"]


@pytest.mark.parametrize("kill", [False, True], ids=["ended", "killed"])
def test_a_later_run_says_what_was_told_before_and_tells_the_rest(
    server: Server, env: dict[str, str], kill: bool
) -> None:
    first = Run(env)
    buy(env, "held", "--stop-loss", "5%", "--take-profit", "9%")
    assert eventually(lambda: first.has_filled("held"))
    first_held = first.order("held")[-1]
    assert eventually(lambda: first.of("guard"))
    buy(env, "last-of-first", symbol="MSFT")  # its line stands behind a mark that is surely kept
    assert eventually(lambda: first.has_filled("last-of-first"))
    first.end(kill=kill)
    buy(env, "while-away", symbol="NVDA")
    second = Run(env)
    buy(env, "seen-live", symbol="TSLA")
    assert eventually(lambda: second.has_filled("seen-live"))
    second.end()
    assert_told_once(second)

    [again] = second.order("held")
    assert again["replayed"] is True
    same = ("event_id", "events", "status", "filled_qty", "filled_avg_price", "fills")
    assert {name: again[name] for name in same} == {name: first_held[name] for name in same}
    assert second.order("while-away")[-1]["status"] == "filled"
    assert {line["replayed"] for line in second.order("while-away")} == {False}
    assert {line["replayed"] for line in second.order("seen-live")} == {False}
    told = {line["event_id"] for line in first.of("order")}
    assert {line["event_id"] for line in second.of("order") if line["replayed"]} <= told
    positions = {line["symbol"]: line for line in second.of("position")}
    replayed = {symbol: line["replayed"] for symbol, line in positions.items()}
    assert replayed == {"AAPL": True, "MSFT": True, "NVDA": False, "TSLA": False}
    third = Run(env)
    third.end()
    assert {line["symbol"]: line["replayed"] for line in third.of("position")} == dict.fromkeys(
        positions, True
    )
    ids = {line["symbol"]: line["event_id"] for line in third.of("position")}
    assert ids == {symbol: line["event_id"] for symbol, line in positions.items()}


def test_what_happens_after_a_first_run_that_had_nothing_to_tell_is_told(
    server: Server, env: dict[str, str]
) -> None:
    first = Run(env)
    first.end(kill=True)
    buy(env, "meanwhile")
    second = Run(env)
    assert eventually(lambda: second.has_filled("meanwhile"))
    second.end()
    told = second.order("meanwhile")
    assert not any(line.get("replayed") for line in told), told
    assert {line["status"] for line in told} >= {"filled"}
    assert sum(float(fill["qty"]) for line in told for fill in line["fills"]) == 3


def test_a_break_that_stands_is_told_by_each_run_as_what_it_is(
    server: Server, env: dict[str, str]
) -> None:
    execbot(["submit", "AAPL", "--qty", "1", "--limit", "1", "--tif", "gtc", "--yes"], env)
    server.call("POST", "/sim/reset", {})
    runs = []
    for _ in range(2):
        runs.append(Run(env))
        runs[-1].end()
    told = [(line["event_id"], line["kind"]) for line in runs[0].of("break")]
    assert told and told == [(line["event_id"], line["kind"]) for line in runs[1].of("break")]
    replayed = [{line["replayed"] for line in run.of("break")} for run in runs]
    assert replayed == [{False}, {True}]


def test_fields_that_were_published_stay(server: Server, env: dict[str, str]) -> None:
    run = Run(env)
    buy(env, "published", "--stop-loss", "5%")
    assert eventually(lambda: run.has_filled("published") and run.of("guard"))
    run.end()
    order = {"seq", "type", "at", "text", "id", "client_order_id", "symbol", "side", "order_type",
             "status", "qty", "filled_qty", "filled_avg_price", "limit_price", "stop_price", "role",
             "origin"}  # fmt: skip
    assert all(order <= line.keys() for line in run.of("order"))
    assert all({"symbol", "qty", "was"} <= line.keys() for line in run.of("position"))
    assert {"mode", "account", "pid", "schema"} <= run.lines[0].keys()
