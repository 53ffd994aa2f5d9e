"""Contracts that a corporate action has made into others (E-OPT-7). Pure.

A split that makes whole contracts of each (4:1) divides the strike and multiplies the number, under
the same root. All else leaves number and strike, and puts a digit behind the root: such a contract
delivers another number of shares, and can only be closed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from execbot.model.numbers import ZERO, text
from execbot.model.symbols import OptionContract, option_contract

CENT = Decimal("0.01")
DIGITS = "0123456789"


class ContractChange(Struct, frozen=True):
    """Each contract of `old` became `count` of `new`."""

    old: str
    new: str
    count: Decimal

    @property
    def is_adjusted(self) -> bool:
        """It delivers a number of shares other than the one its strike is quoted for."""
        return self.count == 1

    def __str__(self) -> str:
        many = "" if self.count == 1 else f"{text(self.count)} times "
        return f"{self.old} became {many}{self.new}"


class Held(Struct, frozen=True):
    """A contract that differs: what the books have of it, and what the broker shows."""

    symbol: str
    ours: Decimal
    theirs: Decimal


def stock_of(root: str) -> str:
    """The stock behind a root: a corporate action puts a digit behind its name."""
    return root.rstrip(DIGITS) or root


def changed_contracts(differing: Iterable[Held]) -> tuple[ContractChange, ...]:
    """The changes that explain every difference of one root and its successors: some contracts are
    gone, and exactly their successors have come. Empty if a single contract is left over."""
    groups: defaultdict[str, dict[Held, OptionContract]] = defaultdict(dict)
    for item in differing:
        contract = option_contract(item.symbol)
        if contract is not None:
            groups[stock_of(contract.root)][item] = contract
    found: list[ContractChange] = []
    for items in groups.values():
        found += _divided(items) or _with_a_digit(items)
    return tuple(found)


def _divided(items: Mapping[Held, OptionContract]) -> list[ContractChange]:
    """The number multiplied and the strike divided by one whole ratio, for all of them."""
    came = {item.symbol: item.theirs for item in items if item.theirs}
    for count in _counts(items):
        changes = []
        expected: defaultdict[str, Decimal] = defaultdict(Decimal)
        for item, contract in items.items():
            if item.ours:
                strike = (contract.strike / count).quantize(CENT, ROUND_HALF_UP)
                new = _named(item.symbol, contract.root, strike)
                changes.append(ContractChange(item.symbol, new, count))
                expected[new] += item.ours * count
        if changes and expected == came:
            return changes
    return []


def _counts(items: Mapping[Held, OptionContract]) -> list[Decimal]:
    ratios = {
        new.theirs / old.ours for old in items if old.ours for new in items if not new.ours
    }  # fmt: skip
    return sorted(ratio for ratio in ratios if ratio > 1 and ratio == ratio.to_integral_value())


def _with_a_digit(items: Mapping[Held, OptionContract]) -> list[ContractChange]:
    """As many of the same strike under a root with another digit."""
    by_symbol = {item.symbol: item for item in items}
    new_roots = sorted({c.root for c in items.values() if c.root[-1] in DIGITS})
    changes: list[ContractChange] = []
    for root in sorted({c.root for item, c in items.items() if item.ours}):
        going = [item for item, c in items.items() if item.ours and c.root == root]
        for new_root in new_roots:
            pairs = [(i, by_symbol.get(_named(i.symbol, new_root))) for i in going]
            if new_root != root and all(_follows(old, new) for old, new in pairs):
                changes += [
                    ContractChange(old.symbol, new.symbol, Decimal(1))
                    for old, new in pairs
                    if new is not None
                ]
                break
    explained = {symbol for change in changes for symbol in (change.old, change.new)}
    return changes if explained == set(by_symbol) else []


def _follows(old: Held, new: Held | None) -> bool:
    return new is not None and not old.theirs and not new.ours and new.theirs == old.ours != ZERO


def _named(symbol: str, root: str, strike: Decimal | None = None) -> str:
    """The symbol under a root, at another strike where one is given."""
    tail = symbol[-15:]
    return root + (tail if strike is None else f"{tail[:7]}{int(strike * 1000):08d}")


def words_of(changes: Sequence[ContractChange]) -> Mapping[str, str]:
    """By each symbol that takes part why it differs."""
    found = {}
    for change in changes:
        words = f"pending event, by a corporate action {change}, the rows are not there yet"
        found[change.old] = f"{change.old}: {words}"
        found.setdefault(change.new, f"{change.new}: {words}")
    return found
