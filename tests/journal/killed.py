"""`journal archive` that kills itself (SIGKILL) at its first, second, ... step.

python -m journal.killed JOURNAL STEP     # exit -9 if it was killed before it was done
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from execbot.journal import Journal
from execbot.journal.archives import moving
from execbot.journal.archives.months import cuts
from execbot.journal.connection import Connection


def archive_all(journal: Journal, end: date, now: datetime, *, most: int) -> None:
    for cut in cuts(journal.orders_by_day(end), end, most):
        while moving.archived(journal, cut.before, cut.month, {"closed"}, now, most):
            pass


def steps_killed(at: int) -> None:
    """From here on the process kills itself before its step number `at`."""
    made = 0

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*values: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            if made == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*values, **named)

        return step

    for owner, name in (
        *((Connection, "_write"), (Path, "rename"), (Path, "unlink"), (Path, "chmod")),
        *((os, "fsync"), (moving, "digest_of"), (sqlite3, "connect")),
    ):
        setattr(owner, name, counting(getattr(owner, name)))


def main(path: str, at: str) -> None:
    steps_killed(int(at))
    now = datetime.now(UTC)
    with Journal.open(path) as journal:
        archive_all(journal, now.date().replace(day=1), now, most=40)


if __name__ == "__main__":
    main(*sys.argv[1:])
