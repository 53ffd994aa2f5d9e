"""What the store keeps of each signal, and what the worker writes down about it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from execbot.model.signal import Signal
from execbot.page.signals.intake import Delivered
from execbot.page.signals.tradingview import Stance


class State(StrEnum):
    """Where a signal is on its way."""

    WAITING = "waiting"  # kept, and nothing done for it yet
    BEGUN = "begun"  # handed to whoever acts; what came of it is in the journal, or will be
    DONE = "done"  # its outcome is known


class Row(Struct, frozen=True):
    """One signal. `result` is what `execbot signal` says of it, `order` the latest of its order;
    None until they are known. `may_come_again`: nothing was sent, and the same id may be given
    again. `repeats` counts deliveries after the first. `is_followed`: its order was open at the
    last look. Of a reversal the close says what comes `then`, and the entry `after` what."""

    number: int
    signal: Signal
    source: str
    previous: Stance | None
    state: State
    received_at: datetime
    begun_at: datetime | None = None
    done_at: datetime | None = None
    result: dict[str, Any] | None = None
    order: dict[str, Any] | None = None
    may_come_again: bool = False
    repeats: int = 0
    is_followed: bool = False
    after: str | None = None
    then: str | None = None

    @property
    def id(self) -> str:
        return self.signal.id


class Kept(Struct, frozen=True):
    """What became of a delivery: the first one's row, whether it is that one, and how many wait
    before it. `differs`: the same id came with other content. `entry`: what was kept with it, of a
    reversal."""

    row: Row
    is_new: bool
    waiting: int
    differs: bool = False
    entry: Row | None = None


class Delivery(Struct, frozen=True):
    """One to be kept."""

    what: Delivered
    received_at: datetime
    repeat_seconds: float
    waiting_max: int
