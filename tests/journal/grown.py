"""A journal with years of past orders, cloned from what it holds: real rows, other ids and days.

`grow` takes a journal whose round trips, all of one day, have ended (nothing held, no plan in
force) and puts copies of all its orders, events, fills, decisions and plans before them, so many on
each past day. What the journal held comes last, as it was: the day that commands look at is the
same with and without the past.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from execbot.journal.packing.texts import AFTER, is_after, packed, unpacked
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


class _Varying(NamedTuple):
    """A value that is another one in each copy: a text to be filled in, packed or not."""

    index: int
    text: str
    dictionary: int | None
    """The number of what it is packed with; None of a text as it is."""
    before: str | None = None
    """What it is packed after, to be filled in as well."""


class _Template(NamedTuple):
    """One row: what is the same in each copy, and what is not."""

    row: Row
    varying: Sequence[_Varying]


Templates = Mapping[str, Sequence[_Template]]


def grow(
    path: Path, copies: int, *, a_day: int = 500, books: Sequence[str] = BOOKS, alike: int = 1
) -> None:
    """Put `copies` copies of the whole journal on the days before its own, `a_day` on each. What is
    packed is packed anew for every `alike` of them: most of the time goes into that."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("BEGIN IMMEDIATE")
        today = _day_of(connection)
        pattern = _names(connection, today)
        held = {book: _rows(connection, book) for book in books}
        laid = _without(connection, "trigger") + _without(connection, "index")
        seconds = set[int]()
        templates = {
            book: [_template(row, pattern, seconds, firsts) for row in rows]
            for book, rows in held.items()
            for firsts in [_firsts(connection, book)]
        }
        calendar = _Calendar(seconds, copies, today, a_day)
        for book, rows in held.items():
            connection.execute(f"DELETE FROM {book}")
            _insert(connection, book, _copied(templates[book], copies, calendar, alike))
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

    def __init__(self, seconds: Set[int], copies: int, today: date, a_day: int) -> None:
        """`seconds` of the day at which something happened to what is copied."""
        self._seconds = sorted(seconds)
        self._first = min(seconds)
        self._room = _DAY_SECONDS - 1 - (max(seconds) - self._first)
        # A day more: in the evening of New York the day before, in UTC, is still today there.
        self._start = today - timedelta(days=1 + -(-copies // a_day))
        self._a_day = a_day

    def words(self, number: int) -> Mapping[str, str]:
        """What is filled into a copy: its number, its day, and each moment of it."""
        day = str(self._start + timedelta(days=number // self._a_day))
        moved = self._room * (number % self._a_day) // self._a_day - self._first
        moments = {str(second): _moment(day, second + moved) for second in self._seconds}
        return {"id": f"{number:0{_TAIL}x}", "day": day, **moments}


def _moment(day: str, second: int) -> str:
    minutes, left = divmod(second, 60)
    return f"{day}T{minutes // 60:02d}:{minutes % 60:02d}:{left:02d}"


def _copied(
    templates: Sequence[_Template], copies: int, calendar: _Calendar, alike: int
) -> Iterator[Row]:
    kept = dict[str, str | bytes]()
    for number in range(copies if templates else 0):
        words = calendar.words(number)
        if number % alike == 0:
            kept.clear()
        for template in templates:
            row = list(template.row)
            for index, text, dictionary, before in template.varying:
                if dictionary is not None and text not in kept:
                    after = None if before is None else before % words
                    kept[text] = packed(text % words, after, number=dictionary)
                row[index] = text % words if dictionary is None else kept[text]
            yield tuple(row)


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


_AFTER = {
    "order_events": ("raw", "WHERE raw != '{}' ORDER BY seq DESC", 2),
    "confirmations": ("body", "WHERE version = 1", 0),
}
"""Texts that are packed after the first one of the same order: the column, which rows hold first
ones (the first of them last), and where a row has the order's id."""


class _Firsts(NamedTuple):
    owner: int
    texts: Mapping[str, str | bytes]

    def before(self, row: Row) -> str:
        return unpacked(self.texts[row[self.owner]])


def _firsts(connection: sqlite3.Connection, book: str) -> _Firsts:
    if book not in _AFTER:
        return _Firsts(0, {})
    column, rows, owner = _AFTER[book]
    found = connection.execute(f"SELECT client_order_id, {column} FROM {book} {rows}")
    return _Firsts(owner, dict(found.fetchall()))


def _template(row: Row, pattern: re.Pattern[str], seconds: set[int], firsts: _Firsts) -> _Template:
    """`seconds` learns of its moments."""
    varying = []
    for index, value in enumerate(row):
        before = firsts.before(row) if is_after(value) else None
        text = unpacked(value, before) if isinstance(value, bytes) else value
        if isinstance(text, str) and pattern.search(text):
            text = _to_be_filled(text, pattern, seconds)
            if before is not None:
                before = _to_be_filled(before, pattern, seconds)
            dictionary = value[0] % AFTER if isinstance(value, bytes) else None
            varying.append(_Varying(index, text, dictionary, before))
    return _Template(row, varying)


def _to_be_filled(text: str, pattern: re.Pattern[str], seconds: set[int]) -> str:
    """With a mark for each id's number, for the day, and for each moment of it."""
    words, end = list[str](), 0
    for found in pattern.finditer(text):
        words.append(text[end : found.start()].replace("%", "%%"))
        if found["id"]:
            words.append(found["id"][:-_TAIL].replace("%", "%%") + "%(id)s")
        elif found["hour"]:
            second = (int(found["hour"]) * 60 + int(found["min"])) * 60 + int(found["sec"])
            seconds.add(second)
            words.append(f"%({second})s")
        else:
            words.append("%(day)s")
        end = found.end()
    return "".join([*words, text[end:].replace("%", "%%")])
