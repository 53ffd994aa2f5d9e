"""Impossible rows and frames, kept raw for inspection: an audit row of kind `unread`, once an
hour for the same trouble however often it is seen. They stay out of the books.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from execbot.journal.codec import payload
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.model.times import iso
from execbot.model.unread import Unread

AUDIT_KIND = "unread"
SEEN_KEY = "unread_rows"
"""Meta: what was kept last, and when."""

SEEN_MAX = 100
KEPT_EVERY = timedelta(hours=1)
RAW_MAX = 20_000
"""Of a row that is longer the beginning is kept."""


def keep_unread(journal: Journal, rows: Iterable[Unread], now: datetime) -> None:
    """A journal that fails does not matter here: nothing rests on these rows."""
    found = {f"{row} {row.id}": row for row in rows}
    if not found:
        return
    with suppress(JournalError), journal.transaction(recoverable=True):
        seen = journal.meta_get(SEEN_KEY)
        known: dict[str, str] = dict(seen) if isinstance(seen, dict) else {}
        new = {key: row for key, row in found.items() if known.get(key, "") < iso(now - KEPT_EVERY)}
        for row in new.values():
            facts = {"symbol": row.symbol, "id": row.id, "raw": payload(row.raw)[:RAW_MAX]}
            journal.audit(AUDIT_KIND, row.symbol or row.what, row.what, facts, row.why, now)
        if new:
            old = {key: at for key, at in known.items() if key not in new}
            kept = [*old.items(), *((key, iso(now)) for key in new)]
            journal.meta_set(SEEN_KEY, dict(kept[-SEEN_MAX:]))
