"""All prices of one exchange: recorded and synthetic symbols side by side, with overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from execbot.sim.assets import Directory, shipped_directory
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.overrides import (
    PINNED_SIZE,
    ROUNDING,
    Rule,
    Segment,
    necessary_for,
    on_grid,
    pinned_at,
    pinned_bar,
    pinned_range,
    pinned_tick,
    scaled,
    shifted_bar,
    shifted_quote,
    shifted_tick,
    shifted_trade,
)
from execbot.sim.prices.regimes import Regime
from execbot.sim.prices.segments import Segments
from execbot.sim.prices.sessions import SessionPrices
from execbot.sim.prices.source import MarketPrices, merged_bar
from execbot.sim.prices.synthetic import SyntheticPrices
from execbot.sim.types import (
    Asset,
    AssetClass,
    Bar,
    Calendar,
    Crossing,
    Level,
    Ns,
    Quote,
    Tick,
    Trade,
)


def build_prices(
    *,
    seed: int = 0,
    regimes: Mapping[str, Regime] | None = None,
    data: Path | str | None = None,
    calendar: Calendar | None = None,
) -> tuple[MixedPrices, Directory]:
    """The prices of an exchange and the assets that go with them.

    Recorded files in `data` rule over synthetic prices of the same symbol. Under a calendar that
    closes, synthetic equities rest outside their sessions. Raises `DataError` (a `ValueError`)
    when `data` holds nothing to replay.
    """
    sources: list[MarketPrices] = []
    adjustments = Adjustments()
    recorded: Sequence[str] = ()
    if data is not None:
        from execbot.sim.prices.replay import RecordedPrices

        replayed = RecordedPrices(data)
        recorded = replayed.symbols()
        sources.append(replayed)
        adjustments = replayed.adjustments
    directory = shipped_directory(recorded)
    synthetic: MarketPrices = SyntheticPrices(seed, regimes)
    if calendar is not None and not calendar.always_open:
        synthetic = SessionPrices(synthetic, calendar, directory)
    sources.append(synthetic)
    stocks = [symbol for symbol in recorded if _has_options(directory.get(symbol))]
    return MixedPrices(sources, directory, adjustments, stocks), directory


def _has_options(asset: Asset | None) -> bool:
    return asset is not None and asset.asset_class is AssetClass.US_EQUITY and asset.tradable


class MixedPrices:
    """A `PriceSource` over several; the first that knows a symbol provides its prices."""

    def __init__(
        self,
        sources: Sequence[MarketPrices],
        directory: Directory,
        adjustments: Adjustments | None = None,
        recorded_stocks: Sequence[str] = (),
    ) -> None:
        """`adjustments` are the recorded ones."""
        self.recorded_stocks = frozenset(recorded_stocks)
        self.adjustments = adjustments or Adjustments()
        self._directory = directory
        self._source: dict[str, MarketPrices] = {}
        for source in reversed(sources):
            self._source.update(dict.fromkeys(source.symbols(), source))
        self._segments = Segments()

    def symbols(self) -> Sequence[str]:
        return tuple(sorted({*self._source, *self._segments.symbols()}))

    # --- the control plane -----------------------------------------------------------------

    def set_price(
        self,
        symbol: str,
        at: Ns,
        *,
        price: Decimal | None = None,
        bid: Decimal | None = None,
        ask: Decimal | None = None,
        size: Decimal | None = None,
        hold: bool = True,
    ) -> None:
        """From `at` on the symbol trades at these prices.

        With `hold` they stay: bid, ask and last price are exactly what is given (`price` stands
        for each that is missing; a missing side takes the other's price; 0 for a side leaves it
        empty). Without `hold` the market jumps to `price` and lives on around it. Raises
        `ValueError` for prices that are negative, crossed, or missing, and when a jump has
        nothing to start from.
        """
        given = [value for value in (price, bid, ask) if value is not None]
        if not any(given) or any(value < 0 for value in given) or price == 0:
            raise ValueError("give a price, or bid and ask, above zero")
        low = bid if bid is not None else price or given[-1]
        high = ask if ask is not None else price or given[0]
        if low > high > 0:
            raise ValueError(f"bid was {low}, above ask {high}")
        if not hold and not (low and high):
            raise ValueError("a market that moves needs both sides")
        if hold:
            shown = PINNED_SIZE if size is None else size
            segment = Segment(
                at,
                Rule.PIN,
                bid=low,
                ask=high,
                last=price or low or high,
                bid_size=shown if low else Decimal(0),
                ask_size=shown if high else Decimal(0),
            )
        else:
            segment = Segment(at, Rule.SHIFT, ratio=self._ratio(symbol, at, (low + high) / 2))
        self._segments.add(symbol, segment)

    def _ratio(self, symbol: str, at: Ns, price: Decimal) -> Decimal:
        source = self._source.get(symbol)
        quote = source.quote(symbol, at) if source is not None else None
        if quote is None or not (quote.bid > 0 and quote.ask > 0):
            raise ValueError(f"{symbol} has no market at that time that could be moved")
        return price / ((quote.bid + quote.ask) / 2)

    def release(self, symbol: str, at: Ns) -> None:
        """From `at` on the symbol has its source's own prices again."""
        if symbol in self._segments:
            self._segments.add(symbol, Segment(at, Rule.LIVE))

    def freeze(self, symbol: str, at: Ns) -> None:
        """From `at` on nothing moves (a trading halt)."""
        self._segments.add(symbol, Segment(at, Rule.FREEZE))

    def thaw(self, symbol: str, at: Ns) -> None:
        """Ends a freeze: what ruled before it rules again."""
        segment = self._segments.at(symbol, at)
        if segment is None or segment.rule is not Rule.FREEZE:
            return
        before = self._segments.at(symbol, segment.at - 1)
        values = before.plain() if before is not None else {"rule": Rule.LIVE}
        self._segments.add(symbol, Segment.of({**values, "at": at}))

    def scale(self, symbol: str, at: Ns, ratio: Decimal) -> None:
        """From `at` on every price is `ratio` times what it would be: a split.

        Raises `ValueError` for a symbol that is frozen.
        """
        segment = self._segments.at(symbol, at)
        if segment is None or segment.rule is Rule.LIVE:
            self._segments.add(symbol, Segment(at, Rule.SHIFT, ratio=ratio))
        elif segment.rule is Rule.FREEZE:
            raise ValueError(f"{symbol} is halted")
        else:
            self._segments.add(symbol, scaled(segment, at, ratio, self._increment(symbol)))

    def rescale_pinned(self, symbol: str, at: Ns, ratio: Decimal) -> None:
        """A pinned price goes on at another level; others follow what they are made of."""
        segment = self._segments.at(symbol, at)
        if segment is not None and segment.rule is Rule.PIN:
            self._segments.add(symbol, scaled(segment, at, ratio, self._increment(symbol)))

    def clear(self) -> None:
        """All symbols are as their sources have them."""
        self._segments.clear()

    def dump(self) -> dict[str, Any]:
        """The overrides as JSON values."""
        return self._segments.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes over what `dump` gave."""
        self._segments.load(state)

    def _increment(self, symbol: str) -> Decimal | None:
        asset = self._directory.get(symbol)
        return None if asset is None else asset.price_increment

    # --- prices ----------------------------------------------------------------------------

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        segment = self._segments.at(symbol, at) if self._segments else None
        if segment is not None:
            if segment.rule is Rule.PIN:
                return pinned_tick(segment, symbol, pinned_at(segment, at)).quote
            if segment.rule is Rule.FREEZE:
                return self.quote(symbol, segment.at - 1)
        source = self._source.get(symbol)
        quote = source.quote(symbol, at) if source is not None else None
        if quote is None or segment is None or segment.rule is Rule.LIVE:
            return quote
        return shifted_quote(quote, segment.ratio, self._increment(symbol))

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        segment = self._segments.at(symbol, at) if self._segments else None
        if segment is not None:
            if segment.rule is Rule.PIN:
                return pinned_tick(segment, symbol, pinned_at(segment, at)).last
            if segment.rule is Rule.FREEZE:
                return self.last_trade(symbol, segment.at - 1)
        source = self._source.get(symbol)
        trade = source.last_trade(symbol, at) if source is not None else None
        if trade is None or segment is None or segment.rule is Rule.LIVE:
            return trade
        quote = source.quote(symbol, at) if source is not None else None
        if quote is None:
            return trade
        shifted = shifted_quote(quote, segment.ratio, self._increment(symbol))
        return shifted_trade(trade, quote, shifted, segment.ratio)

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        """None where the symbol is forced: what was recorded is not what happens."""
        segment = self._segments.at(symbol, at) if self._segments else None
        source = self._source.get(symbol)
        if source is None or (segment is not None and segment.rule is not Rule.LIVE):
            return None
        return source.official(symbol, at)

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        segment = self._segments.at(symbol, at) if self._segments else None
        source = self._source.get(symbol)
        if segment is None or segment.rule is Rule.LIVE:
            return source.book(symbol, at, side) if source is not None else ()
        if segment.rule is Rule.FREEZE:
            return self.book(symbol, segment.at - 1, side)
        quote = self.quote(symbol, at)
        if quote is None:
            return ()
        price, size = (quote.bid, quote.bid_size) if side == "bid" else (quote.ask, quote.ask_size)
        best = (Level(price, size),) if price > 0 and size > 0 else ()
        if segment.rule is Rule.PIN or source is None:
            return best
        # Behind its best price a shifted book has the sizes and distances of the source's.
        behind = source.book(symbol, at, side)
        levels = list(best)
        for level in behind[1:] if levels else ():
            distance = (level.price - behind[0].price).copy_abs()
            found = price - distance if side == "bid" else price + distance
            found = on_grid(found, self._increment(symbol), ROUNDING[side])
            if 0 < found != levels[-1].price:
                levels.append(Level(found, level.size))
        return levels

    def _opening(self, symbol: str, segment: Segment, begin: Ns) -> Tick | None:
        """The tick with which a segment begins, where it lies in the piece asked for."""
        if segment.at != begin + 1 or segment.rule is Rule.FREEZE:
            return None
        quote, last = self.quote(symbol, segment.at), self.last_trade(symbol, segment.at)
        return Tick(segment.at, quote, last) if quote is not None and last is not None else None

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        if symbol not in self._segments:
            source = self._source.get(symbol)
            return source.next_tick(symbol, after, until) if source is not None else None
        return next(self.ticks(symbol, after, until), None)

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        source = self._source.get(symbol)
        if symbol not in self._segments:
            yield from source.ticks(symbol, after, until) if source is not None else ()
            return
        for segment, begin, end in self._segments.pieces(symbol, after, until):
            opening = self._opening(symbol, segment, begin)
            if opening is not None:
                yield opening
                begin = opening.at
            if segment.rule is Rule.PIN:
                for at in pinned_range(segment, begin, end):
                    yield pinned_tick(segment, symbol, at)
            elif segment.rule is not Rule.FREEZE and source is not None:
                yield from self._of_source(source, symbol, segment, begin, end)

    def _of_source(
        self, source: MarketPrices, symbol: str, segment: Segment, begin: Ns, end: Ns
    ) -> Iterator[Tick]:
        increment = self._increment(symbol)
        for tick in source.ticks(symbol, begin, end):
            if segment.rule is Rule.SHIFT:
                yield shifted_tick(tick, segment.ratio, increment)
            else:
                yield tick

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        if symbol not in self._segments:
            source = self._source.get(symbol)
            if source is None:
                return None
            return source.first_crossing(symbol, after, until, condition)
        for segment, begin, end in self._segments.pieces(symbol, after, until):
            opening = self._opening(symbol, segment, begin)
            if opening is not None:
                if opening.meets(condition):
                    return opening
                begin = opening.at
            found = self._crossing_within(symbol, segment, begin, end, condition)
            if found is not None:
                return found
        return None

    def _crossing_within(
        self, symbol: str, segment: Segment, begin: Ns, end: Ns, condition: Crossing
    ) -> Tick | None:
        if segment.rule is Rule.FREEZE:
            return None
        if segment.rule is Rule.PIN:
            instants = pinned_range(segment, begin, end)
            tick = pinned_tick(segment, symbol, instants[0]) if instants else None
            return tick if tick is not None and tick.meets(condition) else None
        source = self._source.get(symbol)
        if source is None:
            return None
        if segment.rule is Rule.LIVE:
            return source.first_crossing(symbol, begin, end, condition)
        increment = self._increment(symbol)
        needed = necessary_for(condition, segment.ratio, increment)
        while (tick := source.first_crossing(symbol, begin, end, needed)) is not None:
            shifted = shifted_tick(tick, segment.ratio, increment)
            if shifted.meets(condition):
                return shifted
            begin = tick.at
        return None

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        source = self._source.get(symbol)
        if source is None or symbol in self._segments:
            return None
        return source.peak(symbol, after, until, highest=highest)

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        source = self._source.get(symbol)
        if symbol not in self._segments:
            yield from source.trades(symbol, start, end) if source is not None else ()
            return
        for segment, begin, stop in self._segments.pieces(symbol, start - 1, end):
            if segment.rule is Rule.LIVE and source is not None:
                yield from source.trades(symbol, begin + 1, stop)
            elif segment.rule is not Rule.FREEZE:
                for tick in self.ticks(symbol, begin, stop):
                    if tick.last.at == tick.at:
                        yield tick.last

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        source = self._source.get(symbol)
        if symbol not in self._segments:
            yield from source.quotes(symbol, start, end) if source is not None else ()
            return
        for segment, begin, stop in self._segments.pieces(symbol, start - 1, end):
            if segment.rule is Rule.LIVE and source is not None:
                yield from source.quotes(symbol, begin + 1, stop)
            elif segment.rule is not Rule.FREEZE:
                for tick in self.ticks(symbol, begin, stop):
                    if tick.quote.at == tick.at:
                        yield tick.quote

    def bar(self, symbol: str, start: Ns, end: Ns) -> Bar | None:
        """All prints of `[start, end)` as one bar, or None when there was none."""
        source = self._source.get(symbol)
        if symbol not in self._segments:
            return source.bar(symbol, start, end) if source is not None else None
        parts = []
        for segment, begin, stop in self._segments.pieces(symbol, start - 1, end - 1):
            part = None
            if segment.rule is Rule.PIN:
                part = pinned_bar(segment, symbol, begin + 1, stop + 1)
            elif segment.rule is not Rule.FREEZE and source is not None:
                part = source.bar(symbol, begin + 1, stop + 1)
                if part is not None and segment.rule is Rule.SHIFT:
                    part = shifted_bar(part, segment.ratio, self._increment(symbol))
            if part is not None:
                parts.append(part)
        return merged_bar(start, parts)

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        source = self._source.get(symbol)
        forced = self._segments.first(symbol)
        if forced is None or forced >= end + width:
            yield from source.bars(symbol, width, start, end) if source is not None else ()
            return
        first = -(-start // width) * width
        clean = forced // width * width
        if source is not None and first < clean:
            yield from source.bars(symbol, width, start, clean - 1)
        for at in range(max(first, clean), end + 1, width):
            found = self.bar(symbol, at, at + width)
            if found is not None:
                yield found
