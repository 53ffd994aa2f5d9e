"""Take in what happened at the broker since the last command, before showing what is recorded.

What only shows must work with the broker away: then it says so and shows the journal. It must work
without the journal too: then it says so and shows the broker's word.
"""

from __future__ import annotations

from collections.abc import Iterable

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.executions import confirm_fills
from execbot.desk.following import lowered
from execbot.exits.ownership import other_execbot
from execbot.journal.errors import JournalError
from execbot.model.timer import Timer
from execbot.model.times import show_age
from execbot.watch.heartbeat import YOUNG_SECONDS, heartbeat_of
from execbot.watch.lock import holder_of

AS_RECORDED = "Shown as last recorded"


def freshen(desk: Desk, *, confirms: int = 1) -> list[str]:
    """Fill the gap from REST, and confirm what has filled (at most so many batches as `confirms`).
    Returns warnings, and does not fail, where the broker is out of reach."""
    filled = _filled(desk)
    confirmed = confirm_fills(desk, batches=confirms) if confirms else []
    return [
        *filled,
        *confirmed,
        *other_warnings(desk),
        *journal_warnings(desk),
        *watch_warnings(desk),
    ]


def watch_warnings(desk: Desk) -> list[str]:
    """Warnings that the `watch` of this account exists and decides nothing."""
    holder = holder_of(desk.directory)
    beat = None if holder is None else heartbeat_of(desk.directory)
    if beat is None or beat.pid != holder:
        return []
    age = beat.age(desk.now(), Timer().mark())
    if age <= YOUNG_SECONDS:
        return []
    since = show_age(int(age))
    return [f"`watch` (process {holder}) has decided nothing for {since}: it is stuck, protects "
            f"nothing, and what it shows is old. End it and start it again."]  # fmt: skip


def other_warnings(desk: Desk) -> list[str]:
    """Warnings that another execbot trades the account, where the journal has heard of one. A
    journal that stands in knows too little: our own orders would look like another's."""
    if desk.journal_trouble is not None:
        return []
    try:
        words = other_execbot(desk.journal, desk.now())
    except JournalError:
        return []  # whoever needs the journal says why it fails
    return [words] if words else []


def journal_warnings(desk: Desk) -> list[str]:
    """What to know when a journal in memory stands in."""
    if desk.journal_trouble is None:
        return []
    shown = "its last words and the broker's" if desk.journal_is_copy else "the broker's word alone"
    return [f"{desk.journal_trouble.message}. Shown is {shown}; nothing is recorded."]


def as_recorded(error: BrokerError) -> str:
    """The warning that what is shown may be old."""
    return f"{AS_RECORDED}: {lowered(error.message)}."


def is_as_recorded(warnings: Iterable[str]) -> bool:
    """Whether one of these says that the broker could not be read."""
    return any(words.startswith(AS_RECORDED) for words in warnings)


def _filled(desk: Desk) -> list[str]:
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
