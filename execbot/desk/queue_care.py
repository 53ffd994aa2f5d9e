"""Whether anybody sends what is kept for the open: a running `watch`, or `queue release` from cron.

Nothing at the broker knows of a queued order. Without either of them it waits until it lapses: so
every command that queues or lists one warns of that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.look.order_ends import Ending
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.market.sessions import SessionTable, trading_days
from execbot.model.enums import OrderStatus
from execbot.model.times import eastern, iso, parse_time, show_eastern
from execbot.watch.lock import holder_of

RELEASED_KEY = "queue:released_at"
LOOK_BACK = timedelta(days=14)
"""No closure of the market lasts longer."""


class QueueCare(Struct, frozen=True):
    """`released_at` is when somebody last sent what was due; `is_regular`: in the last session that
    has ended, or since."""

    is_watched: bool
    released_at: datetime | None = None
    is_regular: bool = False

    @property
    def is_cared_for(self) -> bool:
        return self.is_watched or self.is_regular

    def warnings(self, count: int) -> list[str]:
        """What to say where `count` orders wait and nobody would send them."""
        if not count or self.is_cared_for:
            return []
        them = "the queued order" if count == 1 else f"the {count} queued orders"
        ran = "`execbot queue release` never ran"
        if self.released_at is not None:
            ran = f"`execbot queue release` ran last at {show_eastern(self.released_at)}"
        return [
            f"Nobody will send {them}: no `watch` runs, and {ran}. "
            "Start `execbot watch`, or run `execbot queue release` from cron after the open."
        ]


def release_was_run(journal: Journal, now: datetime) -> None:
    """Remember that somebody has sent what was due."""
    journal.meta_set(RELEASED_KEY, iso(now))


def queue_care(desk: Desk) -> QueueCare:
    """Who takes care of the queue of this account."""
    at = desk.now()
    return care_of(desk.journal, desk.risk.reader.table_at(at), at, desk.directory)


def care_of(journal: Journal, table: SessionTable, at: datetime, directory: Path) -> QueueCare:
    """The same where no desk is open; `directory` is the account's."""
    released = parse_time(journal.meta_get(RELEASED_KEY))
    is_regular = released is not None and in_last_session(table, released, at)
    return QueueCare(holder_of(directory) is not None, released, is_regular)


def unattended(desk: Desk, record: OrderRecord, ending: Ending | None) -> list[str]:
    """What nobody does about an order that was just given, in words: send it, or take it back."""
    if record.status is OrderStatus.QUEUED:
        return queue_care(desk).warnings(1)
    return ending.warnings() if ending is not None else []


def in_last_session(table: SessionTable, moment: datetime, at: datetime) -> bool:
    """Whether `moment` lies in the last regular session that has ended at `at`, or in the one that
    runs. A release by hand at another time says nothing about the next open."""
    today = eastern(at).date()
    days = list(trading_days(table, today - LOOK_BACK, today))
    ended = [day for day in days if day.close <= at]
    running = [day for day in days if day.open <= at < day.close]
    return any(day.open <= moment < day.close for day in (*ended[-1:], *running))
