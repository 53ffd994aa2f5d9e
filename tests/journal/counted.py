"""One execbot command that counts what SQLite does for its journal:

    python -m journal.counted FILE WORD...

writes the steps of SQLite's machine into FILE. They depend on the rows and index entries that are
looked at, and on nothing else: not on the machine, not on what is cached.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

from execbot.cli.main import run
from execbot.journal import connection

STEPS_A_CALL = 20


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def tick(self) -> int:
        self.calls += 1
        return 0


def main() -> None:
    counter, connect = Counter(), connection._connect

    def counted(*args: Any) -> sqlite3.Connection:
        opened = connect(*args)
        opened.set_progress_handler(counter.tick, STEPS_A_CALL)
        return opened

    connection._connect = counted
    target = Path(sys.argv[1])
    try:
        run(sys.argv[2:])
    finally:
        target.write_text(str(counter.calls * STEPS_A_CALL))


if __name__ == "__main__":
    main()
