"""Brings a journal to the current schema. Imported only when one is behind: sqlite-utils is heavy.

Runs inside the caller's write transaction, so of two processes that open a fresh journal at the
same time one builds the tables and the other finds them built.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from execbot.journal.packing.texts import unpacked
from execbot.journal.schema import STEPS


@contextmanager
def _without_pandas() -> Iterator[None]:
    """sqlite-utils imports pandas where it finds it, and does without where not: 0.4 s and 45 MB
    for a thing that is not used here, kept for its whole life by a `watch` on a fresh journal.

    None in `sys.modules` is Python's documented way to say that a module is not to be had.
    """
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["pandas"]


with _without_pandas():
    from sqlite_utils import Database, Migrations


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the steps that are missing and set `user_version` to their number."""
    connection.create_function("unpacked_json", 1, _unpacked_json, deterministic=True)
    _migrations().apply(Database(connection))


def _unpacked_json(value: str | bytes) -> str | None:
    """None where it cannot be read back: `doctor` tells of that, and no upgrade fails by it."""
    try:
        found = unpacked(value)
        json.loads(found)
    except ValueError:
        return None
    return found


def _migrations() -> Migrations:
    migrations = Migrations("execbot")
    for number, (name, sql) in enumerate(STEPS, start=1):
        register(migrations, name, sql, number)
    return migrations


def register(migrations: Migrations, name: str, sql: str, number: int) -> None:
    def step(db: Database, /) -> None:
        for statement in split_statements(sql):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number}")

    migrations(name=name)(step)


def split_statements(sql: str) -> list[str]:
    """Cut a script into statements; `executescript` would commit the transaction around us."""
    statements: list[str] = []
    current = ""
    for line in sql.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return statements
