"""A file that SQLite opens next, readable by its owner alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_private(path: Path) -> None:
    """An empty file where there is none yet, so that no umask widens it. Raises OSError.

    One that is there is not opened: to close it beside SQLite would drop the locks of this process
    (SQLite, "How To Corrupt", 2.2), and the next reader would take the WAL away.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
