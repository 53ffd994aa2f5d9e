"""Goal: events are only ever added, and another process learns what has happened.

Method: real SQLite files, real processes, real damage.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from journal.rows import event
from msgspec.structs import replace

from execbot.journal import (
    Journal,
    JournalError,
)
from execbot.model.enums import (
    EventSource,
)


def test_events_are_append_only(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append_events([event()])
        for sql in ("UPDATE order_events SET kind = 'x'", "DELETE FROM order_events"):
            with pytest.raises(JournalError):
                journal._run(sql)
        assert [item.kind for item in journal.events_of("a")] == ["new"]


def test_another_process_follows_events_by_their_number(path: Path) -> None:
    with Journal.open(path) as writer, Journal.open(path, read_only=True) as reader:
        writer.append_events([event("a"), event("b")])
        first = reader.changes_since(0)
        assert [item.client_order_id for item in first] == ["a", "b"]
        assert first[0].raw == {"a": [1]}
        assert reader.changes_since(first[-1].seq) == []
        version = reader.data_version()
        writer.append_events([event("c")])
        assert reader.data_version() != version
        assert [item.client_order_id for item in reader.changes_since(first[-1].seq)] == ["c"]
        assert reader.last_seq() == 3


def test_who_follows_learns_which_orders_were_touched_and_what_processes_did(path: Path) -> None:
    act = replace(event("b"), kind="cancel_requested", source=EventSource.LOCAL)
    with Journal.open(path) as journal:
        journal.append_events([event("b"), event("a"), act, event(""), event("c")])
        assert journal.touched_since(0) == (5, ["b", "a", "c"])
        assert journal.touched_since(0, limit=2) == (2, ["b", "a"])
        assert journal.touched_since(5) == (5, [])
        (found,) = journal.acts_between(0, 5)
        assert (found.seq, found.client_order_id, found.kind) == (3, "b", "cancel_requested")
        assert journal.acts_between(0, 2) == journal.acts_between(3, 5) == []
