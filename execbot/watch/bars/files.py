"""Bars as files: one for each day (UTC), a line a bar, appended; old days are deleted.

    bars/2026-11-20.csv
    AAPL,2026-11-20T14:31:00.000000Z,187.5,187.62,187.44,187.6

Only the account's `watch` writes. A minute may stand there twice, before and after a restart: who
reads puts them together. A line that cannot be read is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from execbot.config.paths import FILE_MODE, private_directory
from execbot.model.numbers import ZERO, text
from execbot.model.quote import Bar
from execbot.model.symbols import symbol_key
from execbot.model.times import iso
from execbot.watch.bars.minutes import merged

FOLDER = "bars"
DAY_BYTES_MAX = 5_000_000
"""Some forty symbols around the clock; what is more is not kept."""


ROOM_LEFT = 50_000_000
"""Bytes that bars leave free: the journal needs them more."""


def has_room(directory: Path) -> bool:
    """Raises OSError."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize > ROOM_LEFT


def append(directory: Path, bars: Iterable[Bar], keep_days: int) -> None:
    """Raises OSError, ConfigError; what was not written is lost."""
    by_day: dict[date, list[str]] = {}
    for bar in bars:
        assert bar.at is not None
        by_day.setdefault(bar.at.date(), []).append(_line(bar))
    for day, lines in by_day.items():
        folder = private_directory(directory / FOLDER)
        path = folder / f"{day}.csv"
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
        try:
            if os.fstat(descriptor).st_size < DAY_BYTES_MAX:
                os.write(descriptor, "".join(lines).encode())
        finally:
            os.close(descriptor)
        if is_new:
            prune(folder, day - timedelta(days=keep_days))


def prune(folder: Path, before: date) -> None:
    """Delete days before this one. Raises OSError."""
    for path in folder.glob("????-??-??.csv"):
        if path.stem < str(before):
            path.unlink(missing_ok=True)


def read(directory: Path, symbol: str, since: datetime, until: datetime) -> list[Bar]:
    """Minute bars that begin in `[since, until)`, oldest first; none where none were kept."""
    found: dict[datetime, Bar] = {}
    day = since.date()
    while day <= until.date():
        for bar in _of_day(directory / FOLDER / f"{day}.csv", symbol_key(symbol)):
            if bar.at is not None and since <= bar.at < until:
                other = found.get(bar.at)
                found[bar.at] = bar if other is None else merged(other, bar)
        day += timedelta(days=1)
    return [found[at] for at in sorted(found)]


def _of_day(path: Path, key: str) -> list[Bar]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = (_bar(line) for line in lines if symbol_key(line.partition(",")[0]) == key)
    return [bar for bar in found if bar is not None]


def _line(bar: Bar) -> str:
    assert bar.at is not None
    prices = (text(value) for value in (bar.open, bar.high, bar.low, bar.close))
    return f"{','.join([bar.symbol, iso(bar.at), *prices])}\n"


def _bar(line: str) -> Bar | None:
    try:
        symbol, at, *prices = line.split(",")
        first, high, low, close = map(Decimal, prices)
        begin = datetime.fromisoformat(at)
    except (ValueError, InvalidOperation):
        return None
    is_sound = begin.tzinfo is not None and all(p.is_finite() for p in (first, high, low, close))
    return Bar(symbol, begin, first, high, low, close, ZERO) if is_sound and low > 0 else None
