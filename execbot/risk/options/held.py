"""Contracts that are held, by underlying: how many, what they are worth, what they lose. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.model.account import Position
from execbot.model.numbers import ZERO
from execbot.model.options.structure import Holding, max_loss
from execbot.model.symbols import OPTION_MULTIPLIER, option_contract


class ContractsHeld(Struct, frozen=True):
    """Of one underlying, all together. `long` and `short` count contracts. Money is in USD, the
    multiplier counted: `cost` is what was paid (below 0: what came in), `market_value` what they
    are worth, None without a price. `max_loss` is the most that they can lose, at what they have
    cost; None where that has no end, or is not known."""

    underlying: str
    long: Decimal
    short: Decimal
    cost: Decimal | None
    market_value: Decimal | None
    max_loss: Decimal | None

    @property
    def count(self) -> Decimal:
        return self.long + self.short

    def to_dict(self) -> dict[str, Any]:
        return {
            "underlying": self.underlying,
            "long": self.long,
            "short": self.short,
            "cost": self.cost,
            "market_value": self.market_value,
            "max_loss": self.max_loss,
        }


def contracts_held(positions: Iterable[Position]) -> list[ContractsHeld]:
    """`positions` are all that is held: shares cover sold calls."""
    groups: defaultdict[str, list[Position]] = defaultdict(list)
    shares: dict[str, Decimal] = {}
    for position in positions:
        contract = option_contract(position.symbol)
        if contract is None:
            shares[position.symbol] = position.qty
        elif position.qty:
            groups[contract.root].append(position)
    return [_held(root, some, shares.get(root, ZERO)) for root, some in sorted(groups.items())]


def largest_loss_of(held: Iterable[ContractsHeld]) -> Decimal | None:
    """Of all of them together; None where one has no end, or is not known."""
    losses = [one.max_loss for one in held]
    known = [loss for loss in losses if loss is not None]
    return sum(known, ZERO) if len(known) == len(losses) else None


def _held(root: str, some: list[Position], shares: Decimal) -> ContractsHeld:
    cost = _sum(_dollars(p, p.avg_entry_price) for p in some)
    value = _sum(
        _signed(p.market_value, p.qty) if p.market_value is not None
        else _dollars(p, p.current_price)
        for p in some
    )  # fmt: skip
    held = [Holding(c, p.qty) for p in some if (c := option_contract(p.symbol)) is not None]
    return ContractsHeld(
        underlying=root,
        long=sum((p.qty for p in some if p.qty > 0), ZERO),
        short=sum((-p.qty for p in some if p.qty < 0), ZERO),
        cost=cost,
        market_value=value,
        max_loss=None if cost is None else max_loss(held, cost, shares),
    )


def _dollars(position: Position, price: Decimal | None) -> Decimal | None:
    return None if price is None else position.qty * price * OPTION_MULTIPLIER


def _signed(value: Decimal, qty: Decimal) -> Decimal:
    return abs(value) if qty > 0 else -abs(value)


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known, ZERO) if len(known) == len(found) else None
