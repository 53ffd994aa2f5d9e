"""One account: cash, positions, and what its settings allow. Pure bookkeeping, no rules."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from execbot.sim.chains.contract import ROOTS, Roots
from execbot.sim.engine.order import Order, Side
from execbot.sim.engine.render import NANO, ZERO
from execbot.sim.types import Ns

Lot = tuple[Decimal, Decimal]
"""Quantity and price of what is left of one purchase (or short sale)."""


@dataclass(slots=True)
class Position:
    """`qty` is signed; `cost` is what the open quantity cost (negative for a short).

    Within a day the cost is a weighted average; overnight it becomes the FIFO cost of the lots
    that are left, which is how Alpaca reports average prices. `overnight_qty` is the signed
    part held since before today, reduced first by closing trades.
    """

    symbol: str
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    overnight_qty: Decimal = ZERO
    today_cost: Decimal = ZERO
    realized: Decimal = ZERO
    lots: list[Lot] = field(default_factory=list)

    @property
    def average(self) -> Decimal:
        return self.cost / self.qty if self.qty else ZERO

    def trade(self, signed: Decimal, price: Decimal) -> Decimal:
        """Books one execution; returns the realised profit. Never passes through zero."""
        if not self.qty or (self.qty > 0) == (signed > 0):
            self.qty += signed
            self.cost += signed * price
            self.today_cost += signed * price
            if self.lots and self.lots[-1][1] == price:
                signed += self.lots.pop()[0]  # one lot: many small fills stay few
            self.lots.append((signed, price))
            return ZERO
        assert abs(signed) <= abs(self.qty), "one execution never flips a position"
        return self._reduce(signed, price)

    def _reduce(self, signed: Decimal, price: Decimal) -> Decimal:
        before, average = self.qty, self.average
        self.qty += signed
        profit = (average - price) * signed
        self.realized += profit
        from_overnight = min(abs(signed), abs(self.overnight_qty))
        sign = 1 if before > 0 else -1
        self.overnight_qty -= sign * from_overnight
        from_today = abs(signed) - from_overnight
        if from_today:
            today_before = abs(before) - abs(self.overnight_qty) - from_overnight
            self.today_cost -= self.today_cost * from_today / today_before
        if not self.qty:
            self.cost = self.today_cost = self.overnight_qty = ZERO
            self.lots.clear()
            return profit
        self.cost = average * self.qty
        self._pop_lots(abs(signed))
        return profit

    def _pop_lots(self, amount: Decimal) -> None:
        """Takes away the oldest lots."""
        while amount > 0 and self.lots:
            qty, price = self.lots[0]
            if abs(qty) > amount:
                self.lots[0] = (qty - amount if qty > 0 else qty + amount, price)
                return
            amount -= abs(qty)
            self.lots.pop(0)

    def shed(self, amount: Decimal) -> None:
        """Takes a fee in kind out of the position at its average price."""
        average = self.average
        self.qty -= amount
        self.cost = average * self.qty
        self.today_cost = min(self.today_cost, self.cost)
        self._pop_lots(amount)

    def rescale(self, exact: Decimal, qty: Decimal) -> None:
        """Spreads the cost over another number of shares, as a split does. Of `exact` shares `qty`
        are left; the rest was paid out.
        """
        factor = exact / self.qty
        self.cost = self.cost * qty / exact
        self.today_cost = self.today_cost * qty / exact
        self.overnight_qty = (self.overnight_qty * factor).quantize(NANO)
        lots = [((held * factor).quantize(NANO), price / factor) for held, price in self.lots]
        rest = qty - sum((held for held, _ in lots[:-1]), ZERO)
        self.lots = [*lots[:-1], (rest, lots[-1][1])]
        self.qty = qty

    def restate(self, qty: Decimal, price: Decimal, dearer: Decimal = ZERO) -> None:
        """Changes a trade afterwards: `qty` more (or less) at `price`, and what is held cost
        `dearer` more in all. A long position may become a short one by it, and the other way.
        """
        before = self.qty
        self.qty += qty
        if not self.qty:
            self.cost = self.today_cost = self.overnight_qty = ZERO
            self.lots.clear()
            return
        if not before or (before > 0) != (self.qty > 0):
            self.cost, self.overnight_qty = self.qty * price, ZERO
            self.today_cost = self.cost
        else:
            change = qty * price + dearer
            if (self.cost + change) / self.qty > 0:
                self.cost += change
                self.today_cost += change
            else:  # less than what was sold since had cost: what is left keeps its average
                self.cost *= self.qty / before
                self.today_cost *= self.qty / before
        self.lots = [(self.qty, self.average)]

    def start_day(self) -> None:
        """Makes what is held an overnight holding, at the FIFO cost of the lots left."""
        self.cost = sum((qty * price for qty, price in self.lots), ZERO)
        self.lots = [(self.qty, self.cost / self.qty)] if self.qty else []
        self.overnight_qty = self.qty
        self.today_cost = ZERO

    def record(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "qty": str(self.qty),
            "cost": str(self.cost),
            "overnight_qty": str(self.overnight_qty),
            "today_cost": str(self.today_cost),
            "realized": str(self.realized),
            "lots": [[str(qty), str(price)] for qty, price in self.lots],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Position:
        return cls(
            symbol=record["symbol"],
            qty=Decimal(record["qty"]),
            cost=Decimal(record["cost"]),
            overnight_qty=Decimal(record["overnight_qty"]),
            today_cost=Decimal(record["today_cost"]),
            realized=Decimal(record["realized"]),
            lots=[(Decimal(qty), Decimal(price)) for qty, price in record["lots"]],
        )


@dataclass(slots=True)
class Hold:
    """Shares of a dead closing order that are given back only at `until`."""

    order_id: str
    symbol: str
    qty: Decimal
    until: Ns


@dataclass(slots=True)
class MarginCall:
    """A deficit seen at a close: since which trading date, how many dollars, due when."""

    since: str
    amount: Decimal
    due: str


DEFAULT_CONFIGURATIONS: dict[str, Any] = {
    "disable_overnight_trading": False,
    "fractional_trading": True,
    "max_margin_multiplier": "4",
    "max_options_trading_level": 3,
    "no_shorting": False,
    "ptp_no_exception_entry": False,
    "suspend_trade": False,
    "trade_confirm_email": "all",
}
LEGACY_CONFIGURATIONS: dict[str, Any] = {"pdt_check": "entry", "dtbp_check": "entry"}


@dataclass(slots=True)
class Account:
    """`live` holds the orders that are not over, oldest first; the same objects as the core's.
    `sides`, `client_ids` and `reserved` (dollars by symbol) are indexes over them.

    `day` is the trading date the positions were last rolled to; `last_*` are of its eve.
    `opened_today` and `day_trades` serve the day-trading rule of before June 2026.
    """

    id: str
    key: str
    number: str
    created_at: Ns
    cash: Decimal
    day: str
    last_equity: Decimal
    last_maintenance: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    live: dict[str, Order] = field(default_factory=dict)
    sides: dict[tuple[str, Side], dict[str, Order]] = field(default_factory=dict)
    client_ids: dict[str, str] = field(default_factory=dict)
    reserved: dict[str, Decimal] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    configurations: dict[str, Any] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)  # of the day, by type, not yet charged
    coin_fees: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # by pair and side
    account_blocked: bool = False
    trading_blocked: bool = False
    transfers_blocked: bool = False
    liquidation_only: bool = False
    opened_today: list[str] = field(default_factory=list)
    day_trades: list[str] = field(default_factory=list)
    not_to_exercise: set[str] = field(default_factory=set)  # contracts, on their last day
    taken: dict[str, list[Any]] = field(default_factory=dict)
    margin_call: MarginCall | None = None
    roots: Roots = field(default_factory=lambda: ROOTS)  # the exchange's, of contracts
    frozen_until: str = ""  # trading date up to which there is no margin, after an unmet call

    def add(self, order: Order) -> None:
        """Adds a live order, to be found by id, by client id, and by symbol and side."""
        self.live[order.id] = order
        self.client_ids[order.client_order_id] = order.id
        self.sides.setdefault((order.symbol, order.side), {})[order.id] = order

    def remove(self, order: Order) -> None:
        """Takes out an order that is over, and frees what it reserved."""
        self.reserve(order, ZERO)
        if self.live.pop(order.id, None) is None:
            return
        del self.client_ids[order.client_order_id]
        side = self.sides[order.symbol, order.side]
        del side[order.id]
        if not side:
            del self.sides[order.symbol, order.side]

    def reserve(self, order: Order, amount: Decimal) -> None:
        """Has the order hold back so many dollars of buying power from now on."""
        if amount == order.reserved:
            return
        total = self.reserved.get(order.symbol, ZERO) + amount - order.reserved
        order.reserved = amount
        if total:
            self.reserved[order.symbol] = total
        else:
            self.reserved.pop(order.symbol, None)

    def on_side(self, symbol: str, side: Side) -> Collection[Order]:
        """Live orders of one symbol and side."""
        return self.sides.get((symbol, side), {}).values()

    def qty(self, symbol: str) -> Decimal:
        position = self.positions.get(symbol)
        return position.qty if position else ZERO

    def position(self, symbol: str) -> Position:
        return self.positions.setdefault(symbol, Position(symbol))

    def record(self) -> dict[str, Any]:
        """A JSON-able copy without the live orders, which the core keeps."""
        return {
            "id": self.id,
            "key": self.key,
            "number": self.number,
            "created_at": self.created_at,
            "cash": str(self.cash),
            "day": self.day,
            "last_equity": str(self.last_equity),
            "last_maintenance": str(self.last_maintenance),
            "positions": [position.record() for position in self.positions.values()],
            "holds": [[h.order_id, h.symbol, str(h.qty), h.until] for h in self.holds],
            "configurations": dict(self.configurations),
            "fees": {kind: str(amount) for kind, amount in self.fees.items()},
            "coin_fees": [[*place, str(amount)] for place, amount in self.coin_fees.items()],
            "flags": [getattr(self, name) for name in FLAGS],
            "opened_today": list(self.opened_today),
            "day_trades": list(self.day_trades),
            "margin_call": None if self.margin_call is None else _call_record(self.margin_call),
            "frozen_until": self.frozen_until,
            "not_to_exercise": sorted(self.not_to_exercise),
            "taken": {
                place: [at, {str(price): str(qty) for price, qty in used.items()}]
                for place, (at, used) in self.taken.items()
            },
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Account:
        positions = [Position.from_record(item) for item in record["positions"]]
        account = cls(
            id=record["id"],
            key=record["key"],
            number=record["number"],
            created_at=record["created_at"],
            cash=Decimal(record["cash"]),
            day=record["day"],
            last_equity=Decimal(record["last_equity"]),
            last_maintenance=Decimal(record["last_maintenance"]),
            positions={position.symbol: position for position in positions},
            holds=[Hold(i, symbol, Decimal(q), at) for i, symbol, q, at in record["holds"]],
            configurations=dict(record["configurations"]),
            fees={kind: Decimal(amount) for kind, amount in record["fees"].items()},
            coin_fees={(pair, side): Decimal(fee) for pair, side, fee in record["coin_fees"]},
            opened_today=list(record["opened_today"]),
            day_trades=list(record["day_trades"]),
            taken={
                place: [at, {Decimal(price): Decimal(qty) for price, qty in used.items()}]
                for place, (at, used) in record["taken"].items()
            },
        )
        for name, value in zip(FLAGS, record["flags"], strict=True):
            setattr(account, name, value)
        account.frozen_until = record.get("frozen_until", "")
        account.not_to_exercise = set(record.get("not_to_exercise", ()))
        if record.get("margin_call"):
            since, amount, due = record["margin_call"]
            account.margin_call = MarginCall(since, Decimal(amount), due)
        return account


def _call_record(call: MarginCall) -> list[str]:
    return [call.since, str(call.amount), call.due]


FLAGS = ("account_blocked", "trading_blocked", "transfers_blocked", "liquidation_only")
