"""A journal as an earlier version of its schema would have it, made from one of today."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from execbot.journal.migrations import split_statements
from execbot.journal.packing.texts import unpacked
from execbot.journal.schema import APPLICATION_ID, STEPS


def made_earlier(path: Path, step: str) -> None:
    """Put the journal at `path`, which nobody has open, back to before the step of this name: a new
    file with the steps before it, and of today's rows what those tables hold."""
    earlier = path.with_name(f"{path.name}.earlier")
    steps = [(name, sql) for name, sql in STEPS if name < step]
    assert len(steps) < len(STEPS)
    with closing(sqlite3.connect(earlier, isolation_level=None)) as old:
        old.create_function("unpacked_json", 1, unpacked)
        for _, sql in steps:
            for statement in split_statements(sql):
                old.execute(statement)
        tables = [row[0] for row in old.execute(_TABLES)]
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute(f"PRAGMA user_version = {len(steps)}")
        old.execute("ATTACH ? AS today", (str(path),))
        old.execute("CREATE TABLE _sqlite_migrations AS SELECT * FROM today._sqlite_migrations")
        old.execute("DELETE FROM _sqlite_migrations WHERE name >= ?", (step,))
        for table in tables:
            names = ",".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(
                f"INSERT OR REPLACE INTO {table} ({names}) SELECT {names} FROM today.{table}"
            )
        old.execute("DETACH today")
    for ending in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
    earlier.rename(path)


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
