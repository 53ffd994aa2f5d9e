"""Account, position, clock, calendar day and asset as the broker reports them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.model.enums import AssetClass, PositionSide
from execbot.model.numbers import ZERO
from execbot.model.plausible import believed, believed_time
from execbot.model.struct import Reported
from execbot.model.symbols import is_option, multiplier_of
from execbot.model.times import parse_time


class Account(Reported, frozen=True):
    """GET /v2/account. Fields that Alpaca no longer sends are None, never an error.

    `balance_asof` is the day of whose close `last_equity` is (Alpaca's OpenAPI description: the day
    of the snapshot that `last_*` fields are of).
    """

    id: str
    account_number: str
    status: str
    currency: str
    cash: Decimal | None
    equity: Decimal | None
    last_equity: Decimal | None
    buying_power: Decimal | None
    non_marginable_buying_power: Decimal | None
    regt_buying_power: Decimal | None
    long_market_value: Decimal | None
    short_market_value: Decimal | None
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    multiplier: Decimal | None
    daytrading_buying_power: Decimal | None
    daytrade_count: int | None
    pattern_day_trader: bool | None
    shorting_enabled: bool
    trading_blocked: bool
    account_blocked: bool
    transfers_blocked: bool
    trade_suspended_by_user: bool
    crypto_status: str | None
    created_at: datetime | None = None
    balance_asof: date | None = None
    options_buying_power: Decimal | None = None
    """Cash-like: what options are sized by, never `buying_power`."""
    options_level: int | None = None
    """Options level in force: the least of what was approved and what the owner allows."""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Account:
        return cls(
            id=str(data.get("id") or ""),
            account_number=str(data.get("account_number") or ""),
            status=str(data.get("status") or ""),
            currency=str(data.get("currency") or "USD"),
            daytrade_count=_count(data.get("daytrade_count")),
            pattern_day_trader=_yes_or_no(data.get("pattern_day_trader")),
            shorting_enabled=bool(data.get("shorting_enabled", True)),
            trading_blocked=bool(data.get("trading_blocked")),
            account_blocked=bool(data.get("account_blocked")),
            transfers_blocked=bool(data.get("transfers_blocked")),
            trade_suspended_by_user=bool(data.get("trade_suspended_by_user")),
            crypto_status=_text(data.get("crypto_status")),
            created_at=parse_time(data.get("created_at")),
            balance_asof=_day(data.get("balance_asof")),
            options_level=_options_level(data),
            raw=data,
            **{name: believed(data.get(name)) for name in _ACCOUNT_DECIMALS},
        )


_ACCOUNT_DECIMALS = (
    "cash",
    "equity",
    "last_equity",
    "buying_power",
    "non_marginable_buying_power",
    "regt_buying_power",
    "long_market_value",
    "short_market_value",
    "initial_margin",
    "maintenance_margin",
    "multiplier",
    "daytrading_buying_power",
    "options_buying_power",
)


DUST_USD = Decimal(1)
"""What is worth less cannot be bought or sold alone: Alpaca takes no order below a dollar."""


class Position(Reported, frozen=True):
    """One open position. `qty` is SIGNED: negative for a short."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal | None = None
    asset_class: str = AssetClass.US_EQUITY
    qty_available: Decimal | None = None
    current_price: Decimal | None = None
    market_value: Decimal | None = None
    cost_basis: Decimal | None = None
    unrealized_pl: Decimal | None = None
    unrealized_plpc: Decimal | None = None
    lastday_price: Decimal | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Position:
        qty = believed(data.get("qty")) or ZERO
        if data.get("side") == PositionSide.SHORT and qty > 0:
            qty = -qty
        return cls(
            symbol=str(data.get("symbol") or ""),
            qty=qty,
            asset_class=str(data.get("asset_class") or AssetClass.US_EQUITY),
            raw=data,
            **{name: believed(data.get(name)) for name in _POSITION_DECIMALS},
        )

    @property
    def side(self) -> PositionSide:
        return PositionSide.of(self.qty)

    def is_dust(self, smallest: Decimal | None = None) -> bool:
        """Worth less than a dollar at the broker's price, or less than `smallest`, the smallest
        order of the asset: it is shown, and counts for nothing. With no price it is no dust, and
        neither is a sold contract: what it may cost has nothing to do with its price."""
        if self.qty < 0 and is_option(self.symbol):
            return False
        if smallest is not None and ZERO < abs(self.qty) < smallest:
            return True
        value = self.market_value
        if value is None and self.current_price is not None:
            value = self.qty * self.current_price * multiplier_of(self.symbol)
        return value is not None and self.qty != 0 and abs(value) < DUST_USD


