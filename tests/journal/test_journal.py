"""Goal: the journal keeps what it is given, for many processes, and fails in typed ways.

Method: real SQLite files, real processes, real damage.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlite_utils import Database, Migrations

from execbot.journal import (
    Journal,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalNewer,
    JournalReadOnly,
    JournalUnavailable,
)
from execbot.journal.codec import (
    FILL_COLUMNS,
    ORDER_COLUMNS,
    execution_of,
    fill_row,
    order_row,
    record_of,
)
from execbot.journal.migrations import register, split_statements
from execbot.journal.passing import passing_journal
from execbot.journal.records import EventRecord, Execution, FillState, OrderRecord, Progress
from execbot.journal.schema import APPLICATION_ID, SCHEMA_VERSION, STEPS
from execbot.model.enums import (
    EventSource,
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from execbot.model.order import Order

T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)


def order(name: str = "a", **more: Any) -> Order:
    return Order(
        **{
            "id": f"id-{name}",
            "client_order_id": name,
            "symbol": "AAPL",
            "side": Side.BUY,
            "type": OrderType.MARKET,
            "time_in_force": TimeInForce.DAY,
            "status": OrderStatus.NEW,
            "qty": Decimal("1.000000001"),
            **more,
        }
    )


def record(name: str = "a", seconds: int = 0, **more: Any) -> OrderRecord:
    return OrderRecord(order=order(name, **more), intent_at=T0 + timedelta(seconds=seconds))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


# --- opening -------------------------------------------------------------------------------


def test_a_fresh_journal_is_private_durable_and_current(path: Path) -> None:
    with Journal.open(path) as journal:
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert journal._rows("PRAGMA journal_mode")[0][0] == "wal"
        assert journal._rows("PRAGMA synchronous")[0][0] == 2
        assert journal._rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION
        assert journal.check() == []


def test_opening_a_current_journal_imports_nothing_heavy(path: Path) -> None:
    Journal.open(path).close()
    code = (
        "import sys; from execbot.journal import Journal; "
        f"Journal.open({str(path)!r}).close(); "
        "print([name for name in ('sqlite_utils', 'pydantic', 'alpaca') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_statement_of_every_step_is_complete() -> None:
    for _, sql in STEPS:
        statements = split_statements(sql)
        assert statements
        assert "\n".join(statements).split() == sql.split()
        assert all(sqlite3.complete_statement(statement) for statement in statements)


def test_steps_are_recorded_by_name(path: Path) -> None:
    with Journal.open(path) as journal:
        rows = journal._rows("SELECT name FROM _sqlite_migrations ORDER BY id")
    assert [row[0] for row in rows] == [name for name, _ in STEPS]


def _open_at_once(path: str, gate: Any) -> None:
    gate.wait()
    with Journal.open(path) as journal:
        journal.meta_set(f"opened-{os.getpid()}", True)


def test_many_processes_open_a_fresh_journal_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(6)
    workers = [context.Process(target=_open_at_once, args=(str(path), gate)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 6
    with Journal.open(path) as journal:
        assert len(journal.meta_all("opened-")) == 6


# --- failing -------------------------------------------------------------------------------


def test_a_file_of_garbage_is_corrupt(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is not a database, not at all, no." * 200)
    with pytest.raises(JournalCorrupt) as caught:
        Journal.open(path)
    assert caught.value.kind == "journal.corrupt"
    assert caught.value.hint and caught.value.next_step


def test_damaged_pages_are_corrupt_when_they_are_read(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_orders([record(f"n{number}") for number in range(500)])
        journal._run("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    for start in range(8192, len(content), 4096):
        content[start : start + 2000] = os.urandom(2000)
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt), Journal.open(path) as journal:
        journal.orders("all")


def test_somebody_elses_database_is_not_taken_over(path: Path) -> None:
    path.parent.mkdir(parents=True)
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.commit()
    other.close()
    with pytest.raises(JournalCorrupt):
        Journal.open(path)


def test_a_later_version_is_refused_and_left_alone(path: Path) -> None:
    with Journal.open(path) as journal:
        journal._run(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(JournalNewer):
        Journal.open(path)
    with pytest.raises(JournalNewer):
        Journal.open(path, read_only=True)


def test_a_locked_journal_is_retryable(path: Path) -> None:
    with Journal.open(path) as holder, holder.transaction():
        holder.meta_set("held", 1)
        with (
            Journal.open(path, busy_timeout_seconds=0.05) as other,
            pytest.raises(JournalLocked) as caught,
            other.transaction(),
        ):
            pass
        assert caught.value.category == "retryable"
    with Journal.open(path) as journal:
        assert journal.meta_get("held") == 1


def test_reading_goes_on_while_somebody_writes(path: Path) -> None:
    with Journal.open(path) as holder, Journal.open(path) as reader:
        with holder.transaction():
            holder.put_orders([record("a")])
            assert reader.orders("all") == []
        assert len(reader.orders("all")) == 1


def test_a_full_disk_is_told_and_nothing_half_written_stays(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_orders([record("kept")])
        journal._run("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = journal._rows("PRAGMA page_count")[0][0]
        journal._run(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(JournalFull) as caught, journal.transaction():
            journal.put_orders([record(f"n{number}") for number in range(2000)])
        assert caught.value.kind == "journal.disk_full"
        assert [item.client_order_id for item in journal.orders("all")] == ["kept"]
        journal.meta_set("still", "alive")


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Root may write anywhere, so as root the attempt is made by a process that is nobody."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "journal.db"
        Journal.open(path).close()
        path.chmod(0o644)
        folder.chmod(0o555)
        code = (
            "import os; from execbot.journal import Journal, JournalReadOnly\n"
            "if os.geteuid() == 0: os.setuid(65534)\n"
            "try:\n"
            f"    with Journal.open({str(path)!r}) as journal: journal.meta_set('a', 1)\n"
            "except JournalReadOnly as error: print(error.kind)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "journal.read_only", done.stderr
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_writing_to_a_journal_opened_for_reading_is_told(path: Path) -> None:
    Journal.open(path).close()
    with Journal.open(path, read_only=True) as journal:
        assert journal.orders("all") == []
        with pytest.raises(JournalReadOnly):
            journal.meta_set("a", 1)


def test_a_journal_that_is_not_there_cannot_be_opened_for_reading(path: Path) -> None:
    with pytest.raises(JournalUnavailable):
        Journal.open(path, read_only=True)


def test_a_path_below_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalError):
        Journal.open(tmp_path / "file" / "journal.db")


# --- transactions --------------------------------------------------------------------------


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    with Journal.open(path) as journal:
        with pytest.raises(KeyboardInterrupt), journal.transaction():
            journal.meta_set("a", 1)
            raise KeyboardInterrupt
        assert journal.meta_get("a") is None
        assert not journal.in_transaction


def test_a_failed_inner_transaction_leaves_the_outer_one(path: Path) -> None:
    with Journal.open(path) as journal:
        with journal.transaction():
            journal.meta_set("outer", 1)
            with pytest.raises(ValueError), journal.transaction():
                journal.meta_set("inner", 1)
                raise ValueError
        assert journal.meta_all() == {"outer": 1}


def test_what_is_not_committed_is_gone_after_a_kill(path: Path) -> None:
    code = (
        "import os, signal; from execbot.journal import Journal; "
        f"j = Journal.open({str(path)!r}); j.meta_set('kept', 1)\n"
        "with j.transaction():\n"
        "    j.meta_set('lost', 1); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == -9
    with Journal.open(path) as journal:
        assert journal.meta_all() == {"kept": 1}


def test_every_commit_waits_for_the_disk_but_what_the_broker_can_be_asked_again(
    path: Path,
) -> None:
    def mode(journal: Journal) -> int:
        return int(journal._rows("PRAGMA synchronous")[0][0])

    full, normal = 2, 1
    with Journal.open(path) as journal:
        with journal.transaction():
            assert mode(journal) == full
        with journal.transaction(recoverable=True), journal.transaction():
            assert mode(journal) == normal
        assert mode(journal) == full
        with pytest.raises(ValueError), journal.transaction(recoverable=True):
            raise ValueError
        assert mode(journal) == full


def _count_up(path: str, times: int) -> None:
    with Journal.open(path) as journal:
        for _ in range(times):
            with journal.transaction():
                journal.meta_set("count", int(journal.meta_get("count", 0)) + 1)


def test_many_processes_writing_at_once_lose_no_update(path: Path) -> None:
    Journal.open(path).close()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count_up, args=(str(path), 40)) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 5
    with Journal.open(path) as journal:
        assert journal.meta_get("count") == 200


# --- rows ----------------------------------------------------------------------------------

decimals = st.decimals(
    min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=9
)
times = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
texts = st.text(max_size=20)


@st.composite
def records(draw: st.DrawFn) -> OrderRecord:
    maybe_number, maybe_time = st.none() | decimals, st.none() | times
    made = Order(
        id=draw(texts),
        client_order_id=draw(texts),
        symbol=draw(texts),
        side=draw(st.sampled_from(Side)),
        type=draw(st.sampled_from(OrderType)),
        time_in_force=draw(st.sampled_from(TimeInForce)),
        status=draw(st.sampled_from(OrderStatus)),
        qty=draw(maybe_number),
        filled_qty=draw(decimals),
        filled_avg_price=draw(maybe_number),
        limit_price=draw(maybe_number),
        hwm=draw(maybe_number),
        extended_hours=draw(st.booleans()),
        replaces=draw(st.none() | texts),
        submitted_at=draw(maybe_time),
        expires_at=draw(maybe_time),
    )
    return OrderRecord(
        order=made,
        origin=draw(texts),
        reason=draw(st.none() | texts),
        intent_at=draw(times),
        sent_at=draw(maybe_time),
        arrival_price=draw(maybe_number),
        note=draw(st.none() | texts),
        progress=Progress(
            status_at=draw(maybe_time), reported_qty=draw(decimals), chain_qty=draw(decimals)
        ),
    )


def through_sqlite(columns: Sequence[str], values: Sequence[Any]) -> sqlite3.Row:
    """The values as SQLite hands them back."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        sql = "SELECT " + ", ".join(f"? AS {name}" for name in columns)
        row: sqlite3.Row = connection.execute(sql, values).fetchone()
        return row


