"""Goal: a journal whose months were archived answers as if they never were, whatever comes late;
no id can be used again, and a kill at any step loses nothing and doubles nothing.

Method: two journals of the same months, one archived, asked the same; late frames given to both;
a fork that is killed (SIGKILL) at its first, second, ... step of the move.
"""

from __future__ import annotations

import lzma
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal import killed
from support.lived import Wanted, answers, frame, live

from execbot.exits.structures.plan import keep_together, kept_together
from execbot.journal import Journal
from execbot.journal.archives import moving
from execbot.journal.archives.files import archives_beside, trouble_with
from execbot.journal.archives.months import cuts
from execbot.journal.errors import ArchiveUnusable, JournalCorrupt
from execbot.journal.packing.texts import AFTER, OLDEST, Kind
from execbot.model.times import day_begins
from execbot.oms.sync.intake import apply_update
from execbot.oms.sync.rebuild import rebuild, rebuilt_into

END = date(2026, 4, 1)
NOW = day_begins(date(2026, 7, 1))
BOOKS = ("orders", "order_events", "fills", "audit", "signals", "exit_plans", "plans_in_force")


def archive_all(journal: Journal, *, most: int = 15, end: date = END) -> None:
    killed.archive_all(journal, end, NOW, most=most)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Journal, Journal, list[Wanted]]]:
    """The same months, kept whole and archived."""
    yield from paired(tmp_path, 3)


def paired(
    folder: Path, seed: int, count: int = 60
) -> Iterator[tuple[Journal, Journal, list[Wanted]]]:
    with Journal.open(folder / "whole" / "journal.db") as whole:
        wanted = live(whole, seed, count)
    (folder / "past").mkdir()
    shutil.copy(folder / "whole" / "journal.db", folder / "past" / "journal.db")
    with (
        Journal.open(folder / "whole" / "journal.db") as whole,
        Journal.open(folder / "past" / "journal.db") as past,
    ):
        archive_all(past)
        yield whole, past, wanted


def assert_same(whole: Journal, past: Journal, wanted: list[Wanted]) -> None:
    expected, found = answers(whole, wanted), answers(past, wanted)
    for question, answer in expected.items():
        assert found[question] == answer, question


def assert_rebuilt_alike(whole: Journal, past: Journal, wanted: list[Wanted]) -> None:
    kept = past.derived_tables()
    for journal in (whole, past):
        rebuild(journal)
    found = past.derived_tables()
    assert {name: found[name] for name in found if name != "orders"} == {
        name: kept[name] for name in kept if name != "orders"
    }
    assert_same(whole, past, wanted)


def archived_orders(past: Journal, wanted: list[Wanted]) -> list[Wanted]:
    rows = past._rows("SELECT id FROM archived_ids WHERE kind = 'o'")
    names = {row[0] for row in rows}
    return [one for one in wanted if one.name in names]


# --- the same answers --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_archived_months_answer_as_if_they_never_were(tmp_path: Path, seed: int) -> None:
    for whole, past, wanted in paired(tmp_path, seed):
        gone = archived_orders(past, wanted)
        assert len(gone) > 10
        assert len(past.archives()) > 1
        assert past.counts().orders == len(wanted) - len(gone)
        assert_same(whole, past, wanted)


def test_months_packed_in_every_form_are_archived(
    pair: tuple[Journal, Journal, list[Wanted]],
) -> None:
    whole, past, _ = pair
    rows = whole._rows("SELECT raw FROM order_events WHERE typeof(raw) = 'blob'")
    assert {row[0][0] for row in rows} == {OLDEST, Kind.REPORT, AFTER | Kind.REPORT}
    for archive in past.archives():
        with past._opened(archive) as (books, _):
            kinds = books._rows("SELECT DISTINCT typeof(raw) FROM order_events")
        assert [row[0] for row in kinds] == ["text"]


def test_structures_that_a_contract_was_in_stay_known(tmp_path: Path) -> None:
    """Trades of those days are one trade as before."""
    older, newer = ("A", "B"), ("A", "C")
    with Journal.open(tmp_path / "journal.db") as journal:
        began = day_begins(date(2026, 1, 1))
        with journal.transaction():
            keep_together(journal, older, began)
            keep_together(journal, newer, began + timedelta(days=1))
        live(journal, 3, 60)
        before = {name: kept_together(journal, name) for name in "ABC"}
        archive_all(journal)
        assert journal.archives()
        assert [legs for legs, _ in before["A"]] == [frozenset(older), frozenset(newer)]
        assert {name: kept_together(journal, name) for name in "ABC"} == before


def test_what_is_open_recent_or_held_stays(pair: tuple[Journal, Journal, list[Wanted]]) -> None:
    whole, past, wanted = pair
    gone = {one.name: one for one in archived_orders(past, wanted)}
    held = {item.symbol for item in past.positions()}
    assert held
    for one in wanted:
        record = whole.order_by_client_id(one.name)
        assert record is not None
        if record.order.is_open or one.at >= day_begins(END):
            assert one.name not in gone
    for name in gone:
        flat = whole.day_before(gone[name].symbol, END, lambda position: not position.qty)
        for item in whole.executions_of(name):
            assert flat is not None and item.at < day_begins(flat.day)
    for plan in whole.plans(statuses=["active"]):
        assert past.plans(statuses=["active"], symbol=plan.symbol)


