"""Names that a shell completes: read straight from the file, with nothing else loaded.

A reader of its own, since a key press must not wait for the whole room. It writes nothing, waits
for nobody, and knows nothing where the file is locked, damaged or not there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

ENTRIES_MAX = 200
"""More than a screen holds helps nobody to choose."""

RECENT_ORDERS = 2000
BUSY_SECONDS = 0.1

Name = tuple[str, str]
"""A word, and what it stands for in a few words."""


def held_symbols(path: Path) -> list[Name]:
    """The positions by the journal's word."""
    rows = _rows(path, "SELECT symbol, qty FROM positions WHERE qty != '0' ORDER BY symbol")
    return [(str(symbol), f"{qty} held") for symbol, qty in rows]


def traded_symbols(path: Path) -> list[Name]:
    """Those held, then all others that the journal knows."""
    held = held_symbols(path)
    known = {symbol for symbol, _ in held}
    rows = _rows(path, "SELECT symbol FROM positions ORDER BY updated_at DESC")
    return [*held, *((str(row[0]), "traded before") for row in rows if row[0] not in known)]


def order_ids(path: Path, statuses: frozenset[str] | None = None) -> list[tuple[str, str, str]]:
    """(client id, broker's id, what it is) of orders in these statuses, else of the newest."""
    marks = ",".join("?" * len(statuses or ()))
    where = f"WHERE status IN ({marks})" if statuses else ""
    rows = _rows(
        path,
        "SELECT client_order_id, order_id, side, qty, notional, symbol, status FROM orders "
        f"{where} ORDER BY intent_at DESC LIMIT {ENTRIES_MAX}",
        *sorted(statuses or ()),
    )
    return [
        (str(own), str(theirs), f"{side} {qty or notional} {symbol} {status}")
        for own, theirs, side, qty, notional, symbol, status in rows
    ]


def strategies(path: Path) -> list[Name]:
    """Those of the newest orders, by name."""
    rows = _rows(
        path,
        "SELECT strategy_id, count(*) FROM (SELECT strategy_id FROM orders ORDER BY intent_at DESC "
        f"LIMIT {RECENT_ORDERS}) WHERE strategy_id IS NOT NULL GROUP BY strategy_id ORDER BY 1",
    )
    return [(str(name), f"{count} orders") for name, count in rows]


def _rows(path: Path, query: str, *values: str) -> list[tuple[object, ...]]:
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", BUSY_SECONDS, uri=True)
        ) as connection:
            return connection.execute(query, values).fetchall()
    except (sqlite3.Error, ValueError):
        return []
