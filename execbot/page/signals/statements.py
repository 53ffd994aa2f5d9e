"""The SQL of the store of signals, and how a row is written and read back."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Any

import msgspec

from execbot.model.signal import Signal, read_line
from execbot.model.times import iso
from execbot.page.signals.intake import ENTRY_SUFFIX, line_of
from execbot.page.signals.rows import Delivery, Row, State
from execbot.page.signals.tradingview import Stance

TABLES = """
CREATE TABLE IF NOT EXISTS signals (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    signal_id TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    source TEXT NOT NULL,
    previous TEXT,
    line TEXT NOT NULL,
    state TEXT NOT NULL,
    received_at TEXT NOT NULL,
    begun_at TEXT,
    done_at TEXT,
    result TEXT,
    latest_order TEXT,
    is_followed INTEGER NOT NULL DEFAULT 0,
    may_come_again INTEGER NOT NULL DEFAULT 0,
    repeats INTEGER NOT NULL DEFAULT 0,
    after_id TEXT,
    then_id TEXT
);
CREATE INDEX IF NOT EXISTS signals_content ON signals (content, received_at);
CREATE INDEX IF NOT EXISTS signals_unfinished ON signals (number) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS signals_followed ON signals (number) WHERE is_followed = 1;
"""

ADDED = ("after_id", "then_id")
"""Columns that a store of an earlier version does not have: the two halves of a reversal."""

COLUMNS = "SELECT name FROM pragma_table_info('signals')"

INSERT = (
    "INSERT INTO signals (signal_id, content, source, previous, line, state, received_at, "
    "after_id, then_id) VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?)"
)
BEGIN = "UPDATE signals SET state = 'begun', begun_at = ? WHERE number = ?"
FINISH = (
    "UPDATE signals SET state = 'done', done_at = ?, result = ?, is_followed = ?, "
    "may_come_again = ? WHERE number = ?"
)
FOLLOW = "UPDATE signals SET latest_order = ?, is_followed = ? WHERE number = ?"
AGAIN = "UPDATE signals SET state = 'begun', may_come_again = 0, result = NULL WHERE number = ?"
"""`begun`: the journal knows it, so it goes the way of one that was cut short."""

ENTRY_AGAIN = (
    "UPDATE signals SET state = 'begun', may_come_again = 0, result = NULL "
    "WHERE after_id = ? AND may_come_again = 1"
)
"""The other half of a reversal that is given again."""

FORGET = (
    "DELETE FROM signals WHERE number IN (SELECT number FROM signals "
    "WHERE state = 'done' AND is_followed = 0 AND received_at < ? ORDER BY number LIMIT 500)"
)
"""So many at a time: nobody who wants to have a signal kept waits for them all."""

WITHDRAW = "DELETE FROM signals WHERE number = ? AND state = 'waiting'"
NOT_AGAIN = (
    "UPDATE signals SET state = 'done', may_come_again = 1 WHERE number = ? AND state = 'begun'"
)
"""Both for a delivery whose sender was told that it was not kept."""

REPEAT = "UPDATE signals SET repeats = repeats + 1 WHERE number = ?"
BY_ID = "SELECT * FROM signals WHERE signal_id = ?"
BY_CONTENT = (
    "SELECT * FROM signals WHERE content = ? AND received_at > ? ORDER BY number DESC LIMIT 1"
)
UNFINISHED = "SELECT * FROM signals WHERE state <> 'done' AND number > ? ORDER BY number LIMIT ?"
FOLLOWED = "SELECT * FROM signals WHERE is_followed = 1 ORDER BY number"
LATEST = "SELECT * FROM signals ORDER BY number DESC LIMIT ?"
COUNT_WAITING = "SELECT count(*) FROM signals WHERE state <> 'done'"
LAST_RECEIVED = "SELECT max(received_at) FROM signals"
COUNTS = "SELECT state, count(*) FROM signals GROUP BY state"


UNREADABLE = (ValueError, TypeError, AttributeError, msgspec.MsgspecError)
"""Of `row_of`, for a row that was not written so."""


def stamp(at: datetime, seconds: float = 0.0) -> str:
    """UTC text that sorts as the times do."""
    return iso(at + timedelta(seconds=seconds))


def json_of(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data).decode()


def values_of(delivery: Delivery, then_id: str | None) -> tuple[Any, ...]:
    """Of the signal; `then_id` where its entry is kept with it."""
    what = delivery.what
    return (
        what.signal.id,
        what.content,
        what.source,
        what.previous,
        line_of(what.signal).decode(),
        stamp(delivery.received_at),
        None,
        then_id,
    )


def values_of_entry(delivery: Delivery, entry: Signal) -> tuple[Any, ...]:
    """Of what comes after the close of a reversal. Its content is that of no delivery."""
    what = delivery.what
    return (
        entry.id,
        f"{what.content}{ENTRY_SUFFIX}",
        what.source,
        None,
        line_of(entry).decode(),
        stamp(delivery.received_at),
        what.signal.id,
        None,
    )


def row_of(row: sqlite3.Row) -> Row:
    received_at = datetime.fromisoformat(row["received_at"])
    # Read with its own time as `now`: it was in order when it came.
    signal = read_line(row["line"].encode(), now=received_at, new_id=row["signal_id"])
    return Row(
        row["number"],
        signal,
        row["source"],
        None if row["previous"] is None else Stance(row["previous"]),
        State(row["state"]),
        received_at,
        _time(row["begun_at"]),
        _time(row["done_at"]),
        _json(row["result"]),
        _json(row["latest_order"]),
        bool(row["may_come_again"]),
        row["repeats"],
        bool(row["is_followed"]),
        row["after_id"],
        row["then_id"],
    )


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _json(value: str | None) -> Any:
    return None if value is None else msgspec.json.decode(value)