@given(records())
@settings(max_examples=60, deadline=None)
def test_an_order_comes_back_exactly_as_it_was_written(made: OrderRecord) -> None:
    assert record_of(through_sqlite(ORDER_COLUMNS, order_row(made))) == made


@given(records(), records(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_an_order_written_again_is_what_was_written_last(
    first: OrderRecord, second: OrderRecord, found_as_before: bool
) -> None:
    """Whatever is said of what was there: the columns that it is found by are left alone only
    where they are the same."""
    order = replace(second.order, client_order_id="a")
    again = replace(second, order=order)
    if found_as_before:
        order = replace(order, id=first.order.id, symbol=first.order.symbol)
        again = replace(
            second, order=order, intent_at=first.intent_at, sent_at=first.sent_at, parent_id=None
        )
    was = replace(first, order=replace(first.order, client_order_id="a"))
    journal, _ = passing_journal(Path("no such folder") / "journal.db")
    with journal:
        journal.put_orders([was])
        journal.put_orders([again], {"a": was})
        assert journal.orders_alone(["a"]) == [again]


@given(decimals, decimals, times, st.sampled_from(FillState), st.none() | texts)
@settings(max_examples=60, deadline=None)
def test_an_execution_comes_back_exactly_as_it_was_written(
    qty: Decimal, price: Decimal, at: datetime, state: FillState, activity_id: str | None
) -> None:
    made = execution("x", qty=qty, price=price, at=at, state=state, activity_id=activity_id)
    assert execution_of(through_sqlite(FILL_COLUMNS, fill_row(made))) == made


def execution(name: str, **more: Any) -> Execution:
    qty, price = more.get("qty", Decimal(1)), more.get("price", Decimal(100))
    return Execution(
        **{
            "execution_id": name,
            "order_id": "id-a",
            "client_order_id": "a",
            "symbol": "AAPL",
            "side": Side.BUY,
            "at": T0,
            "source": EventSource.STREAM,
            "state": FillState.BOOKED,
            "qty": qty,
            "price": price,
            "net_qty": qty,
            "net_price": price,
            **more,
        }
    )


def test_orders_are_listed_newest_first_and_filtered(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_orders(
            [
                record("a", 0),
                record("b", 1, status=OrderStatus.FILLED),
                record("c", 2, symbol="MSFT"),
                record("d", 3, status=OrderStatus.IN_DOUBT),
            ]
        )

        def listed(*args: Any, **more: Any) -> list[str]:
            return [item.client_order_id for item in journal.orders(*args, **more)]

        assert listed("all") == ["d", "c", "b", "a"]
        assert listed("open") == ["d", "c", "a"]
        assert listed("closed") == ["b"]
        assert listed("all", symbol="MSFT") == ["c"]
        assert listed("all", since=T0 + timedelta(seconds=2)) == ["d", "c"]
        assert listed("all", until=T0 + timedelta(seconds=1)) == ["a"]
        assert listed("all", limit=2) == ["d", "c"]
        assert [item.client_order_id for item in journal.unsettled_orders()] == ["d"]
        found = journal.find_order("id-c")
        assert found is not None and found == journal.find_order("c")
        assert journal.find_order("nobody") is None
        assert journal.order_by_broker_id("") is None


def test_money_is_decimal_text_in_the_file(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_orders([record("a", qty=Decimal("0.000000001"))])
        (row,) = journal._rows("SELECT qty, typeof(qty), filled_qty FROM orders")
        assert tuple(row) == ("0.000000001", "text", "0")


def test_an_execution_id_exists_once(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_executions([execution("x1")])
        journal.put_executions([execution("x1", qty=Decimal(2))])
        assert [item.qty for item in journal.executions()] == [Decimal(2)]
        assert journal.execution_owners(["x1", "x2"]) == {"x1": "a"}


def test_busted_executions_are_no_fills_but_stay_in_the_books(path: Path) -> None:
    with Journal.open(path) as journal:
        gone = execution("x1", state=FillState.BUSTED, net_qty=Decimal(0))
        journal.put_executions([gone, execution("x2")])
        assert [fill.execution_id for fill in journal.fills()] == ["x2"]
        assert len(journal.executions()) == 2


def event(name: str = "a", kind: str = "new") -> EventRecord:
    return EventRecord(
        recorded_at=T0, client_order_id=name, kind=kind, source=EventSource.STREAM, raw={"a": [1]}
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


def test_several_orders_come_in_the_order_asked_for_and_with_their_legs(path: Path) -> None:
    with Journal.open(path) as journal:
        parent = record("a", order_class=OrderClass.BRACKET)
        leg = replace(record("leg"), parent_id="a")
        journal.put_orders([parent, leg, record("b")])
        found = journal.orders_by_client_ids(["b", "unknown", "a"])
        assert [item.client_order_id for item in found] == ["b", "a"]
        assert [item.client_order_id for item in found[1].order.legs] == ["leg"]


def test_a_signal_is_claimed_once_by_one_process(path: Path) -> None:
    with Journal.open(path) as one, Journal.open(path) as two:
        assert one.claim_signal("s1", "AAPL", {"strength": Decimal("82")}, T0)
        assert not two.claim_signal("s1", "AAPL", {}, T0)
        two.finish_signal("s1", "submitted", T0, client_order_id="a")
        found = one.signal("s1")
        assert found is not None
        assert (found.outcome, found.client_order_id) == ("submitted", "a")
        assert found.body == {"strength": "82"}
        assert [item.signal_id for item in one.signals(outcome="submitted")] == ["s1"]


def test_every_version_of_a_plan_is_kept_and_written_once(path: Path) -> None:
    with Journal.open(path) as journal:
        assert journal.save_plan("p", "AAPL", "active", {"stop": "1"}, T0, version=1)
        assert not journal.save_plan("p", "AAPL", "active", {"stop": "9"}, T0, version=1)
        assert journal.save_plan("p", "AAPL", "done", {"stop": "2"}, T0, version=2)
        current = journal.plan("p")
        assert current is not None and current.version == 2 and current.body == {"stop": "2"}
        assert [item.version for item in journal.plan_history("p")] == [1, 2]
        assert journal.plans(statuses=["active"]) == []
        assert [item.plan_id for item in journal.plans(symbol="AAPL")] == ["p"]


def test_plans_of_an_older_journal_are_in_force_after_it_is_opened(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as old:
        migrations = Migrations("execbot")
        register(migrations, *STEPS[0], 1)
        migrations.apply(Database(old))
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for version, status in ((1, "active"), (2, "closed")):
            row = ("p", version, "AAPL", status, "{}", T0.isoformat())
            old.execute("INSERT INTO exit_plans VALUES (?, ?, ?, ?, ?, ?)", row)
        old.execute("INSERT INTO exit_plans VALUES ('q', 1, 'AAPL', 'active', '{}', ?)", (row[-1],))
        old.commit()
    with Journal.open(path) as journal:
        assert [p.plan_id for p in journal.plans(statuses=["active"])] == ["q"]
        assert [(p.plan_id, p.version) for p in journal.plans(statuses=["closed"])] == [("p", 2)]
        assert journal.save_plan("q", "AAPL", "closed", {}, T0, version=2)
        assert journal.plans(statuses=["active"], symbol="AAPL") == []


def test_decisions_are_found_by_their_subject(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.audit("risk", "a", "max_positions", {"seen": 5, "limit": Decimal(5)}, "denied", T0)
        journal.audit("risk", "b", "max_positions", {}, "passed", T0)
        (row,) = journal.audit_of("a")
        assert row.facts == {"seen": 5, "limit": "5"} and row.result == "denied"
        assert [item.subject for item in journal.audit_rows(kind="risk")] == ["b", "a"]


def test_meta_values_come_back_and_go(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.meta_set("halt", {"on": True, "at": T0})
        assert journal.meta_get("halt") == {"on": True, "at": "2026-10-07T14:00:00.000000Z"}
        journal.meta_delete("halt")
        assert journal.meta_get("halt", "none") == "none"


def test_making_a_journal_loads_no_pandas_and_leaves_it_to_be_had(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from execbot.journal.journal import Journal\n"
        f"Journal.open(Path({str(tmp_path / 'journal.db')!r})).close()\n"
        "print('sqlite_utils' in sys.modules, 'pandas' in sys.modules)\n"
        "import pandas; print(pandas.__name__)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["True", "False", "pandas"], done.stderr
