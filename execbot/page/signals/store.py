"""Signals that were taken: an SQLite file of their own beside the journal, so that taking one never
waits for the journal's write lock, which an order holds across its request.

One thread writes. What waits for it is written in one transaction and one `fsync` (group commit):
a disk that takes ten milliseconds for each still takes hundreds of signals a second. `keep` is done
when its signal is on the disk.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from execbot.desk.journals.taken_signals import NAME, lock_taking
from execbot.journal.private_file import make_private
from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError
from execbot.page.signals import statements as sql
from execbot.page.signals.rows import Delivery, Kept, Row, State

log = logging.getLogger("execbot.page")

BUSY_SECONDS = 5.0
"""Nobody else writes; who reads (a copy being made) holds nothing up for longer."""

GROUP_MAX = 500
"""Deliveries of one commit."""

T = TypeVar("T")


class StoreFailed(ExecbotError):
    """The disk did not take it: nothing was kept."""

    kind = "signals.not_kept"
    category = ErrorCategory.RETRYABLE
    hint = "The disk is full, failing, or not writable."
    next_step = "Look at the state directory, then send it again."


class TooManyWaiting(ExecbotError):
    """As many wait to be carried out as may."""

    kind = "signals.too_many_waiting"
    category = ErrorCategory.RETRYABLE


Work = tuple[Callable[[sqlite3.Connection], Any], "Future[Any]"]


class SignalStore:
    """The store of one account, of one process. Its methods may be called from any thread."""

    def __init__(self, directory: Path) -> None:
        """Raises AlreadyTaking, StoreFailed."""
        self.path = directory / NAME
        self._lock_file = lock_taking(directory)
        try:
            self._writes = _opened(self.path)
            self._reads = _opened(self.path)
        except (OSError, sqlite3.Error) as error:
            self._lock_file.close()
            raise StoreFailed(f"the signals cannot be kept: {self.path} ({error})") from error
        self.on_unreadable: Callable[[int, str], None] = _log_unreadable
        """Told once of each row that is damaged: its number, and why."""
        self._unreadable: set[int] = set()
        self._read_turn = threading.Lock()
        self._changed = threading.Condition()
        self._work: list[Work] = []
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, name="signals", daemon=True)
        self._thread.start()

    # --- writing: done when it is on the disk ----------------------------------------------

    def keep(self, delivery: Delivery) -> Future[Kept]:
        """Keep a signal, or find the one that it repeats.

        The future raises StoreFailed, and TooManyWaiting for what would be a new one too many. Once
        it is canceled nothing is kept, unless the process ends before that is on the disk too.
        """
        return self._put(lambda db: _keep(db, delivery))

    def begin(self, number: int, at: datetime) -> bool:
        """Let somebody act on it from now on; False where it is not kept after all. Raises
        StoreFailed."""
        values = (sql.stamp(at), number)
        return self._put(lambda db: db.execute(sql.BEGIN, values).rowcount == 1).result()

    def finish(
        self,
        number: int,
        at: datetime,
        result: dict[str, Any],
        *,
        is_followed: bool = False,
        may_come_again: bool = False,
    ) -> None:
        """Note its outcome; `is_followed` while its order is open. Raises StoreFailed."""
        flags = (int(is_followed), int(may_come_again))
        values = (sql.stamp(at), sql.json_of(result), *flags, number)
        self._put(lambda db: db.execute(sql.FINISH, values)).result()

    def follow(self, number: int, order: dict[str, Any], *, is_final: bool) -> None:
        """Note what its order has become. Raises StoreFailed."""
        values = (sql.json_of(order), int(not is_final), number)
        self._put(lambda db: db.execute(sql.FOLLOW, values)).result()

    def forget(self, before: datetime) -> int:
        """Some of those that ended and came before that time; how many. An id is known to the
        journal all the same, so that none acts twice. Raises StoreFailed."""
        return self._put(
            lambda db: int(db.execute(sql.FORGET, (sql.stamp(before),)).rowcount)
        ).result()

    # --- reading ---------------------------------------------------------------------------

    def row(self, signal_id: str) -> Row | None:
        with self._reading() as db:
            found = db.execute(sql.BY_ID, (signal_id,)).fetchone()
            return None if found is None else sql.row_of(found)

    def unfinished(self, after: int = 0, limit: int = 100) -> list[Row]:
        """Signals without an outcome, as they came, beginning behind this number."""
        return self._rows(sql.UNFINISHED, (after, limit))

    def followed(self) -> list[Row]:
        """Those whose outcome is known, and whose order was open when it was last looked at."""
        return self._rows(sql.FOLLOWED, ())

    def latest(self, limit: int) -> list[Row]:
        """The youngest first."""
        return self._rows(sql.LATEST, (limit,))

    def waiting(self) -> int:
        return int(self._one(sql.COUNT_WAITING) or 0)

    def last_received(self) -> datetime | None:
        found = self._one(sql.LAST_RECEIVED)
        return None if found is None else datetime.fromisoformat(found)

    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        with self._reading() as db:
            found = dict(db.execute(sql.COUNTS).fetchall())
        return {state.value: int(found.get(state.value, 0)) for state in State}

    def close(self) -> None:
        """Close, after what was handed over is written."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(timeout=BUSY_SECONDS)
        with self._read_turn:
            self._reads.close()
        self._lock_file.close()

    # --- inside ----------------------------------------------------------------------------

    def _put(self, what: Callable[[sqlite3.Connection], T]) -> Future[T]:
        promise: Future[T] = Future()
        with self._changed:
            if self._is_closed:
                promise.set_exception(StoreFailed("the store is closed"))
                return promise
            self._work.append((what, promise))
            self._changed.notify_all()
        return promise

    def _write_all(self) -> None:
        while group := self._next_group():
            _write(self._writes, group)
        self._writes.close()

    def _next_group(self) -> list[Work]:
        """Everything that waits; empty when it is over."""
        with self._changed:
            while not self._work and not self._is_closed:
                self._changed.wait()
            group, self._work = self._work[:GROUP_MAX], self._work[GROUP_MAX:]
        return group

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[Row]:
        """Those that can be read back: a damaged one holds up no other."""
        with self._reading() as db:
            found = db.execute(statement, values).fetchall()
        return [row for one in found if (row := self._readable(one)) is not None]

    def _readable(self, found: sqlite3.Row) -> Row | None:
        try:
            return sql.row_of(found)
        except sql.UNREADABLE as error:
            number = int(found["number"])
            if number not in self._unreadable:
                self._unreadable.add(number)
                self.on_unreadable(number, f"{type(error).__name__}: {error}")
            return None

    def _one(self, statement: str) -> Any:
        with self._reading() as db:
            return db.execute(statement).fetchone()[0]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_turn:
            try:
                yield self._reads
            except sqlite3.Error as error:
                raise StoreFailed(f"the signals cannot be read: {error}") from error


