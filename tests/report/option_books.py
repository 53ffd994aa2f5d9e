"""Books of contracts from first principles: premiums times a hundred, strikes, fees by a table.

Nothing of execbot and nothing of its exchange is used here: a test gives the trades and ends that
its script means, and compares both with what these books say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from fractions import Fraction

D = Decimal
CENT = D("0.01")
HUNDRED = 100

FEES: Mapping[str, Decimal] = {
    "ORF": D("0.02685"),
    "OCC": D("0.02"),
    "TAF": D("0.00329"),
    "CAT": D("0.0046"),
}
"""Of one contract; TAF of sales alone."""


def strike_of(symbol: str) -> Decimal:
    return D(symbol[-8:]) / 1000


def is_call(symbol: str) -> bool:
    return symbol[-9] == "C"


def is_contract(symbol: str) -> bool:
    return len(symbol) > 15


@dataclass
class Day:
    """What one day came to. `bought` and `sold` are what was traded for, in dollars."""

    realized: Fraction = Fraction(0)
    charged: Decimal = Decimal(0)
    bought: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    premiums: list[tuple[str, int, Decimal]] = field(default_factory=list)
    """Contracts that were traded: symbol, signed quantity, price."""
    goes_both_ways: bool = False
    """Shares came and went at strikes: in which order no row says, and average cost goes by it."""


@dataclass
class OptionBooks:
    """An account that begins with `cash`. `brought` is what each symbol brought in, signed; `days`
    are those that are over."""

    cash: Decimal
    held: dict[str, int] = field(default_factory=dict)
    brought: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    fees: Decimal = Decimal(0)
    days: list[Day] = field(default_factory=list)
    today: Day = field(default_factory=Day)
    _cost: defaultdict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    _open: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Quantities as average cost goes by: what is delivered comes behind the trades of its day, for
    its row has a day and no time."""
    _delivered: list[tuple[str, int, Fraction]] = field(default_factory=list)
    _traded: int = 0
    _sold: int = 0

    def trade(self, symbol: str, qty: int, price: str) -> None:
        """`qty` is signed: below zero is sold."""
        each = HUNDRED if is_contract(symbol) else 1
        self._move(symbol, qty, D(price) * each)
        self._fold(symbol, qty, Fraction(D(price) * each))
        self._pay(qty * D(price) * each)
        if is_contract(symbol):
            self.today.premiums.append((symbol, qty, D(price)))
            self._traded += abs(qty)
            self._sold += max(-qty, 0)

    def deliver(self, symbol: str) -> None:
        """All contracts held become shares at their strike, whoever exercises them."""
        qty = self.held.pop(symbol)
        self._end(symbol)
        shares = qty * HUNDRED * (1 if is_call(symbol) else -1)
        self._move("AAPL", shares, strike_of(symbol))
        self._pay(shares * strike_of(symbol))
        self._delivered.append(("AAPL", shares, Fraction(strike_of(symbol))))

    def vanish(self, symbol: str) -> None:
        """They expire worthless."""
        del self.held[symbol]
        self._end(symbol)

    def end_day(self) -> None:
        """What gathered is charged, each kind rounded up to cents."""
        for kind, rate in FEES.items():
            count = self._sold if kind == "TAF" else self._traded
            charged = (count * rate).quantize(CENT, ROUND_UP)
            self.fees += charged
            self.cash -= charged
            self.today.charged += charged
        self._traded = self._sold = 0
        self.today.goes_both_ways = len({qty > 0 for _, qty, _ in self._delivered}) > 1
        for symbol, qty, price in self._delivered:
            self._fold(symbol, qty, price)
        self._delivered.clear()
        self.days.append(self.today)
        self.today = Day()

    def collateral(self) -> Decimal:
        """The worst that exercise of all contracts could cost, by expiry, the largest of them;
        calls that are sold against shares cost nothing."""
        contracts = {s: q for s, q in self.held.items() if is_contract(s)}
        lots = max(self.held.get("AAPL", 0), 0) // HUNDRED
        for symbol in sorted((s for s in contracts if is_call(s)), key=strike_of):
            covered = min(lots, max(-contracts[symbol], 0))
            contracts[symbol] += covered
            lots -= covered
        worst = D(0)
        for day in {symbol[-15:-9] for symbol in contracts}:
            alive = {s: q for s, q in contracts.items() if s[-15:-9] >= day}
            for price in (D(0), *map(strike_of, alive)):
                worst = min(worst, sum((q * _intrinsic(s, price) for s, q in alive.items()), D(0)))
        return -worst * HUNDRED

    def _move(self, symbol: str, qty: int, price: Decimal) -> None:
        self.held[symbol] = self.held.get(symbol, 0) + qty
        if not self.held[symbol]:
            del self.held[symbol]
        self.cash -= qty * price
        self.brought[symbol] -= qty * price

    def _pay(self, amount: Decimal) -> None:
        """Above zero was paid; what is delivered is paid for at its strike."""
        self.today.bought += max(amount, D(0))
        self.today.sold += max(-amount, D(0))

    def _fold(self, symbol: str, qty: int, price: Fraction) -> None:
        """Average cost: what goes towards zero is realised, the rest opens."""
        held = self._open[symbol]
        closing = min(abs(qty), abs(held)) * (1 if qty > 0 else -1) if held * qty < 0 else 0
        if closing:
            share = self._cost[symbol] * -closing / held
            self.today.realized += -closing * price - share
            self._cost[symbol] -= share
        self._cost[symbol] += (qty - closing) * price
        self._open[symbol] += qty

    def _end(self, symbol: str) -> None:
        """It goes without a price: what it has cost, or brought, is realised whole."""
        self.today.realized -= self._cost.pop(symbol, Fraction(0))
        del self._open[symbol]


def _intrinsic(symbol: str, price: Decimal) -> Decimal:
    gain = price - strike_of(symbol)
    return max(gain if is_call(symbol) else -gain, D(0))
