"""Goal: an alert that nobody took is not lost: it waits in the journal and is sent again.

Method: receivers that refuse, hang, or are not there; two journals on one file for two processes;
real commands whose receiver is a server of the test's own.
"""

from __future__ import annotations

import http.server
import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.processes import exchange, execbot, start_execbot
from support.waiting import eventually

from execbot.alerts import Alert, Alerter, Delivery, JournalWaiting
from execbot.alerts.waiting import (
    CLAIM,
    FIRST_PAUSE,
    KEPT_FOR,
    KEPT_MAX,
    LONGEST_PAUSE,
    META_KEY,
    Parcel,
)
from execbot.journal.journal import Journal

T0 = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
TAKEN, REFUSED = Delivery(1), Delivery(0, 1)


class Clock:
    def __init__(self) -> None:
        self.at = T0

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def waiting_of(path: Path, clock: Clock) -> JournalWaiting:
    """What another process sees."""
    journal = Journal.open(path)
    return JournalWaiting(lambda: journal, clock)


class Receiver:
    """Takes alerts once it is open."""

    def __init__(self) -> None:
        self.is_open = False
        self.got: list[tuple[str, str]] = []
        self.tries = 0

    def __call__(self, title: str, body: str) -> Delivery:
        self.tries += 1
        if not self.is_open:
            return REFUSED
        self.got.append((title, body))
        return TAKEN


def alerter(path: Path, receiver: Receiver, clock: Clock, look_seconds: float = 0.05) -> Alerter:
    return Alerter(receiver, min_interval_seconds=0, now=clock, look_seconds=look_seconds,
                   waiting=waiting_of(path, clock))  # fmt: skip


def test_what_nobody_took_is_sent_again_by_the_process_that_goes_on(path: Path) -> None:
    clock, receiver = Clock(), Receiver()
    program = alerter(path, receiver, clock)
    program.alert(Alert("unprotected", "4 shares", "AAPL"))
    assert eventually(lambda: receiver.tries == 1)
    receiver.is_open = True
    clock.at += FIRST_PAUSE
    assert eventually(lambda: receiver.got)
    program.close()
    assert receiver.got == [
        ("execbot: unprotected AAPL",
         "[raised 2026-11-20 10:00:00 ET, not taken until now] 4 shares"),
    ]  # fmt: skip
    assert waiting_of(path, clock).claim(at_once=True) is None


def test_what_a_process_left_behind_is_sent_by_the_next_one(path: Path) -> None:
    clock, receiver = Clock(), Receiver()
    first = alerter(path, receiver, clock)
    first.alert(Alert("halted", "daily loss"))
    assert eventually(lambda: receiver.tries == 1)
    first.close()
    receiver.is_open = True
    second = alerter(path, receiver, clock)
    second.resend()
    second.close()
    assert receiver.got == []  # its pause is not over
    clock.at += FIRST_PAUSE
    second.resend()
    assert eventually(lambda: receiver.got)
    second.close()
    assert len(receiver.got) == 1


def test_once_the_way_is_open_all_that_waits_goes_at_once(path: Path) -> None:
    clock, receiver = Clock(), Receiver()
    program = alerter(path, receiver, clock, look_seconds=30)
    for number in range(3):
        program.alert(Alert("unprotected", f"number {number}", f"S{number}"))
    assert eventually(lambda: receiver.tries == 3)
    receiver.is_open = True
    program.alert(Alert("unprotected", "the newest", "S9"))
    assert eventually(lambda: len(receiver.got) == 4)
    program.close()
    bodies = [body.rpartition("] ")[2] for _, body in receiver.got]
    assert bodies == ["the newest", "number 0", "number 1", "number 2"]


def test_a_process_killed_while_it_sends_leaves_its_alert_to_others(path: Path) -> None:
    clock = Clock()
    waiting_of(path, clock).keep(Parcel("title", "body", T0), claimed=True)  # and it is gone
    other = waiting_of(path, clock)
    assert other.claim() is None and other.claim(at_once=True) is None
    clock.at += CLAIM
    claimed = other.claim()
    assert claimed is not None and claimed.body == "body"