def test_what_is_asked_of_today_opens_no_archive(
    pair: tuple[Journal, Journal, list[Wanted]],
) -> None:
    _, past, _ = pair
    shutil.rmtree(past.archives_directory)
    since = day_begins(END)
    past.orders("open")
    past.orders("closed", limit=3)
    past.orders(since=since)
    past.orders_of_days(since, NOW)
    past.executions(since)
    past.recoveries(since)
    past.signals(since=since)
    past.positions()
    assert not past.was_traded("TSLA") and past.first_execution("TSLA") is None
    assert past.order_by_client_id("new") is None
    assert past.claim_signal("new", "AAPL", {}, NOW)
    with pytest.raises(ArchiveUnusable, match="is missing"):
        past.executions()


def test_no_id_is_used_again(pair: tuple[Journal, Journal, list[Wanted]]) -> None:
    _, past, wanted = pair
    gone = archived_orders(past, wanted)
    signals = [one.signal_id for one in gone if one.signal_id]
    assert signals
    for name in signals:
        assert not past.claim_signal(name, "AAPL", {}, NOW)
    assert not past._rows("SELECT 1 FROM signals WHERE signal_id = ?", (signals[0],))
    for one in gone:
        assert past.order_by_client_id(one.name) is not None


# --- what comes late ---------------------------------------------------------------------------


def late(one: Wanted, kind: str, number: int) -> Any:
    """A frame that is told of an order long after it was over."""
    second = 86_400 * 40 + number
    if kind == "again":
        return frame(one, "fill", "filled", 3, fill=6, filled=10)
    if kind == "bust":
        return frame(one, "trade_bust", "filled", second, fill=4, filled=6,
                     name=f"bust-{number}", previous=f"x{one.number}-4")  # fmt: skip
    if kind == "correct":
        return frame(one, "trade_correct", "filled", second, fill=4, filled=10, price=80,
                     name=f"corrected-{number}", previous=f"x{one.number}-4")  # fmt: skip
    return frame(one, "fill", "filled", 9, fill=10, filled=10, name=f"late-{number}")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 1000),
    told=st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(("again", "bust", "correct", "late"))),
        min_size=1,
        max_size=5,
    ),
)
def test_late_frames_come_to_the_same_with_and_without_archives(
    tmp_path_factory: pytest.TempPathFactory, seed: int, told: list[tuple[int, str]]
) -> None:
    for whole, past, wanted in paired(tmp_path_factory.mktemp("late"), seed, 30):
        gone = archived_orders(past, wanted) or wanted
        for number, (place, kind) in enumerate(told):
            one = gone[place % len(gone)]
            for journal in (whole, past):
                apply_update(journal, late(one, kind, number), NOW)
        assert_same(whole, past, wanted)
        assert_rebuilt_alike(whole, past, wanted)
        archive_all(past)
        assert_same(whole, past, wanted)


def test_a_family_that_came_back_is_whole_and_is_archived_anew(
    pair: tuple[Journal, Journal, list[Wanted]],
) -> None:
    whole, past, wanted = pair
    gone = archived_orders(past, wanted)
    one = next(x for x in gone if x.end == "filled" and any(y.parent_id == x.name for y in gone))
    before = past.counts().orders
    for journal in (whole, past):
        apply_update(journal, late(one, "bust", 1), NOW)
    assert past.counts().orders > before + 1
    assert one not in archived_orders(past, wanted)
    assert_same(whole, past, wanted)
    assert_rebuilt_alike(whole, past, wanted)
    archive_all(past, end=date(2026, 6, 1))
    assert_same(whole, past, wanted)


# --- the file ----------------------------------------------------------------------------------


