"""Finds the archives that a question is about, and opens them for it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from execbot.journal.archives.files import Archive, archive_of, archives_beside, opened
from execbot.journal.archives.tables import IdKind
from execbot.journal.books import Books
from execbot.journal.codec import AMONG, listed
from execbot.model.times import day_begins, iso

T = TypeVar("T")


OPEN_MOST = 3
"""Files at once, each in memory."""


class Past(Books):
    """Knows which archive has what. Opening one raises ArchiveUnusable where it is gone."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, read_only: bool) -> None:
        super().__init__(path, connection, read_only=read_only)
        self.archives_at: Path | None = None
        """Where the archives are, for a copy of a journal; beside the journal without."""
        self._open_now: dict[str, Books] = {}

    def close(self) -> None:
        for books in self._open_now.values():
            books.close()
        self._open_now.clear()
        super().close()

    def archives(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> list[Archive]:
        """Those with anything of a span of time, the youngest first."""
        return self._read(
            archive_of,
            "SELECT * FROM archives WHERE last_at >= ? AND first_at < ? "
            "ORDER BY last_at DESC, number DESC",
            (iso(since) if since else "", iso(until) if until else "~"),
        )

    def symbols_ever(self) -> list[str]:
        """Every symbol traded since the journal began."""
        return [str(row[0]) for row in self._rows("SELECT symbol FROM positions ORDER BY symbol")]

    def orders_by_day(self, before: date) -> dict[date, int]:
        """How many orders this file has of each UTC day before a New York one."""
        rows = self._rows(
            "SELECT substr(intent_at, 1, 10), count(*) FROM orders WHERE intent_at < ? GROUP BY 1",
            (iso(day_begins(before)),),
        )
        return {date.fromisoformat(day): count for day, count in rows}

    @property
    def archives_directory(self) -> Path:
        return self.archives_at or archives_beside(self.path)

    def archived_ids(self, ids: Iterable[str], kind: IdKind) -> dict[str, int]:
        """Those of these ids that are in an archive, with its number."""
        rows = self._rows(
            f"SELECT id, archive FROM archived_ids WHERE id {AMONG} AND kind = ?",
            (listed(ids), kind.value),
        )
        return {row[0]: row[1] for row in rows}

    @contextmanager
    def _opened(self, archive: Archive) -> Iterator[tuple[Books, frozenset[str]]]:
        """An archive, and the ids in it that have come back since and are not to be read there."""
        sql = "SELECT id FROM archive_returns WHERE archive = ?"
        returned = frozenset(row[0] for row in self._rows(sql, (archive.number,)))
        with self._lock:
            yield self._kept_open(archive), returned

    def _kept_open(self, archive: Archive) -> Books:
        """One question is often several: the files that were asked last stay open."""
        books = self._open_now.pop(archive.name, None)
        if books is None:
            books = opened(archive, self.archives_directory)
        self._open_now[archive.name] = books
        while len(self._open_now) > OPEN_MOST:
            self._open_now.pop(next(iter(self._open_now))).close()
        return books

    def _numbered(self, number: int) -> Archive:
        [found] = self._read(archive_of, "SELECT * FROM archives WHERE number = ?", (number,))
        return found

    def _of_span(
        self,
        read: Callable[[Books], list[T]],
        id_of: Callable[[T], str],
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[T]:
        """The archives' rows of a span, without those that came back."""
        found: list[T] = []
        for archive in self.archives(since, until):
            with self._opened(archive) as (books, returned):
                found += [one for one in read(books) if id_of(one) not in returned]
        return found

    def _of_ids(
        self, ids: Iterable[str], kind: IdKind, read: Callable[[Books, list[str]], list[T]]
    ) -> list[T]:
        """The archives' rows of these ids."""
        wanted: defaultdict[int, list[str]] = defaultdict(list)
        for name, number in self.archived_ids(ids, kind).items():
            wanted[number].append(name)
        found: list[T] = []
        for number, names in wanted.items():
            with self._opened(self._numbered(number)) as (books, _):
                found += read(books, names)
        return found
