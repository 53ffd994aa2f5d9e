"""The contracts of an exchange beside its stocks and coins: as assets, and with their prices.

A contract has the price of its chain, or from some moment on the mark that the control plane gave
it: the same bid and ask, until the mark is moved or taken back. A contract outside all chains is
known from the moment it is given a mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from execbot.sim.chains.contract import ROOTS, TAIL, Contract, Root, symbol_of_id
from execbot.sim.types import (
    Asset,
    AssetDirectory,
    Bar,
    Calendar,
    Crossing,
    Level,
    Ns,
    PriceSource,
    Quote,
    Tick,
    Trade,
)

if TYPE_CHECKING:
    from execbot.sim.chains.market import Chains

SIZE = Decimal(1_000_000)
BOOK_LEVELS = 4
Mark = tuple[Ns, Decimal | None]


@dataclass(frozen=True, slots=True)
class CameFrom:
    """Where a contract came from: until `at` it was another one, and each of those became `ratio`
    of it.
    """

    at: Ns
    symbol: str
    ratio: Decimal


@dataclass(slots=True)
class OptionBook:
    """The marks of contracts with the moments from which they hold, and the chains.

    `extra` underlyings have chains although they are not among the twenty. `roots` and `came_from`
    grow with the splits of their stocks, which are kept in `splits`.
    """

    seed: int
    prices: PriceSource
    calendar: Calendar
    extra: frozenset[str] = frozenset()
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    roots: dict[str, Root] = field(default_factory=lambda: dict(ROOTS))
    splits: dict[str, list[tuple[Ns, Decimal]]] = field(default_factory=dict)
    came_from: dict[str, CameFrom] = field(default_factory=dict)
    _chains: Chains | None = None

    @property
    def chains(self) -> Chains:
        """Made when first asked for: an exchange for stocks alone starts without."""
        if self._chains is None:
            from execbot.sim.chains.market import Chains

            self._chains = Chains(
                self.seed, self.prices, self.calendar, self.extra, self.roots, self.splits
            )
        return self._chains

    def contract(self, symbol: str) -> Contract | None:
        """A contract that trades here, or did; None for all else."""
        found = Contract.parse(symbol, self.roots) if len(symbol) > TAIL else None
        if found is None or not (symbol in self.marks or self.chains.knows(found)):
            return None
        return found

    def mark_at(self, symbol: str, at: Ns) -> Mark | None:
        """The mark in force; None where the chain rules."""
        found = next((row for row in reversed(self.marks.get(symbol, ())) if row[0] <= at), None)
        return None if found is None or found[1] is None else found

    def set_mark(self, contract: Contract, price: Decimal | None, now: Ns) -> None:
        """From `now` on the contract trades at `price`; None gives it back to its chain."""
        rows = self.marks.setdefault(contract.symbol, [])
        if rows and rows[-1][0] == now:
            rows.pop()
        rows.append((now, price))

    def becomes(self, old: Contract, new: Contract, ratio: Decimal, now: Ns) -> None:
        """Makes `ratio` contracts of each one, under another name, as a split does; the mark goes
        along.
        """
        self.came_from[new.symbol] = CameFrom(now, old.symbol, ratio)
        mark = self.mark_at(old.symbol, now)
        if mark is not None and mark[1] is not None:
            self.set_mark(new, mark[1] / ratio, now)
            self.set_mark(old, None, now)

    def pieces(self, symbol: str, after: Ns, until: Ns) -> Iterator[tuple[Ns, Ns, Decimal | None]]:
        """`(after, until]` cut where marks change: begin, end, and the mark that rules."""
        begin, mark = after, self.mark_at(symbol, after)
        price = None if mark is None else mark[1]
        for at, following in self.marks.get(symbol, ()):
            if after < at <= until:
                if at - 1 > begin:
                    yield begin, at - 1, price
                begin, price = at - 1, following
        if until > begin:
            yield begin, until, price

    def dump(self) -> dict[str, Any]:
        return {
            symbol: [[at, None if price is None else str(price)] for at, price in rows]
            for symbol, rows in self.marks.items()
        }

    def dump_changes(self) -> dict[str, Any]:
        """What splits have made of contracts."""
        made = {name: root for name, root in self.roots.items() if name not in ROOTS}
        return {
            "roots": {n: [r.underlying, str(r.shares), r.since] for n, r in made.items()},
            "came_from": {n: [c.at, c.symbol, str(c.ratio)] for n, c in self.came_from.items()},
        }

    def load_changes(self, state: Mapping[str, Any]) -> None:
        for name, (underlying, shares, since) in state.get("roots", {}).items():
            self.roots[name] = Root(underlying, Decimal(shares), since)
        for name, (at, symbol, ratio) in state.get("came_from", {}).items():
            self.came_from[name] = CameFrom(at, symbol, Decimal(ratio))

    def load(self, state: Mapping[str, Any]) -> None:
        for symbol, rows in state.items():
            self.marks[symbol] = [(at, None if p is None else Decimal(p)) for at, p in rows]


class OptionAssets:
    """A directory that knows contracts as well; lists do not show them."""

    def __init__(self, base: AssetDirectory, book: OptionBook) -> None:
        self._base, self._book = base, book

    def get(self, symbol_or_id: str) -> Asset | None:
        found = self._base.get(symbol_or_id)
        if found is not None or len(symbol_or_id) <= TAIL:
            return found
        symbol = symbol_of_id(symbol_or_id, self._book.seed) or symbol_or_id
        contract = self._book.contract(symbol)
        return None if contract is None else contract.asset(self._book.seed)

    def all(self) -> Sequence[Asset]:
        return self._base.all()


class OptionPrices:
    """A price source in which contracts trade at their marks, or at the prices of their chains."""

    def __init__(self, base: PriceSource, book: OptionBook) -> None:
        self._base, self._book = base, book

    def symbols(self) -> Sequence[str]:
        return self._base.symbols()

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        if len(symbol) <= TAIL:
            return self._base.quote(symbol, at)
        mark = self._book.mark_at(symbol, at)
        if mark is not None:
            return _tick(symbol, mark).quote
        contract = self._book.contract(symbol)
        return None if contract is None else self._book.chains.quote(contract, at)

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        if len(symbol) <= TAIL:
            return self._base.last_trade(symbol, at)
        mark = self._book.mark_at(symbol, at)
        if mark is not None:
            return _tick(symbol, mark).last
        contract = self._book.contract(symbol)
        return None if contract is None else self._book.chains.last_print(contract, at)

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        return None if len(symbol) > TAIL else self._base.official(symbol, at)

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        """Behind a chain's quote lie a few steps with ten times its size each."""
        if len(symbol) <= TAIL:
            return self._base.book(symbol, at, side)
        quote = self.quote(symbol, at)
        if quote is None:
            return ()
        price, size = (quote.bid, quote.bid_size) if side == "bid" else (quote.ask, quote.ask_size)
        if price <= 0 or size <= 0:
            return ()
        if self._book.mark_at(symbol, at) is not None:
            return (Level(price, size),)
        from execbot.sim.chains.grid import step_at

        contract = self._book.contract(symbol)
        assert contract is not None
        levels = [Level(price, size)]
        for _ in range(BOOK_LEVELS):
            step = Decimal(step_at(contract.underlying, float(price * 100))).scaleb(-2)
            price += step if side == "ask" else -step
            if price <= 0:
                break
            levels.append(Level(price, size * 10))
        return levels

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        if len(symbol) <= TAIL:
            yield from self._base.ticks(symbol, after, until)
            return
        contract = self._book.contract(symbol)
        if contract is None:
            return
        for begin, end, price in self._book.pieces(symbol, after, until):
            if price is not None:
                mark = self._book.mark_at(symbol, end)
                if mark is not None and begin < mark[0] <= end:
                    yield _tick(symbol, mark)
            else:
                yield from self._chain_ticks(contract, begin, end)

    def _chain_ticks(self, contract: Contract, after: Ns, until: Ns) -> Iterator[Tick]:
        from execbot.sim.chains.search import tick_at, windows

        for begin, end in windows(self._book.chains, contract, after, until):
            for tick in self._base.ticks(contract.underlying, begin, end):
                found = tick_at(self._book.chains, contract, tick.at)
                if found is not None:
                    yield found

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        if len(symbol) <= TAIL:
            return self._base.next_tick(symbol, after, until)
        return next(self.ticks(symbol, after, until), None)

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        if len(symbol) <= TAIL:
            return self._base.first_crossing(symbol, after, until, condition)
        contract = self._book.contract(symbol)
        if contract is None:
            return None
        from execbot.sim.chains import search

        for begin, end, price in self._book.pieces(symbol, after, until):
            if price is None:
                found = search.first_crossing(self._book.chains, contract, begin, end, condition)
                if found is not None:
                    return found
                continue
            mark = self._book.mark_at(symbol, end)
            if mark is not None and begin < mark[0] <= end:
                tick = _tick(symbol, mark)
                if tick.meets(condition):
                    return tick
        return None

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        if len(symbol) <= TAIL:
            return self._base.peak(symbol, after, until, highest=highest)
        return None

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        if len(symbol) <= TAIL:
            yield from self._base.trades(symbol, start, end)
            return
        contract = self._book.contract(symbol)
        if contract is None:
            return
        for begin, stop, price in self._book.pieces(symbol, start - 1, end):
            if price is None:
                yield from self._book.chains.prints(contract, begin + 1, stop)
            else:
                yield from (tick.last for tick in self.ticks(symbol, begin, stop))

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        """Only those that differ from the one before."""
        if len(symbol) <= TAIL:
            yield from self._base.quotes(symbol, start, end)
            return
        before: Quote | None = None
        for tick in self.ticks(symbol, start - 1, end):
            quote = tick.quote
            if before is None or (quote.bid, quote.ask) != (before.bid, before.ask):
                yield quote
            before = quote

    def bar(self, symbol: str, start: Ns, end: Ns) -> Bar | None:
        """All prints of `[start, end)` of a contract as one bar; None when there was none."""
        trades = list(self.trades(symbol, start, end - 1))
        if not trades:
            return None
        prices = [trade.price for trade in trades]
        volume = sum((trade.size for trade in trades), Decimal(0))
        paid = sum((trade.price * trade.size for trade in trades), Decimal(0))
        return Bar(
            symbol,
            start,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            volume=volume,
            trade_count=len(trades),
            vwap=(paid / volume).quantize(Decimal("0.000001")),
        )

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        if len(symbol) <= TAIL:
            yield from self._base.bars(symbol, width, start, end)
            return
        trades: list[Trade] = []
        first = -(-start // width) * width
        for trade in self.trades(symbol, first, end + width - 1):
            if trades and trade.at // width != trades[0].at // width:
                yield from self._bar_of(trades, width, end)
                trades = []
            trades.append(trade)
        yield from self._bar_of(trades, width, end)

    def _bar_of(self, trades: list[Trade], width: Ns, end: Ns) -> Iterator[Bar]:
        if trades and (at := trades[0].at // width * width) <= end:
            found = self.bar(trades[0].symbol, at, at + width)
            if found is not None:
                yield found


def _tick(symbol: str, mark: Mark) -> Tick:
    at, price = mark
    assert price is not None
    quote = Quote(symbol, at, price, SIZE, price, SIZE)
    return Tick(at, quote, Trade(symbol, at, price, Decimal(1)))