def _write(db: sqlite3.Connection, group: list[Work]) -> None:
    """All of the group in one transaction; each promise is kept only after its commit."""
    answers: list[tuple[Future[Any], Any]] = []
    try:
        db.execute("BEGIN IMMEDIATE")
        for what, promise in group:
            if promise.cancelled():
                continue  # waited for too long
            try:
                answers.append((promise, what(db)))
            except TooManyWaiting as error:
                answers.append((promise, error))
        db.execute("COMMIT")
    except Exception as error:  # a bug too: without this thread nothing would be kept any more
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        failed = StoreFailed(f"the signal could not be kept: {error}")
        for _, promise in group:
            if promise.set_running_or_notify_cancel():
                promise.set_exception(failed)
        return
    late = [answer for promise, answer in answers if not promise.set_running_or_notify_cancel()]
    _withdraw(db, [kept for kept in late if isinstance(kept, Kept) and kept.is_new])
    for promise, answer in answers:
        if promise.cancelled():
            continue
        if isinstance(answer, Exception):
            promise.set_exception(answer)
        else:
            promise.set_result(answer)


def _withdraw(db: sqlite3.Connection, late: list[Kept]) -> None:
    """Drop deliveries whose senders were told meanwhile that they were not kept: nobody may act on
    them. Only this thread lets one be begun, so none has been."""
    for kept in late:
        for row in (kept.row, kept.entry):
            if row is not None:
                statement = sql.WITHDRAW if row.state is State.WAITING else sql.NOT_AGAIN
                try:
                    db.execute(statement, (row.number,))
                except sqlite3.Error as error:
                    log.error("signals: %s was answered 503 and is kept: %s", row.id, error)


