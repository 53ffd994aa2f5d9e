"""Goal: `health` is green only if all is well, and says of each thing that is not what to do.

Method: tables for what is judged purely; real processes against a served exchange, whose positions,
`watch` and journal are broken one after the other.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import Popen
from types import SimpleNamespace
from typing import Any

import pytest
from support.processes import Outcome, Server, exchange, execbot, start_execbot
from support.waiting import eventually

from execbot.desk.checks.agreement_checks import doubtful, reconciled
from execbot.desk.checks.finding import Status
from execbot.desk.checks.setup_checks import is_open_to_others
from execbot.desk.checks.watch_checks import judged
from execbot.journal.care.reconciled import Reconciliation
from execbot.market.calendar_cache import load_table
from execbot.model.enums import OrderStatus
from execbot.model.timer import Mark, Timer
from execbot.watch.heartbeat import EVERY_SECONDS, NAME, Heartbeat, HeartbeatFile, heartbeat_of

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)  # a Monday, 11:00 in New York
FRIDAY_NIGHT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
THURSDAY_NIGHT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def beat(**more: Any) -> Heartbeat:
    known = {"pid": 7, "at": NOW, "mark": Mark("b", 10.0), "started_at": NOW, "stream_up": True}
    return Heartbeat(**{**known, **more})


@pytest.mark.parametrize(
    ("found", "age", "status", "words"),
    [
        (beat(), 2.0, Status.OK, "decided 2s ago"),
        (beat(), 31.0, Status.FAIL, "decided nothing for 31s: it is stuck"),
        (beat(stream_up=False), 2.0, Status.WARN, "REST is asked instead"),
        (beat(trouble="the journal fails: full"), 2.0, Status.FAIL, "the journal fails: full"),
        (beat(trouble="blind"), 31.0, Status.FAIL, "it is stuck"),
        (beat(pid=8), 2.0, Status.WARN, "has written no heartbeat"),
        (None, None, Status.WARN, "has written no heartbeat"),
    ],
)
def test_a_watch_is_judged_by_its_heartbeat(
    found: Heartbeat | None, age: float | None, status: Status, words: str
) -> None:
    finding = judged(7, found, age, [])
    assert finding.status is status
    assert words in finding.detail


@pytest.mark.parametrize(
    ("status", "intended", "sent", "expected"),
    [
        (OrderStatus.PENDING, 0.1, None, Status.WARN),
        (OrderStatus.PENDING, 61, None, Status.FAIL),
        (OrderStatus.PENDING, 86_400, 0.1, Status.WARN),  # it waited in the queue until now
        (OrderStatus.PENDING, 86_400, 61, Status.FAIL),
        (OrderStatus.IN_DOUBT, 61, 0.1, Status.FAIL),  # asked for again and again
    ],
)
def test_an_order_that_is_just_being_sent_is_no_trouble_yet(
    status: OrderStatus, intended: float, sent: float | None, expected: Status
) -> None:
    def ago(seconds: float | None) -> datetime | None:
        return None if seconds is None else NOW - timedelta(seconds=seconds)

    record: Any = SimpleNamespace(
        client_order_id="o1", status=status, intent_at=ago(intended), sent_at=ago(sent)
    )
    found = doubtful([record], NOW)
    assert (found.status, "o1" in found.detail) == (expected, True)


@pytest.mark.parametrize("found", [None, beat(pid=8)])
def test_a_watch_that_never_wrote_a_heartbeat_is_not_well(found: Heartbeat | None) -> None:
    """A `watch` of an earlier version writes none, nor does one that hangs at its start."""
    finding = judged(7, found, None, [], held_seconds=61)
    assert finding.status is Status.FAIL
    assert "no heartbeat for 1m: it is stuck, or an earlier version" in finding.detail
    assert finding.next_step == "End it and start it again: kill 7"


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (None, Status.WARN),
        (Reconciliation(FRIDAY_NIGHT, 0, ()), Status.OK),  # over a weekend nothing happened
        (Reconciliation(THURSDAY_NIGHT, 0, ()), Status.WARN),  # Friday was not looked at
        (Reconciliation(NOW, 2, ("position.qty AAPL", "order.missing x")), Status.FAIL),
    ],
)
def test_the_last_reconciliation_counts_by_sessions_not_by_hours(
    last: Reconciliation | None, status: Status
) -> None:
    assert reconciled(last, load_table(), NOW, True).status is status


def test_who_never_traded_need_not_reconcile() -> None:
    assert reconciled(None, load_table(), NOW, False).status is Status.OK


def test_the_heartbeat_is_written_when_due_and_read_back(tmp_path: Path) -> None:
    seconds = [100.0]
    timer = Timer(monotonic=lambda: seconds[0], boot=lambda: "this")
    file = HeartbeatFile(tmp_path, NOW, timer)
    file.beat(NOW, stream_up=True)
    first = heartbeat_of(tmp_path)
    assert first is not None
    assert (first.pid, first.at, first.trouble) == (os.getpid(), NOW, "")
    seconds[0] += EVERY_SECONDS - 0.1
    file.beat(NOW + timedelta(seconds=4), stream_up=True)
    assert heartbeat_of(tmp_path) == first  # not due yet, and no news
    seconds[0] += 0.2
    file.beat(NOW + timedelta(seconds=5), stream_up=False, trouble="blind")
    second = heartbeat_of(tmp_path)
    assert second is not None
    assert (second.stream_up, second.trouble, second.started_at) == (False, "blind", NOW)
    seconds[0] += 60
    # The wall clock was set back by an hour: the age is that of the machine's own seconds.
    assert second.age(NOW - timedelta(hours=1), timer.mark()) == pytest.approx(60)
    file.end()
    assert heartbeat_of(tmp_path) is None


@pytest.mark.parametrize("spoilt", ["", "7", "[]", "{}", '{"pid": "x"}', "\x00"])
def test_a_heartbeat_that_cannot_be_read_is_none(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / NAME).write_text(spoilt)
    assert heartbeat_of(tmp_path) is None


# --- as processes ------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with exchange(tmp_path) as server:
        yield server


def health(env: dict[str, str], *more: str) -> Outcome:
    return execbot(["health", "--json", *more], env)


@contextmanager
def locked(path: Path, patience: float = 60) -> Iterator[None]:
    """As by another program that keeps a write transaction open; it waits `patience` seconds for
    that of ours to end."""
    with closing(sqlite3.connect(path, timeout=patience, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def status_of(found: Outcome) -> dict[str, str]:
    """The worst status of each check."""
    worst: dict[str, str] = {}
    for row in found.data["checks"]:
        worst.setdefault(row["check"], row["status"])
    return worst


@pytest.mark.timeout(300)
def test_green_turns_red_when_a_stop_is_gone_and_back(server: Server, tmp_path: Path) -> None:
    env = server.environment(tmp_path)
    assert (
        execbot(["submit", "AAPL", "--qty", "4", "--stop-loss", "5%", "--wait", "20"], env).code
        == 0
    )
    assert health(env).code == 0  # never reconciled is a warning
    assert health(env, "--fail-on", "warn").code == 8
    assert execbot(["reconcile"], env).code == 0
    well = health(env, "--fail-on", "warn")
    assert (well.code, well.data["worst"]) == (0, "OK")
    assert (well.data["figures"]["positions"], well.data["figures"]["unprotected"]) == (1, 0)

    server.call("DELETE", "/v2/orders")
    assert eventually(lambda: health(env).code == 8)  # once it has lasted as long as an alarm waits
    naked = health(env)
    assert naked.data["checks"][0]["check"] == "protection"
    assert naked.data["checks"][0]["next"] == "execbot protect AAPL"
    assert naked.data["figures"]["unprotected"] == 1
    line = execbot(["health", "--nagios"], env)
    assert line.code == 2
    assert line.out.startswith("EXECBOT CRITICAL - protection: AAPL is unprotected")
    assert "unprotected=1" in line.out.partition("|")[2] and line.out.count("\n") == 1
    docker = execbot(["health", "--docker"], env)
    assert docker.code == 1 and docker.out.count("\n") == 1

    assert execbot(["protect", "AAPL", "--stop", "5%"], env).code == 0
    assert health(env).code == 0


def stopped_outside_of_writes(watch: Popen[str], home: Path) -> bool:
    """Whether it stands still at a moment at which the journal is not locked by it."""
    watch.send_signal(signal.SIGSTOP)
    try:
        with locked(next(home.rglob("journal.db")), patience=0.5):
            return True
    except sqlite3.OperationalError:
        watch.send_signal(signal.SIGCONT)
        return False


@pytest.mark.timeout(300)
def test_a_plan_that_needs_a_watch_has_one_that_decides(server: Server, tmp_path: Path) -> None:
    env = server.environment(tmp_path)
    output = tmp_path / "watch.ndjson"
    assert execbot(["submit", "AAPL", "--qty", "4", "--wait", "20"], env).code == 0
    assert execbot(["protect", "AAPL", "--stop", "5%", "--trail", "5%"], env).code == 0
    alone = health(env)
    assert alone.code == 8
    assert status_of(alone)["watch"] == "FAIL"
    with output.open("w") as out:
        watch = start_execbot(["watch", "--json"], env, stdout=out, stderr=None)
    try:
        assert eventually(lambda: status_of(health(env))["watch"] == "OK")
        assert health(env).data["figures"]["heartbeat_seconds"] < 60
        with locked(next(tmp_path.rglob("journal.db"))):
            locked_out = status_of(health(env))
        assert locked_out["journal"] == "FAIL"
        assert locked_out["watch"] in ("OK", "FAIL")  # it says so itself once it has met the lock
        # Stopped, it still holds its own lock; its heartbeat grows old.
        assert eventually(lambda: stopped_outside_of_writes(watch, tmp_path))
        directory = next(tmp_path.rglob(NAME)).parent
        words = json.loads((directory / NAME).read_text())
        words["mark"][1] -= 3600
        (directory / NAME).write_text(json.dumps(words))
        stuck = health(env)
        assert stuck.code == 8
        assert "it is stuck" in next(
            row["detail"] for row in stuck.data["checks"] if row["check"] == "watch"
        )
        shown = execbot(["positions", "--json"], env)
        assert any("it is stuck" in words for words in shown.json["warnings"])
    finally:
        watch.send_signal(signal.SIGCONT)
        watch.kill()
        watch.wait(timeout=60)
    assert status_of(health(env))["watch"] == "FAIL"  # what it left is no sign of life


def test_what_cannot_be_reached_ends_as_everywhere(server: Server, tmp_path: Path) -> None:
    env = server.environment(tmp_path)
    down = {**env, "ALPACA_TRADING_URL": "http://127.0.0.1:9"}
    assert health(down).code == 10
    assert execbot(["health", "--nagios"], down).code == 2
    assert health({**env, "ALPACA_SECRET_KEY": ""}).code == 4
    bad = tmp_path / "bad.yaml"
    bad.write_text("trading_execution:\n  max_positins: 5\n")
    assert health({**env, "EXECBOT_CONFIG": str(bad)}).code == 3
    assert execbot(["health", "--nagios"], {**env, "EXECBOT_CONFIG": str(bad)}).code == 3


@pytest.mark.timeout(300)
def test_shares_that_the_journal_does_not_know_of_are_no_green_light(
    server: Server, tmp_path: Path
) -> None:
    env = server.environment(tmp_path)
    assert execbot(["reconcile"], env).code == 0
    bought = {"symbol": "KO", "qty": "5", "side": "buy", "type": "market", "time_in_force": "day"}
    server.call("POST", "/v2/orders", bought)
    server.call("POST", "/sim/faults", {
        "kind": "value_spoilt", "method": "GET", "path": "/v2/positions",
        "field": "*.qty", "json": '"7"', "count": 1000,
    })  # fmt: skip
    found = health(env)
    assert found.code == 8
    assert status_of(found)["quantities"] == "FAIL"


@pytest.mark.timeout(300)
def test_a_fee_in_coins_is_no_difference_before_it_is_booked_and_more_than_a_fee_is_one(
    server: Server, tmp_path: Path
) -> None:
    """E-FEE-2: Alpaca takes the fee of a purchase out of the coins that it brings."""
    env = server.environment(tmp_path)
    bought = execbot(["submit", "BTC/USD", "--notional", "500", "--wait", "20", "--json"], env)
    filled = Decimal(bought.json["data"]["filled_qty"])
    found = health(env)
    [quantities] = [row for row in found.data["checks"] if row["check"] == "quantities"]
    held = Decimal(server.get("/v2/positions/BTCUSD")["qty"])
    assert held < filled
    assert quantities["status"] == "OK"
    assert quantities["detail"] == (
        "journal and broker hold the same, but for fees in coins: "
        f"BTC/USD: {filled.normalize():f} here, {held.normalize():f} at the broker"
    )
    less = {"field": "*.qty", "json": f'"{filled * Decimal("0.99")}"', "count": 1000}
    server.arm("value_spoilt", method="GET", path="/v2/positions", **less)
    found = health(env)
    assert (found.code, status_of(found)["quantities"]) == (8, "FAIL")


def test_a_file_that_is_replaced_while_it_is_looked_at_is_no_trouble(tmp_path: Path) -> None:
    """`watch` writes its files anew every few seconds, each under another name at first."""
    shown, own = tmp_path / "shown", tmp_path / "own"
    for path, mode in ((shown, 0o644), (own, 0o600)):
        path.touch()
        path.chmod(mode)
    assert is_open_to_others(shown)
    assert not is_open_to_others(own)
    assert not is_open_to_others(tmp_path / "watch.left.new")
