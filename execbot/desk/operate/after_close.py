"""The report of a day whose session has ended, made once, in whatever time zone the machine is.

A timer that knows no holidays asks every hour; the calendar says whether there is anything to do.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path

from execbot.alerts import DELIVER_SECONDS, Alert, Severity
from execbot.config.paths import private_directory, write_private
from execbot.desk.account import Desk
from execbot.desk.look.reports import SpanReport
from execbot.market.calendar_cache import table_for
from execbot.market.sessions import SessionTable, trading_days
from execbot.model.times import eastern

NAME = "after-close"
LOOK_BACK = timedelta(days=14)
KIND = "report.daily"


def due(desk: Desk) -> date | None:
    """The day whose report is to be made now; None where it was made already."""
    now = desk.now()
    table = table_for(desk.directory.parent, eastern(now).date())
    return due_day(table, now, _done(desk.directory))


def due_day(table: SessionTable, now: datetime, done: date | None) -> date | None:
    """The last trading day whose regular session is over, unless it is done. Of days that were
    missed only the last: `report --date` makes the others. Pure."""
    today = eastern(now).date()
    days = [day for day in trading_days(table, today - LOOK_BACK, today) if day.close <= now]
    if not days or (done is not None and done >= days[-1].date):
        return None
    return days[-1].date


def page_of(desk: Desk, day: date) -> Path:
    """The path of the day's page."""
    return private_directory(desk.directory / "reports") / f"{day}.html"


def made(desk: Desk, day: date, words: str) -> None:
    """Note that the report is made, and is not to be made again for this day. Also tells a person
    who wants to know."""
    write_private(desk.directory / NAME, f"{day}\n")
    if desk.settings.trading.alerts.daily_report:
        desk.alerter.alert(Alert(KIND, words, str(day), severity=Severity.INFO))
        desk.alerter.close(DELIVER_SECONDS)


def day_words(found: SpanReport, page: Path) -> str:
    """A few lines for a message."""
    books = found.books
    return "\n".join(
        [
            f"orders {len(books.orders)}, fills {len(books.fills)}",
            f"unprotected {len(found.unprotected)}, in doubt {len(found.in_doubt)}",
            *found.warnings,
            str(page),
        ]
    )


def _done(directory: Path) -> date | None:
    with suppress(OSError, ValueError):
        return date.fromisoformat((directory / NAME).read_text(encoding="utf-8").strip())
    return None
