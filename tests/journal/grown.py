"""A journal with years of past orders, cloned from what it holds: real rows, other ids and days.

`grow` takes a journal whose round trips, all of one day, have ended (nothing held, no plan in
force) and puts copies of all its orders, events, fills, decisions and plans before them, so many on
each past day. What the journal held comes last, as it was: the day that commands look at is the
same with and without the past.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from execbot.journal.packing import packed, unpacked
from execbot.quality.confirmer import MARK

BOOKS = ("orders", "order_events", "fills", "audit", "signals", "exit_plans", "plans_in_force")
"""The tables that grow with every order."""

CONFIRMED = ("confirmations", "confirmations_in_force")
"""What reports read besides."""

_NUMBERED = {"order_events": "seq", "audit": "seq", "confirmations": "seq"}
_IDS = (
    ("orders", "client_order_id"),
    ("orders", "order_id"),
    ("fills", "execution_id"),
    ("fills", "activity_id"),
    ("exit_plans", "plan_id"),
    ("signals", "signal_id"),
)
_TAIL = 8
"""Of each id so many characters are the number of the copy, in hex."""

_DAY_SECONDS = 86_400

Row = tuple[Any, ...]


class _Piece(NamedTuple):
    """A text, and what comes behind it: an id's number, the day, or a moment of it."""

    text: str
    kind: str
    second: int = 0


class _Packed(list[_Piece]):
    """The pieces of a text that is kept packed."""


Template = list[list[Any]]
"""Rows of values: constants, and lists of pieces."""

Templates = dict[str, Template]


def grow(path: Path, copies: int, *, a_day: int = 500, books: Sequence[str] = BOOKS) -> None:
    """Put `copies` copies of the whole journal on the days before its own, `a_day` on each."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("BEGIN IMMEDIATE")
        today = _day_of(connection)
        pattern = _names(connection, today)
        held = {book: _rows(connection, book) for book in books}
        laid = _without(connection, "trigger") + _without(connection, "index")
        templates = {
            book: [[_pieces(value, pattern) for value in row] for row in rows]
            for book, rows in held.items()
        }
        calendar = _Calendar(templates, copies, today, a_day)
        for book, rows in held.items():
            connection.execute(f"DELETE FROM {book}")
            _insert(connection, book, _copied(templates[book], copies, calendar))
            _insert(connection, book, rows)
        # What the copies tell was confirmed on their own days.
        connection.execute(
            "UPDATE meta SET value = (SELECT max(seq) FROM order_events) WHERE key = ?", (MARK,)
        )
        for sql in laid:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


class _Calendar:
    """When each copy happened: those of a day are spread over it, and none leaves it."""

    def __init__(self, templates: Templates, copies: int, today: date, a_day: int) -> None:
        named = [v for rows in templates.values() for row in rows for v in row if _is_named(v)]
        seconds = [p.second for value in named for p in value if p.kind == "moment"]
        self._first = min(seconds)
        self._room = _DAY_SECONDS - 1 - (max(seconds) - self._first)
        # A day more: in the evening of New York the day before, in UTC, is still today there.
        self._start = today - timedelta(days=1 + -(-copies // a_day))
        self._a_day = a_day

    def day(self, number: int) -> date:
        return self._start + timedelta(days=number // self._a_day)

    def moved(self, number: int) -> int:
        """By so many seconds."""
        return self._room * (number % self._a_day) // self._a_day - self._first


def _copied(template: Template, copies: int, calendar: _Calendar) -> Iterator[Row]:
    for number in range(copies):
        day, moved = str(calendar.day(number)), calendar.moved(number)
        for row in template:
            yield tuple(_filled(value, f"{number:0{_TAIL}x}", day, moved) for value in row)


# --- the tables --------------------------------------------------------------------------------


def _columns(connection: sqlite3.Connection, book: str) -> list[str]:
    """Without the numbers that SQLite gives: the copies come first and have those."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({book})")]
    return [name for name in names if name != _NUMBERED.get(book)]


def _rows(connection: sqlite3.Connection, book: str) -> list[Row]:
    names = ",".join(_columns(connection, book))
    order = _NUMBERED.get(book, "1")
    return connection.execute(f"SELECT {names} FROM {book} ORDER BY {order}").fetchall()


def _insert(connection: sqlite3.Connection, book: str, rows: Iterable[Row]) -> None:
    names = _columns(connection, book)
    marks = ",".join("?" * len(names))
    connection.executemany(f"INSERT INTO {book} ({','.join(names)}) VALUES ({marks})", rows)


def _without(connection: sqlite3.Connection, kind: str) -> list[str]:
    """Take triggers away, which let nobody delete, or indexes, which are laid faster afterwards;
    what puts them back. Those of a primary key stay: they have no SQL of their own."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL", (kind,)
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP {kind} {name}")
    return [sql for _, sql in found]


def _day_of(connection: sqlite3.Connection) -> date:
    days = {row[0][:10] for row in connection.execute("SELECT intent_at FROM orders")}
    assert len(days) == 1, f"round trips of one day are copied, these are of {sorted(days)}"
    return date.fromisoformat(days.pop())


# --- one value ---------------------------------------------------------------------------------


def _names(connection: sqlite3.Connection, today: date) -> re.Pattern[str]:
    """Whatever names an order, an execution, a plan, a signal or the day."""
    names = {
        row[0]
        for table, column in _IDS
        for row in connection.execute(f"SELECT {column} FROM {table}")
        if row[0]
    }
    assert all(len(name) > 2 * _TAIL for name in names), f"ids too short to be told apart: {names}"
    ids = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?P<id>{ids})|{today}(T(?P<hour>\d\d):(?P<min>\d\d):(?P<sec>\d\d))?")


def _pieces(value: Any, pattern: re.Pattern[str]) -> Any:
    """The value; where it names something, its texts, each with what comes behind it."""
    if isinstance(value, bytes):
        found = _pieces(unpacked(value), pattern)
        return _Packed(found) if _is_named(found) else value
    if not isinstance(value, str) or not pattern.search(value):
        return value
    pieces: list[_Piece] = []
    end = 0
    for found in pattern.finditer(value):
        if found["id"]:
            pieces.append(_Piece(value[end : found.end() - _TAIL], "id"))
        elif found["hour"]:
            second = (int(found["hour"]) * 60 + int(found["min"])) * 60 + int(found["sec"])
            pieces.append(_Piece(value[end : found.start()], "moment", second))
        else:
            pieces.append(_Piece(value[end : found.start()], "day"))
        end = found.end()
    return [*pieces, _Piece(value[end:], "")]


def _is_named(value: Any) -> bool:
    return isinstance(value, list)


def _filled(value: Any, number: str, day: str, moved: int) -> Any:
    if not _is_named(value):
        return value
    words = []
    for piece, kind, second in value:
        words.append(piece)
        if kind == "id":
            words.append(number)
        elif kind:
            words.append(day)
        if kind == "moment":
            minutes, left = divmod(second + moved, 60)
            words.append(f"T{minutes // 60:02d}:{minutes % 60:02d}:{left:02d}")
    text = "".join(words)
    return packed(text) if isinstance(value, _Packed) else text
