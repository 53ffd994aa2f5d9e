"""Which breaks an earlier run has reported: every start reports one that stands, as what it is."""

from __future__ import annotations

from collections.abc import Sequence

from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.oms.sync.breaks import Break

REPORTED_KEY = "watch:told_breaks"


def break_id(found: Break) -> str:
    """The same for as long as both sides say the same."""
    return f"break:{found.kind}:{found.subject}:{found.ours}:{found.theirs}"


def reported_before(journal: Journal, breaks: Sequence[Break]) -> frozenset[str]:
    """The ids among these that the run before reported; the next one compares with these.

    Where the journal cannot be used all of them are news.
    """
    ids = [break_id(found) for found in breaks]
    try:
        with journal.transaction():
            known = journal.meta_get(REPORTED_KEY)
            if known != ids:
                journal.meta_set(REPORTED_KEY, ids)
    except JournalError:
        return frozenset()
    return frozenset(ids) & frozenset(known if isinstance(known, list) else ())
