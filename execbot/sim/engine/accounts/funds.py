"""Money and shares that are free: buying power, margin, and what open orders reserve.

Buying power since June 2026, as far as it shows from outside: equity times the multiplier, less
what positions and open opening orders use of it. A position uses its market value when its
maintenance margin is the usual 30 % or less, more in proportion when it is higher, and multiplier
times its value when it cannot be bought on margin (crypto).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import collateral
from execbot.sim.engine.order import Order, Role, Side, Status
from execbot.sim.engine.render import ZERO
from execbot.sim.types import Asset, AssetClass

MARGIN_EQUITY_MIN = Decimal(2000)  # below it an account trades with its cash only
INITIAL_MARGIN = Decimal("0.5")
USUAL_MAINTENANCE = Decimal(30)
DAY_TRADE_EQUITY_MIN = Decimal(25_000)
DAY_TRADES_ALLOWED = 3
SHORT_PRICE_STEP = Decimal(5)


@dataclass(frozen=True, slots=True)
class Money:
    """The account's figures at one moment; `short_value` is negative."""

    equity: Decimal
    long_value: Decimal
    short_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    multiplier: int
    buying_power: Decimal
    regt_buying_power: Decimal
    non_marginable: Decimal


def money(core: ExchangeCore, account: Account, leave_out: Order | None = None) -> Money:
    """All figures, with the reservations of open orders (except `leave_out`) taken off."""
    long_value = short_value = initial = maintenance = sold = ZERO
    used: list[tuple[Decimal, Asset | None]] = []
    for position in account.positions.values():
        if not position.qty:
            continue
        asset = core.assets.get(position.symbol)
        assert asset is not None
        price = core.price(position.symbol, core.now)
        value = position.qty * price * asset.multiplier
        if value > 0:
            long_value += value
        else:
            short_value += value
        if value < 0 and asset.asset_class is AssetClass.US_OPTION:
            sold += value
            continue
        initial += abs(value) * (INITIAL_MARGIN if asset.marginable else 1)
        maintenance += maintenance_of(asset, position.qty, price)
        used.append((abs(value), asset))
    equity = account.cash + long_value + short_value
    locked = collateral.required(account)
    initial, maintenance = initial + locked, maintenance + locked
    used.append((locked, None))
    multiplier = margin_multiplier(core, account, equity)
    cash_use = ZERO if leave_out is None else -leave_out.reserved
    for symbol, amount in account.reserved.items():
        asset = core.assets.get(symbol)
        own = leave_out.reserved if leave_out is not None and leave_out.symbol == symbol else ZERO
        used.append((amount - own, asset))
        cash_use += amount
    weight = sum((value * _weight(asset, multiplier) for value, asset in used), ZERO)
    free_cash = account.cash + (short_value - sold) * Decimal("1.5") - cash_use - locked
    regt = equity - initial - cash_use * INITIAL_MARGIN
    return Money(
        equity=equity,
        long_value=long_value,
        short_value=short_value,
        initial_margin=initial,
        maintenance_margin=maintenance,
        multiplier=multiplier,
        buying_power=max(ZERO, equity * multiplier - weight),
        regt_buying_power=max(ZERO, regt * min(multiplier, 2)),
        non_marginable=max(ZERO, free_cash),
    )


def position_values(core: ExchangeCore, account: Account) -> list[Decimal]:
    """What each position is worth now; shorts are negative."""
    return [
        held.qty * core.price(held.symbol, core.now) * core.multiplier(held.symbol)
        for held in account.positions.values()
    ]


def margin_multiplier(core: ExchangeCore, account: Account, equity: Decimal) -> int:
    if equity < MARGIN_EQUITY_MIN or account.frozen_until:
        return 1
    wanted = int(account.configurations["max_margin_multiplier"])
    return min(int(core.config.multiplier), wanted)


def _weight(asset: Asset | None, multiplier: int) -> Decimal:
    """Dollars of buying power that a dollar of this asset uses; None is collateral, or an order in
    several contracts.
    """
    if asset is None or not asset.marginable:
        return Decimal(multiplier)
    if asset.maintenance_margin <= USUAL_MAINTENANCE:
        return Decimal(1)
    return max(Decimal(1), asset.maintenance_margin * multiplier / 100)


def maintenance_of(asset: Asset, qty: Decimal, price: Decimal) -> Decimal:
    """Dollars that must stay: long by the asset's rate, short with a floor per share.

    Contracts have their collateral instead.
    """
    if asset.asset_class is AssetClass.US_OPTION:
        return ZERO
    rate = asset.maintenance_margin / 100
    if qty > 0:
        return qty * price * rate
    if price >= SHORT_PRICE_STEP:
        return -qty * max(SHORT_PRICE_STEP, price * rate)
    return -qty * max(Decimal("2.5"), price)


