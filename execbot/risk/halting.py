"""The kill switch in the journal: read, raised, lifted; each change leaves an audit row."""

from __future__ import annotations

from datetime import datetime, timedelta

from execbot.journal.journal import Journal
from execbot.model.times import eastern, iso, parse_time
from execbot.risk import kill_switch
from execbot.risk.counting import RESUMED_KEY
from execbot.risk.kill_switch import OFF, KillSwitch, Level, Trip
from execbot.risk.verdict import Verdict

LOSS_SEEN_KEY = "daily_loss_seen_at"
ROWS_LATE = timedelta(minutes=2)
"""The row of a withdrawal may come after the cash is gone: until then it looks like a loss."""

SUBJECT = "kill_switch"

_TRIPS: dict[str, Trip] = {
    "daily_loss": Trip.DAILY_LOSS,
    "consecutive_losses": Trip.LOSSES,
    "consecutive_rejections": Trip.REJECTIONS,
}
"""Checks whose failure stops the whole account, not just this order."""


def current(journal: Journal) -> KillSwitch:
    """The switch as every process sees it now."""
    return kill_switch.read(journal.meta_get(kill_switch.META_KEY))


def raise_switch(
    journal: Journal, level: Level, reason: str, by: str, now: datetime
) -> tuple[KillSwitch, bool]:
    """Raise it; returns the switch in force and whether this call changed it."""
    with journal.transaction():
        before = current(journal)
        after = kill_switch.halt(before, level, reason, by, now)
        if after is before:
            return before, False
        journal.meta_set(kill_switch.META_KEY, after.to_json())
        journal.audit("halt", SUBJECT, by, after.to_json(), after.level.value, now)
    return after, True


def resume(journal: Journal, reason: str, now: datetime) -> KillSwitch:
    """Lift it; returns what was in force. Runs of losses and rejections are counted anew."""
    with journal.transaction():
        before = current(journal)
        journal.meta_set(kill_switch.META_KEY, OFF.to_json())
        journal.meta_set(RESUMED_KEY, iso(now))
        facts = {"before": before.to_json(), "reason": reason}
        journal.audit("halt", SUBJECT, "trader", facts, Level.OFF.value, now)
    return before


def _lasts(journal: Journal, now: datetime) -> bool:
    """Was a loss of today first seen so long ago that rows of cash flows must have come?

    Entries are refused from the first sight on; only the switch, which a person has to lift, waits.
    """
    seen = parse_time(journal.meta_get(LOSS_SEEN_KEY))
    if seen is None or eastern(seen).date() != eastern(now).date():
        journal.meta_set(LOSS_SEEN_KEY, iso(now))
        return False
    return now - seen >= ROWS_LATE


def trip_if_due(journal: Journal, verdict: Verdict, now: datetime) -> KillSwitch | None:
    """Raise the switch when a verdict shows an account-wide limit broken; None if nothing changed.

    Called inside the transaction of the refused intent.
    """
    for failure in verdict.failures:
        trip = _TRIPS.get(failure.code)
        if trip is None or (trip is Trip.DAILY_LOSS and not _lasts(journal, now)):
            continue
        switch, changed = raise_switch(journal, Level.HALTED, failure.message, trip, now)
        return switch if changed else None
    return None
