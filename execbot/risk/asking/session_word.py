"""The broker's word on whether the market is open: asked for, or kept for minutes.

What is kept must still hold by the time that the latest replies told, and agree with our calendar;
where it says open, the symbol must be quoted too. Else the broker is asked, so a close that no
calendar knew of is found out by the first order of a symbol whose quotes have stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from execbot.broker.port import BrokerClient
from execbot.market.sessions import SessionTable, agreed_now
from execbot.model.account import Clock
from execbot.model.quote import Quote
from execbot.risk.asking.kept_facts import KeptFacts
from execbot.risk.asking.together import Round

QUOTED_WITHIN = timedelta(minutes=1)
"""A symbol that was quoted this lately trades: the session is what it was."""


class SessionWord:
    """`table_at` is our own calendar. `now` may say that its last reply told another time."""

    def __init__(
        self,
        client: BrokerClient,
        kept: KeptFacts | None,
        table_at: Callable[[datetime], SessionTable],
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._kept = kept
        self._table_at = table_at
        self._now = now

    def read(self, asked: Round) -> tuple[Clock, bool]:
        """The broker's word, and whether it is one that was kept. Raises BrokerError."""
        kept = None if asked.has("clock") else self.kept()
        return (self.ask(asked), False) if kept is None else (kept, True)

    def ask(self, asked: Round | None) -> Clock:
        """Raises BrokerError."""
        clock = asked.clock() if asked is not None else self._client.get_clock()
        if self._kept is not None:
            self._kept.keep_clock(clock, self._now())
        return clock

    def kept(self) -> Clock | None:
        """Where it must still hold; the replies and our calendar say nothing else."""
        if self._kept is None or getattr(self._now, "is_doubted", False):
            return None
        now = self._now()
        found = self._kept.clock(now)
        if found is None or agreed_now(self._table_at(now), now, found).disagreement:
            return None
        return found

    def without_waiting(self, asked: Round | None) -> Clock | None:
        """For an exit, which does not rest on it."""
        there = asked.clock_if_there() if asked is not None else None
        return there if there is not None else self.kept()

    def is_stale(self, clock: Clock | None, quote: Quote | None) -> bool:
        """Whether a kept word says open although the symbol is not quoted any more."""
        at = quote.at if quote is not None else None
        is_quoted = at is not None and self._now() - at < QUOTED_WITHIN
        return clock is not None and clock.is_open and not is_quoted
