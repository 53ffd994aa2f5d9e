"""Recorded market data on disk: which files there are, and what their rows say.

A file is CSV, plain or gzip, with a header line. The header tells the kind:

    symbol,timestamp,bid,bid_size,ask,ask_size              quotes
    symbol,timestamp,price,size                             trades
    symbol,timestamp,open,high,low,close,volume             bars
    symbol,date,open,high,low,close,volume                  daily bars
    symbol,timestamp,bid_open,…,bid_close,bid_size,ask_…    quote bars

Anything else is passed over. Times are UTC. A bar is stamped with its START; the row of a quote
file is in force from its timestamp on (for snapshots that is the END of the bar they close).
How fine a file is comes from the name of its folder or of itself (`quotes-1m`, `SPX_1m`), else
from the distances between its first rows; a date in the name (`IBM_20131008`) says that it holds
that day alone, so it is not opened for another.
"""

from __future__ import annotations

import gzip
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import IO

from execbot.sim.types import SECOND, Ns

DAY: Ns = 86_400 * SECOND
WIDTH_NAME = re.compile(r"(?:^|[-_])(\d+)(s|m|h|d)(?=$|[-_.])")
DATE_NAME = re.compile(r"(?:^|[-_])((?:19|20)\d{2})-?(\d{2})-?(\d{2})(?=$|[-_.])")
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
TICK: Ns = 0
ROWS_LOOKED_AT = 40
ROWS_AT_A_TIME = 20_000


class Kind(StrEnum):
    QUOTES = "quotes"
    TRADES = "trades"
    BARS = "bars"
    QUOTE_BARS = "quote_bars"


HEADERS: dict[str, tuple[Kind, tuple[int, ...]]] = {
    # header -> kind and the columns to keep, in the order that a tape wants them
    "symbol,timestamp,bid,bid_size,ask,ask_size": (Kind.QUOTES, (2, 3, 4, 5)),
    "symbol,timestamp,price,size": (Kind.TRADES, (2, 3)),
    "symbol,timestamp,open,high,low,close,volume": (Kind.BARS, (2, 3, 4, 5, 6)),
    "symbol,date,open,high,low,close,volume": (Kind.BARS, (2, 3, 4, 5, 6)),
    "symbol,timestamp,bid_open,bid_high,bid_low,bid_close,bid_size,"
    "ask_open,ask_high,ask_low,ask_close,ask_size": (Kind.QUOTE_BARS, (5, 6, 10, 11)),
}


class DataError(ValueError):
    """Recorded data cannot be read; the message names the file."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file of one symbol. `width` is the span of a row, 0 for ticks; `day` the only day it
    holds where its name says so.
    """

    path: Path
    symbol: str
    kind: Kind
    width: Ns
    day: str | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one symbol, ascending: times, and one array of numbers for each kept column."""

    times: array[int]
    columns: tuple[array[float], ...]


def open_text(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def discover(place: Path) -> list[RecordedFile]:
    """The recorded files in a folder (and below), or the single file given.

    Raises `DataError` when there is nothing to replay.
    """
    if not place.exists():
        raise DataError(f"no recorded data at {place}: no such file or folder")
    paths = sorted(place.rglob("*.csv*")) if place.is_dir() else [place]
    found = [entry for path in paths for entry in _describe(path)]
    if not found:
        raise DataError(f"no recorded quotes, trades or bars were found at {place}")
    return found


def _describe(path: Path) -> Iterator[RecordedFile]:
    if not path.name.endswith((".csv", ".csv.gz")) or not path.is_file():
        return
    try:
        with open_text(path) as lines:
            header = lines.readline().strip()
            first = [line.split(",") for line in islice(lines, ROWS_LOOKED_AT)]
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise DataError(f"{path} could not be read: {error}") from None
    if header not in HEADERS or not first:
        return
    stem = path.name.removesuffix(".gz").removesuffix(".csv")
    dated = DATE_NAME.search(stem)
    kind = HEADERS[header][0]
    # Several symbols in one file show early; a file of one symbol is never read to find out.
    for symbol in dict.fromkeys(row[0] for row in first):
        yield RecordedFile(
            path=path,
            symbol=symbol,
            kind=kind,
            width=_width(path, stem, kind, first, header),
            day="-".join(dated.groups()) if dated else None,
        )


def _width(path: Path, stem: str, kind: Kind, rows: list[list[str]], header: str) -> Ns:
    if kind is Kind.TRADES:
        return TICK
    if header.startswith("symbol,date"):
        return DAY
    for name in (stem, path.parent.name):
        named = WIDTH_NAME.search(name)
        if named:
            return int(named[1]) * UNITS[named[2]]
        if "tick" in name:
            return TICK
    times = [instant(row[1]) for row in rows if row[0] == rows[0][0]]
    gaps = [b - a for a, b in pairwise(times) if b > a]
    smallest = min(gaps, default=TICK)
    if kind is Kind.QUOTES and smallest < SECOND:
        return TICK
    return max((unit for unit in UNITS.values() if unit <= smallest), default=60 * SECOND)


@lru_cache(maxsize=8192)
def _minute(text: str) -> Ns:
    """`2013-10-08T13:30` -> nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def instant(text: str) -> Ns:
    """`2013-10-08T13:30:14.877Z`, or a date (its midnight), in UTC, as nanoseconds."""
    if len(text) == 24:  # milliseconds, as most rows have
        return _minute(text[:16]) + int(text[17:19] + text[20:23]) * 1_000_000
    if len(text) == 10:
        return _minute(f"{text}T00:00")
    fraction = text[20:].rstrip("Z").ljust(9, "0")
    return _minute(text[:16]) + int(text[17:19]) * SECOND + int(fraction)


