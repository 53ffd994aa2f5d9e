"""Market data: Quote, Trade, Bar. The data API sends JSON numbers; they become Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.model.numbers import ZERO
from execbot.model.plausible import believed, believed_time
from execbot.model.times import parse_time


class Quote(Struct, frozen=True):
    """Best bid and ask. A price of 0 means that side has no quote: never price against it.

    `feed` is where it comes from (`sip`, `iex`, ...), None where nobody has said it.
    """

    symbol: str
    at: datetime | None
    bid: Decimal
    ask: Decimal
    bid_size: Decimal = ZERO
    ask_size: Decimal = ZERO
    feed: str | None = None

    @classmethod
    def from_wire(
        cls,
        symbol: str,
        data: Mapping[str, Any],
        now: datetime | None = None,
        *,
        feed: str | None = None,
    ) -> Quote:
        return cls(
            symbol=symbol,
            at=believed_time(data.get("t"), now),
            bid=believed(data.get("bp")) or ZERO,
            ask=believed(data.get("ap")) or ZERO,
            bid_size=believed(data.get("bs")) or ZERO,
            ask_size=believed(data.get("as")) or ZERO,
            feed=feed,
        )

    @property
    def is_two_sided(self) -> bool:
        return self.bid > 0 and self.ask > 0

    @property
    def mid(self) -> Decimal | None:
        return (self.bid + self.ask) / 2 if self.is_two_sided else None


class Trade(Struct, frozen=True):
    symbol: str
    at: datetime | None
    price: Decimal
    size: Decimal

    @classmethod
    def from_wire(cls, symbol: str, data: Mapping[str, Any], now: datetime | None = None) -> Trade:
        return cls(
            symbol=symbol,
            at=believed_time(data.get("t"), now),
            price=believed(data.get("p")) or ZERO,
            size=believed(data.get("s")) or ZERO,
        )


class Bar(Struct, frozen=True):
    """`at` is the START of the bar."""

    symbol: str
    at: datetime | None
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @classmethod
    def from_wire(cls, symbol: str, data: Mapping[str, Any]) -> Bar:
        price = {name: believed(data.get(name[0])) or ZERO for name in _BAR_PRICES}
        return cls(
            symbol=symbol,
            at=parse_time(data.get("t")),
            volume=believed(data.get("v")) or ZERO,
            **price,
        )

    @property
    def is_whole(self) -> bool:
        """True if all four prices are there and possible."""
        return all(getattr(self, name) > 0 for name in _BAR_PRICES)


_BAR_PRICES = ("open", "high", "low", "close")
