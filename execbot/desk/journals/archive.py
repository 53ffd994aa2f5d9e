"""Closed months of the journal put into files of their own, which are still read when asked for."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date
from pathlib import Path

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.journals.alone import alone
from execbot.desk.journals.file import path_of
from execbot.exits.plan.plan import PlanStatus
from execbot.journal.archives.files import Archive
from execbot.journal.archives.months import cuts, month_of
from execbot.journal.archives.moving import archived, shrunk
from execbot.journal.errors import JournalError
from execbot.model.times import eastern
from execbot.oms.position_ledger import positions_before

__all__ = ["Archive", "Archived", "archive"]

CLOSED_PLANS = frozenset({PlanStatus.CLOSED.value})

PAUSE_SECONDS = 0.2
"""Between two files: longer than SQLite lets another writer sleep until it asks again."""


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

    Each file is all or nothing; what was done before an error stays done. Raises AlreadyWatching
    and JournalError.
    """
    if desk.journal_trouble is not None:
        raise desk.journal_trouble
    journal, path = desk.journal, path_of(desk)
    end = month_of(min(before, eastern(desk.now()).date()))
    done = list[Archive]()
    with alone(desk):
        bytes_before = journal.size()
        positions_before(journal, end, journal.symbols_ever())
        for cut in cuts(journal.orders_by_day(end), end):
            found = archived(journal, cut.before, cut.month, CLOSED_PLANS, desk.now())
            done += [found] if found is not None else []
            time.sleep(PAUSE_SECONDS)
        if done:
            with suppress(JournalError):  # it has room inside then, which is filled first
                shrunk(journal)
    left = sum(journal.orders_by_day(end).values())
    return Archived(path, end, tuple(done), left, bytes_before, journal.size())
