"""Goal: a journal is made, opened and brought up to date, by one process or by many at once.

Method: real SQLite files, real processes, real damage.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from journal.rows import T0
from sqlite_utils import Database, Migrations
from support.harness.earlier import made_earlier

from execbot.journal import (
    Journal,
)
from execbot.journal.migrations import register, split_statements
from execbot.journal.packing.texts import unpacked
from execbot.journal.schema import APPLICATION_ID, SCHEMA_VERSION, STEPS
from execbot.oms.ledger import recording
from execbot.oms.machine.table import COIN_FEE


def test_a_fresh_journal_is_private_durable_and_current(path: Path) -> None:
    with Journal.open(path) as journal:
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert journal._rows("PRAGMA journal_mode")[0][0] == "wal"
        assert journal._rows("PRAGMA synchronous")[0][0] == 2
        assert journal._rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION
        assert journal.check() == []


def test_opening_a_current_journal_imports_nothing_heavy(path: Path) -> None:
    Journal.open(path).close()
    code = (
        "import sys; from execbot.journal import Journal; "
        f"Journal.open({str(path)!r}).close(); "
        "print([name for name in ('sqlite_utils', 'pydantic', 'alpaca') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_statement_of_every_step_is_complete() -> None:
    for _, sql in STEPS:
        statements = split_statements(sql)
        assert statements
        assert "\n".join(statements).split() == sql.split()
        assert all(sqlite3.complete_statement(statement) for statement in statements)


def test_steps_are_recorded_by_name(path: Path) -> None:
    with Journal.open(path) as journal:
        rows = journal._rows("SELECT name FROM _sqlite_migrations ORDER BY id")
    assert [row[0] for row in rows] == [name for name, _ in STEPS]


@pytest.mark.parametrize("is_packed", [True, False])
def test_bookings_of_an_earlier_version_say_that_they_are_fees(path: Path, is_packed: bool) -> None:
    with Journal.open(path) as journal:
        for number, reason in enumerate(("test", COIN_FEE)):
            with recording(journal) as ledger:
                at = T0 + timedelta(seconds=number)
                coins = Decimal(10 - 11 * number)
                ledger.adjust("BTC/USD", coins, Decimal(0), reason=reason,
                              asset_class="crypto", at=at, now=at)  # fmt: skip
        kept = journal.executions(symbol="BTC/USD")
    assert [item.fee for item in kept] == [None, 1]
    _undo(path, "0008_account_rows")
    if not is_packed:
        _rewrite_details(path, "unpacked(details)")
    with Journal.open(path) as journal:
        kind = "blob" if is_packed else "text"
        found = journal._rows("SELECT DISTINCT typeof(details) FROM order_events")
        assert [row[0] for row in found] == [kind]
        assert journal.executions(symbol="BTC/USD") == kept


def test_damaged_details_hinder_no_upgrade(path: Path) -> None:
    with Journal.open(path) as journal, recording(journal) as ledger:
        ledger.adjust("BTC/USD", Decimal(1), Decimal(0), reason="test",
                      asset_class="crypto", at=T0, now=T0)  # fmt: skip
    _undo(path, "0008_account_rows")
    _rewrite_details(path, "x'01ff'")
    with Journal.open(path) as journal:
        assert journal._rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION


def _rewrite_details(path: Path, made: str) -> None:
    """Against the triggers, which let nobody change the history."""
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("unpacked", 1, unpacked)
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in found.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(f"UPDATE order_events SET details = {made}")
        connection.commit()


def _undo(path: Path, since: str) -> None:
    """Make it a journal from before a step, and of before anybody marked bookings as fees."""
    made_earlier(path, since)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE fills SET fee = NULL")
        connection.commit()


def _open_at_once(path: str, gate: Any) -> None:
    gate.wait()
    with Journal.open(path) as journal:
        journal.meta_set(f"opened-{os.getpid()}", True)


def test_many_processes_open_a_fresh_journal_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(6)
    workers = [context.Process(target=_open_at_once, args=(str(path), gate)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 6
    with Journal.open(path) as journal:
        assert len(journal.meta_all("opened-")) == 6


class _Refused(sqlite3.Connection):
    """SQLite says busy without waiting, as it does now and then while others make the file."""

    times = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "BEGIN IMMEDIATE" and _Refused.times:
            _Refused.times -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, *values)


def test_who_is_refused_at_once_while_others_make_it_tries_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Refused, "times", 3)
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **more: connect(*args, factory=_Refused, **more)
    )
    with Journal.open(path) as journal:
        assert journal._rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION
    assert _Refused.times == 0


def test_a_journal_that_another_process_is_making_is_waited_for(path: Path) -> None:
    """On a busy disk that takes it longer than anybody waits for a lock otherwise."""
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ends = threading.Timer(3, lambda: other.execute("ROLLBACK"))
        ends.start()
        with Journal.open(path, busy_timeout_seconds=1.5) as journal:
            assert journal.meta_all("opened-") == {}
            assert journal._rows("PRAGMA busy_timeout")[0][0] == 1500
        ends.join()


def test_plans_of_an_older_journal_are_in_force_after_it_is_opened(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as old:
        migrations = Migrations("execbot")
        register(migrations, *STEPS[0], 1)
        migrations.apply(Database(old))
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for version, status in ((1, "active"), (2, "closed")):
            row = ("p", version, "AAPL", status, "{}", T0.isoformat())
            old.execute("INSERT INTO exit_plans VALUES (?, ?, ?, ?, ?, ?)", row)
        old.execute("INSERT INTO exit_plans VALUES ('q', 1, 'AAPL', 'active', '{}', ?)", (row[-1],))
        old.commit()
    with Journal.open(path) as journal:
        assert [p.plan_id for p in journal.plans(statuses=["active"])] == ["q"]
        assert [(p.plan_id, p.version) for p in journal.plans(statuses=["closed"])] == [("p", 2)]
        assert journal.save_plan("q", "AAPL", "closed", {}, T0, version=2)
        assert journal.plans(statuses=["active"], symbol="AAPL") == []


def test_packed_bookings_of_an_older_journal_are_no_damage(path: Path) -> None:
    with Journal.open(path) as journal, recording(journal) as ledger:
        for reason in ("crypto_fee", "adopted"):
            booked = {"reason": reason, "asset_class": "crypto", "at": T0, "now": T0}
            ledger.adjust(reason, Decimal("-0.001"), Decimal(50000), **booked)
    with closing(sqlite3.connect(path)) as old:
        kinds = old.execute("SELECT DISTINCT typeof(details) FROM order_events").fetchall()
        assert kinds == [("blob",)]
        old.execute("UPDATE fills SET fee = NULL")
        old.execute("DROP TABLE account_rows")
        old.execute("DELETE FROM _sqlite_migrations WHERE name = '0008_account_rows'")
        old.execute("PRAGMA user_version = 7")
        old.commit()
    with Journal.open(path) as journal:
        rows = journal._rows("SELECT symbol, fee FROM fills ORDER BY symbol")
    assert [tuple(row) for row in rows] == [("adopted", None), ("crypto_fee", "0.001")]


def test_making_a_journal_loads_no_pandas_and_leaves_it_to_be_had(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from execbot.journal.journal import Journal\n"
        f"Journal.open(Path({str(tmp_path / 'journal.db')!r})).close()\n"
        "print('sqlite_utils' in sys.modules, 'pandas' in sys.modules)\n"
        "import pandas; print(pandas.__name__)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["True", "False", "pandas"], done.stderr


def test_closing_waits_for_what_another_thread_is_reading(path: Path) -> None:
    """In a process of its own: SQLite's memory, gone in the middle of a statement, ends it."""
    Journal.open(path).close()
    reading = f"""
import threading
from pathlib import Path
from execbot.journal.journal import Journal

journal = Journal.open(Path({str(path)!r}))
began = threading.Event()
journal._connection.create_function("begins", 0, began.set)
many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1500000)"
def read():
    try:
        journal._rows("SELECT begins()")
        journal._rows(many + " SELECT max(i) FROM n")
        journal._rows(many + " SELECT max(i) FROM n")
    except Exception as error:
        print(type(error).__name__)
reader = threading.Thread(target=read)
reader.start()
began.wait()
journal.close()
reader.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", reading], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in ("", "JournalError\n")
