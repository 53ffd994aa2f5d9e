"""Goal: `journal archive` moves closed months away beside trading, and nothing forgets them.

Method: processes against the served exchange, on a journal with cloned past months; other commands
are given at the same time, and the archives are taken away, damaged, backed up and put back.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from journal.grown import grow
from support.processes import Server, done, execbot, start_execbot
from support.waiting import eventually

COPIES = 100
LIMITS = """
trading_execution:
  risk: {max_daily_orders: null, duplicate_window_seconds: 0, one_pending_per_symbol: false,
         max_consecutive_losses: 500}
"""


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    """A round trip of today, and clones of it on a hundred days before."""
    (tmp_path / "trading.yaml").write_text(LIMITS)
    env = server.environment(tmp_path, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))
    done(env, "submit", "AAPL", "--qty", "1", "--wait", "20")
    done(env, "close", "AAPL", "--wait", "20")
    done(env, "reconcile")
    grow(journal_of(env), COPIES, a_day=1)
    rebuilt = execbot(["journal", "rebuild", "--to", str(tmp_path / "anew.db")], env)
    assert rebuilt.code in (0, 8), rebuilt  # the clones are in no position yet
    journal = journal_of(env)
    for left in journal.parent.glob("journal.db*"):
        left.unlink()
    shutil.move(tmp_path / "anew.db", journal)
    return env


def journal_of(env: dict[str, str]) -> Path:
    return next(Path(env["XDG_STATE_HOME"]).rglob("journal.db"))


def archive(env: dict[str, str]) -> dict[str, Any]:
    return dict(done(env, "journal", "archive", "--before", "2100-01-01"))


def all_orders(env: dict[str, str]) -> list[dict[str, Any]]:
    return list(done(env, "orders", "--status", "all", "--limit", "1000"))


def test_months_are_moved_and_still_read(env: dict[str, str], tmp_path: Path) -> None:
    orders = all_orders(env)
    assert len(orders) == 2 * COPIES + 2
    old = orders[-1]
    day = (datetime.now(UTC) - timedelta(days=80)).date().isoformat()
    told = {
        words: done(env, *words.split())
        for words in (
            f"orders show {old['client_order_id']}",
            f"orders show {old['id']}",
            f"report --daily --date {day}",
            f"orders --status closed --since {day} --limit 30",
        )
    }
    moved = archive(env)
    assert sum(item["orders"] for item in moved["archives"]) > COPIES
    assert moved["orders_left"] == 0
    assert moved["bytes_after"] < moved["bytes_before"]
    assert all_orders(env) == orders
    for words, answer in told.items():
        assert done(env, *words.split()) == answer, words
    assert archive(env)["archives"] == []
    size = done(env, "journal", "size")
    assert [item["name"] for item in size["archives"]] == [
        item["name"] for item in moved["archives"]
    ]
    assert done(env, "journal", "verify")["archives"] == len(moved["archives"])


def test_an_archived_id_is_sent_to_nobody_again(server: Server, env: dict[str, str]) -> None:
    old = all_orders(env)[-1]
    sent = len(server.orders())
    archive(env)
    name = old["client_order_id"]
    other = ["submit", "MSFT", "--qty", "1", "--client-order-id", name, "--json"]
    refused = execbot(other, env)
    assert refused.code != 0 and "was used for another order" in refused.err
    assert len(server.orders()) == sent


@pytest.mark.long
def test_archive_waits_for_watch_to_end_and_trading_goes_on_beside_it(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "watch"
    watch = start_execbot(["watch", "--plain"], env, stdout=output.open("w"), stderr=None)
    try:
        assert eventually(lambda: "connected" in output.read_text())
        refused = execbot(["journal", "archive", "--before", "2100-01-01", "--json"], env)
        assert (refused.code, refused.error["kind"]) == (9, "watch.already_running")
    finally:
        watch.terminate()
        watch.communicate()
    before = len(server.orders())
    running = start_execbot(["journal", "archive", "--before", "2100-01-01", "--json"], env)
    names = [f"beside-{number}" for number in range(4)]
    for name in names:
        done(env, "submit", "AAPL", "--qty", "1", "--client-order-id", name, "--also", "--add")
    out, err = running.communicate()
    assert running.returncode == 0, (out, err)
    assert len(server.orders()) == before + len(names)
    done(env, "reconcile", "--wait")
    assert {order["client_order_id"] for order in all_orders(env)} > set(names)
    done(env, "journal", "verify")


def test_a_backup_takes_the_archives_along_and_restore_puts_them_back(
    env: dict[str, str], tmp_path: Path
) -> None:
    orders = all_orders(env)
    archive(env)
    done(env, "journal", "backup", str(tmp_path / "kept.db"))
    directory = journal_of(env).with_name("journal.archives")
    gone = sorted(path.name for path in directory.iterdir())
    shutil.rmtree(directory)
    missing = execbot(["journal", "verify", "--json"], env)
    assert missing.code == 8
    assert len(missing.data["archive_problems"]) == len(gone)
    asked = execbot(["orders", "--status", "all", "--json"], env)
    assert (asked.code, asked.error["kind"]) == (3, "journal.archive")
    assert execbot(["orders"], env).code == 0
    done(env, "journal", "restore", str(tmp_path / "kept.db"))
    assert sorted(path.name for path in directory.iterdir()) == gone
    assert all_orders(env) == orders
    done(env, "journal", "verify")


def test_a_date_that_is_none_is_refused(env: dict[str, str]) -> None:
    refused = execbot(["journal", "archive", "--before", "soon", "--json"], env)
    assert (refused.code, refused.error["kind"]) == (2, "usage.time")
