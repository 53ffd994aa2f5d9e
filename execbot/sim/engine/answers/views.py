"""Orders, positions and accounts in the shape Alpaca sends them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.engine.accounts import fees, funds
from execbot.sim.engine.accounts.account import Account, Position
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import rules as option_rules
from execbot.sim.engine.order import Order, OrderClass
from execbot.sim.engine.render import (
    CENT,
    MICRO,
    RATIO,
    maybe,
    maybe_stamp,
    new_york_stamp,
    rounded,
    stamp_micro,
    text,
)
from execbot.sim.times import format_ns
from execbot.sim.types import Asset, AssetClass, TradingSession

NANO_PRICE = Decimal("0.000000001")


def rest_order(core: ExchangeCore, order: Order, *, legs: bool) -> dict[str, Any]:
    """An order as REST answers it; `legs` rolls the legs up under their parent."""
    body = _order(core, order, legs)
    body["subtag"] = None
    body["source"] = None
    return body


def stream_order(core: ExchangeCore, order: Order) -> dict[str, Any]:
    """An order as the stream carries it: with `cancel_requested_at`, without `source`."""
    body = _order(core, order, True)
    body["cancel_requested_at"] = maybe_stamp(order.cancel_requested_at)
    return body


def _order(core: ExchangeCore, order: Order, legs: bool) -> dict[str, Any]:
    average = order.filled_avg_price
    body: dict[str, Any] = {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": format_ns(order.created_at),
        "updated_at": format_ns(order.updated_at),
        "submitted_at": format_ns(order.submitted_at),
        "filled_at": maybe_stamp(order.filled_at),
        "expired_at": maybe_stamp(order.expired_at),
        "expires_at": maybe_stamp(order.expires_at),
        "canceled_at": maybe_stamp(order.canceled_at),
        "failed_at": maybe_stamp(order.failed_at),
        "replaced_at": maybe_stamp(order.replaced_at),
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": order.asset_id,
        "symbol": order.symbol,
        "asset_class": str(order.asset_class),
        "notional": maybe(order.notional),
        "qty": maybe(order.qty),
        "filled_qty": text(order.filled_qty),
        "filled_avg_price": None if average is None else _average(order, average),
        "order_class": str(order.order_class),
        "order_type": str(order.type),
        "type": str(order.type),
        "side": str(order.side),
        "position_intent": order.position_intent,
        "time_in_force": str(order.tif),
        "limit_price": maybe(order.limit_price),
        "stop_price": maybe(order.stop_price),
        "status": str(order.status),
        "extended_hours": order.extended_hours,
        "legs": _legs(core, order) if legs and order.legs and not order.hides_legs else None,
        "trail_percent": maybe(order.trail_percent),
        "trail_price": maybe(order.trail_price),
        "hwm": maybe(order.hwm),
    }
    if order.order_class is OrderClass.MLEG:
        body |= _of_several(order)
    return body


def _of_several(order: Order) -> dict[str, Any]:
    """The parent of an order in several contracts names none; its legs have no type."""
    if order.parent_id is None:
        return dict.fromkeys(("symbol", "asset_class", "asset_id", "side", "position_intent"), "")
    return {"type": "", "order_type": "", "ratio_qty": maybe(order.ratio_qty)}


def _average(order: Order, average: Decimal) -> str:
    step = NANO_PRICE if order.asset_class is AssetClass.CRYPTO else MICRO
    return rounded(average, step)


def _legs(core: ExchangeCore, order: Order) -> list[dict[str, Any]]:
    found = (core.find(leg_id) for leg_id in order.legs)
    return [rest_order(core, leg, legs=False) for leg in found if leg is not None]


def position_view(core: ExchangeCore, account: Account, position: Position) -> dict[str, Any]:
    """One position with its unrealised and intraday figures at the present price."""
    asset = core.assets.get(position.symbol)
    assert asset is not None
    price = core.price(position.symbol, core.now)
    before = core.hours.previous_close(core.now)
    close = core.adjusted_price(position.symbol, before) or price
    qty, cost = position.qty, position.cost * asset.multiplier
    value = qty * price * asset.multiplier
    unrealized = value - cost
    day_cost = (position.overnight_qty * close + position.today_cost) * asset.multiplier
    intraday = value - day_cost
    available = funds.available_qty(core, account, position.symbol)
    crypto = asset.asset_class is AssetClass.CRYPTO
    return {
        "asset_id": asset.id,
        "symbol": asset.symbol.replace("/", ""),
        "exchange": asset.exchange,
        "asset_class": asset.asset_class.value,
        "asset_marginable": asset.marginable,
        "qty": text(qty),
        "qty_available": text(available if qty > 0 else -available),
        "avg_entry_price": rounded(position.average, NANO_PRICE if crypto else MICRO),
        "side": "long" if qty > 0 else "short",
        "market_value": rounded(value, MICRO),
        "cost_basis": rounded(cost, MICRO),
        "unrealized_pl": rounded(unrealized, MICRO),
        "unrealized_plpc": _ratio(unrealized, cost),
        "unrealized_intraday_pl": rounded(intraday, MICRO),
        "unrealized_intraday_plpc": _ratio(intraday, day_cost),
        "current_price": text(price),
        "lastday_price": text(close),
        "change_today": _ratio(price - close, close),
    }


def _ratio(part: Decimal, whole: Decimal) -> str:
    return rounded(part / abs(whole), RATIO) if whole else "0"


def account_view(core: ExchangeCore, account: Account) -> dict[str, Any]:
    """`GET /v2/account` as paper answers it since July 2026 (and before, with the old rule)."""
    money = funds.money(core, account)

    def cents(value: Decimal) -> str:
        return rounded(value, CENT)

    restricted = account.trading_blocked
    power, equity = cents(money.buying_power), cents(money.equity)
    unmargined = cents(money.non_marginable)
    body: dict[str, Any] = {
        "id": account.id,
        "admin_configurations": {},
        "user_configurations": None,
        "account_number": account.number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "options_approved_level": core.config.options_level,
        "options_trading_level": option_rules.level(core, account),
        "currency": "USD",
        "buying_power": power,
        "regt_buying_power": cents(money.regt_buying_power),
        "effective_buying_power": power,
        "non_marginable_buying_power": unmargined,
        "options_buying_power": unmargined,
        "cash": cents(account.cash),
        "accrued_fees": text(fees.accrued(account)),
        "portfolio_value": equity,
        "trading_blocked": restricted,
        "transfers_blocked": account.transfers_blocked,
        "account_blocked": account.account_blocked,
        "created_at": stamp_micro(account.created_at),
        "trade_suspended_by_user": account.configurations["suspend_trade"],
        "multiplier": str(money.multiplier),
        "shorting_enabled": funds.may_short(core, account, money.equity),
        "equity": equity,
        "last_equity": text(account.last_equity),
        "long_market_value": cents(money.long_value),
        "short_market_value": cents(money.short_value),
        "position_market_value": cents(money.long_value + abs(money.short_value)),
        "initial_margin": cents(money.initial_margin),
        "maintenance_margin": cents(money.maintenance_margin),
        "last_maintenance_margin": cents(account.last_maintenance),
        "sma": cents(money.equity - money.initial_margin),
        "balance_asof": core.hours.date_before(core.now),
        "crypto_tier": 1,
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
    }
    if core.config.day_trading_rule:
        body["pattern_day_trader"] = len(account.day_trades) > funds.DAY_TRADES_ALLOWED
        body["daytrade_count"] = len(account.day_trades)
        body["daytrading_buying_power"] = power
    return body


def clock_view(core: ExchangeCore) -> dict[str, Any]:
    """`GET /v2/clock`."""
    calendar = core.calendar
    return {
        "timestamp": new_york_stamp(core.now),
        "is_open": calendar.session(core.now) is TradingSession.REGULAR,
        "next_open": new_york_stamp(calendar.next_open(core.now)),
        "next_close": new_york_stamp(calendar.next_close(core.now)),
    }


def asset_view(asset: Asset) -> dict[str, Any]:
    """`GET /v2/assets/{symbol}`."""
    margin = asset.maintenance_margin
    borrow = "easy_to_borrow" if asset.easy_to_borrow else "hard_to_borrow"
    body: dict[str, Any] = {
        "id": asset.id,
        "class": asset.asset_class.value,
        "exchange": asset.exchange,
        "symbol": asset.symbol,
        "name": asset.name,
        "status": "active" if asset.active else "inactive",
        "tradable": asset.tradable,
        "marginable": asset.marginable,
        "maintenance_margin_requirement": int(margin) if margin == int(margin) else float(margin),
        "margin_requirement_long": text(margin),
        "margin_requirement_short": text(margin),
        "shortable": asset.shortable,
        "easy_to_borrow": asset.easy_to_borrow,
        "borrow_status": borrow,
        "fractionable": asset.fractionable,
        "attributes": list(asset.attributes),
    }
    for name in ("min_order_size", "min_trade_increment", "price_increment"):
        value = getattr(asset, name)
        if value is not None:
            body[name] = text(value)
    return body
