"""A copy of a journal in a file of its own, to be repaired and compared; the journal stays."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from execbot.journal.codec import event_of
from execbot.journal.errors import JournalUnavailable, classify
from execbot.journal.journal import DERIVED_TABLES, Journal
from execbot.journal.records import EventRecord
from execbot.journal.schema import NEVER_DELETED

COPY_PATIENCE_SECONDS = 10.0


class Unreadable(Struct, frozen=True):
    """A row of the history that cannot be read back, and why."""

    seq: int
    why: str


def copied_to(path: Path, target: Path) -> Journal:
    """Copy the journal at `path` to `target`, which must not exist, and open the copy.

    Taken as of one moment, while others may go on writing. Raises JournalError.
    """
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        message = f"there is a file already: {target}"
        raise JournalUnavailable(message, path=target) from None
    except OSError as error:
        message = f"the copy cannot be written: {target} ({error})"
        raise JournalUnavailable(message, path=target) from error
    try:
        _copy(path, target)
        return Journal.open(target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy(path: Path, target: Path) -> None:
    if not path.exists():
        raise JournalUnavailable(f"there is no journal: {path}", path=path)
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=COPY_PATIENCE_SECONDS)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        raise classify(error, path) from error


def readable_events(journal: Journal) -> Iterator[EventRecord | Unreadable]:
    """The whole history as it comes; what cannot be read back is named, not raised."""
    for row in journal._rows("SELECT * FROM order_events ORDER BY seq"):
        try:
            yield event_of(row)
        except (ValueError, TypeError, ArithmeticError, msgspec.MsgspecError) as error:
            yield Unreadable(int(row["seq"]), f"cannot be read back ({type(error).__name__})")


def leave_out(copy: Journal, seqs: Iterable[int]) -> None:
    """Take events out of the history of a copy: of a journal in use nothing is ever taken."""
    with copy.transaction():
        copy._run("DROP TRIGGER IF EXISTS order_events_are_never_deleted")
        copy._run_many("DELETE FROM order_events WHERE seq = ?", [(seq,) for seq in seqs])
        copy._run(NEVER_DELETED)


def derived_rows(journal: Journal) -> dict[str, dict[str, dict[str, object]]]:
    """What follows from the history, as it is written: by table, key and column."""
    return {
        table: {
            str(row[key]): dict(zip(row.keys(), row, strict=True))
            for row in journal._rows(f"SELECT * FROM {table}")
        }
        for table, key in DERIVED_TABLES.items()
    }


def default_target(path: Path, now: datetime) -> Path:
    """Beside the journal, with the moment in its name."""
    return path.with_name(f"{path.stem}.rebuilt-{now:%Y%m%d-%H%M%S}{path.suffix}")
