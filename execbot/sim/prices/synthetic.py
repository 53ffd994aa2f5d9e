"""The synthetic market: prices of many symbols as a pure function of seed, symbol and second.

Every second on the grid is a tick: a quote and one print at its bid or its ask. Nothing is
simulated forward, so any moment can be asked in any order and an idle month costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from execbot.sim.assets import Listing, listings
from execbot.sim.prices.regimes import Regime
from execbot.sim.prices.symbol_market import SymbolMarket
from execbot.sim.types import SECOND, Bar, Crossing, Level, Ns, Quote, Tick, Trade


class SyntheticPrices:
    """A `PriceSource` over the shipped list (or the given listings)."""

    def __init__(
        self,
        seed: int = 0,
        regimes: Mapping[str, Regime] | None = None,
        listed: Sequence[Listing] | None = None,
    ) -> None:
        """`regimes`: symbol -> regime; the others are normal."""
        self.seed = seed
        self._regimes = dict(regimes or {})
        self._listings = {
            listing.asset.symbol: listing
            for listing in (listings() if listed is None else listed)
            if listing.asset.active
        }
        self._markets: dict[str, SymbolMarket] = {}

    def symbols(self) -> Sequence[str]:
        return tuple(self._listings)

    def _market(self, symbol: str) -> SymbolMarket | None:
        market = self._markets.get(symbol)
        if market is None and symbol in self._listings:
            regime = self._regimes.get(symbol, Regime.NORMAL)
            market = SymbolMarket(self._listings[symbol], self.seed, regime)
            self._markets[symbol] = market
        return market

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        market = self._market(symbol)
        if market is None:
            return None
        return market.quote_at(market.tick_second(at // SECOND))

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        market = self._market(symbol)
        if market is None:
            return None
        return market.trade_at(market.tick_second(at // SECOND))

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        return None

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        market = self._market(symbol)
        if market is None:
            return ()
        return market.book(market.tick_second(at // SECOND), side)

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        market = self._market(symbol)
        if market is None:
            return None
        second = market.tick_second(after // SECOND) + market.tick_seconds
        return market.tick(second) if second * SECOND <= until else None

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        market = self._market(symbol)
        if market is not None:
            begin = market.tick_second(after // SECOND) + market.tick_seconds
            for second in range(begin, until // SECOND + 1, market.tick_seconds):
                yield market.tick(second)

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        market = self._market(symbol)
        first, last = after // SECOND + 1, until // SECOND
        if market is None or last < first:
            return None
        second = market.first_crossing(first, last, condition)
        return None if second is None else market.tick(second)

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        market = self._market(symbol)
        if market is None:
            return None
        step = market.tick_seconds
        first, last = (after // SECOND // step + 1) * step, market.tick_second(until // SECOND)
        if last < first:
            return None
        return market.price(market.extreme_print(first, last, 1 if highest else -1))

    def _seconds(self, market: SymbolMarket, start: Ns, end: Ns) -> range:
        """The seconds of the ticks in `[start, end]`."""
        step = market.tick_seconds
        return range(-(-start // (step * SECOND)) * step, end // SECOND + 1, step)

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        market = self._market(symbol)
        if market is not None:
            for second in self._seconds(market, start, end):
                yield market.trade(second, market.at(second)[2])

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        market = self._market(symbol)
        if market is not None:
            for second in self._seconds(market, start, end):
                bid, ask, _ = market.at(second)
                yield market.quote(second, bid, ask)

    def bar(self, symbol: str, start: Ns, end: Ns) -> Bar | None:
        """All prints of `[start, end)` as one bar, or None when there was none."""
        market = self._market(symbol)
        return None if market is None else market.bar(-(-start // SECOND), -(-end // SECOND))

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        for begin in range(-(-start // width) * width, end + 1, width):
            found = self.bar(symbol, begin, begin + width)
            if found is not None:
                yield found
