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
from contextlib import closing
from pathlib import Path
from typing import Any

from journal.rows import T0
from sqlite_utils import Database, Migrations

from execbot.journal import (
    Journal,
)
from execbot.journal.migrations import register, split_statements
from execbot.journal.schema import APPLICATION_ID, SCHEMA_VERSION, STEPS


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
