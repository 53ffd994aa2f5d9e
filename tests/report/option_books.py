"""Books of contracts from first principles: premiums times a hundred, strikes, fees by a table.

Nothing of execbot and nothing of its exchange is used here: a test gives the trades and ends that
its script means, and compares both with what these books say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal

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
class OptionBooks:
    """An account that begins with `cash`. `brought` is what each symbol brought in, signed."""

    cash: Decimal
    held: dict[str, int] = field(default_factory=dict)
    brought: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    fees: Decimal = Decimal(0)
    _traded: int = 0
    _sold: int = 0

    def trade(self, symbol: str, qty: int, price: str) -> None:
        """`qty` is signed: below zero is sold."""
        each = HUNDRED if is_contract(symbol) else 1
        self._move(symbol, qty, D(price) * each)
        if is_contract(symbol):
            self._traded += abs(qty)
            self._sold += max(-qty, 0)

    def deliver(self, symbol: str) -> None:
        """All contracts held become shares at their strike, whoever exercises them."""
        qty = self.held.pop(symbol)
        shares = qty * HUNDRED * (1 if is_call(symbol) else -1)
        self._move("AAPL", shares, strike_of(symbol))

    def vanish(self, symbol: str) -> None:
        """They expire worthless."""
        del self.held[symbol]

    def end_day(self) -> None:
        """What gathered is charged, each kind rounded up to cents."""
        for kind, rate in FEES.items():
            count = self._sold if kind == "TAF" else self._traded
            charged = (count * rate).quantize(CENT, ROUND_UP)
            self.fees += charged
            self.cash -= charged
        self._traded = self._sold = 0

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


def _intrinsic(symbol: str, price: Decimal) -> Decimal:
    gain = price - strike_of(symbol)
    return max(gain if is_call(symbol) else -gain, D(0))
