"""A chart as data, before anybody draws it.

Prices are USD, as the bars count them: trades before a split are shown in shares of today. Times
are UTC. Nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.model.enums import Side
from execbot.model.quote import Bar


class Kind(StrEnum):
    STOP = "stop"
    TARGET = "target"


class Mark(Struct, frozen=True):
    """One execution. `paid` is its price as it was, `price` as the bars count it."""

    at: datetime
    side: Side
    qty: Decimal
    paid: Decimal
    price: Decimal
    opens: bool
    trade_id: str
    execution_id: str
    client_order_id: str | None = None

    @property
    def word(self) -> str:
        return "entry" if self.opens else "exit"


class LevelStep(Struct, frozen=True):
    """From `at` on the level stands at `price`; None: there is none."""

    at: datetime
    price: Decimal | None


class Level(Struct, frozen=True):
    """The way of a stop, or of target `number` (1 is the nearest that was given), as the plan had
    it. The last step of a level that has ended has no price."""

    kind: Kind
    trade_id: str
    plan_id: str
    steps: tuple[LevelStep, ...]
    number: int | None = None

    @property
    def word(self) -> str:
        return self.kind.value if self.number is None else f"{self.kind} {self.number}"

    @property
    def stands(self) -> Decimal | None:
        """Where it stands now."""
        return self.steps[-1].price if self.steps else None


class Chart(Struct, frozen=True):
    """`frame` is the length of a bar in Alpaca's words; `at` of a bar is its start."""

    symbol: str
    frame: str
    since: datetime
    until: datetime
    bars: Sequence[Bar] = ()
    marks: Sequence[Mark] = ()
    levels: Sequence[Level] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.bars or self.marks)
