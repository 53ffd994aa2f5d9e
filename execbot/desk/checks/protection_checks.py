"""Is every position protected as promised."""

from __future__ import annotations

from collections.abc import Iterator

from execbot.config.paths import JOURNAL_NAME
from execbot.desk.checks.finding import Examination, Finding, Missing, Status
from execbot.desk.look.freshen import other_warnings


def protection(examined: Examination) -> Iterator[Finding]:
    """Whether every position has what its plan or the configuration promises; and which have
    nothing, though nothing was promised: green must never stand over shares without a stop."""
    if examined.directory is None or examined.client is None:
        raise Missing("needs the account")
    if not examined.journal_opens:
        raise Missing("needs a journal that opens")
    if not (examined.directory / JOURNAL_NAME).exists() and not examined.client.get_positions():
        yield Finding("protection", Status.OK, "nothing is held")
        return
    desk = examined.opened()
    found, others = examined.protection(), other_warnings(desk)
    for words in others:
        yield Finding("other execbot", Status.WARN, words, "execbot orders --status all")
    for one in (item for item in found if item.missing):
        yield Finding("protection", Status.FAIL, str(one), one.next_step, "position.unprotected")
    bare = [item for item in found if item.has_no_plan and not item.missing]
    if bare:
        names = " and ".join(item.bare_words for item in bare)
        said = f"{names}: no stop, and none was promised"
        yield Finding("protection", Status.WARN, said, bare[0].next_step)
    fine = [f"{one.symbol} {one.words}" for one in found if not one.missing and one not in bare]
    if fine or not found:
        yield Finding("protection", Status.OK, ", ".join(fine) or "nothing is held")