def rewritten(path: Path, statements: list[str]) -> None:
    """Change what is in an archive, which execbot never does."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(lzma.decompress(path.read_bytes()))
        for statement in statements:
            connection.execute(statement)
        path.chmod(0o600)
        path.write_bytes(lzma.compress(connection.serialize()))


def test_an_archive_is_for_reading_only_and_noticed_when_it_was_changed(
    pair: tuple[Journal, Journal, list[Wanted]],
) -> None:
    _, past, _ = pair
    [archive, *others] = past.archives()
    path = past.archives_directory / archive.name
    assert path.stat().st_mode & 0o777 == 0o400
    assert not any(trouble_with(one, past.archives_directory) for one in (archive, *others))
    rewritten(path, ["UPDATE orders SET note = 'forged'"])
    assert "is not as it was written" in trouble_with(archive, past.archives_directory)


def test_an_archive_of_an_earlier_version_is_read(
    pair: tuple[Journal, Journal, list[Wanted]],
) -> None:
    whole, past, wanted = pair
    for path in past.archives_directory.iterdir():
        tables = ("archives", "archived_ids", "archive_returns")
        name = "DELETE FROM _sqlite_migrations WHERE name = '0010_archives'"
        rewritten(path, [*(f"DROP TABLE {table}" for table in tables), name])
        rewritten(path, ["PRAGMA user_version = 9"])
    assert_same(whole, past, wanted)


def test_history_is_deleted_by_nothing_else_afterwards(
    pair: tuple[Journal, Journal, list[Wanted]],
) -> None:
    _, past, _ = pair
    with closing(sqlite3.connect(past.path)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("DELETE FROM order_events")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("UPDATE order_events SET note = ''")


def test_other_rows_than_those_that_were_copied_are_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        wanted = live(journal, 3)
        expected = answers(journal, wanted)
        real, real_copy = moving._held, moving._copy_table

        def miscounted(*values: Any) -> Any:
            held = real(*values)
            return moving.Held({**held.counted, "fills": held.counted["fills"] - 1}, held.rows)

        monkeypatch.setattr(moving, "_held", miscounted)
        monkeypatch.setattr(
            moving, "_copy_table", lambda *one: real_copy(*one[:3], one[3] + (one[1] == "fills"))
        )
        with pytest.raises(JournalCorrupt, match="rows of fills instead of"):
            archive_all(journal)
        assert journal.archives() == []
        assert answers(journal, wanted) == expected


# --- killed ------------------------------------------------------------------------------------


def run_killed(path: Path, at: int) -> bool:
    """Archive in a process of its own; whether it was killed before it was done."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            killed.steps_killed(at)
            with Journal.open(path) as journal:
                archive_all(journal, most=40)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def rows_of(path: Path) -> dict[str, int]:
    """Of each book all rows of the journal and of the archives that it has registered."""
    with Journal.open(path) as journal:
        found = {book: journal._rows(f"SELECT count(*) FROM {book}")[0][0] for book in BOOKS}
        for archive in journal.archives():
            with journal._opened(archive) as (books, _):
                for book in BOOKS:
                    found[book] += books._rows(f"SELECT count(*) FROM {book}")[0][0]
    return found


def test_killed_at_any_step_nothing_is_lost_or_twice(tmp_path: Path) -> None:
    first = tmp_path / "first.db"
    with Journal.open(first) as journal:
        wanted = live(journal, 5, 40)
    rows = rows_of(first)
    with Journal.open(first) as journal:
        expected = answers(journal, wanted)
    began, at, was_killed = time.monotonic(), 0, True
    while was_killed:
        at += 1
        path = tmp_path / f"{at}" / "journal.db"
        path.parent.mkdir()
        shutil.copy(first, path)
        was_killed = run_killed(path, at)
        assert rows_of(path) == rows, at
        with Journal.open(path) as journal:
            if at % 5 == 1 or not was_killed:
                assert answers(journal, wanted) == expected, at
            archive_all(journal, most=40)
            kept = {archive.name for archive in journal.archives()}
        assert rows_of(path) == rows, at
        assert not list(archives_beside(path).glob("part*"))
        assert kept <= {one.name for one in archives_beside(path).iterdir()}
        shutil.rmtree(path.parent)
        assert time.monotonic() - began < 600
    assert at > 60


def test_chance_of_the_months() -> None:
    """A busy month is cut within; whole months only, and what is empty is no file."""
    days = {date(2026, 1, 30): 5, date(2026, 1, 31): 5, date(2026, 2, 2): 9, date(2026, 5, 1): 1}
    found = [(str(cut.before), cut.month) for cut in cuts(days, date(2026, 5, 20), 9)]
    assert found == [
        ("2026-01-31", "2026-01"),
        ("2026-02-01", "2026-01"),
        ("2026-03-01", "2026-02"),
    ]
    assert cuts(days, date(2026, 1, 31)) == []


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_journal_that_was_archived_is_no_damaged_one(tmp_path: Path, seed: int) -> None:
    """Nor is one to which a late correction has brought orders back, out of the middle."""
    with Journal.open(tmp_path / "journal.db") as journal:
        wanted = live(journal, seed)
        archive_all(journal)
        lives = journal.recent_lives(limit=9999)
        assert rebuilt_into(journal.path, NOW, tmp_path / "archived.db").differences == ()
        gone = [one for one in wanted if one.end == "filled" and is_gone(journal, one)]
        assert gone
        for one in gone[:2]:
            late = {"fill": 6, "filled": 10, "name": f"late-{one.number}", "price": 200}
            previous = f"x{one.number}-10"
            apply_update(
                journal, frame(one, "trade_correct", "filled", 99, previous=previous, **late), NOW
            )
            assert not is_gone(journal, one)
        assert rebuilt_into(journal.path, NOW, tmp_path / "back.db").differences == ()
        rebuild(journal)
        assert journal.recent_lives(limit=9999)[: len(lives)] == lives


def is_gone(journal: Journal, one: Wanted) -> bool:
    return not journal._rows("SELECT 1 FROM orders WHERE client_order_id = ?", (one.name,))