def _instants(texts: Sequence[str]) -> list[Ns]:
    """`instant` of many texts: those of milliseconds look up their minute once."""
    if any(len(text) != 24 for text in texts):
        return [instant(text) for text in texts]
    minutes = {text: _minute(text) for text in {text[:16] for text in texts}}
    return [minutes[t[:16]] + int(t[17:19] + t[20:23]) * 1_000_000 for t in texts]


def _fields(lines: list[str], width: int) -> list[list[str]]:
    """The columns of some lines, cut in one go: row by row takes more than twice as long."""
    text = "".join(lines).replace("\r", "").rstrip("\n")
    cells = text.replace("\n", ",").split(",")
    if len(cells) != len(lines) * width:
        raise ValueError(f"a row has not {width} fields")
    return [cells[i::width] for i in range(width)]


def read_rows(entry: RecordedFile) -> Rows:
    """All rows of the file's symbol. Raises `DataError` when the file is broken."""
    times: list[Ns] = []
    try:
        with open_text(entry.path) as lines:
            header = lines.readline().strip()
            keep, width = HEADERS[header][1], header.count(",") + 1
            columns: tuple[list[float], ...] = tuple([] for _ in keep)
            while chunk := list(islice(lines, ROWS_AT_A_TIME)):
                fields = _fields(chunk, width)
                if any(symbol != entry.symbol for symbol in set(fields[0])):
                    mine = [i for i, symbol in enumerate(fields[0]) if symbol == entry.symbol]
                    fields = [[field[i] for i in mine] for field in fields]
                times.extend(_instants(fields[1]))
                for column, index in zip(columns, keep, strict=True):
                    texts = fields[index]
                    if "" in texts:
                        texts = [text or "0" for text in texts]
                    column.extend(map(float, texts))
    except (ValueError, IndexError, KeyError, OSError, EOFError) as error:
        row = f"after row {len(times)}"
        raise DataError(f"{entry.path}, {row}, could not be read: {error}") from None
    return _ascending(times, columns)


def _ascending(times: list[Ns], columns: tuple[list[float], ...]) -> Rows:
    """Sorted, and never two rows at one instant.

    Ticks may share a millisecond. The last of them keeps the time in the file, the earlier ones
    move nanoseconds forward in front of it, so that none is lost and "the quote at 09:30:00.877"
    is the last one that the file gives for it.
    """
    if any(a > b for a, b in pairwise(times)):
        order = sorted(range(len(times)), key=times.__getitem__)
        times = [times[i] for i in order]
        columns = tuple([column[i] for i in order] for column in columns)
    for i in range(len(times) - 2, -1, -1):
        if times[i] >= times[i + 1]:
            times[i] = times[i + 1] - 1
    return Rows(array("q", times), tuple(array("d", column) for column in columns))
