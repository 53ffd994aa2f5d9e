"""Goal: each status of docs/webhook.md beside the everyday ones is answered to a real request, and
what was answered 503 is not carried out later.

Method: another process holds the store's file, as a disk that stands still; the disk is full; a
sender goes away in the middle; so many wait that no more are taken.
"""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from page.signals.listening import BEARER, CONFIG, SECRET, Doors, value_of
from page.signals.making import NOW, body, delivery
from support.harness.small_disk import small_disk
from support.processes import Server
from support.schema_judge import complaints
from support.waiting import eventually

from execbot.page.signals.app import PATIENCE_SECONDS
from execbot.page.signals.rows import State
from execbot.page.signals.store import NAME, SignalStore


@pytest.fixture(scope="module")
def doors(served: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    config = CONFIG.replace("per_second_max: 500", "per_second_max: 500, waiting_max: 3")
    running = Doors(served, tmp_path_factory.mktemp("page"), config=config)
    yield running
    running.kill()


def store_of(doors: Doors) -> Path:
    [found] = doors.home.rglob(NAME)
    return found


def counted(doors: Doors, status: int) -> float:
    return value_of(doors.scrape(), f'execbot_webhook_deliveries_total{{status="{status}"}}')


def test_what_the_disk_did_not_take_in_time_is_never_carried_out(
    served: Server, doors: Doors
) -> None:
    sent = body(id="late", symbol="PEP", qty=1)
    with closing(sqlite3.connect(store_of(doors), isolation_level=None)) as slow:
        slow.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        refused = doors.post(sent)
        assert time.monotonic() - began >= PATIENCE_SECONDS
        assert (refused.status, refused.data["kind"]) == (503, "signals.not_kept")
        assert refused.headers["retry-after"] == "5"
        assert complaints("webhook-refused", refused.data) == []
        slow.execute("ROLLBACK")
    # One that came behind it has ended, so the late one would have been written and begun.
    assert doors.post(body(id="behind", symbol="KO", qty=1)).status == 202
    doors.outcome("behind")
    assert doors.ask("GET", "/signals/late").status == 404
    assert not [o for o in served.orders() if "late" in o["client_order_id"]]
    assert counted(doors, 503) == 1
    assert doors.post(sent).status == 202
    assert doors.outcome("late")["data"]["client_order_id"] == "execbot-signal-late"
    assert "signals.not_kept" in doors.log_text


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(doors: Doors) -> None:
    """Nobody is there to read the 400; the metrics count it."""
    host, port = doors.signals.split(":")
    before = counted(doors, 400)
    with socket.create_connection((host, int(port))) as leaving:
        leaving.sendall(
            b"POST /signals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90\r\n"
            b"Authorization: Bearer " + SECRET.encode() + b'\r\n\r\n{"id": "cut", "symbol": "AAPL"'
        )
    assert eventually(lambda: counted(doors, 400) == before + 1)
    assert doors.ask("GET", "/signals/cut").status == 404


def test_what_is_no_http_is_answered_400(doors: Doors) -> None:
    host, port = doors.signals.split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(b"POST \x00\x01 nonsense\r\n\r\n")
        assert b" 400 " in line.recv(4096).splitlines()[0]


def test_more_than_may_wait_are_answered_429_and_repeats_are_not(doors: Doors) -> None:
    """Those that wait are put there by hand, before all others, where nobody takes them up."""
    with closing(sqlite3.connect(store_of(doors), isolation_level=None)) as store:
        for number in (-1, -2, -3):
            store.execute(
                "INSERT INTO signals (number, signal_id, content, source, line, state, received_at)"
                " SELECT ?, ?, 'x', source, line, 'begun', received_at FROM signals LIMIT 1",
                (number, f"waits{number}"),
            )
        try:
            print(store.execute("SELECT number, signal_id, state FROM signals").fetchall())
            full = doors.post(body(id="too-many", strength=1))
            assert (full.status, full.data.get("kind")) == (429, "signals.too_many_waiting"), full
            assert int(full.headers["retry-after"]) == full.data["retry_after_seconds"] > 0
            assert complaints("webhook-refused", full.data) == []
            assert doors.post(body(id="late", symbol="PEP", qty=1)).status == 200
        finally:
            store.execute("DELETE FROM signals WHERE number < 0")
    assert doors.post(body(id="now", strength=1)).status == 202


def test_guesses_at_the_secret_are_slowed_down_and_others_are_not(doors: Doors) -> None:
    statuses = {doors.post(body(), {"Authorization": "Bearer guess-guess-guess"}).status
                for _ in range(60)}  # fmt: skip
    assert statuses == {401, 429}
    assert doors.post(body(id="right", strength=1), BEARER).status == 202


def test_a_full_disk_says_so_and_goes_on_when_there_is_room(served: Server, tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        home = tmp_path / "page"
        home.mkdir()
        state = str(disk.inside / "state")
        doors = Doors(served, home, prefix=disk.prefix, EXECBOT_STATE_DIR=state)
        try:
            assert doors.post(body(id="first", strength=1)).status == 202
            disk.fill()
            statuses = [doors.post(body(id=f"full-{n}", strength=1)).status for n in range(40)]
            assert set(statuses) <= {202, 503} and 503 in statuses  # a page or two may be left
            disk.make_room()
            kept = [n for n, status in enumerate(statuses) if status == 202]
            gone = [n for n, status in enumerate(statuses) if status == 503]
            assert all(doors.state(f"full-{n}")["id"] for n in kept)
            assert doors.ask("GET", f"/signals/full-{gone[0]}").status == 404
            assert doors.post(body(id=f"full-{gone[0]}", strength=1)).status == 202
            assert doors.outcome(f"full-{gone[0]}")["reason"] == "signal.weak"
        finally:
            doors.kill()


class Stalled:
    """A connection whose COMMIT stands still until it may go on."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self.real, self.has_come, self.may_go = real, threading.Event(), threading.Event()

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        found = self.real.execute(statement, *values)
        if statement == "COMMIT":
            self.has_come.set()
            self.may_go.wait(60)
        return found

    def close(self) -> None:
        self.real.close()


def test_what_is_given_up_while_the_disk_writes_it_is_withdrawn(tmp_path: Path) -> None:
    """Nothing can begin it: to begin goes through the thread that withdraws."""
    store = SignalStore(tmp_path)
    stalled = Stalled(store._writes)
    store._writes = stalled  # type: ignore[assignment]
    promise = store.keep(delivery(id="late"))
    assert stalled.has_come.wait(60)
    row = store.row("late")
    assert row is not None and promise.cancel()
    stalled.may_go.set()
    assert not store.begin(row.number, NOW)
    assert store.row("late") is None
    again = store.keep(delivery(id="late")).result()
    assert again.is_new and again.row.state is State.WAITING
    store.close()
