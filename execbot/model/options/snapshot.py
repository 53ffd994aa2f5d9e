"""The market's snapshot of a contract: quote, trade, greeks. Keys that Alpaca leaves out are
None."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.model.options.contract import Greeks
from execbot.model.plausible import believed
from execbot.model.quote import Quote, Trade


class Snapshot(Struct, frozen=True):
    """Prices are dollars a share. `iv` is the implied volatility of a year, 0.25 for 25 %."""

    symbol: str
    quote: Quote | None = None
    trade: Trade | None = None
    greeks: Greeks = Greeks()
    iv: Decimal | None = None

    @classmethod
    def from_wire(
        cls, symbol: str, data: Mapping[str, Any], now: datetime | None = None, *, feed: str = ""
    ) -> Snapshot:
        quote, trade = data.get("latestQuote"), data.get("latestTrade")
        return cls(
            symbol=symbol,
            quote=(
                Quote.from_wire(symbol, quote, now, feed=feed or None)
                if isinstance(quote, Mapping)
                else None
            ),
            trade=Trade.from_wire(symbol, trade, now) if isinstance(trade, Mapping) else None,
            greeks=Greeks.from_wire(data.get("greeks")),
            iv=believed(data.get("impliedVolatility")),
        )
