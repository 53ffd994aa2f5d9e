"""Goal: a journal that is damaged, locked, full or foreign fails in its typed way.

Method: real SQLite files, real processes, real damage.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from journal.rows import record
from support.harness.earlier import made_earlier

from execbot.journal import (
    Journal,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalNewer,
    JournalOlder,
    JournalReadOnly,
    JournalUnavailable,
)
from execbot.journal.schema import SCHEMA_VERSION


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


def test_an_earlier_version_that_is_only_read_is_told_as_such_and_the_next_command_upgrades_it(
    path: Path,
) -> None:
    with pytest.raises(JournalUnavailable, match="unable to open"):
        Journal.open(path, read_only=True)
    Journal.open(path).close()
    made_earlier(path, "0006")
    with pytest.raises(JournalOlder, match="has version 5") as caught:
        Journal.open(path, read_only=True)
    assert "upgrades it" in caught.value.next_step
    Journal.open(path).close()
    Journal.open(path, read_only=True).close()


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
