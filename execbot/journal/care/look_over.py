"""Is the journal sound where a command works? Looked at before anything depends on it.

The whole of a large file takes minutes to check, which is for `execbot journal verify`. Damage that
lies elsewhere is met by whoever reads that, as a JournalCorrupt.
"""

from __future__ import annotations

from execbot.journal.journal import Journal

CHECKED_WHOLE_MAX = 8_000_000
"""Bytes of a journal that is checked whole each time: some 20 ms."""

_SMALL = ("meta", "positions")
"""A row for each key and each symbol: checked whole whatever came before."""

_GROWING = (
    *(("orders", "rowid"), ("orders", "intent_at"), ("orders", "sent_at")),
    *(("order_events", "seq"), ("fills", "rowid"), ("fills", "at"), ("audit", "seq")),
)
"""Where the next rows go: table, and what it is read by."""

_LAST_ROWS = 20


def damage_in_reach(journal: Journal) -> list[str]:
    """The damage in a command's reach, in SQLite's words; empty if there is none. Raises
    JournalError if the file cannot be read at all."""
    if journal.size() <= CHECKED_WHOLE_MAX:
        return journal.check(quick=True)
    found = [word for table in _SMALL for word in journal.check(table, quick=True)]
    for table, column in _GROWING:
        journal._rows(f"SELECT * FROM {table} ORDER BY {column} DESC LIMIT {_LAST_ROWS}")
    for record in journal.families(journal.orders("open")):
        journal.events_of(record.client_order_id)
        journal.executions_of(record.client_order_id)
    return found
