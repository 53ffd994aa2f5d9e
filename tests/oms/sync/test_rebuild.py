"""Goal: a journal is derived anew in a copy, and what cannot be stays out of it; nothing in place.

Method: journals filled by hand, then damaged or poisoned in the file, compared with the copy.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.oms_making import at, order, update

from execbot.journal import Journal
from execbot.journal.errors import JournalUnavailable
from execbot.journal.records import EventRecord
from execbot.journal.schema import STEPS
from execbot.model.enums import EventSource, OrderClass, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.send.intent import intent_details
from execbot.oms.sync.intake import apply_snapshot, apply_update
from execbot.oms.sync.rebuild import rebuilt_into, trouble_of

NOW = datetime(2026, 10, 7, 15, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with one order that has filled 4 of 10."""
    found = tmp_path / "journal.db"
    with Journal.open(found) as journal:
        apply_update(journal, update("new", "new", second=1), NOW)
        apply_update(
            journal,
            update(
                "partial_fill",
                "partially_filled",
                second=2,
                execution_id="x1",
                qty="4",
                price="100",
                filled="4",
                avg="100",
            ),
            NOW,
        )
    return found


def poison(path: Path, **more: Any) -> None:
    with Journal.open(path) as journal:
        apply_snapshot(journal, order("new", second=3, **more), NOW)


def damage(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, values)
        connection.commit()


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_what_an_earlier_version_meant_for_the_day_still_ends_with_it(tmp_path: Path) -> None:
    """Its histories do not say so, and the step that brought the column went by the class."""
    path = tmp_path / "journal.db"
    stop = StopLoss(Decimal(90))
    gtc = {"time_in_force": TimeInForce.GTC, "qty": Decimal(1)}
    bracket = OrderRequest("AAPL", Side.BUY, order_class=OrderClass.OTO, stop_loss=stop, **gtc)
    with Journal.open(path) as journal, recording(journal) as ledger:
        for name, request in (("legs", bracket), ("plain", OrderRequest("KO", Side.BUY, **gtc))):
            said = intent_details(replace(request, client_order_id=name), {})
            del said["cancel_after"], said["for_the_day"]
            ledger.act(Act.INTENT, name, NOW, **said)
    step = next(sql for name, sql in STEPS if name == "0007_order_clocks")
    damage(path, step[step.index("UPDATE") :])
    rebuilt = rebuilt_into(path, NOW)
    assert rebuilt.differences == ()
    with Journal.open(rebuilt.path) as journal:
        found = {name: journal.order_by_client_id(name) for name in ("legs", "plain")}
    assert {name: record and record.for_the_day for name, record in found.items()} == {
        "legs": True,
        "plain": False,
    }


def test_sound_journal_is_rebuilt_the_same_and_left_alone(path: Path) -> None:
    before = content(path)
    rebuilt = rebuilt_into(path, NOW)
    assert rebuilt.is_same and rebuilt.events == 2
    assert content(path) == before
    assert rebuilt.path.name == "journal.rebuilt-20261007-150000.db"
    assert rebuilt.path.stat().st_mode & 0o777 == 0o600
    with Journal.open(path) as one, Journal.open(rebuilt.path) as two:
        assert one.derived_tables() == two.derived_tables()
        assert [e.seq for e in one.all_events()] == [e.seq for e in two.all_events()]


def test_damaged_value_in_the_tables_is_derived_again_and_shown(path: Path) -> None:
    damage(path, "UPDATE orders SET filled_qty = '7'")
    damage(path, "DELETE FROM fills")
    rebuilt = rebuilt_into(path, NOW)
    assert [(d.table, d.column, d.was, d.now) for d in rebuilt.differences] == [
        ("orders", "filled_qty", "7", "4"),
        ("fills", "", None, "AAPL, buy, booked, 4, 100"),
    ]
    with Journal.open(rebuilt.path) as journal:
        record = journal.order_by_client_id("mine-1")
        assert record is not None and record.order.filled_qty == 4
    with Journal.open(path) as journal:
        assert not journal.executions(), "the journal is as it was"


def test_order_with_a_path_for_an_id_is_left_out(path: Path) -> None:
    """E-VAL-3: the id of an order goes into paths."""
    poison(path, id="../../x", client_order_id="evil")
    rebuilt = rebuilt_into(path, NOW)
    assert [(e.client_order_id, e.why) for e in rebuilt.left_out] == [
        ("evil", "order id: an id with characters that no id has")
    ]
    assert [(d.table, d.key, d.now) for d in rebuilt.differences] == [("orders", "evil", None)]
    with Journal.open(rebuilt.path) as journal:
        assert [r.client_order_id for r in journal.orders("all")] == ["mine-1"]
        assert len(list(journal.all_events())) == 2


def test_quantity_beyond_reason_is_left_out_and_the_order_stays(path: Path) -> None:
    """E-VAL-1: one absurd answer about an order of ours; the honest ones count."""
    poison(path, filled="1e30", avg="100")
    with Journal.open(path) as journal:
        assert journal.order_by_client_id("mine-1").order.filled_qty > 10**20  # type: ignore[union-attr]
    rebuilt = rebuilt_into(path, NOW)
    assert [e.why for e in rebuilt.left_out] == ["order: filled_qty: beyond reason"]
    with Journal.open(rebuilt.path) as journal:
        record = journal.order_by_client_id("mine-1")
        assert record is not None and record.order.filled_qty == 4
        position = journal.position("AAPL")
        assert position is not None and position.qty == 4


