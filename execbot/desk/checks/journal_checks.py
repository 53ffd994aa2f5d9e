"""The journal: sound, settled, and its queue cared for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from execbot.config.paths import JOURNAL_NAME
from execbot.desk.checks.finding import Examination, Finding, Missing, Status
from execbot.desk.queue_care import care_of
from execbot.journal.care.look_over import damage_in_reach
from execbot.journal.care.verified import Verified, last_verified
from execbot.journal.journal import Journal
from execbot.market.calendar_cache import table_for
from execbot.model.times import eastern, show_age
from execbot.oms.release_queue import queued_orders

VERIFY_EVERY = timedelta(days=30)


def journal(examined: Examination) -> Iterator[Finding]:
    if examined.directory is None:
        raise Missing("needs the account, which decides where it is")
    path = examined.directory / JOURNAL_NAME
    if not path.exists():
        yield Finding("journal", Status.OK, f"{path} will be made by the first order")
        examined.journal_opens = True
        return
    with Journal.open(path) as journal:
        problems = damage_in_reach(journal)
        with journal.transaction():
            pass  # raises when the file, or one that SQLite keeps beside it, is read-only
        verified, first = last_verified(journal), journal.first_written()
        unsettled = len(journal.unsettled_orders())
        open_orders = len(journal.orders("open"))
    examined.journal_opens = True
    if problems:
        yield Finding(
            "journal",
            Status.FAIL,
            f"{path} is damaged: {problems[0]}",
            "execbot journal rebuild",
        )
    else:
        what = f"{path}, open orders: {open_orders}"
        yield _journal_seen(what, verified, first, examined.now())
    if unsettled:
        yield Finding("orders in doubt", Status.WARN, str(unsettled), "execbot reconcile")


def _journal_seen(
    what: str, verified: Verified | None, first: datetime | None, now: datetime
) -> Finding:
    """What commands use is sound; the whole of it was looked through a while ago, or never."""
    if verified is not None and not verified.is_sound:
        words = f"{what}; verified {_age(now - verified.at)} ago, and not sound"
        return Finding("journal", Status.WARN, words, "execbot journal verify")
    seen = first if verified is None else verified.at
    is_due = seen is not None and now - seen >= VERIFY_EVERY
    when = "not verified yet" if verified is None else f"verified {_age(now - verified.at)} ago"
    status, step = (Status.WARN, "execbot journal verify") if is_due else (Status.OK, "")
    return Finding("journal", status, f"{what}; sound where commands use it, {when}", step)


def _age(passed: timedelta) -> str:
    return show_age(max(int(passed.total_seconds()), 0))


def queue(examined: Examination) -> Iterator[Finding]:
    """Whether somebody sends what waits for the open."""
    if examined.directory is None or examined.client is None:
        raise Missing("needs the account")
    if not examined.journal_opens:
        raise Missing("needs a journal that opens")
    path = examined.directory / JOURNAL_NAME
    if not path.exists():
        yield Finding("queue", Status.OK, "nothing is queued")
        return
    at = examined.client.get_clock().timestamp or datetime.now(UTC)
    table = table_for(examined.needed_setup().root, eastern(at).date())
    with Journal.open(path) as journal:
        count = len(queued_orders(journal))
        care = care_of(journal, table, at, examined.directory)
    for words in care.warnings(count):
        yield Finding("queue", Status.WARN, words, "execbot watch")
    if not care.warnings(count):
        yield Finding("queue", Status.OK, f"{count} orders wait" if count else "nothing is queued")
