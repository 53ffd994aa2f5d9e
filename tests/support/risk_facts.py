"""Facts that pass every check, to be spoiled one at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from execbot.config.schema import Mode, TradingSettings
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import MarketNow, crypto_now, market_now
from execbot.model.account import Account, Asset, Position
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.flags import NO_FLAGS, flags_of
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote
from execbot.model.times import new_york
from execbot.risk.facts import Facts, Intent, index_positions
from execbot.risk.pending import PendingOrder, Purpose

D = Decimal


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=new_york()).astimezone(UTC)


NOW = et("2026-11-20T11:00")
LIMITS = TradingSettings()


def account(**changes: Any) -> Account:
    wire = {
        "id": "a", "account_number": "PA1", "status": "ACTIVE", "crypto_status": "ACTIVE",
        "cash": "100000", "equity": "100000", "last_equity": "100000", "buying_power": "400000",
        "non_marginable_buying_power": "100000", "maintenance_margin": "0", "multiplier": "4",
        "shorting_enabled": True, **changes,
    }  # fmt: skip
    return Account.from_wire(wire)


def asset(symbol: str = "AAPL", **changes: Any) -> Asset:
    wire = {
        "id": "x", "symbol": symbol, "name": symbol, "class": "us_equity", "exchange": "NASDAQ",
        "status": "active", "tradable": True, "marginable": True, "shortable": True,
        "borrow_status": "easy_to_borrow", "fractionable": True, **changes,
    }  # fmt: skip
    return Asset.from_wire(wire)


def coin(**changes: Any) -> Asset:
    given = {
        "class": "crypto", "shortable": False, "marginable": False, "borrow_status": "",
        "min_order_size": "0.0001", "min_trade_increment": "0.000000001", **changes,
    }  # fmt: skip
    return asset("BTC/USD", **given)


def quote(bid: str = "199.95", ask: str = "200.05", at: datetime | None = NOW) -> Quote:
    return Quote("AAPL", at, D(bid), D(ask), D(100), D(100))


def at(text: str) -> MarketNow:
    return market_now(load_table(), et(text))


def request(**changes: Any) -> OrderRequest:
    given: dict[str, Any] = {"symbol": "AAPL", "side": Side.BUY, "qty": D(10), **changes}
    if "notional" in changes:
        given["qty"] = None
    if "limit_price" in changes and "type" not in changes:
        given["type"] = OrderType.LIMIT
    return OrderRequest(**given)


def intent(purpose: Purpose = Purpose.ENTRY, **changes: Any) -> Intent:
    flags = changes.pop("flags", NO_FLAGS)
    if changes.get("side") is Side.SELL and purpose is Purpose.ENTRY and flags is NO_FLAGS:
        flags = flags_of(short=True)
    return Intent(request(**changes), purpose, flags)


def facts(**changes: Any) -> Facts:
    market: MarketNow = changes.get("market") or market_now(load_table(), NOW)
    given: dict[str, Any] = {
        "now": NOW,
        "mode": Mode.PAPER,
        "market": market,
        "account": account(),
        "asset": asset(),
        "quote": quote(at=market.at),
        **changes,
    }
    if "positions" in changes:
        given["positions"] = index_positions(changes["positions"])
    return Facts(**given)


def crypto_facts(**changes: Any) -> Facts:
    btc = Quote("BTC/USD", NOW, D("49990"), D("50010"))
    return facts(**{"asset": coin(), "quote": btc, "market": crypto_now(NOW), **changes})


def held(symbol: str = "AAPL", qty: str = "10", price: str = "200", **changes: Any) -> Position:
    value = D(qty) * D(price)
    wire = {
        "symbol": symbol, "qty": qty, "avg_entry_price": price, "current_price": price,
        "market_value": str(value), "qty_available": qty, **changes,
    }  # fmt: skip
    return Position.from_wire(wire)


def pending(symbol: str = "AAPL", **changes: Any) -> PendingOrder:
    given: dict[str, Any] = {
        "client_order_id": f"other-{symbol}",
        "symbol": symbol,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "status": OrderStatus.NEW,
        "leaves_qty": D(10),
        "limit_price": D(200),
        "reserved": True,
        **changes,
    }
    return PendingOrder(**given)
