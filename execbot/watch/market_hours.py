"""The market's hours for the loop: our table and the broker's clock, read by the hands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.market.calendar_cache import Tables
from execbot.market.sessions import MarketNow, agreed_now
from execbot.model.account import Clock
from execbot.model.times import eastern

CLOCK_EVERY = timedelta(seconds=60)


@dataclass
class MarketHours:
    """Calling it is pure and quick; `refresh` asks the broker, at most once a minute."""

    tables: Tables
    clock: Clock | None = None
    asked_at: datetime | None = None

    def __call__(self, at: datetime) -> MarketNow:
        return agreed_now(self.tables(eastern(at).date()), at, self._clock_for(at))

    def _clock_for(self, at: datetime) -> Clock | None:
        """The broker's word counts until the next change of session that it announced."""
        clock = self.clock
        if clock is None or self.asked_at is None or at - self.asked_at > 2 * CLOCK_EVERY:
            return None
        changes = clock.next_close if clock.is_open else clock.next_open
        if changes is not None and at >= changes and clock.next_open != clock.next_close:
            return None
        return clock

    def refresh(self, client: BrokerClient, now: datetime) -> None:
        if self.asked_at is not None and now - self.asked_at < CLOCK_EVERY:
            return
        self.asked_at = now
        try:
            self.clock = client.get_clock()
        except BrokerError:
            self.clock = None
