"""The synthetic market of one symbol: its ticks, its book, and the searches over its path.

Inside, prices are floats and then whole numbers of the finest price step; what comes out is
`Decimal` on the exchange's grid (cents, hundredths of a cent below one dollar, a crypto pair's
own `price_increment`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from heapq import heappop, heappush
from math import ceil, sqrt
from typing import Literal

from execbot.sim.assets import Listing
from execbot.sim.prices.path import BITS, CHUNK, TOP, Path
from execbot.sim.prices.regimes import TRAITS, Regime
from execbot.sim.types import SECOND, AssetClass, Bar, Crossing, Field, Level, Quote, Tick, Trade

SECONDS_PER_YEAR = 365 * 86_400
FAR_REACH = 0.12
"""How far the path's far ends (194 days apart) lie from the base price at most."""
EXACT_BAR_TICKS = 128
"""Bars of up to this many ticks are built from each tick, longer ones by search."""
VWAP_SAMPLES = 32

# Streams of noise beside those of the path's levels (0 to 4).
LOOKS, SIZES, VOLUMES, DEPTHS = 10, 11, 12, 13


def round_lot(price: Decimal) -> int:
    """Shares in a round lot by price, as US exchanges have defined it since November 2025."""
    return 100 if price <= 250 else 40 if price <= 1000 else 10 if price <= 10_000 else 1