_POSITION_DECIMALS = (
    "avg_entry_price",
    "qty_available",
    "current_price",
    "market_value",
    "cost_basis",
    "unrealized_pl",
    "unrealized_plpc",
    "lastday_price",
)


class Clock(Struct, frozen=True):
    """GET /v2/clock: the broker's own word on whether the regular session is open."""

    timestamp: datetime | None
    is_open: bool
    next_open: datetime | None
    next_close: datetime | None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], now: datetime | None = None) -> Clock:
        """A time far from `now` counts as missing. An `is_open` that is neither true nor false
        counts as closed."""
        return cls(
            timestamp=believed_time(data.get("timestamp"), now),
            is_open=data.get("is_open") is True,
            next_open=parse_time(data.get("next_open")),
            next_close=parse_time(data.get("next_close")),
        )


class CalendarDay(Struct, frozen=True):
    """One trading day; times are New York wall time as `HH:MM` text, as Alpaca sends them."""

    date: str
    open: str
    close: str
    session_open: str | None = None
    session_close: str | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> CalendarDay:
        return cls(
            date=str(data.get("date") or ""),
            open=str(data.get("open") or ""),
            close=str(data.get("close") or ""),
            session_open=_text(data.get("session_open")),
            session_close=_text(data.get("session_close")),
        )


class Asset(Reported, frozen=True):
    id: str
    symbol: str
    name: str
    asset_class: str
    exchange: str
    status: str
    tradable: bool
    marginable: bool
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool
    attributes: tuple[str, ...] = ()
    min_order_size: Decimal | None = None
    min_trade_increment: Decimal | None = None
    price_increment: Decimal | None = None
    maintenance_margin_requirement: Decimal | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Asset:
        """`borrow_status` replaced `easy_to_borrow` in June 2026: either one is read."""
        borrow, attributes = data.get("borrow_status"), data.get("attributes")
        easy = borrow == "easy_to_borrow" if borrow else bool(data.get("easy_to_borrow"))
        return cls(
            id=str(data.get("id") or ""),
            symbol=str(data.get("symbol") or ""),
            name=str(data.get("name") or ""),
            asset_class=str(data.get("class") or data.get("asset_class") or "us_equity"),
            exchange=str(data.get("exchange") or ""),
            status=str(data.get("status") or ""),
            tradable=bool(data.get("tradable")),
            marginable=bool(data.get("marginable")),
            shortable=bool(data.get("shortable")),
            easy_to_borrow=easy,
            fractionable=bool(data.get("fractionable")),
            attributes=tuple(map(str, attributes)) if isinstance(attributes, list) else (),
            min_order_size=believed(data.get("min_order_size")),
            min_trade_increment=believed(data.get("min_trade_increment")),
            price_increment=believed(data.get("price_increment")),
            maintenance_margin_requirement=believed(data.get("maintenance_margin_requirement")),
            raw=data,
        )

    @property
    def is_crypto(self) -> bool:
        return self.asset_class == AssetClass.CRYPTO


class Activity(Reported, frozen=True):
    """One account activity row; FILL rows carry no execution_id and no client_order_id."""

    id: str
    activity_type: str
    at: datetime | None
    order_id: str | None = None
    symbol: str | None = None
    side: str | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    cum_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    order_status: str | None = None
    net_amount: Decimal | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Activity:
        return cls(
            id=str(data.get("id") or ""),
            activity_type=str(data.get("activity_type") or ""),
            at=parse_time(data.get("transaction_time") or data.get("date")),
            order_id=data.get("order_id"),
            symbol=data.get("symbol"),
            side=data.get("side"),
            order_status=data.get("order_status"),
            raw=data,
            **{
                name: believed(data.get(name))
                for name in ("qty", "price", "cum_qty", "leaves_qty", "net_amount")
            },
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _yes_or_no(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _day(value: object) -> date | None:
    """`2026-11-24`; None for what is none."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _count(value: object) -> int | None:
    """Alpaca sends numbers as numbers and as text."""
    number = believed(value)
    return None if number is None or number != number.to_integral_value() else int(number)


def _options_level(data: Mapping[str, Any]) -> int | None:
    known = [_count(data.get(f"options_{what}_level")) for what in ("trading", "approved")]
    return min((level for level in known if level is not None), default=None)


def contract_asset(symbol: str) -> Asset:
    """An option contract as an asset: Alpaca lists contracts elsewhere, and its symbol says what
    has to be known of one that is held."""
    return Asset(
        id="",
        symbol=symbol,
        name=symbol,
        asset_class=AssetClass.US_OPTION,
        exchange="",
        status="active",
        tradable=True,
        marginable=False,
        shortable=False,
        easy_to_borrow=False,
        fractionable=False,
    )
