"""Cost, largest loss and collateral of an order of contracts, in USD. Pure.

Figures for one order: `premium` is what is paid for it (negative: received); `at_risk` is the most
it can lose; `loss` is that of what it opens, by its own price: the legs of a roll that close pay
for most of it, and what they bring in is at risk again; `tied_up` is what Alpaca takes off
`options_buying_power`: premium for what is bought, strike less premium for a put that is sold,
nothing for a covered call, margin and net price for a spread (docs of Alpaca, "Options trading",
"Options level 3 trading").
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from execbot.model.enums import OrderType, Side
from execbot.model.numbers import ZERO
from execbot.model.options.legs import Leg
from execbot.model.options.structure import collateral, holdings_of, max_loss
from execbot.model.order import OrderRequest
from execbot.model.symbols import OPTION_MULTIPLIER
from execbot.risk.options.facts import OptionFacts, legs_of, natural_price


class Worth(Struct, frozen=True):
    """In USD. All but `premium` are None where calls are sold that nothing covers."""

    premium: Decimal
    at_risk: Decimal | None
    tied_up: Decimal | None
    loss: Decimal | None


def net_price(request: OrderRequest, options: OptionFacts, *, opens: bool) -> Decimal | None:
    """The most that one unit should cost: the limit, else the market's price."""
    if request.limit_price is not None:
        limit = request.limit_price
        return limit if request.spread or request.side is Side.BUY else -limit
    if request.type is OrderType.STOP and request.stop_price is not None:
        return request.stop_price * request.side.sign
    return natural_price(legs_of(request, opens=opens), options.quotes)


def worth(
    request: OrderRequest, options: OptionFacts, shares: Decimal, *, opens: bool
) -> Worth | None:
    """None where it has no price. `shares` of the underlying are free to cover calls."""
    net = net_price(request, options, opens=opens)
    if net is None or request.qty is None:
        return None
    freed = freed_by(request, options)
    return worth_of(legs_of(request, opens=opens), request.qty, net, shares, freed)


def freed_by(request: OrderRequest, options: OptionFacts) -> Decimal:
    """The net price of one unit of the legs of a roll that close, below 0 where they bring money
    in; 0 where none close, and where they have no price: the check of quotes refuses that."""
    closing = tuple(leg for leg in request.spread if not leg.opens)
    return (natural_price(closing, options.quotes) or ZERO) if closing else ZERO


def worth_of(
    legs: tuple[Leg, ...],
    units: Decimal,
    net: Decimal,
    shares: Decimal = ZERO,
    freed: Decimal = ZERO,
) -> Worth:
    """Legs that close count for nothing but their price: what they leave behind is judged by
    coverage. Shares cover a call that is sold alone; in a spread every short is covered inside."""
    opening = tuple(leg for leg in legs if leg.opens)
    held = holdings_of(opening, units)
    cover = shares if len(legs) == 1 else ZERO
    premium = net * units * OPTION_MULTIPLIER
    margin = collateral(held, cover)
    if not opening:
        return Worth(premium, ZERO, max(premium, ZERO), ZERO)
    if margin is None:
        return Worth(premium, None, None, None)
    own = (net - freed) * units * OPTION_MULTIPLIER
    loss = max_loss(held, own, cover)
    return Worth(premium, max_loss(held, premium, cover), max(margin + premium, ZERO), loss)
