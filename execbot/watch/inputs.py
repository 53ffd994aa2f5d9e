"""Everything the decision core is told, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from execbot.exits.actions import BrokerAction
from execbot.exits.failures import Outcome
from execbot.exits.plan import ExitPlan
from execbot.journal.records import EventRecord, OrderRecord, PositionRecord
from execbot.model.account import Position


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders as the journal has them now, with the positions they belong to.

    `acts` are what other processes did to them (a cancel that was asked for, say).
    """

    records: Sequence[OrderRecord]
    positions: Sequence[PositionRecord] = ()
    acts: Sequence[EventRecord] = ()


@dataclass(frozen=True, slots=True)
class Plans:
    """Exit plans as the journal has them now."""

    plans: Sequence[ExitPlan]


@dataclass(frozen=True, slots=True)
class BrokerPositions:
    """All positions by the broker's word. `asked_at` is when the question was sent."""

    positions: Sequence[Position]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Price:
    """A quote or a trade. Only what is given changes."""

    symbol: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Halts:
    """Symbols that are halted now."""

    symbols: frozenset[str]


@dataclass(frozen=True, slots=True)
class StreamUp:
    """The trade-update stream is connected; everything before must be read from REST."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StreamDown:
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The actions of one symbol were carried out, or failed at the one whose outcome says so."""

    symbol: str
    results: Sequence[tuple[BrokerAction, Outcome]]


@dataclass(frozen=True, slots=True)
class JobDone:
    """An account-wide job ended (see `execbot.watch.jobs`)."""

    name: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class AssetKnown:
    """What the broker says of a symbol: needed before crypto prices can be rounded."""

    symbol: str
    is_crypto: bool
    tick: Decimal | None = None


Input = (
    Orders
    | Plans
    | BrokerPositions
    | Price
    | Halts
    | StreamUp
    | StreamDown
    | Done
    | JobDone
    | Tick
    | AssetKnown
)

NO_PRICES: Mapping[str, Price] = {}
