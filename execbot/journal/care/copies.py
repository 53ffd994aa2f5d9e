"""A copy of a journal in a file of its own, to be repaired and compared; the journal stays."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from execbot.journal.archives.files import archives_beside
from execbot.journal.care.whole import PATIENCE_SECONDS, copy_whole, flush
from execbot.journal.codec import AMONG, event_of, listed
from execbot.journal.errors import JournalError, JournalUnavailable
from execbot.journal.journal import DERIVED_TABLES, Journal
from execbot.journal.packing.texts import packed, unpacked
from execbot.journal.records import EventRecord
from execbot.journal.schema import NEVER_CHANGED, NEVER_DELETED
from execbot.journal.sqlite_errors import classify
from execbot.journal.statements import EVENTS, first_raw

ROWS_A_TIME = 1000

_DERIVED: Mapping[str, tuple[str, ...]] = {
    **{table: (key,) for table, key in DERIVED_TABLES.items()},
    "position_days": ("symbol", "day"),
    "position_lives": ("event_seq", "symbol", "step"),
}
"""Each derived table, and what its rows are told apart by."""


class Unreadable(Struct, frozen=True):
    """A row of the history that cannot be read back, and why."""

    seq: int
    why: str


def copied_to(path: Path, target: Path) -> Journal:
    """Copy the journal at `path` to `target`, which must not exist, and open the copy.

    Taken as of one moment, while others may go on writing. The copy reads the archives where they
    are. Raises JournalError.
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
        copy = Journal.open(target)
        copy.archives_at = archives_beside(path)
        return copy
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy(path: Path, target: Path) -> None:
    if not path.exists():
        raise JournalUnavailable(f"there is no journal: {path}", path=path)
    try:
        copy_whole(path, target)
    except sqlite3.Error as error:
        raise classify(error, path) from error


def backed_up(path: Path, target: Path) -> None:
    """A copy of the journal at `path` in `target`, which must not exist: whole and on the disk, or
    not there. Others may go on writing meanwhile. Raises JournalError."""
    if target.exists():
        raise JournalUnavailable(f"there is a file already: {target}", path=target)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    copied_to(path, part).close()
    flush(part)
    os.link(part, target)
    part.unlink()
    flush(target.parent)


def kept_aside(path: Path, now: datetime) -> Path | None:
    """Keep the journal at `path` under another name before it is replaced: a copy, or where it
    cannot be copied any more, its files themselves. None where there is none."""
    if not path.exists():
        return None
    stem = f"{path.stem}.replaced-{now:%Y%m%d-%H%M%S}"
    kept, number = path.with_name(f"{stem}{path.suffix}"), 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{stem}-{number}{path.suffix}")
    try:
        backed_up(path, kept)
    except JournalError:
        for ending in ("-shm", "-wal", ""):
            part = path.with_name(f"{path.name}{ending}")
            if part.exists():
                part.rename(kept.with_name(f"{kept.name}{ending}"))
    return kept


