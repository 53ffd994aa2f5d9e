"""The lines of `watch --json`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from execbot.config.schema import Mode
from execbot.exits.rules.view import Guarded
from execbot.journal.records import Origin, Role
from execbot.market.sessions import Session
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.oms.machine.changes import EventName
from execbot.schemas.base import Number, Output, Slug, Time
from execbot.schemas.confirmation import Confirmation


class Line(Output):
    """What every line has."""

    seq: int
    """Counts the lines of this run from 1 without gaps."""
    at: Time
    """When the line was written."""
    event_id: str
    """Names the fact: the same whenever it is told, in this run or a later one."""


class Said(Line):
    """A line with its words for people."""

    text: str
    """The line for people."""


class Started(Line):
    """The first line of a run."""

    type: Literal["started"]
    mode: Mode
    """The mode of trading."""
    account: str
    """The account number."""
    pid: int
    """The process."""
    profile: str | None = None
    """The profile that was chosen; left out where none was."""
    schema_: Annotated[Literal[1], Field(alias="schema")]
    """Version of these lines."""
    run: str
    """The id of this run: ids of what happened in it alone begin with it."""


class Stopped(Line):
    """The last line of a run."""

    type: Literal["stopped"]
    message: str
    """The line for people."""
    working_orders: int | None
    """Orders that stay at the broker; null when the journal could not be read."""


class ReconciledLine(Said):
    """Journal and broker were brought together at the start."""

    type: Literal["reconciled"]
    breaks: int
    """How many differences stay unexplained."""


class BreakLine(Said):
    """A difference that stays unexplained."""

    type: Literal["break"]
    replayed: bool
    """An earlier run has told it, and both sides still say the same."""
    kind: Slug
    """What differs."""
    subject: str
    """The order or the symbol."""
    ours: str
    """What the journal says."""
    theirs: str
    """What the broker says."""
    cause: str
    """The likely cause."""


class BookedLine(Said):
    """A split or a fee was booked."""

    type: Literal["booked"]


class NewFill(Output):
    """An execution that a change of an order brought."""

    execution_id: str
    """The broker's id; ours where the fill was inferred."""
    qty: Number
    """Shares or coins."""
    price: Number
    """USD a share."""
    at: Time
    """When it was executed."""
    inferred: bool
    """Concluded from the order's totals; the broker's report of it is not told again."""


class OrderLine(Said):
    """An order changed. It is shown as it stood after this change."""

    type: Literal["order"]
    events: list[EventName]
    """What happened, in the names that Python's subscribers use. Empty: less is filled than
    before, because the broker took an execution back."""
    fills: list[NewFill]
    """Executions that the change brought."""
    replayed: bool
    """An earlier run has told it."""
    happened_at: Time | None
    """When it happened by the broker's clock, else when it was recorded."""
    id: str
    """The broker's id; empty as long as the broker has given none."""
    client_order_id: str
    """Our id of the order, or that of whoever placed it."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: Side
    """Which way it trades."""
    order_type: OrderType
    """How it trades."""
    status: OrderStatus
    """Where it stands in its life."""
    qty: Number | None
    """Shares or coins; null for an order in dollars."""
    filled_qty: Number
    """Shares or coins filled so far."""
    filled_avg_price: Number | None
    """USD a share."""
    limit_price: Number | None
    """USD a share."""
    stop_price: Number | None
    """USD a share."""
    role: Role | None
    """What it is for in the life of a position."""
    origin: Origin
    """Who wanted it; `foreign` was placed elsewhere."""


class PositionLine(Said):
    """The quantity of a position changed."""

    type: Literal["position"]
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    qty: Number
    """Shares or coins, signed."""
    was: Number
    """Before, signed."""
    replayed: bool
    """An earlier run has told it."""


class GuardLine(Said):
    """How a position is protected changed."""

    type: Literal["guard"]
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    state: Guarded
    """How it is protected now."""
    qty: Number
    """Shares or coins, signed."""
    covered: Number
    """Shares that have a stop."""
    uncovered: Number
    """Shares that have none."""


class StopMovedLine(Said):
    """A rule moved a stop."""

    type: Literal["stop_moved"]
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    stop: Number | None
    """Where it stands now, USD a share."""


class TargetMovedLine(Said):
    """A target was measured anew by the true range."""

    type: Literal["target_moved"]
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    was: Number | None
    """USD a share."""
    target: Number | None
    """Where it stands now, USD a share."""
    reason: str | None
    """How the true range has changed."""


class MovedAtBrokerLine(Said):
    """The trader moved a stop or target in another program, and the plan has it."""

    type: Literal["moved_at_broker"]
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    what: str
    """`stop`, `target 1`."""
    was: Number | None
    """USD a share."""
    price: Number | None
    """USD a share."""


class ActionLine(Said):
    """Something was sent to the broker."""

    type: Literal["action"]
    action: Literal["submit", "cancel", "replace"]
    """What was sent."""
    subject: str
    """The symbol, or the client_order_id."""
    reason: str
    """Why, in words."""
    result: str
    """`done`, or the slug of what went wrong."""
    message: str
    """What went wrong, for people; empty when it was done."""


class DifferenceLine(Said):
    """A quantity still differs from the broker's, as an earlier run has told."""

    type: Literal["difference"]
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    ours: Number
    """Shares by the sum of the fills, signed."""
    theirs: Number
    """Shares by the broker, signed; these are guarded."""


