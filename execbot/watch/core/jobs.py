"""What the core asks its shell to do. Values only; `execbot.watch.perform` carries them out."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from execbot.exits.rules.actions import BrokerAction, Priority, SavePlan
from execbot.oms.sync.differences import PositionDifference
from execbot.oms.sync.late_fills import LateFills
from execbot.oms.sync.row_evidence import MovedShares, Succession
from execbot.oms.sync.split_evidence import Split


class JobName(StrEnum):
    """Account-wide jobs. At most one of each is under way."""

    GAP_FILL = "gap_fill"
    READ_POSITIONS = "read_positions"
    SETTLE = "settle"
    RELEASE_QUEUE = "release_queue"
    FOLLOW_REJECTIONS = "follow_rejections"
    READ_LEVELS = "read_levels"
    CARE_FOR_OPTIONS = "care_for_options"
    SAMPLE_EQUITY = "sample_equity"
    SAMPLE_CLOSE = "sample_close"


class SymbolJob(Struct, frozen=True):
    """Actions for one symbol, done one after the other; the first failure ends them."""

    symbol: str
    actions: tuple[BrokerAction, ...]

    @property
    def priority(self) -> Priority:
        return min(action.priority for action in self.actions)


class AccountJob(Struct, frozen=True):
    name: JobName
    reason: str
    priority: Priority = Priority.READ


class Save(Struct, frozen=True):
    """Make a plan durable before anything else of the same decision is done."""

    save: SavePlan


class Book(Struct, frozen=True):
    """Book a quantity that came or went without a trade, for `reason`."""

    difference: PositionDifference
    reason: str
    price: Decimal | None


class Remember(Struct, frozen=True):
    """Keep for later runs that a difference was told, or with None that there is none any more."""

    symbol: str
    difference: PositionDifference | None = None


class Note(Struct, frozen=True):
    """Something to show, print and audit. `type` is a stable word of `watch --json`."""

    type: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    is_alarm: bool = False
    is_critical: bool = False


class BookSplit(Struct, frozen=True):
    """Book a split; `note` is told once that is done."""

    split: Split
    note: Note


class BookRows(Struct, frozen=True):
    """Book what rows of the account say; `price` is the broker's average, `note` is told then."""

    moved: MovedShares
    price: Decimal | None
    note: Note


class BookLateFills(Struct, frozen=True):
    """Make smaller what was taken over, by fills that were told since; `note` is told then."""

    late: LateFills
    note: Note


class BookSuccession(Struct, frozen=True):
    """Book that a symbol became another one; `note` is told once that is done."""

    pair: Succession
    note: Note


Booking = Book | BookLateFills | BookRows | BookSplit | BookSuccession
Job = SymbolJob | AccountJob | Save | Booking | Remember | Note