def test_absurd_adjustment_of_a_position_is_left_out(path: Path) -> None:
    """E-VAL-1: a position that an answer made up is not held."""
    with Journal.open(path) as journal, recording(journal) as ledger:
        ledger.adjust(
            "AAPL",
            Decimal("1e40"),
            Decimal(1),
            reason="adopted",
            asset_class="us_equity",
            at=NOW,
            now=NOW,
        )
    rebuilt = rebuilt_into(path, NOW)
    assert [(e.client_order_id, e.why) for e in rebuilt.left_out] == [("", "qty: beyond reason")]
    with Journal.open(rebuilt.path) as journal:
        assert [(p.symbol, p.qty) for p in journal.positions()] == [("AAPL", 4)]


def test_row_of_the_history_that_cannot_be_read_back_is_left_out(path: Path) -> None:
    """E-JRN-1: one flipped byte in a time must not end every command for ever."""
    damage(path, "DROP TRIGGER order_events_are_never_changed")
    damage(path, "UPDATE order_events SET recorded_at = '2026-1x-07' WHERE seq = 1")
    rebuilt = rebuilt_into(path, NOW)
    assert [(e.seq, e.why) for e in rebuilt.left_out] == [(1, "cannot be read back (ValueError)")]
    with Journal.open(rebuilt.path) as journal:
        record = journal.order_by_client_id("mine-1")
        assert record is not None and record.order.filled_qty == 4
        with pytest.raises(Exception, match="append-only"):
            journal._run("DELETE FROM order_events")


def test_chain_of_an_older_journal_is_followed_to_its_end(tmp_path: Path) -> None:
    """E-FAM-3: a history from before chains were followed books 10 shares, not 14."""
    path = tmp_path / "journal.db"
    a, b = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
    first: dict[str, Any] = {"id": a, "client_order_id": "first"}
    second: dict[str, Any] = {"id": b, "client_order_id": "second", "replaces": a}
    with Journal.open(path) as journal:
        for report in (
            update("new", "new", second=1, **first),
            update("replaced", "replaced", second=5, replaced_by=b, **first),
            update("new", "partially_filled", second=5, filled="4", avg="100", **second),
            update(
                "fill", "filled", second=8, execution_id="x2", qty="6", price="101",
                filled="10", avg="100.6", **second,
            ),
            update(
                "partial_fill", "partially_filled", second=3, execution_id="x1", qty="4",
                price="100", filled="4", avg="100", **first,
            ),
        ):  # fmt: skip
            apply_update(journal, report, NOW)
    damage(path, "DROP TRIGGER order_events_are_never_deleted")
    damage(path, "DELETE FROM order_events WHERE kind = 'chain'")
    rebuilt = rebuilt_into(path, NOW)
    assert rebuilt.is_same
    with Journal.open(rebuilt.path) as journal:
        assert journal.position("AAPL").qty == 10  # type: ignore[union-attr]


def test_a_file_that_is_there_is_never_written_over(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious.db"
    target.write_text("precious")
    with pytest.raises(JournalUnavailable, match="there is a file already"):
        rebuilt_into(path, NOW, target)
    assert target.read_text() == "precious"


def test_what_is_no_journal_leaves_no_copy_behind(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("this is no database, and it is long enough to be looked at as one" * 20)
    with pytest.raises(Exception, match="journal"):
        rebuilt_into(path, NOW)
    assert [item.name for item in tmp_path.iterdir()] == ["journal.db"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"qty": Decimal("1e12")}, "qty: beyond reason"),
        ({"qty": Decimal("0.0000000001")}, "qty: more than 9 decimals"),
        ({"price": Decimal("1." + "1" * 40)}, "price: more digits than any price has"),
        ({"at": at(60 * 60 * 48)}, "at: an impossible time"),
        ({"order_id": "a/b"}, "order id: an id with characters that no id has"),
        ({"client_order_id": "x" * 129}, "client_order_id: an id of more than 128 characters"),
        ({"client_order_id": "a/../b"}, "client_order_id: an id that leads out of its path"),
        ({"raw": {"order": {"legs": [{"id": "../x"}]}}}, "order: legs: id: an id with characters"),
        ({"raw": {"order": {"limit_price": "oops"}}}, "order: limit_price: not a number"),
        ({"raw": {"order": {"legs": 7}}}, "order: legs: not a list"),
        ({"client_order_id": "strategy:AAPL/entry-1.2"}, ""),
        ({"client_order_id": "their own, #7 (é)"}, ""),
        ({"raw": {"order": {"qty": "1"}}}, ""),
        ({"source": EventSource.LOCAL, "qty": Decimal("1e20")}, ""),
    ],
)
def test_what_a_report_can_be(more: dict[str, Any], why: str) -> None:
    """E-VAL-1 to E-VAL-3: reports are judged, what we did ourselves is not."""
    plain: dict[str, Any] = {
        "recorded_at": at(0),
        "client_order_id": "mine",
        "kind": "snapshot",
        "source": EventSource.REST,
    }
    found = trouble_of(EventRecord(**{**plain, **more}))
    assert found == why if not why else found.startswith(why)