def test_two_processes_never_send_the_same_one(path: Path) -> None:
    clock = Clock()
    first, second = waiting_of(path, clock), waiting_of(path, clock)
    first.keep(Parcel("title", "body", T0), claimed=False)
    assert [first.claim() is None, second.claim() is None] == [False, True]
    assert second.claim(at_once=True) is None


def test_a_receiver_that_hangs_at_the_end_of_a_command_leaves_all_to_the_next(path: Path) -> None:
    clock, release = Clock(), threading.Event()

    def hang(title: str, body: str) -> Delivery:
        release.wait(20)
        return REFUSED

    program = Alerter(hang, min_interval_seconds=0, now=clock, waiting=waiting_of(path, clock))
    for number in range(3):
        program.alert(Alert("k", f"number {number}", str(number)))
    program.close(0.2)
    clock.at += CLAIM
    found = claimed_by(waiting_of(path, clock))
    release.set()
    assert sorted(found) == ["number 0", "number 1", "number 2"]


def claimed_by(waiting: JournalWaiting) -> list[str]:
    found = []
    while (parcel := waiting.claim(at_once=True)) is not None:
        found.append(parcel.body)
    return found


def test_pauses_grow_and_are_bounded(path: Path) -> None:
    clock = Clock()
    waiting = waiting_of(path, clock)
    kept = waiting.keep(Parcel("title", "body", T0), claimed=True)
    pauses = []
    for _ in range(8):
        waiting.put_back(kept.id)
        began = clock.at
        while not waiting.has_due():
            clock.at += timedelta(seconds=30)
        pauses.append(clock.at - began)
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert max(pauses) == LONGEST_PAUSE


def test_a_clock_that_is_set_back_holds_nothing_up(path: Path) -> None:
    clock = Clock()
    waiting = waiting_of(path, clock)
    kept = waiting.keep(Parcel("title", "body", T0), claimed=True)
    waiting.put_back(kept.id)
    clock.at -= timedelta(hours=5)
    assert waiting.has_due()


def test_what_waits_is_bounded_in_number_and_in_age(path: Path) -> None:
    clock = Clock()
    waiting = waiting_of(path, clock)
    for number in range(KEPT_MAX + 5):
        waiting.keep(Parcel("title", str(number), T0), claimed=False)
    assert claimed_by(waiting)[0] == "5"
    clock.at += KEPT_FOR + timedelta(seconds=1)
    assert claimed_by(waiting) == []


def test_a_journal_that_fails_keeps_no_alert_from_going_out(path: Path) -> None:
    clock, receiver = Clock(), Receiver()
    journal = Journal.open(path)
    journal.close()
    program = Alerter(
        receiver,
        min_interval_seconds=60,
        now=clock,
        look_seconds=0.05,
        recall=lambda key: journal.meta_get(key),
        remember=lambda key, at: journal.meta_set(key, "x"),
        waiting=JournalWaiting(lambda: journal, clock),
    )
    assert program.alert(Alert("journal", "it fails"))
    assert eventually(lambda: receiver.tries == 1)
    receiver.is_open = True
    clock.at += FIRST_PAUSE
    assert eventually(lambda: receiver.got)
    program.close()
    assert len(receiver.got) == 1


def test_what_is_stored_and_cannot_be_read_is_left_out(path: Path) -> None:
    clock = Clock()
    journal = Journal.open(path)
    for odd in ("x", [1, None, {"title": "t"}], {"a": 1}):
        journal.meta_set(META_KEY, odd)
        assert not waiting_of(path, clock).has_due()


# --- commands ------------------------------------------------------------------------------


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body)["message"])  # type: ignore[attr-defined]
        self.server.may_answer.wait()  # type: ignore[attr-defined]
        self.send_response(self.server.answers)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return None


