"""Contracts of the exchange's chains, chosen as a trader would."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execbot.model.enums import Side
from execbot.model.options.contract import Contract, ContractQuery
from execbot.model.options.legs import Leg
from support.desk import Desk

D = Decimal


def chain(desk: Desk, *, is_call: bool = True, days: int = 14, until: int = 50) -> list[Contract]:
    """Contracts of AAPL of the first expiry at least `days` ahead, by strike."""
    day = desk.now().date()
    found = desk.client.get_contracts(
        ContractQuery("AAPL", day + timedelta(days), day + timedelta(until), is_call=is_call)
    )
    first = min(one.expires for one in found)
    return [one for one in found if one.expires == first]


def near(desk: Desk, *, is_call: bool = True, steps: int = 0, days: int = 14) -> Contract:
    """The contract next to the stock's price, or `steps` strikes above it."""
    trade = desk.client.latest_trade("AAPL")
    assert trade is not None
    found = chain(desk, is_call=is_call, days=days)
    middle = min(range(len(found)), key=lambda i: abs(found[i].strike - trade.price))
    return found[middle + steps]


def vertical(desk: Desk, *, opens: bool = True, days: int = 14) -> tuple[Leg, Leg]:
    """Buy a call near the money, sell the next higher one; or close that."""
    low, high = near(desk, days=days), near(desk, steps=1, days=days)
    first, second = (Side.BUY, Side.SELL) if opens else (Side.SELL, Side.BUY)
    return Leg(low.symbol, first, 1, opens), Leg(high.symbol, second, 1, opens)


def asked(desk: Desk, symbol: str) -> Decimal:
    quote = desk.client.latest_quote(symbol)
    assert quote is not None
    return quote.ask


def natural(desk: Desk, legs: tuple[Leg, ...]) -> Decimal:
    """What one unit costs at once: bought at the ask, sold at the bid."""
    quotes = desk.client.latest_quotes([leg.symbol for leg in legs])
    sides = ((leg, quotes[leg.symbol]) for leg in legs)
    return sum((leg.signed * (q.ask if leg.side is Side.BUY else q.bid) for leg, q in sides), D(0))
