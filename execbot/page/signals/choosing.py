"""Which signal goes next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from execbot.model.symbols import symbol_key
from execbot.page.signals.rows import Row

ENTRIES_MAX = 16
"""Entries that are under way together: enough for one question to the broker to serve several, few
enough that they never fill the way for exits."""


def next_of(rows: Iterable[Row], busy: Collection[str], entries: int) -> Row | None:
    """The first exit, else the first entry, whose symbol is free; of one symbol in their order.

    `busy` are the keys of symbols with a signal under way, `entries` how many of these are entries.
    """
    seen, first = set(busy), None
    for row in rows:
        key = symbol_key(row.signal.symbol)
        if key not in seen:
            if not row.signal.side.opens:
                return row
            first = first or row
        seen.add(key)
    return first if entries < ENTRIES_MAX else None
