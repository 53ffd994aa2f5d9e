"""Everything the decision core is told, as values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.exits.levels import LevelFacts
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.actions import BrokerAction
from execbot.exits.rules.failures import Outcome
from execbot.exits.structures.plan import StructurePlan
from execbot.journal.records import EventRecord, OrderRecord, PositionRecord
from execbot.model.account import Position
from execbot.model.unread import Unread
from execbot.oms.sync.evidence import Evidence


class Orders(Struct, frozen=True):
    """Orders as the journal has them now, with the positions they belong to.

    `acts` are what other processes did to them (a cancel that was asked for, say). With
    `more_follows` nothing is decided yet: the plans are still to come.
    """

    records: Sequence[OrderRecord]
    positions: Sequence[PositionRecord] = ()
    acts: Sequence[EventRecord] = ()
    more_follows: bool = False


class Plans(Struct, frozen=True):
    """Exit plans as the journal has them now."""

    plans: Sequence[ExitPlan]


class Structures(Struct, frozen=True):
    """Exits of contracts that stand together, as the journal has them now."""

    plans: Sequence[StructurePlan]


class BrokerPositions(Struct, frozen=True):
    """All positions as the broker lists them. `asked_at` is when the question was sent.

    `filled_from` is when a look at all orders and fills began that has ended just before;
    `evidence` is what the account's activities said then of quantities that differ.
    """

    positions: Sequence[Position]
    asked_at: datetime
    filled_from: datetime | None = None
    evidence: Evidence = Evidence()
    unread: tuple[Unread, ...] = ()
    """Impossible values in the answers: nothing new is known of those symbols."""
    looks_again: bool = False
    """Totals contradict the fills: another look at the orders may prove that they are right."""


class Price(Struct, frozen=True):
    """A quote or a trade. Only what is given changes."""

    symbol: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    at: datetime | None = None


class PricesKnown(Struct, frozen=True):
    """Whether the prices of some symbols are known: neither stream nor REST gives one, or one of
    them does again."""

    symbols: frozenset[str]
    are_known: bool


class Halts(Struct, frozen=True):
    """Symbols that are halted now; `book` is the shape kept in the journal. `market` says by which
    breaker all stocks are; empty: by none."""

    symbols: frozenset[str]
    book: dict[str, Any] | None = None
    market: str = ""


class Heard(Struct, frozen=True):
    """The broker has told something of the account, by stream or REST, that was so `at`."""

    at: datetime


class StreamUp(Struct, frozen=True):
    """The trade-update stream is connected; everything before must be read from REST."""

    at: datetime


class StreamDown(Struct, frozen=True):
    at: datetime
    reason: str


class FrameUnread(Struct, frozen=True):
    """A frame of the stream could not be read: it may have told of a fill."""

    reason: str
    unread: Unread | None = None


class Done(Struct, frozen=True):
    """The actions of one symbol were carried out, or failed at the one whose outcome says so."""

    symbol: str
    results: Sequence[tuple[BrokerAction, Outcome]]


class JobDone(Struct, frozen=True):
    """An account-wide job ended (see `execbot.watch.core.jobs`)."""

    name: str
    error: str = ""


class Said(Struct, frozen=True):
    """A line to show: what a job of the hands has done. `type` is that of the note."""

    words: str
    type: str = "queue"


class Warned(Struct, frozen=True):
    """An alarm that a job of the hands has found."""

    kind: str
    symbol: str
    words: str
    is_critical: bool = False


class Tick(Struct, frozen=True):
    """Time has passed."""


class AssetKnown(Struct, frozen=True):
    """What the broker says of a symbol: needed before crypto prices can be rounded."""

    symbol: str
    is_crypto: bool
    tick: Decimal | None = None
    smallest: Decimal | None = None


class LevelsKnown(Struct, frozen=True):
    """What the daily bars of a symbol say to its levels now."""

    symbol: str
    facts: LevelFacts


Input = (
    Orders
    | Plans
    | Structures
    | BrokerPositions
    | Price
    | PricesKnown
    | Halts
    | Heard
    | StreamUp
    | StreamDown
    | FrameUnread
    | Done
    | Said
    | Warned
    | JobDone
    | Tick
    | AssetKnown
    | LevelsKnown
)