def _keep(db: sqlite3.Connection, delivery: Delivery) -> Kept:
    waiting = int(db.execute(sql.COUNT_WAITING).fetchone()[0])
    found = _repeated(db, delivery)
    if found is None:
        if waiting >= delivery.waiting_max:
            raise TooManyWaiting(f"{waiting} signals wait to be carried out, no more are taken")
        row = _kept(db, delivery)
        return Kept(row, True, waiting, entry=_entry_of(db, row.id))
    row, content = found
    entry = _entry_of(db, row.id)
    if row.may_come_again or (entry is not None and entry.may_come_again):
        if row.may_come_again:
            db.execute(sql.AGAIN, (row.number,))
        db.execute(sql.ENTRY_AGAIN, (row.id,))
        return Kept(_by_id(db, row.id), True, waiting, entry=_entry_of(db, row.id))
    db.execute(sql.REPEAT, (row.number,))
    return Kept(_by_id(db, row.id), False, waiting, content != delivery.what.content, entry)


def _kept(db: sqlite3.Connection, delivery: Delivery) -> Row:
    """The new row, and behind it that of its entry; an id that was given to another acts once."""
    what = delivery.what
    entry = what.entry
    if entry is not None and db.execute(sql.BY_ID, (entry.id,)).fetchone() is not None:
        entry = None
    db.execute(sql.INSERT, sql.values_of(delivery, None if entry is None else entry.id))
    if entry is not None:
        db.execute(sql.INSERT, sql.values_of_entry(delivery, entry))
    return _by_id(db, what.signal.id)


def _entry_of(db: sqlite3.Connection, signal_id: str) -> Row | None:
    """What comes after this close, of a reversal."""
    then = _by_id(db, signal_id).then
    return None if then is None else _by_id(db, then)


def _repeated(db: sqlite3.Connection, delivery: Delivery) -> tuple[Row, str] | None:
    """The row that this one repeats, with its content."""
    what = delivery.what
    if not what.is_bare:
        found = db.execute(sql.BY_ID, (what.signal.id,)).fetchone()
    else:
        since = sql.stamp(delivery.received_at, -delivery.repeat_seconds)
        found = db.execute(sql.BY_CONTENT, (what.content, since)).fetchone()
    return None if found is None else (sql.row_of(found), found["content"])


def _by_id(db: sqlite3.Connection, signal_id: str) -> Row:
    return sql.row_of(db.execute(sql.BY_ID, (signal_id,)).fetchone())


def _log_unreadable(number: int, why: str) -> None:
    log.error("signals: number %d cannot be read back: %s", number, why)


def _opened(path: Path) -> sqlite3.Connection:
    """WAL, and `synchronous=FULL`: each commit is on the disk when it returns (SQLite, pragma
    synchronous; NORMAL would lose the last ones in a power cut)."""
    make_private(path)
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.executescript(sql.TABLES)
    known = {row["name"] for row in db.execute(sql.COLUMNS)}
    for name in sql.ADDED:
        if name not in known:
            db.execute(f"ALTER TABLE signals ADD COLUMN {name} TEXT")
    return db
