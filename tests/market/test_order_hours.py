"""May an order trade now: every session against every kind of order, as one table."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from execbot.config.schema import MarketHoursSettings
from execbot.market.calendar_cache import load_table
from execbot.market.order_hours import in_entry_window, may_trade_now
from execbot.market.sessions import MarketNow, crypto_now, market_now
from execbot.model.account import Asset
from execbot.model.enums import OrderClass, OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.model.times import new_york

OFF = MarketHoursSettings()
ON = MarketHoursSettings(trade_premarket=True, trade_afterhours=True, trade_overnight=True)
MARKET = OrderRequest("AAPL", Side.BUY, qty=Decimal(1))
LIMIT = replace(MARKET, type=OrderType.LIMIT, limit_price=Decimal(100))
EXTENDED = replace(LIMIT, extended_hours=True)
STOCK = Asset(
    "", "AAPL", "", "us_equity", "NASDAQ", "active", True, True, True, True, True,
    attributes=("overnight_tradable",),
)  # fmt: skip
COIN = replace(STOCK, symbol="BTC/USD", asset_class="crypto", attributes=())


def at(text: str) -> MarketNow:
    moment = datetime.fromisoformat(text).replace(tzinfo=new_york()).astimezone(UTC)
    return market_now(load_table(), moment)


PRE, RTH = at("2026-11-20T08:00"), at("2026-11-20T11:00")
AFTER, NIGHT, SHUT = at("2026-11-20T17:00"), at("2026-11-20T02:00"), at("2026-11-21T11:00")


@pytest.mark.parametrize(
    ("request_", "now", "switches", "allowed"),
    [
        (MARKET, RTH, OFF, True),
        (LIMIT, RTH, OFF, True),
        (EXTENDED, RTH, OFF, True),
        (MARKET, SHUT, ON, False),
        (EXTENDED, SHUT, ON, False),
        (EXTENDED, PRE, OFF, False),
        (EXTENDED, PRE, ON, True),
        (MARKET, PRE, ON, False),
        (LIMIT, PRE, ON, False),  # not marked
        (replace(EXTENDED, type=OrderType.STOP_LIMIT), PRE, ON, False),
        (replace(EXTENDED, time_in_force=TimeInForce.GTC), PRE, ON, True),
        (replace(EXTENDED, time_in_force=TimeInForce.IOC), PRE, ON, False),
        (replace(EXTENDED, order_class=OrderClass.BRACKET), PRE, ON, False),
        (EXTENDED, AFTER, OFF, False),
        (EXTENDED, AFTER, ON, True),
        (EXTENDED, NIGHT, OFF, False),
        (EXTENDED, NIGHT, ON, True),
        (MARKET, NIGHT, ON, False),
    ],
)
def test_equity_order_in_a_session(
    request_: OrderRequest, now: MarketNow, switches: MarketHoursSettings, allowed: bool
) -> None:
    answer = may_trade_now(request_, STOCK, now, switches)
    assert answer.allowed is allowed
    assert answer.waiting is not allowed


def test_overnight_needs_a_marked_asset() -> None:
    for attributes in ((), ("overnight_tradable", "overnight_halted")):
        plain = replace(STOCK, attributes=attributes)
        assert not may_trade_now(EXTENDED, plain, NIGHT, ON).allowed


def test_crypto_trades_while_stocks_are_shut() -> None:
    assert may_trade_now(replace(MARKET, symbol="BTC/USD"), COIN, SHUT, OFF).allowed


def test_an_exchange_that_never_closes_takes_everything() -> None:
    assert may_trade_now(MARKET, STOCK, crypto_now(SHUT.at), OFF).allowed


@pytest.mark.parametrize(
    ("tif", "when", "allowed"),
    [
        (TimeInForce.OPG, "2026-11-20T09:27", True),
        (TimeInForce.OPG, "2026-11-20T09:28", False),
        (TimeInForce.OPG, "2026-11-20T18:59", False),
        (TimeInForce.OPG, "2026-11-20T19:00", True),
        (TimeInForce.CLS, "2026-11-20T15:49", True),
        (TimeInForce.CLS, "2026-11-20T15:50", False),
        (TimeInForce.CLS, "2026-11-20T19:00", True),
    ],
)
def test_auction_order_windows(tif: TimeInForce, when: str, allowed: bool) -> None:
    request_ = replace(MARKET, time_in_force=tif)
    assert may_trade_now(request_, STOCK, at(when), OFF).allowed is allowed


@pytest.mark.parametrize(
    ("when", "first", "last", "allowed"),
    [
        ("2026-11-20T09:30", 0, 0, True),
        ("2026-11-20T09:34:59", 5, 0, False),
        ("2026-11-20T09:35", 5, 0, True),
        ("2026-11-20T15:45", 0, 15, True),
        ("2026-11-20T15:45:01", 0, 15, False),
        ("2026-11-27T12:50", 0, 15, False),  # early close counts
        ("2026-11-20T08:00", 5, 5, True),  # not the regular session: another rule's matter
    ],
)
def test_entry_window(when: str, first: int, last: int, allowed: bool) -> None:
    settings = MarketHoursSettings(no_entry_first_minutes=first, no_entry_last_minutes=last)
    assert in_entry_window(at(when), settings).allowed is allowed
