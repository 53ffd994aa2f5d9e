"""The facts for a decision about contracts, besides the account's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct, field

from execbot.model.account import Position
from execbot.model.enums import Side
from execbot.model.numbers import ZERO
from execbot.model.options.contract import Contract
from execbot.model.options.legs import Leg
from execbot.model.options.structure import Holding
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Quote
from execbot.model.symbols import is_option, option_contract


class OptionFacts(Struct, frozen=True):
    """By contract symbol what the broker lists and quotes; what is absent could not be read."""

    contracts: Mapping[str, Contract] = field(default_factory=dict)
    quotes: Mapping[str, Quote] = field(default_factory=dict)


NO_OPTIONS = OptionFacts()


def is_of_options(request: OrderRequest) -> bool:
    return bool(request.spread) or is_option(request.symbol)


def legs_of(request: OrderRequest, *, opens: bool) -> tuple[Leg, ...]:
    """The legs of an order; one contract alone is a structure of one leg."""
    if request.spread:
        return request.spread
    return (Leg(request.symbol, request.side, 1, opens),)


def underlying(symbol: str) -> str:
    """The root of a contract; other symbols as they are."""
    found = option_contract(symbol)
    return symbol if found is None else found.root


def holdings_in(root: str, positions: Iterable[Position]) -> list[Holding]:
    """The contracts that are held of one underlying."""
    found = ((option_contract(p.symbol), p.qty) for p in positions)
    return [Holding(c, qty) for c, qty in found if c is not None and c.root == root and qty]


def natural_price(legs: Iterable[Leg], quotes: Mapping[str, Quote]) -> Decimal | None:
    """The price of one unit now: bought at the ask, sold at the bid; negative if it brings money
    in. None if a needed side has no quote."""
    total = ZERO
    for leg in legs:
        quote = quotes.get(leg.symbol)
        side = None if quote is None else (quote.ask if leg.side is Side.BUY else quote.bid)
        if side is None or (side <= 0 and leg.side is Side.BUY):
            return None
        total += leg.signed * side
    return total


def middle_price(legs: Iterable[Leg], quotes: Mapping[str, Quote]) -> Decimal | None:
    """The net of the middles of one unit; None where a contract has no two-sided quote."""
    total = ZERO
    for leg in legs:
        quote = quotes.get(leg.symbol)
        middle = None if quote is None else quote.mid
        if middle is None:
            return None
        total += leg.signed * middle
    return total


def legs_in_order(order: Order) -> tuple[Leg, ...]:
    """The legs of a multi-leg order as the broker shows it."""
    units = order.qty or Decimal(1)
    return tuple(
        Leg(
            leg.symbol,
            leg.side,
            max(int((leg.qty or units) / units), 1),
            not (leg.position_intent or "").endswith("_to_close"),
        )
        for leg in order.legs
    )
