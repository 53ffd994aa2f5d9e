"""Goal: `journal archive` moves closed months away beside trading, and nothing forgets them.

Method: processes against the served exchange, on a journal with cloned past months; other commands
are given at the same time, `watch` follows fills meanwhile, the archiving is killed, and the
archives are taken away, damaged, backed up and put back.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from journal.grown import grow
from support.processes import Server, done, execbot
from support.watching import Watching, watching

from execbot.desk.journals.alone import one_that_archives

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


ASKED = (
    "positions history AAPL",
    "report --daily --date {day}",
    "report --from {day} --to {later}",
    "trades --since {day} --until {later}",
    "orders --status all --symbol AAPL --limit 1000",
)
"""About days that are over; nothing that `watch` does now changes an answer."""


def told_of_the_past(env: dict[str, str]) -> dict[str, Any]:
    today = datetime.now(UTC).date()
    days = {"day": str(today - timedelta(days=80)), "later": str(today - timedelta(days=40))}
    return {words: done(env, *words.format(**days).split()) for words in ASKED}


@contextmanager
def traded(server: Server, env: dict[str, str]) -> Iterator[None]:
    """Somebody else buys and sells as fast as the exchange takes it: `watch` follows all of it."""
    is_over = threading.Event()

    def trade() -> None:
        wish = {"symbol": "MSFT", "type": "market", "qty": "1", "time_in_force": "day"}
        while not is_over.is_set():
            for side in ("buy", "sell"):
                while not is_taken({**wish, "side": side}):
                    pass

    def is_taken(order: dict[str, str]) -> bool:
        """Not as long as the one before it, of the other side, works."""
        with suppress(HTTPError):
            return bool(server.call("POST", "/v2/orders", order))
        return False

    trader = threading.Thread(target=trade)
    trader.start()
    try:
        yield
    finally:
        is_over.set()
        trader.join()


def alarms_of(watch: Watching) -> list[dict[str, Any]]:
    said = [json.loads(line) for line in (watch.home / "watch.out").read_text().splitlines()]
    assert any(line["type"] == "order" for line in said)
    return [line for line in said if line["type"] in ("alarm", "journal")]


def judged(server: Server, env: dict[str, str], told: dict[str, Any]) -> None:
    """The exchange has what the journal has, each order once; of the past nothing has changed."""
    done(env, "reconcile", "--wait")
    held = {item["symbol"]: item["qty"] for item in server.get("/v2/positions")}
    assert {item["symbol"]: item["qty"] for item in done(env, "positions")} == held
    ours = [one["id"] for one in done(env, "orders", "--status", "all", "--limit", "100000")]
    assert len(ours) == len(set(ours))
    assert {one["id"] for one in server.orders()} <= set(ours)
    assert told_of_the_past(env) == told
    done(env, "journal", "verify")
    used = all_orders(env)[-1]["client_order_id"]
    again = execbot(["submit", "KO", "--qty", "1", "--client-order-id", used, "--json"], env)
    assert "was used for another order" in again.err


def test_months_are_archived_beside_a_watch_that_follows_fills(
    server: Server, env: dict[str, str]
) -> None:
    told = told_of_the_past(env)
    with watching(env) as watch:
        with traded(server, env):
            moved = archive(env)
        assert sum(one["orders"] for one in moved["archives"]) > COPIES
        judged(server, env, told)
        assert alarms_of(watch) == []
        watch.end()


def test_an_archive_that_is_killed_beside_watch_is_finished_by_the_next(
    server: Server, env: dict[str, str]
) -> None:
    told = told_of_the_past(env)
    step, code = 0, -signal.SIGKILL
    with watching(env) as watch:
        with traded(server, env):
            while code == -signal.SIGKILL:
                step += 7
                words = ["-m", "journal.killed", str(journal_of(env)), str(step)]
                tests = {"PYTHONPATH": str(Path(__file__).parents[3])}
                ended = subprocess.run([sys.executable, *words], env={**env, **tests}, check=False)
                code = ended.returncode
        assert code == 0 and step > 60
        judged(server, env, told)
        assert alarms_of(watch) == []
        watch.end()
    directory = journal_of(env).with_name("journal.archives")
    assert not list(directory.glob("part*"))


def test_a_second_archive_ends_with_9(env: dict[str, str]) -> None:
    with one_that_archives(journal_of(env).parent):
        for words in (("archive", "--before", "90d"), ("restore", str(journal_of(env)), "--yes")):
            refused = execbot(["journal", *words, "--json"], env)
            assert (refused.code, refused.error["kind"]) == (9, "journal.already_archiving"), words
    days = done(env, "journal", "archive", "--before", "90d")
    assert days["before"] <= (datetime.now(UTC) - timedelta(days=80)).date().isoformat()


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
