"""Goal: long texts are kept small and come back as they were; what was written before is read too.

Method: texts of any kind through the packer; rows of real orders in a real file, looked at there;
rows put back as an earlier version wrote them; what was packed by the first dictionary, by hand.
"""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oms_making import T0, update

from execbot.journal import Journal
from execbot.journal.packing import _DICTIONARIES, SHORTEST, packed, unpacked
from execbot.oms.sync.intake import apply_update
from execbot.oms.sync.rebuild import rebuild

ONCE = (
    '{"order":{"id":"one","client_order_id":"execbot-two","status":"filled","filled_qty":"10",'
    '"symbol":"AAPL","side":"sell","type":"stop"}}'
)
ONCE_PACKED = "01ab464bb3a0ca1e5fb22d29cf57c2e67294a80157cae8118e1ab0c871505b0b00"
"""What was packed by the first dictionary."""

CRC = 939485062


@given(st.text(max_size=3000))
def test_every_text_comes_back(text: str) -> None:
    assert unpacked(packed(text)) == text


def test_what_was_packed_once_is_read_for_ever() -> None:
    assert unpacked(bytes.fromhex(ONCE_PACKED)) == ONCE
    assert zlib.crc32(_DICTIONARIES[1]) == CRC, "a better dictionary gets the next number"


def test_short_text_stays_readable_in_the_file() -> None:
    assert packed("{}") == "{}"
    assert isinstance(packed("x" * SHORTEST), bytes)


@pytest.mark.parametrize("spoilt", [b"", b"\x09abc", packed("x" * 500)[:-3], b"\x01\xff\xff"])
def test_what_cannot_be_read_back_is_said_to_be_so(spoilt: bytes) -> None:
    with pytest.raises(ValueError, match="what was packed"):
        unpacked(spoilt)


def filled(path: Path) -> None:
    with Journal.open(path) as journal:
        frames = (
            update("new", "new", second=1),
            update("fill", "filled", second=2, execution_id="x1", qty="10", price="100",
                   filled="10", avg="100"),
        )  # fmt: skip
        for frame in frames:
            apply_update(journal, frame, T0)
        journal.audit("risk", "mine-1", "checks", {"checks": ["x" * 200]}, "passed", T0)
        journal.save_plan("p", "AAPL", "active", {"note": "y" * 200}, T0, version=1)
        journal.claim_signal("s", "AAPL", {"note": "z" * 200}, T0)


def content(journal: Journal) -> list[object]:
    plan, signal = journal.plan("p"), journal.signal("s")
    assert plan is not None and signal is not None
    events = list(journal.all_events())
    return [events, journal.audit_of("mine-1"), plan.body, signal.body, journal.derived_tables()]


LONG = (("order_events", "raw"), ("audit", "facts"), ("exit_plans", "body"), ("signals", "body"))


def test_reports_decisions_and_plans_are_kept_packed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        for table, column in LONG:
            kinds = connection.execute(f"SELECT DISTINCT typeof({column}) FROM {table}").fetchall()
            assert kinds == [("blob",)], table


def test_rows_of_an_earlier_version_are_read_beside_packed_ones(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    with Journal.open(path) as journal:
        before = content(journal)
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("unpacked", 1, unpacked)
        connection.execute("DROP TRIGGER order_events_are_never_changed")
        for table, column in LONG:
            connection.execute(f"UPDATE {table} SET {column} = unpacked({column})")
        connection.commit()
    with Journal.open(path) as journal:
        assert content(journal) == before
        apply_update(journal, update("canceled", "canceled", second=3), T0)
        kept = journal.derived_tables()
        rebuild(journal)
        assert journal.derived_tables() == kept
        types = journal._rows("SELECT typeof(raw) FROM order_events ORDER BY seq")
        assert [row[0] for row in types] == ["text", "text", "blob"]
