"""Structures: several contracts as one position, and what such a position can lose. Pure.

The loss is that of the universal spread rule (docs of Alpaca, "Options level 3 trading"): the worst
sum of what all legs are worth by exercise over the strikes, less what was paid. Where legs expire
on different days each of those days is looked at with the legs that are still alive; a contract
that is alive is worth at least what its exercise brings, so a later long leg covers a short one,
and never the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import gcd

from msgspec import Struct

from execbot.model.numbers import ZERO
from execbot.model.options.legs import Leg
from execbot.model.symbols import OPTION_MULTIPLIER, OptionContract, option_contract

LEGS_MIN, LEGS_MAX = 2, 4
"""Alpaca's multi-leg orders."""


class Holding(Struct, frozen=True):
    """Contracts of one kind, signed."""

    contract: OptionContract
    qty: Decimal


def why_no_structure(legs: Sequence[Leg]) -> str:
    """Why Alpaca takes no such multi-leg order, for people; empty where it would."""
    if not LEGS_MIN <= len(legs) <= LEGS_MAX:
        return f"a spread has {LEGS_MIN} to {LEGS_MAX} legs, this one {len(legs)}"
    symbols = [leg.symbol for leg in legs]
    if len(set(symbols)) < len(symbols):
        return "a contract stands in two legs"
    for leg in legs:
        if option_contract(leg.symbol) is None:
            return f"{leg.symbol} is no option contract: legs in shares are not possible"
        if leg.ratio < 1:
            return f"the ratio of {leg.symbol} was {leg.ratio}"
    roots = sorted({leg.contract.root for leg in legs})
    if len(roots) > 1:
        return f"the legs are of several underlyings: {', '.join(roots)}"
    if gcd(*(leg.ratio for leg in legs)) != 1:
        return "the ratios have a common divisor: divide them by it, and multiply --qty"
    return "" if _covers_itself(legs) else UNCOVERED


UNCOVERED = (
    "a leg that is sold to open has no bought one of its kind, alive as long, in the same order: "
    "Alpaca takes no uncovered legs, and no roll of a lone short one"
)


def _covers_itself(legs: Sequence[Leg]) -> bool:
    """Each sold leg has a bought one of its kind that lives at least as long."""
    opening = [leg for leg in legs if leg.opens]
    for is_call in (True, False):
        same = [leg for leg in opening if leg.contract.is_call is is_call]
        for day in {leg.contract.expires for leg in same}:
            if sum(leg.signed for leg in same if leg.contract.expires >= day) < 0:
                return False
    return True


def worst_value(holdings: Iterable[Holding], shares: Decimal = ZERO) -> Decimal | None:
    """The least that exercise would make of them, in USD (negative: has to be paid); None where
    calls are sold that nothing covers. `shares` count as cover alone, not as value."""
    held = [item for item in holdings if item.qty]
    if not held:
        return ZERO
    covered = _with_covered_calls_taken_out(held, shares)
    worst = None
    for day in sorted({item.contract.expires for item in covered}):
        alive = [item for item in covered if item.contract.expires >= day]
        if sum((i.qty for i in alive if i.contract.is_call), ZERO) < 0:
            return None
        least = min(_worth(alive, price) for price in _corners(alive))
        worst = least if worst is None else min(worst, least)
    return ZERO if worst is None else worst * OPTION_MULTIPLIER


def max_loss(holdings: Iterable[Holding], paid: Decimal, shares: Decimal = ZERO) -> Decimal | None:
    """The largest possible loss, in USD, at least 0; None if it is unbounded. `paid` is in USD,
    negative where the structure brought money in."""
    worst = worst_value(holdings, shares)
    return None if worst is None else max(paid - worst, ZERO)


def collateral(holdings: Iterable[Holding], shares: Decimal = ZERO) -> Decimal | None:
    """The margin of the universal spread rule, in USD; None where calls are uncovered."""
    worst = worst_value(holdings, shares)
    return None if worst is None else max(-worst, ZERO)


def holdings_of(legs: Iterable[Leg], units: Decimal = Decimal(1)) -> list[Holding]:
    """The holdings that an order of these legs opens in an empty account."""
    return [Holding(leg.contract, leg.signed * units) for leg in legs]


def _corners(held: Iterable[Holding]) -> list[Decimal]:
    """A sum of such pay-offs has its least value at a strike, or at a price of nothing; beyond the
    highest strike it can only fall where calls are uncovered."""
    return [ZERO, *(item.contract.strike for item in held)]


def _worth(held: Iterable[Holding], price: Decimal) -> Decimal:
    return sum((item.qty * _intrinsic(item.contract, price) for item in held), ZERO)


def _intrinsic(contract: OptionContract, price: Decimal) -> Decimal:
    gain = price - contract.strike if contract.is_call else contract.strike - price
    return max(gain, ZERO)


def _with_covered_calls_taken_out(held: list[Holding], shares: Decimal) -> list[Holding]:
    """Calls sold against shares that are held lose nothing by themselves: the shares are given
    away at the strike. The lowest strikes are covered first, the costliest ones."""
    free = (max(shares, ZERO) / OPTION_MULTIPLIER).to_integral_value(rounding="ROUND_FLOOR")
    left = []
    for item in sorted(held, key=lambda i: i.contract.strike):
        if item.contract.is_call and item.qty < 0 and free > 0:
            taken = min(free, -item.qty)
            free -= taken
            if item.qty + taken:
                left.append(Holding(item.contract, item.qty + taken))
        else:
            left.append(item)
    return left
