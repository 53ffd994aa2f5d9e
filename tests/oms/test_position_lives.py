"""Goal: the journal tells how each position came and went, and a rebuild tells the same.

Method: reports by hand through the ledger; the rows in the file; what SQL may not do to them; a
journal of before that is upgraded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.harness.earlier import made_earlier
from support.oms_making import at, update

from execbot.journal import Journal, event_book
from execbot.oms.ledger import recording
from execbot.oms.sync.intake import apply_update
from execbot.oms.sync.rebuild import rebuild, rebuilt_into

D = Decimal
NOW = at(100)
SALE = {
    "id": "22222222-2222-4222-8222-222222222222",
    "client_order_id": "out-1",
    "side": "sell",
}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def told(journal: Journal, symbol: str = "AAPL") -> list[tuple[Any, ...]]:
    return [(s.state, s.cause, s.qty) for s in journal.lives(symbol, limit=99)]


def report(journal: Journal, event: str, status: str, **more: Any) -> None:
    apply_update(journal, update(event, status, **more), NOW)


def bought(journal: Journal, qty: str = "10", second: float = 2) -> None:
    report(journal, "new", "new", second=1)
    report(journal, "fill", "filled", second=second, execution_id="b1", qty=qty, price="100",
           filled=qty, avg="100")  # fmt: skip


def sold(journal: Journal, qty: str = "10", *, order_qty: str = "10") -> None:
    report(journal, "new", "new", second=10, order_qty=order_qty, **SALE)
    report(journal, "fill", "filled", second=11, execution_id="s1", qty=qty, price="101",
           filled=qty, avg="101", order_qty=order_qty, **SALE)  # fmt: skip


def test_a_position_is_wanted_held_left_and_over(journal: Journal) -> None:
    bought(journal)
    sold(journal)
    assert told(journal) == [
        ("PENDING_ENTRY", "entry ordered: foreign", 0),
        ("OPEN", "entry filled", 10),
        ("PENDING_EXIT", "closed elsewhere", 10),
        ("CLOSED", "closed elsewhere", 0),
    ]
    steps = journal.lives("AAPL", limit=99)
    assert {step.began for step in steps} == {steps[0].event_seq}
    assert [step.at for step in steps][1:] == [at(2), at(10), at(11)]
    assert [step.price for step in steps] == [None, D(100), None, D(101)]


def test_an_entry_that_never_filled_was_no_position(journal: Journal) -> None:
    report(journal, "new", "new", second=1)
    report(journal, "canceled", "canceled", second=2)
    assert told(journal) == [
        ("PENDING_ENTRY", "entry ordered: foreign", 0),
        ("CLOSED", "entry canceled", 0),
    ]


def test_an_exit_that_is_taken_back_leaves_it_open(journal: Journal) -> None:
    bought(journal)
    report(journal, "new", "new", second=10, **SALE)
    report(journal, "canceled", "canceled", second=11, **SALE)
    assert told(journal)[2:] == [
        ("PENDING_EXIT", "closed elsewhere", 10),
        ("OPEN", "exit canceled", 10),
    ]


def test_a_flip_ends_one_position_and_begins_the_next(journal: Journal) -> None:
    bought(journal)
    sold(journal, "15", order_qty="15")
    steps = journal.lives("AAPL", limit=99)
    assert [(s.state, s.qty) for s in steps][-2:] == [("CLOSED", 0), ("OPEN", -5)]
    assert steps[-1].began != steps[-2].began
    assert (steps[-1].event_seq, steps[-1].step) == (steps[-2].event_seq, 1)


def test_a_split_is_no_end(journal: Journal) -> None:
    bought(journal)
    with recording(journal) as ledger:
        for number, qty in enumerate((-10, 40)):
            ledger.adjust("AAPL", D(qty), D(25), reason="split", asset_class="us_equity",
                          at=at(20), now=at(20 + number))  # fmt: skip
    assert told(journal)[-1] == ("OPEN", "entry filled", 10)
    assert journal.position("AAPL").qty == 40  # type: ignore[union-attr]


def test_shares_that_came_without_an_order_say_why(journal: Journal) -> None:
    with recording(journal) as ledger:
        ledger.adjust("KO", D(5), D(60), reason="adopted", asset_class="us_equity", at=NOW, now=NOW)
        ledger.adjust("KO", D(-5), D(60), reason="jnls", asset_class="us_equity", at=NOW, now=NOW)
    assert told(journal, "KO") == [("OPEN", "adopted", 5), ("CLOSED", "jnls", 0)]


def test_a_rebuild_tells_the_same(journal: Journal) -> None:
    bought(journal)
    sold(journal, "15", order_qty="15")
    with recording(journal) as ledger:
        ledger.adjust("KO", D(5), D(60), reason="adopted", asset_class="us_equity", at=NOW, now=NOW)
    before = journal.derived_tables()
    assert before["position_lives"]
    rebuild(journal)
    assert journal.derived_tables() == before


@pytest.mark.parametrize("statement", ["DELETE FROM position_lives",
                                       "UPDATE position_lives SET cause = 'x'"])  # fmt: skip
def test_what_was_written_is_never_changed(journal: Journal, statement: str) -> None:
    bought(journal)
    rebuild(journal)  # which has set the rule aside for a moment
    with (
        closing(sqlite3.connect(journal.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def test_an_older_journal_tells_what_it_held_and_goes_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with Journal.open(path) as journal:
        bought(journal)
    made_earlier(path, "0012_position_lives")
    with Journal.open(path) as journal:
        assert told(journal) == [("OPEN", "held before", 10)]
        sold(journal)
        kept = told(journal)
        assert kept[1:] == [
            ("PENDING_EXIT", "closed elsewhere", 10),
            ("CLOSED", "closed elsewhere", 0),
        ]
        rebuild(journal)
        assert told(journal) == kept
    assert rebuilt_into(path, NOW).is_same


def test_what_an_earlier_version_wrote_meanwhile_is_no_damage(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `watch` that began before the upgrade has the file open, and knows nothing of lives."""
    bought(journal)
    with monkeypatch.context() as earlier:
        earlier.setattr(event_book, "ADD_EVENT", _without_lives(event_book.ADD_EVENT))
        earlier.setattr(Journal, "add_lives", lambda *_: None)
        sold(journal)
        assert rebuilt_into(journal.path, NOW, journal.path.with_name("at once.db")).is_same
    assert told(journal)[-1] == ("OPEN", "entry filled", 10)
    again = {"id": "33333333-3333-4333-8333-333333333333", "client_order_id": "in-2"}
    report(journal, "new", "new", second=20, **again)
    report(journal, "fill", "filled", second=21, execution_id="b2", qty="10", price="100",
           filled="10", avg="100", **again)  # fmt: skip
    kept = told(journal)
    assert kept[-1] == ("OPEN", "entry filled", 10)
    assert rebuilt_into(journal.path, NOW, journal.path.with_name("later.db")).is_same
    rebuild(journal)
    assert told(journal) == kept


def _without_lives(statement: str) -> str:
    earlier = statement.replace(", has_lives)", ")").replace(", 1)", ")")
    assert earlier.count("?") == statement.count("?")
    assert earlier != statement
    return earlier
