"""Alpaca's refusals of a POST because of the order itself.

Those because of the account are in `account_rules`; the order of all checks is in `place`.

Each check is a function of the ticket and of what it looks at; it returns nothing or raises the
`ApiError` with the exact status, code and message. The tables come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from execbot.sim.calendar import new_york_date
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order, OrderClass, OrderType, Side, TimeInForce
from execbot.sim.engine.parse import Ticket
from execbot.sim.engine.render import CENT, text, wall_time
from execbot.sim.types import ApiError, Asset, AssetClass, TradingSession

T, F = OrderType, TimeInForce

EQUITY_TIFS: dict[OrderType, frozenset[TimeInForce]] = {
    T.MARKET: frozenset(F),
    T.LIMIT: frozenset(F),
    T.STOP: frozenset({F.DAY, F.GTC}),
    T.STOP_LIMIT: frozenset({F.DAY, F.GTC}),
    T.TRAILING_STOP: frozenset({F.DAY, F.GTC}),
}
CRYPTO_TYPES = frozenset({T.MARKET, T.LIMIT, T.STOP_LIMIT})
CRYPTO_TIFS = frozenset({F.GTC, F.IOC})
COMPLEX_TIFS = frozenset({F.DAY, F.GTC})

AUCTION_ORDERS_FROM = 19 * 60  # minutes of the New York day; taken across midnight
OPG_UNTIL = 9 * 60 + 28
CLS_UNTIL = 15 * 60 + 55  # what the server says; documented is 15:50
CLS_BEFORE_EARLY_CLOSE = 10  # minutes
NOTIONAL_MIN = Decimal(1)
NINE_PLACES = -9


def forbidden(message: str, **extra: str | list[str]) -> ApiError:
    return ApiError(403, 40310000, message, **extra)


def unprocessable(message: str, **extra: str) -> ApiError:
    return ApiError(422, 42210000, message, **extra)


@dataclass(frozen=True, slots=True)
class Case:
    """All that the checks look at."""

    core: ExchangeCore
    account: Account
    asset: Asset
    ticket: Ticket
    intent: str

    @property
    def is_crypto(self) -> bool:
        return self.asset.asset_class is AssetClass.CRYPTO

    def opposite(self) -> Iterator[Order]:
        """Working orders on the other side of the same symbol."""
        return self.core.working(self.account, self.asset.symbol, self.ticket.side.opposite)

    @property
    def opens_short(self) -> bool:
        return self.intent == "sell_to_open"


def infer_intent(side: Side, qty: Decimal) -> str:
    """What an order does to a position of signed quantity `qty`."""
    if side is Side.BUY:
        return "buy_to_close" if qty < 0 else "buy_to_open"
    return "sell_to_close" if qty > 0 else "sell_to_open"


# --- account and asset -----------------------------------------------------------------------


def check_account(account: Account) -> None:
    if account.account_blocked or account.trading_blocked:
        raise forbidden("account is not authorized to trade")
    if account.configurations["suspend_trade"]:
        raise forbidden("new orders are rejected by user request")


def check_asset(symbol: str, asset: Asset | None) -> Asset:
    if asset is None:
        raise unprocessable(f'asset "{symbol}" not found')
    if not asset.active:
        raise unprocessable(f'asset "{asset.symbol}" is not active')
    if not asset.tradable:
        raise unprocessable(f"asset {asset.symbol} is not tradable")
    return asset


# --- what kind of order the asset takes ------------------------------------------------------


def check_crypto(case: Case) -> None:
    if not case.is_crypto:
        return
    ticket, asset = case.ticket, case.asset
    if ticket.order_class is not OrderClass.SIMPLE:
        shown = "otoco" if ticket.order_class is OrderClass.BRACKET else ticket.order_class
        raise unprocessable(f"crypto orders not allowed for advanced order_class: {shown}")
    if ticket.type not in CRYPTO_TYPES:
        raise unprocessable("invalid order type for crypto order")
    if ticket.tif not in CRYPTO_TIFS:
        raise unprocessable("invalid crypto time_in_force")
    if ticket.extended_hours:
        raise unprocessable("extended hours order must be DAY or GTC limit orders")
    if ticket.qty is not None and asset.min_order_size and ticket.qty < asset.min_order_size:
        raise forbidden(f"minimal qty of order is {text(asset.min_order_size)}")
    _check_step(ticket.qty, asset.min_trade_increment, "qty")
    _check_step(ticket.limit_price, asset.price_increment, "limit_price")
    _check_step(ticket.stop_price, asset.price_increment, "stop_price")


def _check_step(value: Decimal | None, step: Decimal | None, name: str) -> None:
    if value is not None and step and value % step:
        raise unprocessable(f"invalid {name} {text(value)}. must be a multiple of {text(step)}")


def check_time_in_force(case: Case) -> None:
    if case.is_crypto:
        return
    ticket = case.ticket
    if ticket.tif not in EQUITY_TIFS[ticket.type]:
        raise unprocessable(f"invalid time_in_force {ticket.tif} for {ticket.type} order")
    if ticket.order_class is not OrderClass.SIMPLE and ticket.tif not in COMPLEX_TIFS:
        raise unprocessable(f"{ticket.order_class} orders must be DAY or GTC orders")
    if ticket.extended_hours:
        plain = ticket.order_class is OrderClass.SIMPLE and ticket.type is T.LIMIT
        if not plain or ticket.tif not in (F.DAY, F.GTC):
            raise unprocessable("extended hours order must be DAY or GTC limit orders")
    if ticket.tif in (F.OPG, F.CLS) and not case.core.calendar.always_open:
        check_auction_window(ticket.tif, case.core)


def check_auction_window(tif: TimeInForce, core: ExchangeCore) -> None:
    local = wall_time(core.now)
    minute = local.hour * 60 + local.minute
    until = OPG_UNTIL if tif is F.OPG else _cls_until(core)
    if until <= minute < AUCTION_ORDERS_FROM:
        raise forbidden(
            f"{tif} orders must be submitted after 7:00pm and before {_on_the_clock(until)}"
        )


def _cls_until(core: ExchangeCore) -> int:
    """Orders for the close are taken until shortly before it, on a half day before that one."""
    day = core.calendar.day(new_york_date(core.now))
    if day is None or not day.early_close:
        return CLS_UNTIL
    close = wall_time(day.close)
    return close.hour * 60 + close.minute - CLS_BEFORE_EARLY_CLOSE


def _on_the_clock(minute: int) -> str:
    """`3:55pm`, as Alpaca writes it."""
    hour, rest = divmod(minute, 60)
    return f"{(hour - 1) % 12 + 1}:{rest:02d}{'am' if hour < 12 else 'pm'}"


def check_fraction(case: Case) -> None:
    ticket, asset = case.ticket, case.asset
    if ticket.notional is not None and _places(ticket.notional) > 2:
        raise unprocessable("notional value must be limited to 2 decimal places")
    if ticket.qty is not None and _places(ticket.qty) > -NINE_PLACES:
        raise unprocessable("qty must be limited to 9 decimal places")
    if not ticket.is_fractional or case.is_crypto:
        return
    if not asset.fractionable:
        raise forbidden(f'asset "{asset.symbol}" is not fractionable')
    if not case.account.configurations["fractional_trading"]:
        raise forbidden("fractional trading is disabled for this account")
    if ticket.order_class is not OrderClass.SIMPLE:
        raise unprocessable("fractional orders must be simple orders")
    if ticket.type is T.TRAILING_STOP:
        raise unprocessable("fractional orders cannot be trailing stop orders")
    if ticket.tif is not F.DAY:
        raise unprocessable("fractional orders must be DAY orders")
    if ticket.extended_hours and "fractional_eh_enabled" not in asset.attributes:
        raise unprocessable(
            f'fractional extended hours trading is not enabled for asset "{asset.symbol}"'
        )


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


# --- prices ----------------------------------------------------------------------------------


def check_grid(name: str, price: Decimal | None) -> None:
    """Two decimals from one dollar on, four below (Regulation NMS, rule 612)."""
    if price is not None and _places(price) > (2 if price >= 1 else 4):
        raise unprocessable(
            f"invalid {name} {text(price)}. "
            "sub-penny increment does not fulfill minimum pricing criteria"
        )


def check_prices(case: Case) -> None:
    if case.is_crypto:
        return
    ticket = case.ticket
    if ticket.order_class is not OrderClass.OCO:
        check_grid("limit_price", ticket.limit_price)
    check_grid("stop_price", ticket.stop_price)
    check_grid("trail_price", ticket.trail_price)
    check_grid("take_profit.limit_price", ticket.target_limit)
    check_grid("stop_loss.stop_price", ticket.stop_stop)
    check_grid("stop_loss.limit_price", ticket.stop_limit)


def check_stop_side(case: Case) -> None:
    """A stop that would fire at once is refused, while the market is open to compare with."""
    ticket, core = case.ticket, case.core
    if ticket.stop_price is None or core.hours.session(core.now) is not TradingSession.REGULAR:
        return
    market = core.price(case.asset.symbol, core.now)
    if not market:
        return
    wrong = ticket.stop_price <= market if ticket.side is Side.BUY else ticket.stop_price >= market
    if wrong:
        word = "greater" if ticket.side is Side.BUY else "less"
        raise unprocessable(
            f"stop price must be {word} than current price",
            market_price=text(market),
            stop_price=text(ticket.stop_price),
        )


# --- groups ----------------------------------------------------------------------------------


def check_class(case: Case) -> None:
    """Bracket, OCO and OTO: entry or exit, entry type, prices of the legs."""
    ticket = case.ticket
    if ticket.order_class is OrderClass.SIMPLE:
        return
    if ticket.order_class is OrderClass.BRACKET and ticket.type not in (T.MARKET, T.LIMIT):
        raise ApiError(422, 40010001, "bracket orders must be market or limit orders")
    if ticket.type is T.TRAILING_STOP:
        raise ApiError(422, 40010001, "trailing stop orders must be simple orders")
    if ticket.order_class is OrderClass.BRACKET and _is_no_entry(case):
        raise unprocessable("bracket orders must be entry orders")
    if ticket.order_class is OrderClass.OCO and not case.intent.endswith("_to_close"):
        raise unprocessable("oco orders must be exit orders")
    _check_leg_prices(case)


def _is_no_entry(case: Case) -> bool:
    """A position on the other side, or a working order on the other side, exists."""
    if case.intent.endswith("_to_close"):
        return True
    return any(True for _ in case.opposite())


def base_price(case: Case) -> Decimal:
    """What leg prices are compared with: the entry's own price, else the market."""
    ticket, core = case.ticket, case.core
    if ticket.limit_price is not None:
        return ticket.limit_price
    if ticket.stop_price is not None:
        return ticket.stop_price
    return core.price(case.asset.symbol, core.now)


