"""Blind: nothing is known of the account. The trade stream is silent and REST does not answer.

Not knowing is not being naked: exits stand at the broker as they stood. So it is told, with what
was known last, and nothing is done (docs/evidence.md, E-PROT-3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from execbot.model.amounts import price_words
from execbot.model.enums import STOP_TYPES
from execbot.model.numbers import text
from execbot.model.times import show_eastern
from execbot.watch.core.jobs import Job, JobName, Note
from execbot.watch.core.memory import CoreMemory
from execbot.watch.core.notes import alarm
from execbot.watch.core.symbol_state import SymbolState, is_entry

GAP = 3
"""So many times the longest wait between two looks: nobody was here to hear an answer."""

NAMED_MAX = 10
"""So many symbols are named in one alarm."""


@dataclass
class Blindness:
    """Told of each answer of the broker, whichever way it came; asked a few times a second."""

    memory: CoreMemory
    is_reported: bool = False
    ticked_at: datetime | None = None

    def heard(self, at: datetime, now: datetime) -> list[Job]:
        """The broker has said something of the account that was so at this moment."""
        memory = self.memory
        since, memory.known_at = memory.known_at, max(at, memory.known_at or at)
        memory.asked_at, memory.read_error = None, ""
        if not self.is_reported:
            return []
        self.is_reported = False
        seconds = int((now - (since or now)).total_seconds())
        return [Note("broker", f"the broker answers again after {seconds} s", {"state": "answers"})]

    def tick(self, now: datetime) -> list[Job]:
        memory = self.memory
        memory.known_at = since = memory.known_at or now  # a start knows nothing of its own
        asked, patience = memory.asked_at, memory.limits.unprotected_alarm
        timeout = timedelta(seconds=float(memory.settings.broker.timeout_seconds))
        timeout = memory.of_ours(timeout)  # it is this machine that waits for the answer
        before, self.ticked_at = self.ticked_at or now, now
        if memory.asked_at is not None and now - before > GAP * max(patience, timeout):
            # A machine that slept, a clock that was set: an answer may lie here unread.
            memory.asked_at = asked = now
        concerned = [s for s in memory.symbols.values() if not s.is_idle]
        if asked is None or not concerned:
            return []
        jobs: list[Job] = []
        if now - asked >= min(patience, timeout) and JobName.GAP_FILL not in memory.failed_jobs:
            jobs += memory.account_job(JobName.GAP_FILL, "positions are not told", now)
        if not self.is_reported and now >= max(since + patience + timeout, asked + timeout):
            self.is_reported = True
            jobs.append(_blind(concerned, since, memory, now))
        return jobs


def _blind(states: list[SymbolState], since: datetime, memory: CoreMemory, now: datetime) -> Note:
    concerned = sorted(states, key=lambda s: (s.qty == 0, s.symbol))
    stream = "is down" if memory.stream_down_at is not None else "is silent"
    cause = f" ({memory.read_error})" if memory.read_error else ""
    named = "; ".join(stood(state) for state in concerned[:NAMED_MAX])
    more = len(concerned) - NAMED_MAX
    words = (
        f"nothing is known of the account for {int((now - since).total_seconds())} s, since "
        f"{show_eastern(since)}: the trade stream {stream} and the broker does not answer{cause}. "
        f"What stood last: {named}{f'; and {more} more' if more > 0 else ''}"
    )
    return alarm("blind", "", words, critical=True, symbols=[s.symbol for s in concerned])


def stood(state: SymbolState) -> str:
    """What is held of a symbol and how it was protected, by the last word of the broker."""
    if state.qty == 0:
        return f"{state.symbol} {'an entry' if any(map(is_entry, state.living)) else 'a plan'}"
    stops = {r.order.stop_price for r in state.living if r.order.type in STOP_TYPES}
    prices = ", ".join(
        price_words(price, state.symbol) for price in sorted(p for p in stops if p is not None)
    )
    words = f"{state.symbol} {text(state.qty)} {state.coverage.state.value}"
    return f"{words}, stop at {prices}" if prices else words
