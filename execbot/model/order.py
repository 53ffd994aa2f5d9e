"""An order that we ask for (OrderRequest), as the broker reports it (Order), and its Fill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct, StructMeta
from msgspec.structs import force_setattr

from execbot.model.enums import (
    OPEN_STATUSES,
    OUTCOME_OF,
    TERMINAL_STATUSES,
    WORKING_STATUSES,
    EventSource,
    OrderClass,
    OrderStatus,
    OrderType,
    Outcome,
    Side,
    TimeInForce,
)
from execbot.model.numbers import ZERO, maybe_decimal, maybe_text, to_decimal
from execbot.model.options.legs import Leg
from execbot.model.plausible import believed_time
from execbot.model.quote import Quote
from execbot.model.struct import Reported
from execbot.model.symbols import OPTION_MULTIPLIER, multiplier_of, symbol_key


class TakeProfit(Struct, frozen=True):
    limit_price: Decimal


class StopLoss(Struct, frozen=True):
    stop_price: Decimal
    limit_price: Decimal | None = None


class _Lenient(StructMeta):
    """Takes what other systems call them, too: `quantity` for `qty`, `order_type` for `type`."""

    def __call__(cls, *values: Any, **fields: Any) -> Any:
        for alias, name in (("quantity", "qty"), ("order_type", "type")):
            if alias in fields:
                if name in fields:
                    raise TypeError(f"{name} and {alias} mean the same: give one of them")
                fields[name] = fields.pop(alias)
        return super().__call__(*values, **fields)


class OrderRequest(Struct, frozen=True, metaclass=_Lenient):
    """One order as it will be sent: exactly one of `qty` (shares, coins) and `notional` (USD).

    Words may come in any case and numbers as int, text or float: `side="BUY"`, `qty=10`,
    `order_type="MARKET"`. Raises ValueError for a word or number that is none.
    `client_order_id` is chosen by the submit pipeline when empty. What follows it never leaves
    the machine; it is kept in the journal.
    """

    symbol: str
    side: Side
    qty: Decimal | None = None
    notional: Decimal | None = None
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: OrderClass = OrderClass.NONE
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    position_intent: str | None = None
    """`sell_to_close` and the like: the broker then refuses what would open instead."""
    spread: tuple[Leg, ...] = ()
    """The legs of a multi-leg option order. It has no symbol and no side of its own (`side` stays
    buy), `qty` counts units, and its limit is the net price of one: above 0 is paid, below 0 is
    received."""
    client_order_id: str = ""
    strategy_id: str | None = None
    reason: str | None = None
    cancel_after: Decimal | None = None
    """Seconds that it may wait unfilled; a running `watch` then cancels it."""
    for_the_day: bool = False
    """It is gtc for the sake of its legs alone: the entry itself ends at the close."""
    clock_by_rule: bool = False
    """Nobody asked for `cancel_after`: the configuration gave it (`timeout_applies_to: all`)."""
    decided_by: tuple[Quote, ...] = ()
    """Quotes that an exit of contracts was decided by: no past one can be looked up."""

    def __post_init__(self) -> None:
        for name, kind in _WORDS.items():
            value = getattr(self, name)
            if type(value) is not kind:
                force_setattr(self, name, kind(str(value).lower()))
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None and type(value) is not Decimal:
                force_setattr(self, name, to_decimal(value))

    @property
    def waits_for_session(self) -> bool:
        """For a stock, given when the market is closed: Alpaca keeps it for the regular session."""
        lasts = self.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
        return lasts and not self.extended_hours

    def to_wire(self) -> dict[str, Any]:
        """The JSON body of POST /v2/orders: decimals as text, absent fields left out."""
        body: dict[str, Any] = (
            {"legs": [leg.to_wire() for leg in self.spread]}
            if self.spread
            else {"symbol": self.symbol, "side": self.side.value}
        )
        body |= {"type": self.type.value, "time_in_force": self.time_in_force.value}
        for name in _NUMBERS:
            value = maybe_text(getattr(self, name))
            if value is not None:
                body[name] = value
        if self.extended_hours:
            body["extended_hours"] = True
        if self.order_class not in (OrderClass.NONE, OrderClass.SIMPLE):
            body["order_class"] = self.order_class.value
        if self.take_profit is not None:
            body["take_profit"] = {"limit_price": maybe_text(self.take_profit.limit_price)}
        if self.stop_loss is not None:
            body["stop_loss"] = {"stop_price": maybe_text(self.stop_loss.stop_price)}
            if self.stop_loss.limit_price is not None:
                body["stop_loss"]["limit_price"] = maybe_text(self.stop_loss.limit_price)
        if self.position_intent:
            body["position_intent"] = self.position_intent
        if self.client_order_id:
            body["client_order_id"] = self.client_order_id
        return body


_WORDS: dict[str, type[StrEnum]] = {
    "side": Side,
    "type": OrderType,
    "time_in_force": TimeInForce,
    "order_class": OrderClass,
}
_NUMBERS = ("qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent")


class Order(Reported, frozen=True):
    """One order as last known. `id` is the broker's, empty until the broker has answered.

    `raw` keeps the broker's object as it came, fields we do not know included.
    """

    id: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    qty: Decimal | None = None
    notional: Decimal | None = None
    filled_qty: Decimal = ZERO
    filled_avg_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    extended_hours: bool = False
    order_class: OrderClass = OrderClass.NONE
    asset_class: str = "us_equity"
    position_intent: str | None = None
    legs: tuple[Order, ...] = ()
    replaces: str | None = None
    replaced_by: str | None = None
    created_at: datetime | None = None
    submitted_at: datetime | None = None
    updated_at: datetime | None = None
    filled_at: datetime | None = None
    canceled_at: datetime | None = None
    expired_at: datetime | None = None
    failed_at: datetime | None = None
    expires_at: datetime | None = None

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], now: datetime | None = None) -> Order:
        """Read Alpaca's order object tolerantly: missing and unknown fields survive.

        Times far beyond `now`, when it was told, are left out: no younger report would count.
        """
        get = data.get
        optional: dict[str, Any] = {}
        for name in _DECIMAL_FIELDS:
            if (value := get(name)) is not None:
                optional[name] = maybe_decimal(value)
        for name in _TIME_FIELDS:
            if (value := get(name)) is not None:
                optional[name] = believed_time(value, None if name == "expires_at" else now)
        legs = get("legs")
        if legs and isinstance(legs, list | tuple):
            found = (cls.from_wire(leg, now) for leg in legs if isinstance(leg, Mapping))
            optional["legs"] = tuple(found)
        return cls(
            id=str(get("id") or ""),
            client_order_id=str(get("client_order_id") or ""),
            symbol=str(get("symbol") or ""),
            side=_SIDES.get(str(get("side")), Side.BUY),
            type=_TYPES.get(str(get("type") or get("order_type")), OrderType.MARKET),
            time_in_force=_TIMES_IN_FORCE.get(str(get("time_in_force")), TimeInForce.DAY),
            status=OrderStatus.parse(get("status")),
            filled_qty=maybe_decimal(get("filled_qty")) or ZERO,
            extended_hours=bool(get("extended_hours")),
            order_class=_CLASSES.get(str(get("order_class")), OrderClass.NONE),
            asset_class=str(get("asset_class") or "us_equity"),
            position_intent=get("position_intent"),
            replaces=get("replaces"),
            replaced_by=get("replaced_by"),
            raw=data,
            **optional,
        )

    @property
    def is_spread(self) -> bool:
        """The parent of a multi-leg option order: it has no symbol, its legs are what trades."""
        return self.order_class is OrderClass.MLEG and not self.symbol

    @property
    def parts(self) -> tuple[Order, ...]:
        """The orders that trade: the legs of a multi-leg option order, else the order itself."""
        return self.legs if self.is_spread else (self,)

    @property
    def multiplier(self) -> Decimal:
        """Dollars for each dollar of its price and unit of its quantity: an order of several legs
        has no symbol, and is of contracts all the same."""
        is_spread = self.order_class is OrderClass.MLEG
        return OPTION_MULTIPLIER if is_spread else multiplier_of(self.symbol)

    @property
    def leaves_qty(self) -> Decimal | None:
        """The quantity that may still fill; None for a notional order, which the broker sizes."""
        return None if self.qty is None else max(self.qty - self.filled_qty, ZERO)

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_STATUSES

    @property
    def is_working(self) -> bool:
        return self.status in WORKING_STATUSES

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def is_refused_change(self) -> bool:
        """A replacement that the broker did not take: the order it was meant to change stands."""
        return self.status is OrderStatus.REJECTED and bool(self.replaces) and not self.filled_qty

    @property
    def outcome(self) -> Outcome:
        """`partially_filled` also covers a partly filled order that then ended."""
        outcome = OUTCOME_OF.get(self.status, Outcome.ACCEPTED)
        if self.filled_qty > 0 and outcome in (
            Outcome.ACCEPTED,
            Outcome.CANCELED,
            Outcome.EXPIRED,
            Outcome.REJECTED,
        ):
            return Outcome.PARTIALLY_FILLED
        return outcome


_DECIMAL_FIELDS = (
    "qty",
    "notional",
    "filled_avg_price",
    "limit_price",
    "stop_price",
    "trail_price",
    "trail_percent",
    "hwm",
)
_TIME_FIELDS = (
    "created_at",
    "submitted_at",
    "updated_at",
    "filled_at",
    "canceled_at",
    "expired_at",
    "failed_at",
    "expires_at",
)


_SIDES = {side.value: side for side in Side}
_TYPES = {kind.value: kind for kind in OrderType}
_TIMES_IN_FORCE = {duration.value: duration for duration in TimeInForce}
_CLASSES = {kind.value: kind for kind in OrderClass}
"""A look-up costs a fifth of what asking the enum for a member costs."""


def kind_of(order: Order | OrderRequest) -> tuple[str, Side, str]:
    """Symbol, side and type: the broker may change prices and quantity, never these. Two orders
    with the same id and different kinds are two orders."""
    return symbol_key(order.symbol), order.side, order.type


class Fill(Struct, frozen=True, gc=False):
    """One execution. `qty` is positive; the side says what it does to the position.

    `inferred` marks a fill that was concluded from a shortfall, not reported: its
    `execution_id` is deterministic so that concluding it twice books it once. `fee` is in USD,
    `fee_estimated`: its share of what a whole day was charged.
    """

    execution_id: str
    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime
    source: EventSource = EventSource.STREAM
    position_qty: Decimal | None = None
    fee: Decimal | None = None
    fee_estimated: bool = False
    inferred: bool = False

    @property
    def signed_qty(self) -> Decimal:
        return self.qty * self.side.sign
