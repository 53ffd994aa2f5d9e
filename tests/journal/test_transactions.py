"""Goal: what is committed is there after a kill, whole, and what is not is gone.

Method: real SQLite files, real processes, real damage.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from execbot.journal import (
    Journal,
)


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
        assert journal.meta_all("outer") | journal.meta_all("inner") == {"outer": 1}


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
        assert journal.meta_all("kept") | journal.meta_all("lost") == {"kept": 1}


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
