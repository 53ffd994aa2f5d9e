"""Goal: a backup goes back halted, learns what was sent since, and nothing is sent twice (E-JRN-4).

Method: processes against the served exchange, whose own list of orders is the witness; `restore` is
killed at random moments and given again.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.processes import Server, done, exchange, execbot, start_execbot

LIMITS = """
trading_execution:
  risk: {duplicate_window_seconds: 0, one_pending_per_symbol: false}
"""
ROUNDS = 8


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "trading.yaml").write_text(LIMITS)
    return server.environment(tmp_path, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))


def journal_of(env: dict[str, str]) -> Path:
    return next(Path(env["XDG_STATE_HOME"]).rglob("journal.db"))


def buy(env: dict[str, str], name: str, symbol: str) -> None:
    done(env, "submit", symbol, "--qty", "1", "--client-order-id", name, "--also", "--wait", "20")


def signal_for(name: str, symbol: str) -> str:
    return json.dumps({"id": name, "symbol": symbol, "side": "buy", "strength": 90, "qty": "1",
                       "strategy_id": "test", "ttl_seconds": 3600,
                       "created_at": datetime.now(UTC).isoformat()})  # fmt: skip


def give(env: dict[str, str], line: str) -> dict[str, str]:
    given = execbot(["signal", "-", "--json"], env, stdin=line + "\n")
    assert given.out, given.err
    found = json.loads(given.out.splitlines()[0])
    return dict(found.get("data", found))


def test_nothing_is_sent_twice_however_the_restore_is_killed(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    chance = random.Random(1)
    buy(env, "before", "AAPL")
    backup = tmp_path / "backup.db"
    done(env, "journal", "backup", str(backup))
    buy(env, "since", "MSFT")
    line, untold = signal_for("signal-since", "KO"), signal_for("signal-untold", "TSLA")
    give(env, line)
    sent = sorted(order["client_order_id"] for order in server.orders())
    assert len(sent) == 3
    restore = ["journal", "restore", str(backup), "--json"]
    took = time.monotonic()
    assert execbot(restore, env).code == 0
    took = time.monotonic() - took
    for _ in range(ROUNDS):
        running = start_execbot(restore, env)
        try:
            running.wait(chance.uniform(0.2, 1.1) * took)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
        running.communicate()
        again = execbot(["submit", "TSLA", "--qty", "1", "--json"], env)
        assert (again.code, again.error["kind"]) == (5, "risk.kill_switch"), again
        repeated = execbot(["submit", "MSFT", "--qty", "1", "--client-order-id", "since", "--also",
                            "--json"], env)  # fmt: skip
        assert repeated.code in (0, 5), repeated
        give(env, line)
        assert sorted(order["client_order_id"] for order in server.orders()) == sent
    assert execbot(restore, env).code == 0
    done(env, "resume")
    told = give(env, line)  # its order was found
    assert (told["outcome"], told["client_order_id"] in sent) == ("filled", True), told
    assert give(env, untold)["reason"] == "signal.restored"
    buy(env, "since", "MSFT")
    assert sorted(order["client_order_id"] for order in server.orders()) == sent
    known = {order["client_order_id"] for order in done(env, "orders", "--status", "all")}
    assert known >= set(sent)
    assert {item["symbol"] for item in done(env, "positions")} == {"AAPL", "MSFT", "KO"}
    done(env, "reconcile")
    done(env, "journal", "verify")


def test_resume_waits_until_the_gap_is_closed(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    buy(env, "before", "AAPL")
    backup = tmp_path / "backup.db"
    done(env, "journal", "backup", str(backup))
    buy(env, "since", "MSFT")
    server.call("POST", "/sim/faults", {"kind": "unauthorized", "path": "/v2/orders", "count": 500})
    unfinished = execbot(["journal", "restore", str(backup), "--json"], env)
    assert unfinished.code == 4, unfinished
    server.call("DELETE", "/sim/faults")
    assert execbot(["submit", "KO", "--qty", "1"], env).code == 5
    refused = execbot(["resume", "--json"], env)
    assert (refused.code, refused.error["kind"]) == (3, "journal.restore_unfinished")
    done(env, "reconcile", "--wait")
    done(env, "resume")
    assert {item["symbol"] for item in done(env, "positions")} == {"AAPL", "MSFT"}


def test_a_journal_that_is_damaged_or_gone_is_replaced_and_kept(
    env: dict[str, str], tmp_path: Path
) -> None:
    buy(env, "before", "AAPL")
    backup = tmp_path / "backup.db"
    done(env, "journal", "backup", str(backup))
    journal = journal_of(env)
    for path in journal.parent.glob("journal.db*"):
        path.unlink()
    journal.write_bytes(b"this was a journal once" * 1000)
    restored = done(env, "journal", "restore", str(backup))
    assert Path(restored["kept"]).read_bytes().startswith(b"this was a journal once")
    journal.unlink()
    assert done(env, "journal", "restore", str(backup))["finished"]
    assert [item["symbol"] for item in done(env, "positions")] == ["AAPL"]


def test_what_is_no_backup_changes_nothing(env: dict[str, str], tmp_path: Path) -> None:
    buy(env, "before", "AAPL")
    before = done(env, "journal")
    (tmp_path / "no.db").write_bytes(b"no backup" * 1000)
    for source in ("no.db", "nothing.db"):
        refused = execbot(["journal", "restore", str(tmp_path / source), "--json"], env)
        assert refused.code == 3, refused
    assert refused.error["next"] == "Give the file that `execbot journal backup` wrote."
    assert done(env, "journal")["events"] == before["events"]
    done(env, "submit", "KO", "--qty", "1")


def test_backup_beside_a_busy_writer_is_whole(env: dict[str, str], tmp_path: Path) -> None:
    buy(env, "before", "AAPL")
    with closing(sqlite3.connect(journal_of(env), isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("INSERT INTO meta VALUES ('in the log', '1', '')")
        running = start_execbot(["journal", "backup", str(tmp_path / "copy.db"), "--json"], env)
        count = 0
        while running.poll() is None:
            count += 1
            writer.execute("INSERT OR REPLACE INTO meta VALUES ('busy', ?, '')", (str(count),))
    out, errors = running.communicate()
    assert running.returncode == 0, errors
    assert json.loads(out)["data"]["orders"] == 1
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT value FROM meta WHERE key = 'in the log'").fetchone()
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("copy.db.part*"))


def test_watch_and_restore_shut_each_other_out(env: dict[str, str], tmp_path: Path) -> None:
    buy(env, "before", "AAPL")
    done(env, "journal", "backup", str(tmp_path / "backup.db"))
    watch = start_execbot(["watch", "--plain"], env)
    try:
        assert watch.stdout is not None and watch.stdout.readline()
        refused = execbot(["journal", "restore", str(tmp_path / "backup.db"), "--json"], env)
        assert (refused.code, refused.error["kind"]) == (9, "watch.already_running")
    finally:
        watch.send_signal(signal.SIGINT)
        watch.communicate()


def test_verify_tells_what_is_wrong_and_doctor_remembers_it(env: dict[str, str]) -> None:
    buy(env, "before", "AAPL")
    done(env, "journal", "verify")
    with closing(sqlite3.connect(journal_of(env))) as connection:
        connection.execute("UPDATE fills SET net_qty = '30'")
        connection.commit()
    found = execbot(["journal", "verify", "--json"], env)
    assert found.code == 8
    assert [(d["table"], d["was"], d["now"]) for d in found.data["differences"]] == [
        ("fills", "30", "1")
    ]
    assert not found.data["sound"] and not list(journal_of(env).parent.glob("verify-*"))
    checks = execbot(["doctor", "--json"], env).data["checks"]
    (seen,) = [item for item in checks if item["check"] == "journal"]
    assert seen["status"] == "WARN" and "not sound" in seen["detail"]
    assert seen["next"] == "execbot journal verify"


def test_what_was_queued_is_adopted_or_given_up_and_never_sent(tmp_path: Path) -> None:
    """One queued order was sent since the backup, the other taken back."""
    saturday = ["--calendar", "exchange", "--at", "2026-10-10 12:00"]
    with exchange(tmp_path, *saturday) as server:
        env = server.environment(tmp_path)
        for name, symbol in (("sent", "AAPL"), ("taken-back", "KO")):
            queued = execbot(["submit", symbol, "--qty", "1", "--client-order-id", name], env)
            assert queued.code == 0, queued
        backup = tmp_path / "backup.db"
        done(env, "journal", "backup", str(backup))
        done(env, "queue", "cancel", "taken-back")
        server.call("POST", "/sim/clock", {"set": "2026-10-12 10:00"})
        done(env, "queue", "release")
        restored = done(env, "journal", "restore", str(backup))
        assert restored["finished"] and any("taken-back" in note for note in restored["notes"])
        done(env, "resume")
        done(env, "queue", "release")
        assert done(env, "queue", "list") == []
        assert [order["client_order_id"] for order in server.orders()] == ["sent"]
        assert done(env, "orders", "show", "sent")["status"] == "filled"
        assert done(env, "orders", "show", "taken-back")["status"] == "expired"


def test_while_breaks_remain_nobody_is_told_that_the_journal_is_complete(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    buy(env, "before", "KO")
    done(env, "journal", "backup", str(backup))
    nothing = {"kind": "canned_reply", "method": "GET", "path": "/v2/positions"}
    server.call("POST", "/sim/faults", {**nothing, "params": {"status": 200, "body": []}})
    restored = execbot(["journal", "restore", str(backup)], env)
    assert restored.code == 8 and "BREAK" in restored.out
    assert "breaks remain: look into them" in restored.out and "is complete" not in restored.out
