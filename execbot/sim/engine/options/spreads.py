"""How orders in several contracts meet the market: all legs in one instant, in their ratio.

The book of such orders is looked at every few seconds. A unit is bought at the asks of what it buys
and the bids of what it sells, each a part of the way to the middle (`mleg_improvement`): so a limit
at the middle may rest for long, and a fill may be better than its limit. What the quotes show of
the scarcest leg is filled, in whole units.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order
from execbot.sim.engine.orders.groups import live_legs
from execbot.sim.engine.render import CENT, ZERO
from execbot.sim.types import SECOND, Ns

EVERY: Ns = 10 * SECOND


def prices(core: ExchangeCore, parent: Order, at: Ns) -> list[tuple[Order, Decimal]] | None:
    """The price of each leg at a moment; None while a leg has none."""
    found = []
    for leg in live_legs(core, parent):
        quote = core.prices.quote(leg.symbol, at)
        if quote is None or quote.ask <= 0 or (not leg.is_buy and quote.bid <= 0):
            return None
        part = (quote.ask - quote.bid) / 2 * core.config.mleg_improvement
        if leg.is_buy:
            found.append((leg, (quote.ask - part).quantize(CENT, ROUND_CEILING)))
        else:
            found.append((leg, (quote.bid + part).quantize(CENT, ROUND_FLOOR)))
    return found or None


def net(found: list[tuple[Order, Decimal]]) -> Decimal:
    """What one unit costs: above zero it is paid."""
    return sum(
        ((1 if leg.is_buy else -1) * price * (leg.ratio_qty or 1) for leg, price in found), ZERO
    )


def ready(core: ExchangeCore, parent: Order, at: Ns) -> bool:
    found = prices(core, parent, at)
    if found is None or any(leg.symbol in core.halted for leg, _ in found):
        return False
    return parent.limit_price is None or net(found) <= parent.limit_price


def search(core: ExchangeCore, parent: Order, after: Ns, until: Ns) -> Ns | None:
    """The first look in `(after, until]` at which the parent could fill."""
    legs = live_legs(core, parent)
    marked = any(leg.symbol in core.options.marks for leg in legs)
    for at in range((after // EVERY + 1) * EVERY, until + 1, EVERY):
        if (marked or _may_be(core, parent, legs, at)) and ready(core, parent, at):
            return at
    return None


def _may_be(core: ExchangeCore, parent: Order, legs: list[Order], at: Ns) -> bool:
    """Whether the middle of the net price is within the limit: quick, and never wrongly False."""
    if parent.limit_price is None:
        return True
    found, spot = 0.0, None
    for leg in legs:
        contract = core.contract(leg.symbol)
        assert contract is not None
        spot = spot or core.options.chains.spot(contract.underlying, at)
        if spot is None:
            return False
        bid, ask = core.options.chains.cents(contract, spot[0], at)
        found += (1 if leg.is_buy else -1) * (bid + ask) / 2 * float(leg.ratio_qty or 1)
    return found <= float(parent.limit_price) * 100 + 1.0
