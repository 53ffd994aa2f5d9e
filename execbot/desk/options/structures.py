"""Contracts that are held of one underlying, as one structure: what closes it as one order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from math import gcd
from typing import Any

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.errors import DeskError
from execbot.model.account import Position
from execbot.model.amounts import money_words
from execbot.model.enums import Side
from execbot.model.numbers import ZERO
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.options.structure import LEGS_MAX, Holding, max_loss
from execbot.model.order import OrderRequest
from execbot.model.symbols import OPTION_MULTIPLIER, is_option, option_contract
from execbot.oms.send.orders import held_and_listed
from execbot.oms.sync.options.pending_events import pending_events


class NoStructure(DeskError):
    kind = "option.no_structure"
    hint = "A structure is two to four contracts of one underlying that are held."
    next_step = "See what is held: execbot option held"


class TurnedPrice(DeskError):
    kind = "option.turned_price"
    hint = "What is said the wrong way round either pays for what brings money in, or never fills."
    next_step = "See what it is worth: execbot option held; at any price: --market"


WORTH_MIN = Decimal("0.25")
"""Of what is worth less a close may cost or bring money."""


class Structure(Struct, frozen=True):
    """What is held of one underlying's contracts. `units` are whole structures, by the greatest
    common divisor of the quantities. Money in USD, `net` is the price of one unit a share."""

    underlying: str
    positions: Sequence[Position]
    shares: Decimal = ZERO

    @property
    def units(self) -> int:
        return gcd(*(int(abs(p.qty)) for p in self.positions))

    @property
    def paid(self) -> Decimal | None:
        """What one unit cost a share; negative where it brought money in."""
        return self._net("avg_entry_price")

    @property
    def worth(self) -> Decimal | None:
        """What one unit is worth a share at the broker's prices."""
        return self._net("current_price")

    @property
    def profit(self) -> Decimal | None:
        if self.paid is None or self.worth is None:
            return None
        return (self.worth - self.paid) * self.units * OPTION_MULTIPLIER

    @property
    def at_risk(self) -> Decimal | None:
        """The most it could lose when it was opened; None: without end, or not known."""
        if self.paid is None:
            return None
        held = [(option_contract(p.symbol), p.qty) for p in self.positions]
        paid = self.paid * self.units * OPTION_MULTIPLIER
        return max_loss((Holding(c, q) for c, q in held if c is not None), paid, self.shares)

    def _net(self, name: str) -> Decimal | None:
        total = ZERO
        for position in self.positions:
            price = getattr(position, name)
            if price is None:
                return None
            total += position.qty * price
        return total / self.units

    def to_dict(self) -> dict[str, Any]:
        return {
            "underlying": self.underlying,
            "units": Decimal(self.units),
            "legs": [
                {
                    "symbol": p.symbol,
                    "qty": p.qty,
                    "avg_entry_price": p.avg_entry_price,
                    "current_price": p.current_price,
                }
                for p in self.positions
            ],
            "net_entry_price": self.paid,
            "net_price": self.worth,
            "unrealized_pl": self.profit,
            "max_loss": self.at_risk,
        }


def held(desk: Desk) -> list[Structure]:
    """Every underlying of which contracts are held. What has ended and only waits for its row is
    not: of such symbols the broker's list tells. Where the list differs otherwise, the fills since
    the last look are read first: the broker, or a person, may have closed a leg."""
    groups: dict[str, list[Position]] = {}
    shares: dict[str, Decimal] = {}
    found = _believed(desk)
    if found is None:
        with suppress(BrokerError):
            desk.oms.gap_fill()
        found = _believed(desk, as_it_is=True) or []
    for position in found:
        contract = option_contract(position.symbol)
        if contract is None:
            shares[position.symbol] = position.qty
        elif position.qty:
            groups.setdefault(contract.root, []).append(position)
    return [
        Structure(root, sorted(found, key=lambda p: p.symbol), shares.get(root, ZERO))
        for root, found in sorted(groups.items())
    ]


def _believed(desk: Desk, *, as_it_is: bool = False) -> list[Position] | None:
    """What is held by books and list; None where they differ in a contract and no row to come
    explains it, unless it is wanted `as_it_is`."""
    found, listed = held_and_listed(desk.oms)
    if listed is None:
        return list(found)
    pending = pending_events(desk.journal, listed, desk.now())
    there = {position.symbol: position for position in listed}
    believed = []
    for position in found:
        shown = there.get(position.symbol)
        if position.symbol in pending:
            believed += [shown] if shown is not None else []
            continue
        differs = position.qty != (ZERO if shown is None else shown.qty)
        if differs and is_option(position.symbol) and not as_it_is:
            return None
        believed.append(position)
    return believed


def structure_of(desk: Desk, names: Sequence[str]) -> Structure:
    """What is held of an underlying, or just the contracts that are named. Raises NoStructure."""
    everything = held(desk)
    if len(names) == 1 and option_contract(names[0]) is None:
        found = next((one for one in everything if one.underlying == names[0]), None)
        if found is None:
            raise NoStructure(f"no contracts of {names[0]} are held")
        return found
    positions = {p.symbol: p for one in everything for p in one.positions}
    missing = [name for name in names if name not in positions]
    if missing:
        raise NoStructure(f"{', '.join(missing)}: not held")
    contracts = [option_contract(name) for name in names]
    roots = {contract.root for contract in contracts if contract is not None}
    if len(roots) != 1:
        raise NoStructure("the contracts are of several underlyings")
    [root] = roots
    shares = next(one.shares for one in everything if one.underlying == root)
    return Structure(root, [positions[name] for name in dict.fromkeys(names)], shares)


def closing_legs(structure: Structure) -> tuple[Leg, ...]:
    """Raises NoStructure where no one order can close it."""
    count = len(structure.positions)
    if count < 2:
        symbol = structure.positions[0].symbol
        error = NoStructure(f"only {symbol} is held of {structure.underlying}: no structure")
        error.next_step = f"execbot close {symbol}"
        raise error
    if count > LEGS_MAX:
        error = NoStructure(
            f"{count} contracts of {structure.underlying} are held, an order takes {LEGS_MAX}"
        )
        error.next_step = "Name those that belong together: execbot option close SYMBOL SYMBOL"
        raise error
    units = structure.units
    return tuple(
        Leg(p.symbol, Side.SELL if p.qty > 0 else Side.BUY, int(abs(p.qty)) // units, opens=False)
        for p in structure.positions
    )


def closing_request(
    structure: Structure, net: Decimal | None, qty: int | None = None, **more: Any
) -> OrderRequest:
    """`net` is signed as in any order of legs: what closing costs. Raises NoStructure, and
    TurnedPrice where it pays for what brings money in, or the other way round."""
    legs, units = closing_legs(structure), structure.units
    worth = structure.worth
    if net is not None and worth is not None and abs(worth) >= WORTH_MIN and net * worth > 0:
        does, other = ("brings", "credit") if worth > 0 else ("costs", "debit")
        words = f"closing {structure.underlying}'s structure {does} about {money_words(abs(worth))}"
        raise TurnedPrice(f"{words}: was --{other} meant?")
    if qty is not None and not 0 < qty <= units:
        raise NoStructure(
            f"you hold {units} of {structure.underlying}'s structure; {qty} is "
            f"{'too many' if qty > 0 else 'too few'}"
        )
    return spread_request(legs, Decimal(qty or units), net, **more)
