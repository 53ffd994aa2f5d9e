"""An SQLite file copied whole, as of one moment, while others go on writing to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

PATIENCE_SECONDS = 10.0


def copy_whole(source: Path, target: Path) -> None:
    """Into `target`, an empty file, in one step: in small ones, each writer in between makes it
    begin anew. Raises sqlite3.Error."""
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE_SECONDS)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)


def flush(path: Path) -> None:
    """What a file or directory holds is on the disk afterwards. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
