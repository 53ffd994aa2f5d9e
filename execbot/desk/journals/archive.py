"""Closed months of the journal put into files of their own, which are still read when asked for.

Others trade meanwhile, `watch` among them: it remembers nothing that may leave. Each file is moved
in a transaction of its own, and between two of them whoever waits has its turn.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date
from pathlib import Path

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.journals.alone import alone, one_that_archives
from execbot.desk.journals.file import path_of
from execbot.exits.plan.plan import PlanStatus
from execbot.journal.archives.files import Archive
from execbot.journal.archives.months import cuts, month_of
from execbot.journal.archives.moving import archived, shrunk
from execbot.journal.errors import JournalError
from execbot.model.times import eastern
from execbot.oms.position_ledger import positions_before
from execbot.watch.lock import AlreadyWatching

__all__ = ["Archive", "Archived", "archive"]

CLOSED_PLANS = frozenset({PlanStatus.CLOSED.value})

PAUSE_SECONDS = 0.2
"""After each file: longer than SQLite lets another writer sleep until it asks again."""


class Archived(Struct, frozen=True):
    """`before` is the first day that stays; `orders_left` are older ones that something open,
    held or unsettled belongs to. Sizes are in bytes."""

    path: Path
    before: date
    archives: tuple[Archive, ...]
    orders_left: int
    bytes_before: int
    bytes_after: int


def archive(desk: Desk, before: date) -> Archived:
    """Move what is over in the months before that of `before` (a New York day) out of the journal.

    Each file is all or nothing; what was done before an error or a kill stays done, and the next
    run goes on. Room is given back where no `watch` runs, and filled first where one does. Raises
    AlreadyArchiving and JournalError.
    """
    if desk.journal_trouble is not None:
        raise desk.journal_trouble
    journal, path = desk.journal, path_of(desk)
    end = month_of(min(before, eastern(desk.now()).date()))
    done = list[Archive]()
    with one_that_archives(desk.directory):
        bytes_before = journal.size()
        positions_before(journal, end, journal.symbols_ever())
        for cut in cuts(journal.orders_by_day(end), end):
            while found := archived(journal, cut.before, cut.month, CLOSED_PLANS, desk.now()):
                done.append(found)
                journal.checkpoint()
                time.sleep(PAUSE_SECONDS)
        if done:
            # Otherwise it has room inside, which is filled first.
            with suppress(JournalError, AlreadyWatching), alone(desk):
                shrunk(journal)
    left = sum(journal.orders_by_day(end).values())
    return Archived(path, end, tuple(done), left, bytes_before, journal.size())