def refresh(core: ExchangeCore, order: Order) -> None:
    """Brings up to date what an opening order holds back.

    While a replacement is on its way the larger of the two is held.
    """
    closes_shares = order.is_closing and order.asset_class is not AssetClass.US_OPTION
    if closes_shares or not order.is_open:
        return
    cost = order.leaves * order.hold_price
    old = core.orders.get(order.replaces or "")
    if old is not None:
        cost = max(ZERO, cost - old.reserved)
    core.accounts[order.account_id].reserve(order, cost)


def may_short(core: ExchangeCore, account: Account, equity: Decimal) -> bool:
    return (
        equity >= MARGIN_EQUITY_MIN
        and not account.configurations["no_shorting"]
        and margin_multiplier(core, account, equity) > 1
    )


# --- shares ----------------------------------------------------------------------------------


def holders(core: ExchangeCore, account: Account, symbol: str) -> list[tuple[str, Decimal]]:
    """The orders that hold back shares of a position: id (the first of its chain) and quantity. Two
    exits of one group count once: the stop leg is `held` while the target works.
    """
    held = account.qty(symbol)
    side = Side.SELL if held > 0 else Side.BUY
    found = [
        (order.origin_id or order.id, _held_by(core, order))
        for order in account.on_side(symbol, side)
        if order.is_closing and _holds_shares(order)
    ]
    account.holds = [hold for hold in account.holds if hold.until > core.now]
    found.extend((h.order_id, h.qty) for h in account.holds if h.symbol == symbol)
    return [(order_id, qty) for order_id, qty in found if qty > 0]


def _holds_shares(order: Order) -> bool:
    """A leg that waits holds nothing by itself, except between the entry's fill and its start."""
    if order.status is not Status.HELD:
        return True
    return "wake" in order.due and (order.role is Role.TARGET or order.sibling_id is None)


def _held_by(core: ExchangeCore, order: Order) -> Decimal:
    """A replacement that has not taken over yet holds only what it asks beyond the old order."""
    old = core.orders.get(order.replaces or "")
    return order.leaves if old is None else order.leaves - old.leaves


def held_qty(core: ExchangeCore, account: Account, symbol: str) -> Decimal:
    return sum((qty for _, qty in holders(core, account, symbol)), ZERO)


def available_qty(core: ExchangeCore, account: Account, symbol: str) -> Decimal:
    """Shares of the position (as a positive number) that a new closing order could use."""
    behind_calls = collateral.shares_held(account, symbol) if account.qty(symbol) > 0 else ZERO
    return max(ZERO, abs(account.qty(symbol)) - held_qty(core, account, symbol) - behind_calls)


# --- what an order costs ---------------------------------------------------------------------

SHORT_MARKUP = Decimal("1.03")
STOP_MARKUP_CHEAP = Decimal("1.04")  # buy stops below 50 dollars
STOP_MARKUP = Decimal("1.025")
STOP_MARKUP_STEP = Decimal(50)


def stop_collar(stop_price: Decimal) -> Decimal:
    """The limit that Alpaca puts on a buy stop, in cents."""
    markup = STOP_MARKUP_CHEAP if stop_price < STOP_MARKUP_STEP else STOP_MARKUP
    step = Decimal("0.01") if stop_price >= 1 else Decimal("0.0001")
    return (stop_price * markup).quantize(step)


def unit_price(core: ExchangeCore, order: Order, opens_short: bool) -> Decimal:
    """What one share, coin or contract of an order is valued at against buying power."""
    return _price_of_one(core, order, opens_short) * core.multiplier(order.symbol)


def _price_of_one(core: ExchangeCore, order: Order, opens_short: bool) -> Decimal:
    quote = core.prices.quote(order.symbol, core.now)
    last = core.price(order.symbol, core.now)
    ask = quote.ask if quote is not None and quote.ask > 0 else last
    bid = quote.bid if quote is not None and quote.bid > 0 else last
    if opens_short:
        return max(order.limit_price or ZERO, ask * SHORT_MARKUP)
    if not order.is_buy:
        return order.limit_price or bid
    if order.limit_price is not None:
        return order.limit_price
    if order.stop_price is not None:
        return stop_collar(order.stop_price)
    if order.asset_class is AssetClass.CRYPTO:
        return ask * (1 + core.config.crypto_collar)
    if core.hours.session(core.now).value == "regular":
        return ask
    return last