def _check_leg_prices(case: Case) -> None:
    ticket = case.ticket
    if ticket.order_class is OrderClass.OCO:
        _check_exit_pair(ticket)
        return
    base = base_price(case)
    target, stop = ticket.target_limit, ticket.stop_stop
    buys = ticket.side is Side.BUY
    bounds: tuple[tuple[str, Decimal | None, bool], ...] = (
        ("take_profit.limit_price", target, buys),
        ("stop_loss.stop_price", stop, not buys),
    )
    for name, price, above in bounds:
        if price is None:
            continue
        if above and price < base + CENT:
            raise unprocessable(f"{name} must be >= base_price + 0.01", base_price=text(base))
        if not above and price > base - CENT:
            raise unprocessable(f"{name} must be <= base_price - 0.01", base_price=text(base))
    _check_stop_limit(ticket, exits_sell=buys)


def _check_exit_pair(ticket: Ticket) -> None:
    """An OCO: the target against the stop."""
    target, stop = ticket.target_limit, ticket.stop_stop
    assert target is not None and stop is not None
    if ticket.side is Side.SELL and stop > target - CENT:
        raise unprocessable(
            "stop_loss.stop_price must be <= base_price - 0.01", base_price=text(target)
        )
    if ticket.side is Side.BUY and stop < target + CENT:
        raise unprocessable("take_profit.limit_price must be < stop_loss.stop_price")
    _check_stop_limit(ticket, exits_sell=ticket.side is Side.SELL)


def _check_stop_limit(ticket: Ticket, *, exits_sell: bool) -> None:
    """The limit of the stop leg lies at or beyond its trigger, or it could never work."""
    stop, limit = ticket.stop_stop, ticket.stop_limit
    if stop is None or limit is None:
        return
    if exits_sell and limit > stop:
        raise unprocessable("stop_loss.limit_price must be <= stop_loss.stop_price")
    if not exits_sell and limit < stop:
        raise unprocessable("stop_loss.limit_price must be >= stop_loss.stop_price")