@pytest.fixture
def receiver() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    server.got, server.answers = [], 500  # type: ignore[attr-defined]
    server.may_answer = threading.Event()  # type: ignore[attr-defined]
    server.may_answer.set()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.may_answer.set()  # type: ignore[attr-defined]
    server.shutdown()


NOT_AUTHORIZED = {
    "kind": "canned_reply",
    "method": "POST",
    "path": "/v2/orders",
    "status": 403,
    "body": {"code": 40310000, "message": "account is not authorized to trade"},
}
"""The account is blocked while the program runs: that is worth an alert."""


@pytest.fixture
def env(tmp_path: Path, receiver: http.server.HTTPServer) -> Iterator[dict[str, str]]:
    """A trader whose receiver refuses, after an alert that it should have taken."""
    pytest.importorskip("apprise")
    with exchange(tmp_path) as server:
        url = f"json://127.0.0.1:{receiver.server_port}/"
        env = server.environment(tmp_path, EXECBOT_ALERT_URLS=url)
        server.call("POST", "/sim/faults", NOT_AUTHORIZED)
        refused = execbot(["submit", "AAPL", "--qty", "1", "--json"], env)
        assert refused.error["kind"] == "broker.account_not_authorized", refused
        assert len(receiver.got) == len(stored(tmp_path)) == 1  # type: ignore[attr-defined]
        yield env


def stored(home: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(journal_of(home)) as connection:
        rows = connection.execute("SELECT value FROM meta WHERE key = ?", (META_KEY,)).fetchall()
    return json.loads(rows[0][0]) if rows else []


def journal_of(home: Path) -> Path:
    return next(home.glob("state/execbot/paper-*/journal.db"))


def pass_the_pause(home: Path) -> None:
    """As if its pause were over."""
    due = [{**parcel, "due_at": None} for parcel in stored(home)]
    with sqlite3.connect(journal_of(home)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (json.dumps(due), META_KEY))


def test_an_alert_that_nobody_took_is_sent_again_by_watch(
    tmp_path: Path, env: dict[str, str], receiver: http.server.HTTPServer
) -> None:
    receiver.answers = 200  # type: ignore[attr-defined]
    pass_the_pause(tmp_path)
    watching = start_execbot(["watch", "--plain"], env)
    assert eventually(lambda: len(receiver.got) == 2)  # type: ignore[attr-defined]
    watching.terminate()
    watching.communicate(timeout=60)
    first, second = receiver.got  # type: ignore[attr-defined]
    assert second.startswith("[raised ") and second.endswith(first)
    assert stored(tmp_path) == []


def test_watch_says_goodbye_although_a_receiver_hangs(
    tmp_path: Path, env: dict[str, str], receiver: http.server.HTTPServer
) -> None:
    receiver.may_answer.clear()  # type: ignore[attr-defined]
    pass_the_pause(tmp_path)
    watching = start_execbot(["watch", "--json"], env)
    assert eventually(lambda: len(receiver.got) == 2)  # type: ignore[attr-defined]
    watching.terminate()
    said, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert '"stopped"' in said
    assert len(stored(tmp_path)) == 1


def test_an_alert_that_nobody_took_is_sent_again_by_reconcile_and_json_stays_json(
    tmp_path: Path, env: dict[str, str], receiver: http.server.HTTPServer
) -> None:
    assert execbot(["reconcile", "--json"], env).code == 0
    assert len(receiver.got) == 1  # type: ignore[attr-defined]
    pass_the_pause(tmp_path)
    still = execbot(["reconcile", "--json"], env)
    assert (still.code, still.err, still.json["ok"]) == (0, "", True)
    assert [parcel["tries"] for parcel in stored(tmp_path)] == [2]
    receiver.answers = 200  # type: ignore[attr-defined]
    pass_the_pause(tmp_path)
    assert execbot(["reconcile", "--json"], env).err == ""
    assert len(receiver.got) == 3 and stored(tmp_path) == []  # type: ignore[attr-defined]
