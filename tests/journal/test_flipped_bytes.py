"""Goal: whatever a damaged row of the journal says, its reader is told of damage, or reads on.

Method: a journal with a row in every table; each value of each row in turn is spoilt in the ways
that a disk spoils it, and then everything that the journal can be asked is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from journal.rows import T0, event, execution, record
from journal.test_history_unread import FEE, calls
from msgspec.structs import replace

from execbot.journal import Journal, JournalCorrupt, JournalError
from execbot.journal.packing.texts import SHORTEST
from execbot.journal.records import AccountRow, FeeSum, PositionDay, PositionRecord
from execbot.model.account import Activity

WRITES = (
    *("put_", "append_", "drop_", "save_", "meta_set", "meta_delete", "claim_", "finish_"),
    *("add_", "revoke", "note_", "pack_"),
)
LONG = {"words": "x" * SHORTEST, "mark": ["boot", 1.5]}
DAY = date(2026, 10, 7)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as journal:
        _fill(journal)
        yield journal


def _fill(journal: Journal) -> None:
    """A row in every table, short texts and packed ones."""
    wire = '{"symbol":"AAPL","stop_loss":{"stop_price":"90"},"client_order_id":"a"}'
    amends = Activity.from_wire({**FEE.raw, "id": "fee-2", "previous_id": "fee-1"})
    held = PositionRecord(symbol="AAPL", qty=Decimal(1), updated_at=T0)
    with journal.transaction():
        long = replace(record("a", replaces="id-b"), request_json=wire + " " * SHORTEST, sent_at=T0)
        short = replace(record("leg"), parent_id="a", request_json=wire)
        journal.put_orders([long, short])
        adjusted = replace(event(""), details={"symbol": "AAPL"})
        sent = replace(event("a", "send"), details=LONG, note="words")
        reported = replace(event("a"), raw=LONG)
        journal.append_events([sent, adjusted, reported, replace(reported, kind="fill")])
        journal.put_executions([execution("x")])
        journal.put_positions([held])
        journal.put_position_days([PositionDay(DAY, held)])
        journal.meta_set("key", LONG)
        journal.audit("risk", "a", "rule", LONG, "passed", T0)
        journal.claim_signal("s", "AAPL", LONG, T0)
        journal.save_plan("p", "AAPL", "active", LONG, T0, version=1)
        journal.put_account_rows([(DAY, AccountRow(row, Decimal(1))) for row in (FEE, amends)])
        journal.put_fee_sums([FeeSum("AAPL", DAY, Decimal(1))])


def _readers(journal: Journal) -> dict[str, Callable[[], Any]]:
    return {
        name: call
        for name, call in calls(journal).items()
        if not name.startswith(WRITES) and name != "audit"
    }


def _spoilt(value: object) -> list[tuple[str, object]]:
    """SQL and value of what may stand there instead."""
    if isinstance(value, bytes):
        middle = len(value) // 2
        flipped = value[:middle] + bytes([value[middle] ^ 0x55]) + value[middle + 1 :]
        return [("?", flipped), ("?", value[:middle]), ("?", b"\xff" + value[1:]), ("?", b"")]
    words = str(value)
    text = [("?", words[: len(words) // 2]), ("?", f"\x01{words[1:]}"), ("?", "[1,2]"), ("?", "")]
    return [*text, ("CAST(? AS TEXT)", b"\xff\xfe" + words.encode()), ("?", b"\x01\x02")]


def _damage(journal: Journal) -> Iterator[tuple[str, str, object]]:
    """Spoils one value after the other; what it was is put back before the next."""
    tables = [
        row[0]
        for row in journal._rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not row[0].startswith("sqlite_")
    ]
    named = dict.fromkeys(tables, "rowid")
    for (name,) in journal._rows("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'"):
        keys = journal._rows(f"SELECT name FROM pragma_table_info('{name}') WHERE pk ORDER BY pk")
        named[name] = " || ' ' || ".join(row[0] for row in keys)
    for (name,) in journal._rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        journal._run(f"DROP TRIGGER {name}")
    for table in tables:
        key = named[table]
        for row in journal._rows(f"SELECT {key} AS place, * FROM {table}"):
            for column in row.keys()[1:]:
                kept = isinstance(row[column], (str, bytes)) and column not in key
                for sql, value in _spoilt(row[column]) if kept else ():
                    write = f"UPDATE OR IGNORE {table} SET {column} = {sql} WHERE {key} = ?"
                    try:
                        journal._run(write, (value, row["place"]))
                    except JournalError:
                        continue  # an index reads what is written there: SQLite refuses it
                    yield table, column, value
                    back = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
                    journal._run(back, (row[column], row["place"]))


def test_every_reader_of_a_damaged_row_is_told_or_reads_on(journal: Journal) -> None:
    readers, wrong = _readers(journal), []
    met = set()
    for table, column, value in _damage(journal):
        for name, read in readers.items():
            try:
                read()
            except JournalError:
                met.add((table, column))
            except Exception as error:
                wrong.append(f"{name}: {table}.{column} = {value!r}: {error!r}")
    assert wrong == []
    bodies = {("order_events", "details"), ("audit", "facts"), ("account_rows", "body")}
    assert bodies | {("orders", "request_json"), ("fee_sums", "amount")} <= met


@pytest.mark.parametrize(
    ("table", "column", "read"),
    [
        ("audit", "facts", "last_audit"),
        ("account_rows", "body", "account_rows"),
        ("account_rows", "body", "put_account_rows"),
        ("fee_sums", "day", "fee_sum"),
        ("fee_sums", "amount", "fee_sum"),
        ("order_events", "details", "adjusted_since"),
        ("order_events", "details", "last_act"),
        ("order_events", "recorded_at", "last_written"),
        ("order_events", "recorded_at", "first_written"),
        ("orders", "request_json", "order_by_client_id"),
    ],
)
def test_damage_is_named_as_damage(journal: Journal, table: str, column: str, read: str) -> None:
    journal._run("DROP TRIGGER IF EXISTS order_events_are_never_changed")
    spoilt = "[]" if (table, column) == ("account_rows", "body") else "-"  # its index reads JSON
    journal._run(f"UPDATE {table} SET {column} = ?", (spoilt,))
    with pytest.raises(JournalCorrupt, match=table):
        calls(journal)[read]()
