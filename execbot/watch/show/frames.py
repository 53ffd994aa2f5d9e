"""What a running watch tells those who look on: values, and how a picture grows from them. Pure.

A frame says what has changed since the one before it. The first one that somebody gets is `whole`:
all that there is. Positions are told as facts, not as they are shown: whoever shows them works that
out, so that the deciding process need not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.view import Coverage
from execbot.exits.structures.plan import StructurePlan
from execbot.model.order import Order

T = TypeVar("T")

EVENTS_KEPT = 200
"""The newest, for who comes later."""


class Held(Struct, frozen=True):
    """A position without its price. `has_entry`: an opening order works."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal | None
    realized_pl: Decimal
    opened_at: datetime | None
    has_entry: bool
    coverage: Coverage
    plan: ExitPlan | None
    structure: StructurePlan | None = None


class Priced(Struct, frozen=True, array_like=True):
    """The newest price of a symbol, and of when it is. `price` is what the position is shown at."""

    price: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    at: datetime | None


class Working(Struct, frozen=True):
    """An order that works, or how it ended where it does not live any more; `ends_at`: when the
    watch cancels it, unfilled."""

    order: Order
    origin: str
    role: str | None
    strategy_id: str | None
    reason: str | None
    ends_at: datetime | None
    lives: bool = True


class Told(Struct, frozen=True):
    """One note of the watch. Its words may have been written elsewhere: they are not made harmless
    here, where time counts."""

    number: int
    at: datetime
    type: str
    text: str
    symbol: str
    is_alarm: bool
    is_critical: bool


class Shape(Struct, frozen=True):
    """How the watch itself is doing."""

    stream_up: bool = False
    frame_at: datetime | None = None
    lag_ms: float = 0.0
    requests_left: int | None = None
    requests_per_minute: int | None = None
    guarded_at: datetime | None = None
    session: str = ""
    halted: str = ""
    differing: tuple[str, ...] = ()


class Frame(Struct, frozen=True, tag="frame", omit_defaults=True):
    """`None` for what is gone. `at` is the broker's time."""

    at: datetime
    whole: bool = False
    held: Mapping[str, Held | None] = {}
    prices: Mapping[str, Priced] = {}
    orders: Mapping[str, Working | None] = {}
    told: Sequence[Told] = ()
    shape: Shape | None = None


class Lost(Struct, frozen=True, tag="lost"):
    """A reader was too slow: messages are missing, and a whole frame follows."""


class Picture:
    """All that the frames so far have said."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self.held: dict[str, Held] = {}
        self.prices: dict[str, Priced] = {}
        self.orders: dict[str, Working] = {}
        self.told: list[Told] = []
        self.shape = Shape()

    def take(self, frame: Frame) -> None:
        """Grow by it; a whole one replaces all."""
        if frame.whole:
            self.__init__()  # type: ignore[misc]
        self.at = frame.at
        _merge(self.held, frame.held)
        _merge(self.orders, {n: one if one and one.lives else None for n, one in
                             frame.orders.items()})  # fmt: skip
        self.prices.update(frame.prices)
        for symbol in [name for name in self.prices if name not in self.held]:
            del self.prices[symbol]
        self.told = [*self.told, *frame.told][-EVENTS_KEPT:]
        self.shape = frame.shape or self.shape

    def whole(self) -> Frame | None:
        """All of it as one frame; None before the first one came."""
        if self.at is None:
            return None
        return Frame(
            at=self.at,
            whole=True,
            held=dict(self.held),
            prices=dict(self.prices),
            orders=dict(self.orders),
            told=tuple(self.told),
            shape=self.shape,
        )


def bare(order: Order) -> Order:
    """Without what the broker sent: it is long, and nobody shows it."""
    return replace(order, raw={}, legs=tuple(bare(leg) for leg in order.legs))


def _merge(into: dict[str, T], changes: Mapping[str, T | None]) -> None:
    for name, value in changes.items():
        if value is None:
            into.pop(name, None)
        else:
            into[name] = value