def put_in_place(staged: Path, path: Path) -> None:
    """Make the journal at `path` what `staged` is, in one transaction: every process that has it
    open sees the one or the other, and so does who comes after a kill. Raises JournalError."""
    if not path.exists():
        staged.rename(path)
        return
    try:
        with (
            closing(sqlite3.connect(staged)) as source,
            closing(sqlite3.connect(path, timeout=PATIENCE_SECONDS)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise classify(error, path) from error
    staged.unlink()


def readable_events(journal: Journal) -> Iterator[EventRecord | Unreadable]:
    """The whole history as it comes; what cannot be read back is named, not raised."""
    sql = f"{EVENTS} WHERE seq > ? ORDER BY seq LIMIT ?"
    seq = -1
    while rows := journal._rows(sql, (seq, ROWS_A_TIME)):
        for row in rows:
            try:
                yield event_of(row)
            except (ValueError, TypeError, ArithmeticError, msgspec.MsgspecError) as error:
                yield Unreadable(int(row["seq"]), f"cannot be read back ({type(error).__name__})")
        seq = int(rows[-1]["seq"])


def leave_out(copy: Journal, seqs: Iterable[int]) -> None:
    """Take events out of the history of a copy: of a journal in use nothing is ever taken."""
    gone = list(seqs)
    with copy.transaction():
        copy._run("DROP TRIGGER IF EXISTS order_events_are_never_changed")
        copy._run("DROP TRIGGER IF EXISTS order_events_are_never_deleted")
        copy._run_many(
            "UPDATE order_events SET raw = ? WHERE seq = ?", list(_packed_alone(copy, gone))
        )
        copy._run_many("DELETE FROM order_events WHERE seq = ?", [(seq,) for seq in gone])
        copy._run(NEVER_DELETED)
        copy._run(NEVER_CHANGED)


def _packed_alone(copy: Journal, gone: list[int]) -> Iterator[tuple[str | bytes, int]]:
    """The later reports of the orders that lose an event: it may be the one that they are packed
    after. What cannot be read stays as it is."""
    rows = copy._rows(
        f"SELECT seq, raw, {first_raw()} AS first_raw FROM order_events WHERE raw >= x'80' "
        f"AND client_order_id IN (SELECT client_order_id FROM order_events WHERE seq {AMONG})",
        (listed(gone),),
    )
    for row in rows:
        with suppress(ValueError):
            yield packed(unpacked(row["raw"], unpacked(row["first_raw"]))), row["seq"]


class DifferingRow(Struct, frozen=True):
    """A row that came out differently; None where there is no such row."""

    table: str
    key: str
    was: Mapping[str, object] | None
    now: Mapping[str, object] | None


@contextmanager
def derived_set_aside(copy: Journal) -> Iterator[None]:
    """Keep what follows from the history as it is now, in a file beside the copy, for as long as
    this lasts: it is derived anew meanwhile, and `differing_rows` tells the two apart."""
    aside = copy.path.with_name(f"{copy.path.name}-was")
    aside.unlink(missing_ok=True)
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    copy._run("ATTACH ? AS was", (str(aside),))
    try:
        for table, keys in _DERIVED.items():
            copy._run(f"CREATE TABLE was.{table} AS SELECT * FROM main.{table}")
            copy._run(f"CREATE UNIQUE INDEX was.{table}_key ON {table} ({','.join(keys)})")
        yield
    finally:
        copy._run("DETACH was")
        for left in aside.parent.glob(f"{aside.name}*"):
            left.unlink(missing_ok=True)


def differing_rows(copy: Journal, *, ignored: Collection[str]) -> Iterator[DifferingRow]:
    """Rows that differ after they were derived anew, by table and key.

    Days that an older journal had not laid yet are no difference.
    """
    for table, keys in _DERIVED.items():
        columns = [row[1] for row in copy._rows(f"PRAGMA main.table_info({table})")]
        same = " AND ".join(f"n.{key} = w.{key}" for key in keys)
        differs = " OR ".join(
            f"n.{name} IS NOT w.{name}" for name in columns if name not in (*keys, *ignored)
        )
        key = " || ' ' || ".join(f"w.{key}" for key in keys)
        sql = f"SELECT {key} AS key FROM was.{table} w LEFT JOIN main.{table} n ON {same} "
        sql += f"WHERE n.{keys[0]} IS NULL OR {differs}"
        if table != "position_days":
            missing = f"SELECT 1 FROM was.{table} w WHERE {same}"
            key = key.replace("w.", "n.")
            sql += f" UNION ALL SELECT {key} FROM main.{table} n WHERE NOT EXISTS ({missing})"
        for (name,) in copy._rows(f"{sql} ORDER BY key"):
            was, now = (_row(copy, f"{of}.{table}", keys, str(name)) for of in ("was", "main"))
            yield DifferingRow(table, str(name), was, now)


def _row(copy: Journal, table: str, keys: Sequence[str], name: str) -> Mapping[str, object] | None:
    where = " AND ".join(f"{key} = ?" for key in keys)
    values = name.rsplit(" ", len(keys) - 1) if len(keys) > 1 else [name]
    found = copy._rows(f"SELECT * FROM {table} WHERE {where}", values)
    return dict(zip(found[0].keys(), found[0], strict=True)) if found else None


def default_target(path: Path, now: datetime) -> Path:
    """Beside the journal, with the moment in its name."""
    return path.with_name(f"{path.stem}.rebuilt-{now:%Y%m%d-%H%M%S}{path.suffix}")