class AlarmLine(Said):
    """A person must know."""

    type: Literal["alarm"]
    kind: Slug
    """See docs/watch.md#ndjson."""
    symbol: str
    """Empty when it is about the account."""
    message: str
    """The line for people, without the symbol."""
    critical: bool
    """It is sent to `EXECBOT_ALERT_URLS` too."""
    symbols: list[str] | None = None
    """What an alarm about the account concerns: `blind`, `journal`, `prices_lost`."""


class PricesLine(Said):
    """How prices come has changed."""

    type: Literal["prices"]
    state: Literal["streamed", "deaf", "known"]
    """They are streamed again, or known again, after an alarm `prices_lost`; or the stream is open
    and silent, and is connected anew."""


class BrokerLine(Said):
    """The broker answers again after an alarm `blind`."""

    type: Literal["broker"]
    state: Literal["answers"]
    """It answers."""


class JournalLine(Said):
    """The journal takes writes again after it did not."""

    type: Literal["journal"]
    state: Literal["writes"]
    """It takes them."""


class ResumedLine(Said):
    """For how long nobody watched before this run."""

    type: Literal["resumed"]
    held_here: list[str]
    """Symbols whose stops stood nowhere at the broker meanwhile."""


class StreamLine(Said):
    """The stream of trade updates came or went."""

    type: Literal["stream"]
    state: Literal["up", "down"]
    """Whether it is there."""
    reason: str | None = None
    """Why it went."""


class SessionLine(Said):
    """Another session of the market began."""

    type: Literal["session"]
    session: Session
    """The part of the day."""


class HaltLine(Said):
    """Trading in a symbol was halted, or goes on."""

    type: Literal["halt"]
    symbol: str
    """`AAPL`, `BRK.B`; empty: all stocks, by a market-wide circuit breaker."""
    halted: Literal["halted", "trades again"]
    """Which of both."""


class QueueLine(Said):
    """What became of an order that was kept for the open."""

    type: Literal["queue"]


class RejectedLine(Said):
    """What followed when the broker rejected an entry after it had taken it."""

    type: Literal["rejected"]


class ConfirmationLine(Said, Confirmation):
    """An execution was confirmed, or what is known of it has changed."""

    type: Literal["confirmation"]


WatchLine = Annotated[
    Started
    | Stopped
    | ReconciledLine
    | BreakLine
    | BookedLine
    | OrderLine
    | PositionLine
    | GuardLine
    | StopMovedLine
    | TargetMovedLine
    | MovedAtBrokerLine
    | ActionLine
    | DifferenceLine
    | AlarmLine
    | PricesLine
    | BrokerLine
    | JournalLine
    | ResumedLine
    | StreamLine
    | SessionLine
    | HaltLine
    | QueueLine
    | RejectedLine
    | ConfirmationLine,
    Field(discriminator="type"),
]
