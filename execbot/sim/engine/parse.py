"""From the JSON body of a request to a checked ticket. Only the shape is judged here.

Every refusal is HTTP 422 with code 40010001, Alpaca's way of saying that the parameters do not
fit together whatever the account and the market look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from execbot.sim.engine.order import OrderClass, OrderType, Side, TimeInForce
from execbot.sim.types import ApiError

CLIENT_ORDER_ID_MAX = 128
INTENTS = ("buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close")
LARGEST_EXPONENT = 12  # quantities and prices beyond a trillion are typing errors
TRAIL_PERCENT_MIN = Decimal("0.1")

Choice = TypeVar("Choice", bound=StrEnum)


def malformed(message: str) -> ApiError:
    return ApiError(422, 40010001, message)


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order request whose fields fit together. Exactly one of `qty`, `notional` is set."""

    symbol: str
    side: Side
    type: OrderType
    tif: TimeInForce
    order_class: OrderClass
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    extended_hours: bool
    client_order_id: str | None
    position_intent: str | None
    target_limit: Decimal | None
    stop_stop: Decimal | None
    stop_limit: Decimal | None

    @property
    def is_fractional(self) -> bool:
        return self.qty is None or self.qty != self.qty.to_integral_value()


def number(body: Mapping[str, Any], name: str, *, where: str = "") -> Decimal | None:
    """A JSON number or a numeric string. Raises `ApiError` for anything else."""
    value = body.get(name)
    if value is None or value == "":
        return None
    shown = f"{where}{name}"
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise malformed(f"invalid {shown}")
    try:
        parsed = Decimal(str(value))
    except InvalidOperation:
        raise malformed(f"invalid {shown}") from None
    if not parsed.is_finite() or parsed.adjusted() > LARGEST_EXPONENT:
        raise malformed(f"invalid {shown}")
    return parsed


def _choice(kind: type[Choice], body: Mapping[str, Any], name: str, message: str) -> Choice:
    try:
        return kind(body.get(name) or "")
    except ValueError:
        raise malformed(message) from None


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise malformed(f"invalid {name}")


def client_order_id(body: Mapping[str, Any]) -> str | None:
    value = body.get("client_order_id")
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise malformed("invalid client_order_id")
    if len(value) > CLIENT_ORDER_ID_MAX:
        raise malformed(f"client_order_id must be no more than {CLIENT_ORDER_ID_MAX} characters")
    return value


def _order_class(body: Mapping[str, Any]) -> OrderClass:
    value = body.get("order_class") or ""
    if value == "simple":
        return OrderClass.SIMPLE
    try:
        return OrderClass(value)
    except ValueError:
        raise malformed("invalid order_class") from None


def check_body(body: object) -> None:
    if not isinstance(body, Mapping):
        raise malformed("request body is malformed")


def ticket(body: Mapping[str, Any], *, beside_legs: bool = True) -> Ticket:
    """Reads the body of `POST /v2/orders`. An OCO may name `limit_price` and `stop_price` beside
    its legs, which rule (`beside_legs`). Raises `ApiError` 422/40010001.
    """
    check_body(body)
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise malformed("symbol is required")
    side = _choice(Side, body, "side", "invalid side")
    type_ = _choice(OrderType, body, "type", "invalid order type")
    tif = _choice(TimeInForce, body, "time_in_force", "invalid time_in_force")
    order_class = _order_class(body)
    qty, notional = _amounts(body)
    intent = body.get("position_intent") or None
    if intent is not None and intent not in INTENTS:
        raise malformed("invalid position_intent")
    target_limit, stop_stop, stop_limit = _legs(body, order_class)
    limit_price, stop_price = number(body, "limit_price"), number(body, "stop_price")
    if order_class is OrderClass.OCO:
        if type_ is not OrderType.LIMIT:
            raise malformed("oco orders must be limit orders")
        if not beside_legs and stop_price is not None:
            raise malformed("oco orders must not have stop_price")
        limit_price, stop_price = target_limit, None
    found = Ticket(
        symbol=symbol,
        side=side,
        type=type_,
        tif=tif,
        order_class=order_class,
        qty=qty,
        notional=notional,
        limit_price=limit_price,
        stop_price=stop_price,
        trail_price=number(body, "trail_price"),
        trail_percent=number(body, "trail_percent"),
        extended_hours=_flag(body, "extended_hours"),
        client_order_id=client_order_id(body),
        position_intent=intent,
        target_limit=target_limit,
        stop_stop=stop_stop,
        stop_limit=stop_limit,
    )
    _check_prices(found)
    return found


