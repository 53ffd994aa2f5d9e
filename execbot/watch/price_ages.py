"""How old the prices of a stream are, and whether it is deaf or the symbol just quiet.

Silence alone is normal in a quiet name. So REST is asked about what was not heard of for a while:
a younger price there means that the stream is deaf (docs/evidence.md, E-PX-2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from execbot.watch.core.inputs import Input, Price, PricesKnown

CROSSES = timedelta(seconds=2)
"""A price that REST has had for less than this may still be on its way by the stream."""

FAILED_AFTER = timedelta(seconds=10)
"""So long REST is asked in vain until the price counts as unknown."""

RENEWED_AGAIN = timedelta(minutes=1)
RENEWED_AGAIN_MAX = timedelta(minutes=16)
"""A stream that stays deaf is connected anew after the first, doubling up to the second: REST may
have another source, and is asked meanwhile."""


@dataclass
class _Age:
    """Of one symbol: when it was heard of last, by whom, and the time that its price bore."""

    streamed_at: datetime
    """When the stream spoke of it, or was asked to."""
    known_at: datetime
    """When stream or REST gave a price of it, the same one or another."""
    price_at: datetime
    """The time of the youngest streamed price; what is not younger the stream does not owe."""
    told_at: datetime
    """The time of the youngest price that was passed on, whoever had it."""
    is_deaf: bool = False
    """REST has had a price that the stream has not told since it was connected."""
    is_unheard: bool = False
    """The same of any connection: until the stream speaks of it again or owes nothing."""
    owed_since: datetime | None = None
    """When REST first had such a price. From then on it is asked in every round, until the stream
    speaks or REST has nothing younger."""
    is_unknown: bool = False
    spoken_at: datetime | None = None
    """When the stream itself told a price of it."""


@dataclass
class PriceAges:
    """`heard` is called by the thread that reads the stream, everything else by the loop."""

    silence: timedelta
    failed_after: timedelta = FAILED_AFTER
    """By the account's clock."""
    _of: dict[str, _Age] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)
    """Symbols whose price was unknown when they were left: wanted again they begin anew."""
    _renew_at: datetime | None = None
    _pause: timedelta = RENEWED_AGAIN

    def want(self, symbols: frozenset[str], now: datetime) -> None:
        for symbol in symbols - self._of.keys():
            self._of[symbol] = _Age(now, now, now, now)
        for symbol in self._of.keys() - symbols:
            if self._of.pop(symbol).is_unknown:
                self._left.add(symbol)

    def clock_was_set(self, by: timedelta, now: datetime) -> None:
        """So far the clock leapt, in no time: nothing is older for that. The times that prices bear
        stay; what is heard meanwhile may have been noted after the leap."""
        for age in list(self._of.values()):
            age.streamed_at = min(age.streamed_at + by, now)
            age.known_at = min(age.known_at + by, now)
            if age.owed_since is not None:
                age.owed_since = min(age.owed_since + by, now)

    def heard(self, symbol: str, at: datetime | None, now: datetime) -> None:
        age = self._of.get(symbol)
        if age is not None:
            age.streamed_at = age.known_at = age.spoken_at = now
            age.price_at = max(age.price_at, at or now)
            age.told_at = max(age.told_at, at or now)
            age.is_deaf = age.is_unheard = False
            age.owed_since = None

    def connected(self, now: datetime) -> None:
        """What was told before is told by no stream any more."""
        for age in list(self._of.values()):
            age.streamed_at, age.price_at, age.is_deaf = now, max(age.price_at, now), False
            age.owed_since = now if age.owed_since is not None else None

    def silent(self, now: datetime) -> frozenset[str]:
        """What the stream has not spoken of for so long that REST is asked. A symbol of which REST
        had nothing younger is left alone for as long again."""
        return frozenset(
            symbol
            for symbol, age in self._of.items()
            if age.owed_since is not None
            or now - max(age.streamed_at, age.known_at) >= self.silence
        )

    def is_younger(self, price: Price, now: datetime) -> bool:
        """A price by REST; whether it is younger than any that was passed on. One of the time
        before the stream was connected may be: nobody told it, and the stream does not owe it."""
        age = self._of.get(price.symbol)
        if age is None:
            return False
        age.known_at = now
        is_news = price.at is None or price.at > age.told_at
        if is_news:
            age.told_at = price.at or now
        if price.at is not None and price.at <= age.price_at:
            age.owed_since, age.is_unheard = None, False
            return is_news
        age.owed_since = age.owed_since or now
        if now - age.streamed_at >= self.silence:
            age.is_deaf = now - min(price.at or now, age.owed_since) >= CROSSES
            age.is_unheard = age.is_unheard or age.is_deaf
        return True

    def heard_of(self, symbols: frozenset[str], now: datetime) -> frozenset[str]:
        """Those of which the stream would tell what happens: none that it is deaf of, and none at
        all where it has told nothing of anything else either."""
        unheard = {symbol for symbol, age in self._of.items() if age.is_unheard}
        spoken = [age.spoken_at for age in self._of.values() if age.spoken_at is not None]
        if unheard and now - max(spoken, default=datetime.min.replace(tzinfo=UTC)) >= self.silence:
            return frozenset()
        return symbols - unheard

    def deaf(self, now: datetime) -> list[str]:
        """Symbols of which the stream owes prices, where it is time to connect it anew."""
        found = sorted(symbol for symbol, age in self._of.items() if age.is_deaf)
        if not found:
            return []
        if self._renew_at is not None and now < self._renew_at:
            return []
        lasts = self._renew_at is not None and now - self._renew_at < self._pause
        self._pause = min(self._pause * 2, RENEWED_AGAIN_MAX) if lasts else RENEWED_AGAIN
        self._renew_at = now + self._pause
        return found

    def news(self, now: datetime) -> list[Input]:
        """Symbols whose price is unknown from now on, and those that are known again."""
        news: dict[bool, set[str]] = {True: self._left, False: set()}
        self._left = set()
        for symbol, age in self._of.items():
            is_unknown = now - age.known_at >= self.silence + self.failed_after
            if is_unknown != age.is_unknown:
                age.is_unknown = is_unknown
                news[not is_unknown].add(symbol)
        return [PricesKnown(frozenset(s), known) for known, s in news.items() if s]
