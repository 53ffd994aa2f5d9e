"""Reads the account's cash now and then, and checks each New York day when it is over.

What it needs of the broker are two requests each quarter of an hour, made by the watch or by a
command that has done its work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.journal.confirmation import CashDay, CashSample, ExecutionVerdict
from execbot.journal.journal import Journal
from execbot.model.numbers import ZERO, maybe_decimal
from execbot.model.times import day_begins, eastern
from execbot.quality.cash import BESIDE, KINDS, cash_day, cash_words

SAMPLE_EACH = timedelta(minutes=15)
EVENING = 4 * SAMPLE_EACH
"""A reading so long before midnight is the last of its day."""

DAYS_BACK = 4
"""A day is checked again for so long: fees and flows are told late."""


@dataclass
class CashCheck:
    """May raise JournalError; a broker that does not answer is asked again later."""

    journal: Journal
    client: BrokerClient
    now: Callable[[], datetime]

    def turn(self) -> list[CashDay]:
        """Read, where it is time to, and check the days that are over; new versions."""
        now = self.now()
        last = self.journal.cash_sample(until=now + timedelta(seconds=1))
        if last is not None and now - last.at < SAMPLE_EACH and _is_same_day(last.at, now):
            return []
        if not self.client.has_room():
            return []
        try:
            if not self._sample():
                return []
            return self._check(eastern(now).date())
        except BrokerError:
            return []

    def _sample(self) -> bool:
        """Cash at a moment at which our books stood still."""
        before = self.journal.last_seq()
        account = self.client.get_account()
        if account.cash is None or self.journal.last_seq() != before:
            return False
        accrued = maybe_decimal(account.raw.get("accrued_fees")) or ZERO
        self.journal.add_cash_sample(CashSample(self.now(), account.cash, abs(accrued)))
        return True

    def _check(self, today: date) -> list[CashDay]:
        days = [today - timedelta(days=back) for back in range(DAYS_BACK, 0, -1)]
        pairs = {day: pair for day in days if (pair := self._samples(day)) is not None}
        if not pairs:
            return []
        begin = day_begins(min(pairs)) - timedelta(days=DAYS_BACK)
        rows = self.client.get_activities(KINDS, after=begin)
        written = []
        with self.journal.transaction(recoverable=True):
            for day, pair in pairs.items():
                previous = self.journal.cash_day(day)
                executions = self.journal.executions(pair[0].at - BESIDE, pair[1].at + BESIDE)
                made = cash_day(day, pair, executions, rows, self.now(), previous)
                if previous is None or not _same(previous, made):
                    self.journal.add_cash_day(made)
                    written.append(made)
        return written

    def _samples(self, day: date) -> tuple[CashSample, CashSample] | None:
        """The last one before the day, if it is of that evening (else the day's first), and the
        last one of it. What happened on days that nobody looked at is not this day's."""
        begin, end = day_begins(day), day_begins(day + timedelta(days=1))
        first = self.journal.cash_sample(until=begin)
        if first is None or begin - first.at > EVENING:
            first = self.journal.cash_sample(since=begin)
        last = self.journal.cash_sample(until=end)
        if first is None or last is None or last.at < begin or last.at <= first.at:
            return None
        return first, last


def _is_same_day(one: datetime, other: datetime) -> bool:
    return eastern(one).date() == eastern(other).date()


def _same(one: CashDay, other: CashDay) -> bool:
    return replace(one, version=0, made_at=other.made_at) == replace(other, version=0)


ALERTED = "quality:cash_alerted"
"""Meta: the last day whose cash somebody was alerted of."""


def cash_alerts(journal: Journal, now: datetime) -> list[CashDay]:
    """Days that differ and that nobody was alerted of yet."""
    today = eastern(now).date()
    since = today - timedelta(days=DAYS_BACK)
    told = str(journal.meta_get(ALERTED, ""))
    return [
        item
        for item in journal.cash_days(since, today)
        if item.verdict is ExecutionVerdict.DIFFERS and str(item.day) > told
    ]


def cash_alert_words(journal: Journal, now: datetime) -> list[str]:
    """What to alert of, once: it counts as told from now on."""
    found = cash_alerts(journal, now)
    if found:
        journal.meta_set(ALERTED, str(found[-1].day))
    return [cash_words(item) for item in found]