def _amounts(body: Mapping[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    qty, notional = number(body, "qty"), number(body, "notional")
    if qty is None and notional is None:
        raise malformed("qty or notional is required")
    if qty is not None and notional is not None:
        raise malformed("only one of qty or notional is accepted")
    if qty is not None and qty <= 0:
        raise malformed("qty must be > 0")
    if notional is not None and notional <= 0:
        raise malformed("notional must be > 0")
    return qty, notional


def _check_prices(found: Ticket) -> None:
    """The prices that a type needs and must not have."""
    limit, stop = found.limit_price, found.stop_price
    if found.type is OrderType.MARKET and (limit is not None or stop is not None):
        raise malformed("market orders require no stop or limit price")
    if found.type is OrderType.LIMIT:
        if limit is None:
            raise malformed("limit orders require a limit price")
        if stop is not None:
            raise malformed("limit orders must not have stop_price")
    if found.type is OrderType.STOP:
        if stop is None:
            raise malformed("stop orders require a stop price")
        if limit is not None:
            raise malformed("stop orders must not have limit_price")
    if found.type is OrderType.STOP_LIMIT and (limit is None or stop is None):
        raise malformed("stop limit orders require both stop and limit price")
    if found.type is OrderType.TRAILING_STOP:
        _check_trail(found)
    elif found.trail_price is not None or found.trail_percent is not None:
        raise malformed(f"{found.type} orders must not have trail_price or trail_percent")
    if limit is not None and limit <= 0:
        raise malformed("limit price must be > 0")
    if stop is not None and stop <= 0:
        raise malformed("stop price must be > 0")


def _check_trail(found: Ticket) -> None:
    if (found.trail_price is None) == (found.trail_percent is None):
        raise malformed("trailing stop orders must specify one of trail_price or trail_percent")
    if found.limit_price is not None or found.stop_price is not None:
        raise malformed("trailing stop orders require no stop or limit price")
    if found.trail_price is not None and found.trail_price <= 0:
        raise malformed("trail_price must be > 0")
    if found.trail_percent is not None and found.trail_percent < TRAIL_PERCENT_MIN:
        raise malformed(f"trail_percent must be greater than or equal to {TRAIL_PERCENT_MIN}")
    if found.trail_percent is not None and found.trail_percent >= 100:
        raise malformed("trail_percent must be less than 100")


def _legs(
    body: Mapping[str, Any], order_class: OrderClass
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Take-profit limit, stop-loss stop and stop-loss limit, as the class requires them."""
    target, stop = body.get("take_profit"), body.get("stop_loss")
    for name, leg in (("take_profit", target), ("stop_loss", stop)):
        if leg is not None and not isinstance(leg, Mapping):
            raise malformed(f"invalid {name}")
    if order_class is OrderClass.SIMPLE:
        if target or stop:
            raise malformed("simple orders must not have take_profit or stop_loss")
        return None, None, None
    target_limit = number(target, "limit_price", where="take_profit.") if target else None
    stop_stop = number(stop, "stop_price", where="stop_loss.") if stop else None
    stop_limit = number(stop, "limit_price", where="stop_loss.") if stop else None
    if order_class is OrderClass.OTO:
        if (target_limit is None) == (stop_stop is None):
            raise malformed("oto orders require either take_profit or stop_loss")
    elif target_limit is None:
        raise malformed(f"{order_class} orders require take_profit.limit_price")
    elif stop_stop is None:
        raise malformed(f"{order_class} orders require stop_loss.stop_price")
    for name, price in (
        ("take_profit.limit_price", target_limit),
        ("stop_loss.stop_price", stop_stop),
        ("stop_loss.limit_price", stop_limit),
    ):
        if price is not None and price <= 0:
            raise malformed(f"invalid {name}: must be > 0")
    return target_limit, stop_stop, stop_limit
