"""Lets memory stand in for a journal that fails in the middle of a command.

Before the first byte has left it may not: the command ends, and nothing was sent. After it the
command must still tell the truth, so its rest works on memory; an intent, which must last, is never
written there, unless risk is being taken away without the journal on purpose.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

Make = Callable[[Path], tuple[sqlite3.Connection, bool]]


class Standby(Struct, frozen=True, eq=False):
    """For one command: `may` says whether memory may take over by now, `make` makes it (and says
    whether it is a copy of the file)."""

    may: Callable[[], bool]
    make: Make


class Statement(Struct, frozen=True):
    """One that writes, to be said again elsewhere."""

    sql: str
    values: Sequence[Any] = ()
    is_many: bool = False

    def on(self, connection: sqlite3.Connection) -> sqlite3.Cursor:
        if self.is_many:
            return connection.executemany(self.sql, self.values)
        return connection.execute(self.sql, self.values)
