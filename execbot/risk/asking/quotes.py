"""Quotes: fresh for each order; for a batch of entries one question that serves for a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.model.quote import Quote
from execbot.risk.asking.together import Round

QUOTES_AGE_MAX = timedelta(seconds=1)
"""How long ago the quotes of a batch may have been asked for. What each says of its own time is
judged besides (`quote_fresh`)."""


class Quotes:
    """`expected` are symbols of entries that come next."""

    def __init__(self, client: BrokerClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._kept: tuple[datetime, dict[str, Quote]] | None = None
        self.expected: frozenset[str] = frozenset()

    def has(self, symbol: str) -> bool:
        """Whether one question to come is answered already, or serves others too."""
        return bool(self.expected) or self._are_young([symbol])

    def latest(self, wanted: Sequence[str], asked: Round | None) -> Mapping[str, Quote]:
        """Raises BrokerError. `asked` may have asked for one of them already."""
        now = self._now()
        if self._kept is not None and self._are_young(wanted):
            return self._kept[1]
        if asked is not None and asked.has("quote") and asked.symbol in wanted:
            rest = [symbol for symbol in wanted if symbol != asked.symbol]
            others = self._client.latest_quotes(rest) if rest else {}
            return {**others, **asked.quotes(asked.symbol)}
        if self.expected:
            try:
                quotes = self._client.latest_quotes(sorted({*wanted, *self.expected}))
            except BrokerError:  # one of them may be what the broker does not take
                self.expected = frozenset()
            else:
                self._kept = now, quotes
                return quotes
        return self._client.latest_quotes(wanted)

    def _are_young(self, symbols: Sequence[str]) -> bool:
        kept = self._kept
        is_young = kept is not None and timedelta(0) <= self._now() - kept[0] < QUOTES_AGE_MAX
        return kept is not None and is_young and all(symbol in kept[1] for symbol in symbols)
