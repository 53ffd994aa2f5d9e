"""Take in what happened at the broker since the last command, before showing what is recorded.

What only shows must work with the broker away: then it says so and shows the journal. It must work
without the journal too: then it says so and shows the broker's word.
"""

from __future__ import annotations

from execbot.broker.errors import BrokerError
from execbot.desk.context import Context
from execbot.desk.following import lowered
from execbot.journal.errors import JournalError


def freshen(desk: Context) -> list[str]:
    """Fill the gap from REST; returns warnings instead of failing on a broker out of reach."""
    return [*_filled(desk), *journal_warnings(desk)]


def journal_warnings(desk: Context) -> list[str]:
    """What to know when a journal in memory stands in."""
    if desk.journal_trouble is None:
        return []
    shown = "its last words and the broker's" if desk.journal_is_copy else "the broker's word alone"
    return [f"{desk.journal_trouble.message}. Shown is {shown}; nothing is recorded."]


def as_recorded(error: BrokerError) -> str:
    """The warning that what is shown may be old."""
    return f"Shown as last recorded: {lowered(error.message)}."


def _filled(desk: Context) -> list[str]:
    try:
        try:
            desk.oms.gap_fill()
        except JournalError as error:
            desk.pass_over(error)
            desk.oms.gap_fill()
    except BrokerError as error:
        if error.kind.startswith("auth.") or (desk.journal_trouble and not desk.journal_is_copy):
            raise
        return [as_recorded(error)]
    return []