class SymbolMarket:
    """One symbol. Prices inside are whole numbers of `10 ** -digits` dollars."""

    def __init__(self, listing: Listing, seed: int, regime: Regime) -> None:
        self.symbol = listing.asset.symbol
        traits = TRAITS[regime]
        self.tick_seconds = traits.seconds_per_tick
        self.levels = traits.levels
        key = blake2b(f"{seed} {self.symbol} {regime}".encode(), digest_size=32).digest()
        sigma = listing.volatility * traits.volatility / sqrt(SECONDS_PER_YEAR)
        self.path = Path(key, sigma, FAR_REACH * min(1.0, 4 * listing.volatility))
        self.shape = traits.shape(key) if traits.shape else None
        self._set_grid(listing)
        self._set_sizes(listing, traits.size)
        dollars = max(float(listing.price) * listing.daily_volume, 1e6)
        half = min(max(1.5e-4 * sqrt(1e8 / dollars), 2e-5), 1.5e-3)
        self.half_spread = min(half * traits.spread, 0.02)
        self._noise: dict[tuple[int, int], bytes] = {}
        # The same few moments are asked again and again: now, and the last close.
        self.at = lru_cache(maxsize=8)(self._at)
        self.quote_at = lru_cache(maxsize=8)(self._quote_at)
        self.trade_at = lru_cache(maxsize=8)(self._trade_at)

    def _set_grid(self, listing: Listing) -> None:
        increment = listing.asset.price_increment
        if increment is None:
            # Equities: cents, and hundredths of a cent below one dollar.
            self.digits, self.coarse = 4, 100
        else:
            exponent = increment.normalize().as_tuple().exponent
            assert isinstance(exponent, int)
            self.digits, self.coarse = -exponent, 1
        self.scale = 10.0**self.digits
        self.base = float(listing.price) * self.scale

    def _set_sizes(self, listing: Listing, factor: float) -> None:
        volume = listing.daily_volume * self.tick_seconds * factor / 86_400
        if listing.asset.asset_class is AssetClass.CRYPTO:
            price = float(listing.price)
            self.size_digits = 0 if price < 1 else 2 if price < 100 else 4
            shown = 4000.0 / price * factor
        else:
            self.size_digits = 0
            lots = int(min(max(listing.daily_volume / 3e7 * factor, 1.0), 10.0))
            shown = round_lot(listing.price) * (lots if factor > 0.5 else factor)
        self.shown = max(int(shown * 10**self.size_digits), 1)
        self.mean_volume = max(int(volume * 10**self.size_digits), 2)

    # --- one tick ----------------------------------------------------------------------

    def tick_second(self, second: int) -> int:
        """The tick in force at a second."""
        return second - second % self.tick_seconds

    def noise(self, stream: int, index: int) -> bytes:
        """64 bytes for the 64 seconds of a chunk; the latest are kept."""
        found = self._noise.get((stream, index))
        if found is None:
            if len(self._noise) >= 24:
                self._noise.clear()
            found = self._noise[stream, index] = self.path.noise(stream, index)
        return found

    def price_of(self, x: float) -> float:
        """A path value as a price: above the base 1 + x times it, below divided by 1 - x."""
        return self.base * (1.0 + x) if x >= 0.0 else self.base / (1.0 - x)

    def x_of(self, price: float) -> float:
        """The inverse of `price_of`."""
        if price <= 0.0:
            return float("-inf")
        return price / self.base - 1.0 if price >= self.base else 1.0 - self.base / price

    def _at(self, second: int) -> tuple[int, int, int]:
        """Bid, ask and print of a tick."""
        return self.prices(second, self.path.value(second))

    def prices(self, second: int, x: float) -> tuple[int, int, int]:
        if self.shape is not None:
            x += self.shape.value(second)
        look = self.noise(LOOKS, second >> BITS)[second & (CHUNK - 1)]
        middle = self.price_of(x)
        half = middle * self.half_spread * (0.6 + (look & 15) / 37.5)
        bid = self._on_grid_below(middle - half)
        ask = self._on_grid_above(middle + half, bid)
        return bid, ask, bid if look & 16 else ask

    def _on_grid_below(self, price: float) -> int:
        if price >= 10_000.0 and self.coarse != 1:
            return int(price // self.coarse) * self.coarse
        return max(int(price), 1)

    def _on_grid_above(self, price: float, bid: int) -> int:
        if price > 10_000.0 and self.coarse != 1:
            return max(ceil(price / self.coarse), bid // self.coarse + 1) * self.coarse
        return max(ceil(price), bid + 1)

    def shown_sizes(self, second: int) -> tuple[int, int]:
        """What is shown at the bid and at the ask, in size units."""
        look = self.noise(SIZES, second >> BITS)[second & (CHUNK - 1)]
        return self.shown * (1 + (look & 15)), self.shown * (1 + (look >> 4))

    def volume_to(self, second: int) -> int:
        """Volume printed up to and including a tick, since the epoch.

        A straight line plus noise smaller than one step of it, so that the volume of any
        stretch is a difference of two numbers and equals the sum of its prints.
        """
        number = second // self.tick_seconds
        noise = self.noise(VOLUMES, number >> BITS)[number & (CHUNK - 1)]
        return self.mean_volume * number + (self.mean_volume - 1) * noise // 255

    def size_at(self, second: int) -> int:
        return self.volume_to(second) - self.volume_to(second - self.tick_seconds)

    # --- out into Decimal --------------------------------------------------------------

    def price(self, units: int) -> Decimal:
        if self.coarse == 100 and units % 100 == 0:
            return Decimal(units // 100).scaleb(-2)
        return Decimal(units).scaleb(-self.digits)

    def size(self, units: int) -> Decimal:
        return Decimal(units).scaleb(-self.size_digits) if self.size_digits else Decimal(units)

    def _quote_at(self, second: int) -> Quote:
        bid, ask, _ = self.at(second)
        return self.quote(second, bid, ask)

    def _trade_at(self, second: int) -> Trade:
        return self.trade(second, self.at(second)[2])

    def quote(self, second: int, bid: int, ask: int) -> Quote:
        bid_size, ask_size = self.shown_sizes(second)
        return Quote(
            self.symbol,
            second * SECOND,
            self.price(bid),
            self.size(bid_size),
            self.price(ask),
            self.size(ask_size),
        )

    def trade(self, second: int, price: int) -> Trade:
        size = self.size(self.size_at(second))
        return Trade(self.symbol, second * SECOND, self.price(price), size)

    def tick(self, second: int) -> Tick:
        bid, ask, last = self.at(second)
        return Tick(second * SECOND, self.quote(second, bid, ask), self.trade(second, last))

    def book(self, second: int, side: Literal["bid", "ask"]) -> Sequence[Level]:
        bid, ask, _ = self.at(second)
        sizes = self.shown_sizes(second)
        depths = self.path.noise(DEPTHS, second)
        grid = self.coarse if bid >= 10_000 else 1
        gap = max(int((ask - bid) / 2) // grid, 1) * grid
        found = []
        for i in range(self.levels):
            units = bid - i * gap if side == "bid" else ask + i * gap
            if units <= 0:
                break
            best = sizes[0] if side == "bid" else sizes[1]
            extra = self.shown * (1 + depths[2 * i + (side == "bid")] // 12)
            found.append(Level(self.price(units), self.size(extra if i else best)))
        return found

    # --- searches ----------------------------------------------------------------------

    def reach(self, low: float, high: float, first: int, width: int) -> tuple[float, float]:
        if self.shape is None:
            return low, high
        down, up = self.shape.bounds(first, first + width)
        return low + down, high + up

    def edge(self, price: float, sign: int) -> float:
        """The path value that a tick must reach (sign 1: from below) for any of its prices to
        reach `price`. All of them lie within the widest half spread and one grid step of the
        middle; a hair is added for rounding.
        """
        wide = 1.0 + 1.01 * self.half_spread
        if sign > 0:
            return self.x_of((price - self.coarse) / wide) - 1e-11
        return self.x_of((price + self.coarse) * wide) + 1e-11

    def first_crossing(self, first: int, last: int, condition: Crossing) -> int | None:
        """The first tick second in `[first, last]` where the condition holds."""
        wanted = condition.price.scaleb(self.digits)
        rising = condition.op == ">="
        edge = self.edge(float(wanted), 1 if rising else -1)

        shaped = self.shape is not None

        def possible(low: float, high: float, begin: int, width: int) -> bool:
            if shaped:
                low, high = self.reach(low, high, begin, width)
            return high >= edge if rising else low <= edge

        field = (Field.BID, Field.ASK, Field.LAST).index(condition.field)
        for begin, _, values in self.path.stretches(first, last, possible):
            for second, x in enumerate(values, begin):
                if not shaped and not (x >= edge if rising else x <= edge):
                    continue
                if second % self.tick_seconds:
                    continue
                found = self.prices(second, x)[field]
                if found >= wanted if rising else found <= wanted:
                    return second
        return None

    def extreme_print(self, first: int, last: int, sign: Literal[1, -1]) -> int:
        """The highest (sign 1) or lowest (-1) print of the ticks in `[first, last]`.

        Best first: stretches are opened in the order of how far they could reach at most, and
        the known points of a chunk raise the bar before its stretches are looked at.
        """
        best = self.at(first)[2]
        edge = self.edge(best, sign)
        span = BITS * (TOP + 1)
        chunks = range(first >> span, (last >> span) + 1)
        heap = [(float("-inf"), TOP, index) for index in chunks]
        while heap and -heap[0][0] > sign * edge:
            _, level, index = heappop(heap)
            points = self.path.chunk(level, index)
            begin = index << (BITS * level + BITS)
            low = max(first - begin, 0) >> (BITS * level)
            high = min((last - begin) >> (BITS * level), CHUNK - 1)
            seconds: Sequence[int] = range(begin + low, begin + high + 1)
            if level:
                step = 1 << (BITS * level)
                known = range(low if begin + low * step >= first else low + 1, high + 1)
                top = max(known, key=lambda i: sign * points[i], default=None)
                seconds = () if top is None else (begin + top * step,)
            for second in seconds:
                x = points[(second - begin) >> (BITS * level)]
                if second % self.tick_seconds or (self.shape is None and sign * (x - edge) < 0):
                    continue
                found = self.prices(second, x)[2]
                if sign * (found - best) > 0:
                    best, edge = found, self.edge(found, sign)
            if level:
                for far, i in self._reaching(points, level, begin, low, high, sign, edge):
                    heappush(heap, (-far, level - 1, (index << BITS) + i))
        return best

    def _reaching(
        self,
        points: list[float],
        level: int,
        begin: int,
        low: int,
        high: int,
        sign: int,
        edge: float,
    ) -> Iterator[tuple[float, int]]:
        """The stretches of a chunk that may pass `edge`, each with how far `sign * x` reaches."""
        slack, goal, width = self.path.slack[level], sign * edge, 1 << (BITS * level)
        for i in range(low, high + 1):
            a, b = sign * points[i], sign * points[i + 1]
            far = (a if a > b else b) + slack
            if self.shape is not None:
                down, up = self.shape.bounds(begin + i * width, begin + (i + 1) * width)
                far += up if sign > 0 else -down
            if far > goal:
                yield far, i

    def bar(self, first: int, end: int) -> Bar | None:
        """The prints of `[first, end)` seconds as one bar stamped `first`."""
        begin = -(-first // self.tick_seconds) * self.tick_seconds
        last = self.tick_second(end - 1)
        if last < begin:
            return None
        count = (last - begin) // self.tick_seconds + 1
        ticks = range(begin, last + 1, self.tick_seconds)
        if count <= EXACT_BAR_TICKS:
            prints = [self.at(second)[2] for second in ticks]
            sizes = [self.size_at(second) for second in ticks]
            opened, closed, high, low = prints[0], prints[-1], max(prints), min(prints)
        else:
            opened, closed = self.at(begin)[2], self.at(last)[2]
            high, low = self.extreme_print(begin, last, 1), self.extreme_print(begin, last, -1)
            samples = ticks[:: max(count // VWAP_SAMPLES, 1)]
            prints, sizes = [self.at(second)[2] for second in samples], [1] * len(samples)
        total = sum(price * size for price, size in zip(prints, sizes, strict=True))
        average = Decimal(total) / Decimal(sum(sizes)) / Decimal(10) ** self.digits
        return Bar(
            symbol=self.symbol,
            at=first * SECOND,
            open=self.price(opened),
            high=self.price(high),
            low=self.price(low),
            close=self.price(closed),
            volume=self.size(self.volume_to(last) - self.volume_to(begin - self.tick_seconds)),
            trade_count=count,
            vwap=average.quantize(Decimal(10) ** -(max(self.digits, 4) + 2)),
        )
