"""The SQL that writes orders, executions, positions and events."""

from __future__ import annotations

from collections.abc import Sequence

from execbot.journal.codec import (
    EVENT_COLUMNS,
    FILL_COLUMNS,
    LIFE_COLUMNS,
    ORDER_COLUMNS,
    POSITION_COLUMNS,
)


def _upsert(table: str, key: str, columns: Sequence[str], *, same: Sequence[str] = ()) -> str:
    """Insert, or update in place all but `same`.

    An index is written anew when a column of it is set, even to what it was.
    """
    marks = ",".join("?" * len(columns))
    changes = ",".join(f"{n}=excluded.{n}" for n in columns if n != key and n not in same)
    return (
        f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


FOUND_BY = ("order_id", "symbol", "intent_at", "sent_at", "parent_id", "submitted_at")
"""Indexed columns of an order that seldom change; `status` is the one that does, and those that
are set when it ends."""

PUT_ORDER = _upsert("orders", "client_order_id", ORDER_COLUMNS)
MOVE_ORDER = _upsert("orders", "client_order_id", ORDER_COLUMNS, same=FOUND_BY)
PUT_FILL = _upsert("fills", "execution_id", FILL_COLUMNS)
PUT_POSITION = _upsert("positions", "symbol", POSITION_COLUMNS)
PUT_POSITION_DAY = "INSERT OR REPLACE INTO position_days (symbol, day, body) VALUES (?, ?, ?)"
DROP_FEE_SUMS = "DELETE FROM fee_sums WHERE day > ?"
ADD_EVENT = (
    f"INSERT INTO order_events ({','.join(EVENT_COLUMNS)}, has_lives) "
    f"VALUES ({','.join('?' * len(EVENT_COLUMNS))}, 1)"
)
ADD_LIFE_STEP = (
    f"INSERT INTO position_lives ({','.join(LIFE_COLUMNS)}) "
    f"VALUES ({','.join('?' * len(LIFE_COLUMNS))})"
)


def first_raw(schema: str = "main") -> str:
    """Of an event the first report of its order, where its own was packed after that: then it
    begins with a byte from 80 on (`execbot.journal.packing.texts`), and text is less than any
    bytes."""
    return (
        f"CASE WHEN order_events.raw >= x'80' THEN (SELECT f.raw FROM {schema}.order_events f "
        "WHERE f.client_order_id = order_events.client_order_id AND f.raw != '{}' "
        "ORDER BY f.seq LIMIT 1) END"
    )


EVENTS = f"SELECT *, {first_raw()} AS first_raw FROM order_events"
FIRST_RAWS = (
    "SELECT client_order_id, raw FROM json_each(?) CROSS JOIN order_events ON seq = "
    "(SELECT seq FROM order_events WHERE client_order_id = value AND raw != '{}' "
    "ORDER BY seq LIMIT 1)"
)
