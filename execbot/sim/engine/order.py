"""One order as the exchange keeps it, and the sets of statuses that rules look at."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

from execbot.sim.engine.render import NANO, ZERO
from execbot.sim.types import AssetClass, Ns


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    DAY = "day"
    GTC = "gtc"
    OPG = "opg"
    CLS = "cls"
    IOC = "ioc"
    FOK = "fok"


class OrderClass(StrEnum):
    SIMPLE = ""
    BRACKET = "bracket"
    OCO = "oco"
    OTO = "oto"
    MLEG = "mleg"


class Status(StrEnum):
    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    HELD = "held"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"


class Role(StrEnum):
    """The part an order plays in its group."""

    ALONE = ""
    ENTRY = "entry"
    TARGET = "target"  # the take-profit
    STOP = "stop"  # the stop-loss


TERMINAL = frozenset(
    {Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REJECTED, Status.REPLACED}
)


KEEPS_STATUS = (Status.PENDING_CANCEL, Status.PENDING_REPLACE)  # a partial fill changes neither


@dataclass(slots=True)
class Order:
    """Quantities in shares or coins, times in nanoseconds since the epoch.

    `due` maps the kind of each thing scheduled for this order to its instant; the agenda is
    rebuilt from it. `seen` is how far the market has been searched for the next touch.
    """

    id: str
    seq: int
    account_id: str
    client_order_id: str
    symbol: str
    asset_id: str
    asset_class: AssetClass
    side: Side
    type: OrderType
    tif: TimeInForce
    order_class: OrderClass
    created_at: Ns
    updated_at: Ns
    submitted_at: Ns
    position_intent: str = ""
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    extended_hours: bool = False
    status: Status = Status.PENDING_NEW
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    carried_qty: Decimal = ZERO  # filled before this order replaced another
    reported_factor: Decimal | None = None  # the fault that misreports prices
    fills: list[list[str]] = field(default_factory=list)  # see `corrections.Fill`
    filled_at: Ns | None = None
    expires_at: Ns | None = None
    expired_at: Ns | None = None
    cancel_requested_at: Ns | None = None
    canceled_at: Ns | None = None
    failed_at: Ns | None = None
    replaced_at: Ns | None = None
    replaced_by: str | None = None
    replaces: str | None = None

    role: Role = Role.ALONE
    parent_id: str | None = None
    sibling_id: str | None = None
    origin_id: str | None = None  # the first id of a replaced leg; `related_orders` names it
    legs: list[str] = field(default_factory=list)
    ratio_qty: Decimal | None = None  # of a leg of an order in several contracts
    hides_legs: bool = False  # the order that it replaced shows them

    hold_price: Decimal = ZERO  # what one unit reserves of buying power
    reserved: Decimal = ZERO  # what the order reserves now
    acked: bool = False
    active: bool = False  # may meet the market
    triggered: bool = False  # a stop that has fired
    rested: bool = False  # has been in the book: pays the maker fee
    collar: Decimal | None = None  # limit that Alpaca adds by itself
    fill_cap: Decimal | None = None  # partial_then_cancel: fill no more than this
    fills_nothing: bool = False  # filled_without_qty
    cut_to: Decimal | None = None  # qty_reduced: the share of the first execution that is left
    due: dict[str, Ns] = field(default_factory=dict)
    seen: Ns = 0

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY

    @property
    def is_open(self) -> bool:
        return self.status not in TERMINAL

    @property
    def is_closing(self) -> bool:
        return self.position_intent.endswith("_to_close")

    @property
    def is_fractional(self) -> bool:
        return self.qty is None or self.qty != self.qty.to_integral_value()

    @property
    def leaves(self) -> Decimal:
        """What is still to be filled; for a notional order at the price it was reserved with."""
        if self.qty is not None:
            return self.qty - self.filled_qty - self.carried_qty
        assert self.notional is not None
        left = self.notional - self.filled_value
        return (left / self.hold_price).quantize(NANO) if self.hold_price and left > 0 else ZERO

    @property
    def filled_avg_price(self) -> Decimal | None:
        if not self.filled_qty:
            return None
        average = self.filled_value / self.filled_qty
        return average * self.reported_factor if self.reported_factor else average

    @property
    def watched_limit(self) -> Decimal | None:
        """The worst price this order accepts now."""
        if self.type is OrderType.LIMIT or (self.type is OrderType.STOP_LIMIT and self.triggered):
            return self.limit_price
        return self.collar

    @property
    def is_stop(self) -> bool:
        return self.type in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)

    @property
    def waits_for_trigger(self) -> bool:
        return self.is_stop and not self.triggered

    def record(self) -> dict[str, Any]:
        """A JSON-able copy; `from_record` makes the same order of it."""
        out: dict[str, Any] = {}
        for name in _NAMES:
            value = getattr(self, name)
            if isinstance(value, Decimal):
                value = str(value)
            elif isinstance(value, StrEnum):
                value = value.value
            elif isinstance(value, (list, dict)):
                value = value.copy()
            out[name] = value
        return out

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Order:
        """Read what `record` wrote; fields that an older record lacks take their default."""
        values = dict(record)
        for name in _DECIMALS:
            if values.get(name) is not None:
                values[name] = Decimal(values[name])
        for name, kind in _ENUMS.items():
            values[name] = kind(values[name])
        values["legs"] = list(values.get("legs", ()))
        values["fills"] = [list(fill) for fill in values.get("fills", ())]
        values["due"] = dict(values.get("due", {}))
        return cls(**values)


_NAMES = tuple(item.name for item in fields(Order))
_DECIMALS = tuple(item.name for item in fields(Order) if "Decimal" in str(item.type))
_ENUMS: dict[str, type[StrEnum]] = {
    "asset_class": AssetClass,
    "side": Side,
    "type": OrderType,
    "tif": TimeInForce,
    "order_class": OrderClass,
    "status": Status,
    "role": Role,
}
