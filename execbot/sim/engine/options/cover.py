"""Whether short contracts are covered, and the collateral that stands against them. Pure.

A short call is covered by a long call that expires with it or later, or by the shares it
delivers. A short put by such a long put, or by cash. Alpaca's universal spread rule says how much
cash: the worst loss of all contracts of an underlying together by what exercising is worth,
premiums left out, at each expiration by itself with what has not expired by then; the largest
counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from execbot.sim.chains.contract import MULTIPLIER, ROOTS, TAIL, Contract, Roots

ZERO = Decimal(0)
NAKED_SHARE = Decimal("0.2")
"""Of the strike, for a short call that nothing covers: only the control plane can make one."""

Holding = Mapping[Contract, Decimal]
"""Contracts and their signed numbers."""


def contracts_of(
    quantities: Iterable[tuple[str, Decimal]], roots: Roots = ROOTS
) -> dict[str, dict[Contract, Decimal]]:
    """The contracts among symbols and quantities, by underlying."""
    found: dict[str, dict[Contract, Decimal]] = {}
    for symbol, qty in quantities:
        contract = Contract.parse(symbol, roots) if len(symbol) > TAIL else None
        if contract is not None and qty:
            mine = found.setdefault(contract.underlying, {})
            mine[contract] = mine.get(contract, ZERO) + qty
    return found


def together(*holdings: Holding) -> dict[Contract, Decimal]:
    found: dict[Contract, Decimal] = {}
    for holding in holdings:
        for contract, qty in holding.items():
            found[contract] = found.get(contract, ZERO) + qty
    return {contract: qty for contract, qty in found.items() if qty}


def open_at(holding: Holding, day: str, is_call: bool) -> Decimal:
    """The net number of calls (puts) that have not expired before a date."""
    return sum((q for c, q in holding.items() if c.is_call is is_call and c.expires >= day), ZERO)


def uncovered(holding: Holding, is_call: bool, orders: Iterable[Holding] = ()) -> Decimal:
    """How many short calls (puts) no long one covers, in the worst case of `orders`: each of them
    may be carried out, whole, or not.
    """
    others = list(orders)
    days = {c.expires for each in (holding, *others) for c in each if c.is_call is is_call}
    worst = ZERO
    for day in days:
        net = open_at(holding, day, is_call)
        net += sum((min(ZERO, open_at(order, day, is_call)) for order in others), ZERO)
        worst = max(worst, -net)
    return worst


def margin(holding: Holding, covered_calls: Decimal = ZERO) -> Decimal:
    """Dollars of collateral. `covered_calls` short calls have shares behind them."""
    rest = dict(holding)
    naked = _without_covered(rest, covered_calls)
    worst = sum((count * c.strike * NAKED_SHARE for c, count in naked), ZERO) * MULTIPLIER
    found = ZERO
    for day in {contract.expires for contract in rest}:
        alive = {c: q for c, q in rest.items() if c.expires >= day}
        prices = {ZERO, *(c.strike * MULTIPLIER / c.shares for c in alive)}
        losses = (-_worth(alive, price) for price in prices)
        found = max(found, *losses)
    return found * MULTIPLIER + worst


def _worth(holding: Holding, price: Decimal) -> Decimal:
    return sum((qty * contract.intrinsic(price) for contract, qty in holding.items()), ZERO)


def _without_covered(
    rest: dict[Contract, Decimal], covered: Decimal
) -> list[tuple[Contract, Decimal]]:
    """Takes the calls out that no long call covers; those beyond `covered` are returned."""
    naked: list[tuple[Contract, Decimal]] = []
    for day in sorted({c.expires for c in rest if c.is_call}, reverse=True):
        short = -open_at(rest, day, True)
        mine = sorted(
            (c for c, q in rest.items() if c.is_call and c.expires == day and q < 0),
            key=lambda contract: contract.strike,
        )
        for contract in mine:
            count = min(short, -rest[contract])
            if count <= 0:
                break
            rest[contract] += count
            short -= count
            with_shares = min(covered, count)
            covered -= with_shares
            if count > with_shares:
                naked.append((contract, count - with_shares))
    return naked


def is_covered_inside(legs: Holding) -> bool:
    """Whether an order's own long legs cover its short ones."""
    return not uncovered(legs, True) and not uncovered(legs, False)


def more_margin(
    bases: Iterable[Holding], order: Holding, shares_for: Callable[[Holding], Decimal]
) -> Decimal:
    """By how much an order may raise the collateral, whichever of `bases` it meets."""
    changes = []
    for base in bases:
        after = together(base, order)
        changes.append(margin(after, shares_for(after)) - margin(base, shares_for(base)))
    return max(changes)
