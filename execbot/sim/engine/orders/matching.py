"""Matches an order with the market: what it can take now, and when the market next reaches it.

Each account trades against the whole displayed market, as on paper: what one account takes is
gone for that account until the quote changes, and no other account notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import spreads
from execbot.sim.engine.order import Order, OrderClass, OrderType
from execbot.sim.engine.orders import prints, trailing
from execbot.sim.engine.render import NANO, ZERO, text
from execbot.sim.types import AssetClass, Crossing, Field, Level, Ns, Quote, Trade

Take = tuple[Decimal, Decimal]
"""Price and quantity of one execution."""


def acceptable(order: Order, price: Decimal) -> bool:
    limit = order.watched_limit
    if limit is None:
        return True
    return price <= limit if order.is_buy else price >= limit


def takes(core: ExchangeCore, account: Account, order: Order) -> list[Take]:
    """What the order would execute now, best level first. Books nothing."""
    if order.symbol in core.halted:
        return []
    side: Literal["bid", "ask"] = "ask" if order.is_buy else "bid"
    quote = core.prices.quote(order.symbol, core.now)
    if quote is None or not (quote.ask if order.is_buy else quote.bid) > 0:
        return []
    used = _used(account, order.symbol, side, quote)
    found: list[Take] = []
    left, money = _wanted(order)
    for level in _levels(core, order.symbol, side, quote):
        if not acceptable(order, level.price) or not _inside_band(core, order, level.price):
            break
        free = _offered(core, order, level) - used.get(level.price, ZERO)
        qty = min(free, _affordable(money, level.price)) if left is None else min(free, left)
        if qty <= 0:
            if free > 0:
                break
            continue
        found.append((level.price, qty))
        if left is not None:
            left -= qty
            if left <= 0:
                break
        else:
            money -= qty * level.price
    return found


def _levels(
    core: ExchangeCore, symbol: str, side: Literal["bid", "ask"], quote: Quote
) -> Iterator[Level]:
    """The book, best level first; what lies behind the quote is read only when it is wanted."""
    price, size = (quote.ask, quote.ask_size) if side == "ask" else (quote.bid, quote.bid_size)
    if size > 0:
        yield Level(price, size)
    yield from core.prices.book(symbol, core.now, side)[1 if size > 0 else 0 :]


def _wanted(order: Order) -> tuple[Decimal | None, Decimal]:
    """Shares still wanted, or None and the dollars still to be spent."""
    left: Decimal | None
    if order.qty is None:
        assert order.notional is not None
        money = order.notional - order.filled_value
        sized = sized_qty(order)
        left = None if sized is None else sized - order.filled_qty
    else:
        left, money = order.leaves, ZERO
    if order.fill_cap is not None and left is not None:
        left = min(left, order.fill_cap - order.filled_qty)
    return left, money


def sized_qty(order: Order) -> Decimal | None:
    """The coins a crypto market buy by notional asks for, fixed at its collar from the start:
    some 2 % of the money stay unspent. None for all other notional orders."""
    crypto_buy = order.asset_class is AssetClass.CRYPTO and order.is_buy
    if not crypto_buy or order.notional is None or order.collar is None:
        return None
    return (order.notional / order.collar).quantize(NANO, ROUND_DOWN)


def _affordable(money: Decimal, price: Decimal) -> Decimal:
    return (money / price).quantize(NANO, ROUND_DOWN)


def _offered(core: ExchangeCore, order: Order, level: Level) -> Decimal:
    share = core.config.participation
    if share is None:
        return level.size
    step = NANO if order.is_fractional or order.asset_class is AssetClass.CRYPTO else Decimal(1)
    return (level.size * share).quantize(step, ROUND_DOWN)


def _used(account: Account, symbol: str, side: str, quote: Quote) -> dict[Decimal, Decimal]:
    """What the account already took of the quote in force, by price."""
    entry = account.taken.get(f"{symbol} {side}")
    return entry[1] if entry is not None and entry[0] == quote.at else {}


def note_taken(
    core: ExchangeCore, account: Account, order: Order, price: Decimal, qty: Decimal
) -> None:
    quote = core.prices.quote(order.symbol, core.now)
    assert quote is not None
    place = f"{order.symbol} {'ask' if order.is_buy else 'bid'}"
    used = dict(_used(account, order.symbol, place.rsplit(" ", 1)[1], quote))
    used[price] = used.get(price, ZERO) + qty
    account.taken[place] = [quote.at, used]


def _inside_band(core: ExchangeCore, order: Order, price: Decimal) -> bool:
    """Limit-up / limit-down: nothing trades outside the bands."""
    band = core.bands.get(order.symbol)
    return band is None or band[0] <= price <= band[1]


STALE = "canceled due to reference price stale"


def protection(core: ExchangeCore, order: Order) -> str:
    """Why the venue cancels a crypto order that is about to trade; empty when it may.

    An order that only rests is left alone.
    """
    if order.asset_class is not AssetClass.CRYPTO:
        return ""
    quote = core.prices.quote(order.symbol, core.now)
    price = ZERO if quote is None else (quote.ask if order.is_buy else quote.bid)
    if not price or not acceptable(order, price):
        return ""
    if order.symbol in core.stale:
        return STALE
    band = core.bands.get(order.symbol)
    if band is None or band[0] <= price <= band[1]:
        return ""
    index = (band[0] + band[1]) / 2
    share = ((band[1] - index) / index * 100).quantize(Decimal("0.01"))
    return (
        f"canceled due to price band protection. Index price: {text(index)}, "
        f"Price band: {text(share)}%, Rejected price: {text(price)}"
    )


def auction_price(core: ExchangeCore, order: Order) -> Decimal | None:
    """The single price of an auction: the official one where it was recorded, else the last
    print, held inside the quote.
    """
    if order.symbol in core.halted:
        return None
    official = core.prices.official(order.symbol, core.now)
    if official is not None:
        return official if acceptable(order, official) else None
    quote = core.prices.quote(order.symbol, core.now)
    if quote is None or not (quote.bid > 0 and quote.ask > 0):
        return None
    price = core.price(order.symbol, core.now)
    price = min(max(price, quote.bid), quote.ask)
    return price if acceptable(order, price) else None


# --- when the market comes to a resting order ------------------------------------------------


_ANY_BID = Crossing(Field.BID, ">=", Decimal("0.01"))
"""What a contract that is sold at the market waits for: many have no bid at all."""


def condition_of(order: Order) -> Crossing | None:
    """What the order waits for; None when any change of the market will do, and for several
    contracts.
    """
    if order.order_class is OrderClass.MLEG:
        return None
    if order.waits_for_trigger:
        assert order.stop_price is not None
        return Crossing(Field.LAST, ">=" if order.is_buy else "<=", order.stop_price)
    limit = order.watched_limit
    if limit is None:
        return _ANY_BID if order.asset_class is AssetClass.US_OPTION and not order.is_buy else None
    if order.is_buy:
        return Crossing(Field.ASK, "<=", limit)
    return Crossing(Field.BID, ">=", limit)


def ready(core: ExchangeCore, order: Order, at: Ns) -> bool:
    """Whether what the order waits for is so at `at`."""
    if order.order_class is OrderClass.MLEG:
        return spreads.ready(core, order, at)
    condition = condition_of(order)
    quote = core.prices.quote(order.symbol, at)
    if condition is None:
        return quote is not None
    last = prints.last_print(core, order, at)
    if condition.is_met(quote, last):
        return True
    beyond = _print_condition(core, order)
    return beyond is not None and beyond.is_met(None, last)


def _print_condition(core: ExchangeCore, order: Order) -> Crossing | None:
    """With `trade_through`, a print beyond a resting limit counts as well."""
    if not core.config.trade_through or order.waits_for_trigger or order.watched_limit is None:
        return None
    limit = order.watched_limit
    step = Decimal("0.01") if limit >= 1 else Decimal("0.0001")
    if order.is_buy:
        return Crossing(Field.LAST, "<=", limit - step)
    return Crossing(Field.LAST, ">=", limit + step)


def traded_through(core: ExchangeCore, order: Order) -> Trade | None:
    beyond = _print_condition(core, order)
    last = prints.last_print(core, order, core.now)
    if beyond is None or last is None or last.at <= order.submitted_at:
        return None
    return last if beyond.is_met(None, last) else None


def next_touch(core: ExchangeCore, order: Order, after: Ns, until: Ns) -> Ns | None:
    """The first instant in `(after, until]` at which the order's turn has come.

    Only the order's own sessions are looked at; a session's first instant counts when the
    condition holds then. A trailing stop ratchets as far as it was searched.
    """
    window = core.window(order)
    while True:
        if core.hours.is_open(window, after):
            closing = core.hours.open_until(window, after)
            end = until if closing is None else min(until, closing - 1)
            found = _search(core, order, after, end) if end > after else None
            if found is not None or closing is None or closing > until:
                return found
            after = closing
        start = core.hours.opens_at(window, after)
        if start > until:
            return None
        trailing.follow_at(core, order, start)
        if ready(core, order, start):
            return start
        after = start


def _search(core: ExchangeCore, order: Order, after: Ns, until: Ns) -> Ns | None:
    if order.order_class is OrderClass.MLEG:
        return spreads.search(core, order, after, until)
    if order.type is OrderType.TRAILING_STOP and not order.triggered:
        return trailing.search(core, order, after, until)
    condition = condition_of(order)
    if condition is None:
        tick = core.prices.next_tick(order.symbol, after, until)
        return tick.at if tick is not None else None
    tick = prints.first_crossing(core, order, after, until, condition)
    beyond = _print_condition(core, order)
    if beyond is not None:
        until = until if tick is None else tick.at
        other = prints.first_crossing(core, order, after, until, beyond)
        if other is not None and (tick is None or other.at < tick.at):
            tick = other
    return tick.at if tick is not None else None


def total(found: Sequence[Take]) -> Decimal:
    return sum((qty for _, qty in found), ZERO)
