"""Option contracts that the exchange knows, each with the prices it was given.

A contract has no market of its own: it is known from the moment the control plane names it, and
trades at its mark, the same bid and ask, until the mark is moved. `OptionAssets` and `OptionPrices`
put the contracts beside the stocks and coins of the exchange.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from execbot.sim.engine.ids import named_uuid
from execbot.sim.types import (
    Asset,
    AssetClass,
    AssetDirectory,
    Bar,
    Crossing,
    Field,
    Level,
    Ns,
    PriceSource,
    Quote,
    Tick,
    Trade,
)

MULTIPLIER = Decimal(100)
TAIL = 15  # YYMMDD, C or P, strike in thousandths as eight digits
SIZE = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Contract:
    """What an OCC symbol says: `AAPL250117C00190000` is the call on AAPL at 190."""

    symbol: str
    underlying: str
    expires: str  # YYYY-MM-DD
    is_call: bool
    strike: Decimal

    @classmethod
    def parse(cls, symbol: str) -> Contract | None:
        """None for what is no OCC symbol. It is read from the right, for a root may have digits."""
        root, tail = symbol[:-TAIL], symbol[-TAIL:]
        day, kind, strike = tail[:6], tail[6:7], tail[7:]
        plain = root.isalnum() and len(root) <= 6 and day.isdecimal() and strike.isdecimal()
        if not plain or kind not in ("C", "P") or len(strike) != 8:
            return None
        expires = f"20{day[:2]}-{day[2:4]}-{day[4:]}"
        return cls(symbol, root, expires, kind == "C", Decimal(strike) / 1000)

    def asset(self, seed: int) -> Asset:
        return Asset(
            id=named_uuid(seed, f"contract/{self.symbol}"),
            symbol=self.symbol,
            name=self.symbol,
            exchange="",
            asset_class=AssetClass.US_OPTION,
            marginable=False,
            fractionable=False,
            maintenance_margin=Decimal(100),
            multiplier=MULTIPLIER,
        )


@dataclass(slots=True)
class OptionBook:
    """The contracts known, and the marks of each with the moments from which they hold."""

    seed: int
    assets: dict[str, Asset] = field(default_factory=dict)
    marks: dict[str, list[tuple[Ns, Decimal]]] = field(default_factory=dict)

    def set_mark(self, contract: Contract, price: Decimal, now: Ns) -> None:
        self.assets.setdefault(contract.symbol, contract.asset(self.seed))
        rows = self.marks.setdefault(contract.symbol, [])
        if rows and rows[-1][0] == now:
            rows.pop()
        rows.append((now, price))

    def dump(self) -> dict[str, Any]:
        return {s: [[at, str(price)] for at, price in rows] for s, rows in self.marks.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        for symbol, rows in state.items():
            contract = Contract.parse(symbol)
            assert contract is not None
            for at, price in rows:
                self.set_mark(contract, Decimal(price), at)


class OptionAssets:
    """A directory that knows the contracts of the book as well; lists do not show them."""

    def __init__(self, base: AssetDirectory, book: OptionBook) -> None:
        self._base, self._book = base, book

    def get(self, symbol_or_id: str) -> Asset | None:
        found = self._book.assets.get(symbol_or_id) or self._base.get(symbol_or_id)
        if found is not None:
            return found
        return next((a for a in self._book.assets.values() if a.id == symbol_or_id), None)

    def all(self) -> Sequence[Asset]:
        return self._base.all()


class OptionPrices:
    """A price source in which contracts trade at their marks."""

    def __init__(self, base: PriceSource, book: OptionBook) -> None:
        self._base, self._book = base, book

    def symbols(self) -> Sequence[str]:
        return self._base.symbols()

    def _at(self, symbol: str, at: Ns) -> Tick | None:
        rows = self._book.marks[symbol]
        found = next((row for row in reversed(rows) if row[0] <= at), None)
        return None if found is None else _tick(symbol, *found)

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        if symbol not in self._book.marks:
            return self._base.quote(symbol, at)
        tick = self._at(symbol, at)
        return None if tick is None else tick.quote

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        if symbol not in self._book.marks:
            return self._base.last_trade(symbol, at)
        tick = self._at(symbol, at)
        return None if tick is None else tick.last

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        return None if symbol in self._book.marks else self._base.official(symbol, at)

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        if symbol not in self._book.marks:
            return self._base.book(symbol, at, side)
        tick = self._at(symbol, at)
        return () if tick is None else (Level(tick.last.price, SIZE),)

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        if symbol not in self._book.marks:
            return self._base.ticks(symbol, after, until)
        rows = self._book.marks[symbol]
        return (_tick(symbol, *row) for row in rows if after < row[0] <= until)

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        if symbol not in self._book.marks:
            return self._base.next_tick(symbol, after, until)
        return next(self.ticks(symbol, after, until), None)

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        if symbol not in self._book.marks:
            return self._base.first_crossing(symbol, after, until, condition)
        ticks = self.ticks(symbol, after, until)
        return next((tick for tick in ticks if _holds(condition, tick)), None)

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        if symbol not in self._book.marks:
            return self._base.peak(symbol, after, until, highest=highest)
        prices = [tick.last.price for tick in self.ticks(symbol, after, until)]
        return (max if highest else min)(prices, default=None)

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        if symbol not in self._book.marks:
            return self._base.trades(symbol, start, end)
        return (tick.last for tick in self.ticks(symbol, start - 1, end))

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        if symbol not in self._book.marks:
            return self._base.quotes(symbol, start, end)
        return (tick.quote for tick in self.ticks(symbol, start - 1, end))

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        if symbol not in self._book.marks:
            return self._base.bars(symbol, width, start, end)
        return iter(())


def _tick(symbol: str, at: Ns, mark: Decimal) -> Tick:
    quote = Quote(symbol, at, mark, SIZE, mark, SIZE)
    return Tick(at, quote, Trade(symbol, at, mark, Decimal(1)))


def _holds(condition: Crossing, tick: Tick) -> bool:
    values = {
        Field.BID: tick.quote.bid,
        Field.ASK: tick.quote.ask,
        Field.LAST: tick.last.price,
    }
    value = values[condition.field]
    return value >= condition.price if condition.op == ">=" else value <= condition.price
