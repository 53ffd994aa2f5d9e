"""Contracts as the broker lists them, remembered for the day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from execbot.broker.port import BrokerClient
from execbot.model.options.contract import Contract
from execbot.model.times import eastern


class Contracts:
    def __init__(self, client: BrokerClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._known: dict[str, Contract] = {}
        self._day: date | None = None

    def get(self, symbol: str) -> Contract:
        """Raises BrokerError if unknown. A process may run for days: what was known yesterday is
        asked for again."""
        today = eastern(self._now()).date()
        if self._day != today:
            self._known.clear()
            self._day = today
        if symbol not in self._known:
            self._known[symbol] = self._client.get_contract(symbol)
        return self._known[symbol]
