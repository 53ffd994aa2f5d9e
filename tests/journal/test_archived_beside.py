"""Goal: months are archived while others read and write the journal: nobody is told of anything
twice or not at all, and what is told of a past order meanwhile keeps it where it is.

Method: another connection to the same file archives, or takes in a frame, in the middle of what the
first one does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from journal.killed import archive_all
from support.lived import MONTHS, Wanted, answers, frame, live

from execbot.journal import Journal
from execbot.journal.archives import moving
from execbot.journal.archives.months import cuts
from execbot.journal.errors import JournalLocked
from execbot.model.times import day_begins
from execbot.oms.sync.intake import apply_update

END = date(2026, 4, 1)
NOW = day_begins(date(2026, 7, 1))


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[tuple[Journal, list[Wanted]]]:
    with Journal.open(tmp_path / "journal.db") as journal:
        yield journal, live(journal, 3)


def moved_by_another(path: Path, most: int = 400) -> None:
    with Journal.open(path, busy_timeout_seconds=0) as other:
        archive_all(other, END, NOW, most=most)


def told_by_another(path: Path, one: Wanted) -> None:
    """A late bust of one of its executions."""
    late = frame(one, "trade_bust", "filled", 86_400 * 40, fill=4, filled=6, name="bust",
                 previous=f"x{one.number}-4")  # fmt: skip
    with Journal.open(path, busy_timeout_seconds=0) as other:
        apply_update(other, late, NOW)


@contextmanager
def copied_to(journal: Journal, folder: Path) -> Iterator[Journal]:
    folder.mkdir()
    assert journal.checkpoint() == 0
    shutil.copy(journal.path, folder / "journal.db")
    with Journal.open(folder / "journal.db") as copy:
        yield copy


@contextmanager
def once_between(journal: Journal, do: Callable[[], None]) -> Iterator[list[str]]:
    """`do` is done once, when the journal has been asked and its archives are asked next."""
    done = list[str]()

    def heard(sql: str) -> None:
        if " archive" in sql and not done:
            done.append(sql)
            do()

    journal._connection.set_trace_callback(heard)
    try:
        yield done
    finally:
        journal._connection.set_trace_callback(None)


SPAN = day_begins(MONTHS[0]), day_begins(END)
QUESTIONS: dict[str, Callable[[Journal], Any]] = {
    "executions": lambda journal: journal.executions(),
    "orders": lambda journal: journal.orders(),
    "orders of days": lambda journal: journal.orders_of_days(*SPAN),
    "recoveries": lambda journal: journal.recoveries(*SPAN),
    "signals": lambda journal: journal.signals(),
    "named": lambda journal: journal.orders_named("own-"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_leaves_while_it_is_asked_for_is_told_once(
    lived: tuple[Journal, list[Wanted]], question: str
) -> None:
    journal, _ = lived
    expected = QUESTIONS[question](journal)
    with once_between(journal, lambda: moved_by_another(journal.path)) as done:
        assert QUESTIONS[question](journal) == expected
    assert done and journal.archives()
    assert QUESTIONS[question](journal) == expected


def test_what_comes_back_while_it_is_asked_for_is_told(
    lived: tuple[Journal, list[Wanted]],
) -> None:
    journal, wanted = lived
    expected = journal.executions()
    moved_by_another(journal.path)
    one = first_gone(journal, wanted)
    with once_between(journal, lambda: told_by_another(journal.path, one)) as done:
        assert journal.executions() == expected
    assert done and journal.executions() != expected


def first_gone(journal: Journal, wanted: list[Wanted]) -> Wanted:
    gone = {row[0] for row in journal._rows("SELECT id FROM archived_ids WHERE kind = 'o'")}
    return next(one for one in wanted if one.name in gone and one.end == "filled")


def test_what_is_told_of_an_order_while_it_is_copied_keeps_it_here(
    lived: tuple[Journal, list[Wanted]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, wanted = lived
    with copied_to(journal, tmp_path / "aside") as other:
        archive_all(other, END, NOW, most=400)
        one = first_gone(other, wanted)
        told_by_another(other.path, one)
        expected = answers(other, wanted)
    real = moving._copy
    told = list[str]()

    def copied(*values: Any) -> Any:
        done = real(*values)
        if not told and one.name in done.taken.orders:
            told.append(one.name)
            told_by_another(journal.path, one)  # it waits for nobody: nothing is locked here
        return done

    monkeypatch.setattr(moving, "_copy", copied)
    archive_all(journal, END, NOW, most=400)
    assert told and journal.archives()
    assert journal._rows("SELECT 1 FROM orders WHERE client_order_id = ?", (one.name,))
    assert answers(journal, wanted) == expected
    kept = {archive.name for archive in journal.archives()}
    assert {path.name for path in journal.archives_directory.iterdir()} == kept


def test_what_changes_with_every_copy_is_left_where_it_is(
    lived: tuple[Journal, list[Wanted]], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, wanted = lived
    real = moving._copy
    told = list[str]()

    def copied(*values: Any) -> Any:
        done = real(*values)
        name = done.taken.orders[0]
        told_by_another(journal.path, next(one for one in wanted if one.name == name))
        told.append(name)
        return done

    monkeypatch.setattr(moving, "_copy", copied)
    with pytest.raises(JournalLocked, match="changed each time"):
        archive_all(journal, END, NOW, most=400)
    assert len(set(told)) == moving.TRIES
    assert journal.archives() == [] == list(journal.archives_directory.iterdir())


def test_a_file_is_small_and_all_of_them_have_all(
    lived: tuple[Journal, list[Wanted]], tmp_path: Path
) -> None:
    """Also where all of it is of one day, and where nothing but signals and decisions is there."""
    journal, wanted = lived
    for number in range(60):
        at = day_begins(MONTHS[1]) + timedelta(seconds=number)
        journal.claim_signal(f"refused-{number}", "AAPL", {}, at)
        journal.finish_signal(f"refused-{number}", "refused", at)
        journal.audit("gate", "", "limit", {"number": number}, "refused", at)
    expected = answers(journal, wanted)
    gone = dict[int, set[str]]()
    for most in (3, 400):
        with copied_to(journal, tmp_path / str(most)) as copy:
            if most == 3:
                [*_, last] = cuts(copy.orders_by_day(END), END)
                while moving.archived(copy, last.before, last.month, {"closed"}, NOW, most):
                    pass
            else:
                archive_all(copy, END, NOW, most=most)
            assert answers(copy, wanted) == expected
            gone[most] = {row[0] for row in copy._rows("SELECT id FROM archived_ids")}
            for archive in copy.archives():
                with copy._opened(archive) as (books, _):
                    [(signals,)] = books._rows("SELECT count(*) FROM signals")
                    [(others,)] = books._rows("SELECT count(*) FROM audit WHERE subject = ''")
                assert most == 400 or max(signals, others) <= 3 * 8 + archive.orders
    assert gone[3] == gone[400] and "refused-59" in gone[3]
