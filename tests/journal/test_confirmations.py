"""Goal: of each confirmation every version stays, and the highest is the one that is read.

Method: rows by hand, in and out of a journal; SQL from outside that tries to change one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from journal.rows import T0, confirmation

from execbot.journal import Journal
from execbot.journal.confirmation import (
    Arrival,
    ArrivalBasis,
    Cost,
    ExecutionVerdict,
    Finding,
    LaterPrice,
    PositionChange,
    QuoteSeen,
    Times,
)

D = Decimal
WHOLE = confirmation(
    arrival=Arrival(
        ArrivalBasis.QUOTE, D("100"), QuoteSeen(D("99.99"), D("100.01"), T0, D("0.2"), "iex")
    ),
    cost=Cost(D("5"), D("0.50"), D("0.025")),
    later=(LaterPrice(1, D("100.1"), D("5")), LaterPrice(300, why="not traded")),
    position=PositionChange(D(10), D(9), "stream"),
    findings=(Finding("position", "the position changed by 9, not by 10", "10", "9", D(1)),),
    verdict=ExecutionVerdict.DIFFERS,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def test_a_confirmation_is_read_back_as_it_was_written(journal: Journal) -> None:
    assert journal.add_confirmation(WHOLE)
    assert journal.confirmation("a") == WHOLE
    assert journal.confirmation("b") is None


def test_a_version_is_written_once_whoever_comes_second(journal: Journal) -> None:
    assert journal.add_confirmation(WHOLE)
    assert not journal.add_confirmation(confirmation(filled_qty=D(1)))
    assert journal.confirmation("a") == WHOLE


def test_the_highest_version_is_in_force_and_the_others_stay(journal: Journal) -> None:
    first, second = confirmation(), confirmation(version=2, filled_qty=D(4))
    assert journal.add_confirmation(second)
    assert journal.add_confirmation(first), "late, and kept"
    assert journal.confirmation("a") == second
    assert journal.confirmation_versions("a") == [first, second]
    assert [item for _, item in journal.confirmations_since(0)] == [second, first]
    assert journal.last_confirmation_seq() == 2


def test_they_are_found_by_order_and_by_the_time_of_the_first_fill(journal: Journal) -> None:
    later = confirmation("b", times=Times(first_fill=T0 + timedelta(hours=1)))
    for item in (later, confirmation("a")):
        journal.add_confirmation(item)
    assert journal.confirmations_of(["a", "b", "c"]) == {"a": confirmation("a"), "b": later}
    assert journal.confirmations() == [confirmation("a"), later]
    assert journal.confirmations(until=T0 + timedelta(hours=1)) == [confirmation("a")]
    assert journal.confirmations(since=T0 + timedelta(hours=1)) == [later]


def test_what_is_due_is_found_when_it_is(journal: Journal) -> None:
    minute = timedelta(minutes=1)
    journal.add_confirmation(confirmation("a"), due_at=T0 + minute)
    journal.add_confirmation(confirmation("b"))
    assert journal.confirmations_due(T0) == []
    assert journal.next_confirmation_due() == T0 + minute
    assert journal.confirmations_due(T0 + minute) == [confirmation("a")]
    journal.put_off_confirmation("a", T0 + 2 * minute)
    assert journal.confirmations_due(T0 + minute) == []
    journal.add_confirmation(confirmation("a", version=2))
    assert journal.next_confirmation_due() is None


def test_nobody_changes_or_deletes_one(journal: Journal) -> None:
    journal.add_confirmation(WHOLE)
    with sqlite3.connect(journal.path) as other:
        for sql in ("UPDATE confirmations SET body = ''", "DELETE FROM confirmations"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(sql)


def test_a_rebuild_of_what_is_derived_keeps_them(journal: Journal) -> None:
    journal.add_confirmation(WHOLE, due_at=T0)
    journal.clear_derived()
    assert journal.confirmation("a") == WHOLE
    assert journal.confirmations_due(T0) == [WHOLE]
