"""What one run of the guided check has in its hands, and how a step is proven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NoReturn

from msgspec import Struct

from execbot.broker.port import BrokerClient, OrderQuery
from execbot.desk.account import Desk
from execbot.desk.confirming import Ask
from execbot.desk.errors import DeskError
from execbot.model.account import Position
from execbot.model.enums import STOP_TYPES, OrderType
from execbot.model.numbers import ZERO
from execbot.model.order import Order
from execbot.model.timer import Timer

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.5
HALF = Decimal("0.5")


class SelftestRefused(DeskError):
    """The check does not begin: nothing was sent."""

    kind = "risk.selftest"


class NotProven(DeskError):
    """The broker does not say what it should after a step."""

    kind = "selftest.not_proven"


class Proof(Struct, frozen=True):
    """One step: what was to be shown, and what the broker said. `at` is the broker's time."""

    step: str
    passed: bool
    words: str
    at: datetime


@dataclass
class Course:
    """`symbol`, `qty` and `part` (what is closed first) are chosen by the third step; `agree` asks
    before each step that sends."""

    desk: Desk
    max_cost: Decimal
    symbols: tuple[str, ...]
    agree: Ask
    timer: Timer = field(default_factory=Timer)
    symbol: str = ""
    qty: Decimal = Decimal(1)
    part: Decimal = HALF
    entry: Decimal = ZERO
    """What a share has cost."""
    has_bought: bool = False
    worst: Decimal = ZERO
    """What it may cost at worst, in USD."""
    proofs: list[Proof] = field(default_factory=list)

    @property
    def broker(self) -> BrokerClient:
        """The broker, asked directly: the journal is what is to be proven."""
        return self.desk.client

    def position(self) -> Position | None:
        return self.broker.get_position(self.symbol)

    def held(self) -> Decimal:
        found = self.position()
        return ZERO if found is None else found.qty

    def open_orders(self) -> list[Order]:
        """Of the symbol, legs too."""
        found: list[Order] = []
        query = OrderQuery(status="open", symbols=(self.symbol,), nested=False)
        for order in self.broker.list_orders(query):
            found += [order, *order.legs]
        return list({order.id: order for order in found if order.is_working}.values())

    def stops(self) -> list[Order]:
        return [order for order in self.open_orders() if order.type in STOP_TYPES]

    def until(self, is_so: Callable[[], bool], wanted: str) -> None:
        """Look again until it is true. Raises NotProven after a while."""
        ends = self.timer.monotonic() + PATIENCE_SECONDS
        while not is_so():
            if self.timer.monotonic() >= ends:
                self.fail(wanted)
            self.timer.sleep(PAUSE_SECONDS)

    def fail(self, wanted: str) -> NoReturn:
        orders = ", ".join(f"{o.side} {o.qty} {o.type} {o.status}" for o in self.open_orders())
        raise NotProven(f"wanted {wanted}; {self.held()} held, open orders: {orders or 'none'}")


def is_stop_at(orders: list[Order], qty: Decimal, price: Decimal | None = None) -> bool:
    """Exactly one stop stands, for so many shares; at this price where one is given. Pure."""
    if len(orders) != 1 or orders[0].type is OrderType.TRAILING_STOP:
        return False
    return orders[0].qty == qty and price in (None, orders[0].stop_price)
