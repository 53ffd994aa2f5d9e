"""The journal's records: orders with their story, executions, events, positions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from execbot.model.account import Activity
from execbot.model.enums import EventSource, OrderStatus, Outcome, Side
from execbot.model.numbers import ZERO
from execbot.model.order import Fill, Order
from execbot.model.timer import Mark


class Origin(StrEnum):
    """Where the wish for the order came from."""

    SUBMIT = "submit"
    SIGNAL = "signal"
    CLOSE = "close"
    EXIT = "exit"
    QUEUE = "queue"
    FOREIGN = "foreign"  # placed elsewhere, adopted from the broker


class Role(StrEnum):
    """The order's purpose in the life of a position."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"


class FillState(StrEnum):
    """How an execution came to be in the books."""

    BOOKED = "booked"
    CORRECTED = "corrected"
    BUSTED = "busted"
    INFERRED = "inferred"  # concluded from a shortfall; gives way to the real report
    ADJUSTMENT = "adjustment"  # not a trade: an adopted position, a fee in coins


class EventResult(StrEnum):
    """The effect of an event when it arrived."""

    APPLIED = "applied"
    NO_CHANGE = "no_change"  # legal, and already known
    DUPLICATE = "duplicate"  # this execution, bust or correction is in the books
    LATE = "late"  # older than what is known
    ILLEGAL = "illegal"  # contradicts the table; nothing changed


class Progress(Struct, frozen=True, gc=False):
    """The state machine's memory of an order, beside the order itself.

    `reported_*` is the report with the highest cumulative quantity, `latest_*` the youngest one:
    the two differ after a bust. `lowest_qty` is the lowest positive one. `status_at` is the time of
    the report that set the status, None while only we have said it. `chain_qty` and `chain_value`
    are what the orders that it replaced had filled, and for how much; `chain_open` says that this
    is not known to its end, `chain_changed_at` when it was corrected or busted last. `ended_as` is
    the end that the broker reported of an order that is `filled` because its executions make up its
    quantity.
    """

    status_at: datetime | None = None
    snapshot_at: datetime | None = None
    reported_qty: Decimal = ZERO
    reported_avg_price: Decimal | None = None
    reported_at: datetime | None = None
    latest_qty: Decimal = ZERO
    latest_avg_price: Decimal | None = None
    latest_at: datetime | None = None
    lowest_qty: Decimal | None = None
    chain_qty: Decimal = ZERO
    chain_value: Decimal = ZERO
    chain_open: bool = False
    chain_changed_at: datetime | None = None
    ended_as: str | None = None


class OrderRecord(Struct, frozen=True, gc=False):
    """One order of the account, ours or foreign, with why and when.

    `request_json` is the body that was (or would be) sent. `parent_id` is the client_order_id of
    the order whose leg this is. `note` is the last word on it (a rejection's reason, say), `alarm`
    what a person must look at. `cancel_after` and `for_the_day` are those of the request
    (`OrderRequest`). `already` is set by `submit` when the id had been given before.
    """

    order: Order
    origin: str = Origin.SUBMIT
    strategy_id: str | None = None
    reason: str | None = None
    intent_at: datetime | None = None
    sent_at: datetime | None = None
    arrival_price: Decimal | None = None
    signal_id: str | None = None
    plan_id: str | None = None
    role: str | None = None
    parent_id: str | None = None
    note: str | None = None
    alarm: str | None = None
    request_json: str | None = None
    progress: Progress = Progress()
    cancel_after: Decimal | None = None
    for_the_day: bool = False
    already: bool = False

    @property
    def client_order_id(self) -> str:
        return self.order.client_order_id

    @property
    def order_id(self) -> str:
        return self.order.id

    @property
    def leaves_qty(self) -> Decimal | None:
        """The quantity that may still fill; None for a notional order. A replacement's quantity
        includes the fills of the orders before it (Alpaca)."""
        leaves = self.order.leaves_qty
        return None if leaves is None else max(leaves - self.progress.chain_qty, ZERO)

    @property
    def symbol(self) -> str:
        return self.order.symbol

    @property
    def status(self) -> OrderStatus:
        return self.order.status

    @property
    def outcome(self) -> Outcome:
        return self.order.outcome

    @property
    def is_ours(self) -> bool:
        return self.origin != Origin.FOREIGN


class RowReport(Struct, frozen=True, gc=False):
    """Fields of an execution's FILL row that differ from its frame."""

    price: Decimal
    at: datetime
    cum_qty: Decimal | None = None


class Amendment(Struct, frozen=True, gc=False):
    """One correction or bust of an execution.

    `qty` and `price` are the corrected values; of a bust those that it takes back, where it says
    them. `total` and `average` are what the order had filled after it. `id` is its own, under which
    a later one may name the execution; it may be the execution's.
    """

    id: str
    is_bust: bool
    at: datetime
    qty: Decimal | None = None
    price: Decimal | None = None
    total: Decimal | None = None
    average: Decimal | None = None


class Execution(Struct, frozen=True, gc=False):
    """One execution with its history: `qty`/`price` as first reported, `net_*` as they stand.

    A busted execution has `net_qty` 0; a corrected one the corrected values. `cum_qty` is the
    order's cumulative quantity right after it, where the report said so. `is_heard`: a fill was
    reported under its id; otherwise it is known from its FILL row, or only named by an amendment
    (then `qty` is 0). `fee` is given where it books coins that went as a fee: how many.
    """

    execution_id: str
    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    at: datetime
    source: EventSource
    state: FillState
    qty: Decimal
    price: Decimal
    net_qty: Decimal
    net_price: Decimal
    cum_qty: Decimal | None = None
    position_qty: Decimal | None = None
    fee: Decimal | None = None
    activity_id: str | None = None
    changed_at: datetime | None = None
    asset_class: str = "us_equity"
    is_heard: bool = True
    row: RowReport | None = None
    amendments: tuple[Amendment, ...] = ()

    @property
    def is_adjustment(self) -> bool:
        """Booked without an order, and something of it is left: fills that were told later may have
        used it up."""
        return self.state is FillState.ADJUSTMENT and bool(self.net_qty)

    @property
    def signed_qty(self) -> Decimal:
        """The signed quantity by which it moves the position, as things stand."""
        return self.net_qty * self.side.sign

    def as_fill(self) -> Fill:
        """The execution as it stands now, in the model's words."""
        return Fill(
            execution_id=self.execution_id,
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            side=self.side,
            qty=self.net_qty,
            price=self.net_price,
            at=self.at,
            source=self.source,
            position_qty=self.position_qty,
            inferred=self.state is FillState.INFERRED,
        )


class EventRecord(Struct, frozen=True, gc=False):
    """One row of the append-only history. `seq` is 0 until it is written.

    `details` are our own facts, `raw` is the broker's payload as it came.
    """

    recorded_at: datetime
    client_order_id: str
    kind: str
    source: EventSource
    at: datetime | None = None
    order_id: str = ""
    execution_id: str | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    cum_qty: Decimal | None = None
    position_qty: Decimal | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    result: EventResult = EventResult.APPLIED
    status: str = ""
    note: str | None = None
    seq: int = 0


class Trail(Struct, frozen=True, gc=False):
    """One event of an order without what it carried. `at` is the broker's moment, `recorded_at`
    ours, set by the broker's clock."""

    client_order_id: str
    kind: str
    source: str
    execution_id: str | None
    at: datetime | None
    recorded_at: datetime
    result: str


MARK = "mark"
"""In the details of what may send an order: the machine's own seconds at that moment."""

OF = "of"
"""In the details of an intent: the order that was tried first, its own id when that is itself."""


class LastAct(Struct, frozen=True):
    """When a process last did something about an order that may reach the broker."""

    seq: int
    at: datetime
    mark: Mark | None


class PositionRecord(Struct, frozen=True, gc=False):
    """A position as the sum of its fills. `qty` is signed; `cost` is the signed cost of it.

    `bought_qty` is what was bought since the quantity was last the broker's own or nothing: crypto
    fees that are not booked yet are a share of it. `realized_pl` is in USD before fees, over the
    whole life of the journal.
    """

    symbol: str
    asset_class: str = "us_equity"
    qty: Decimal = ZERO
    avg_entry_price: Decimal | None = None
    cost: Decimal = ZERO
    realized_pl: Decimal = ZERO
    bought_qty: Decimal = ZERO
    opened_at: datetime | None = None
    updated_at: datetime | None = None
    last_execution_id: str = ""


class LifeStep(Struct, frozen=True, gc=False):
    """One state of a position, from the event `event_seq` on.

    A life is named by the event that it began with, `began`; `step` tells apart what one event led
    to. `at` is the broker's time, `cause` why, `qty` what is held then, `price` that of the fill
    which led to it. `begins` is known until the step is numbered.
    """

    symbol: str
    at: datetime
    recorded_at: datetime
    state: str
    cause: str
    qty: Decimal
    price: Decimal | None = None
    client_order_id: str | None = None
    event_seq: int = 0
    step: int = 0
    began: int = 0
    begins: bool = False


class AccountRow(Struct, frozen=True):
    """A row of the account's activities that is no trade, as the broker last showed it.

    `worth` is the price of shares that came or went when their row was first seen.
    """

    activity: Activity
    worth: Decimal | None = None


class PositionDay(Struct, frozen=True, gc=False):
    """A position as it stood before its first execution of a New York day."""

    day: date
    position: PositionRecord


SAME_MOMENT = timedelta(seconds=1)
"""So near to each other are an execution and the row of its fee, where one has a row of its own."""


class FeeSum(Struct, frozen=True):
    """The fees of all executions of a symbol before a New York day; None if none is known.
    `estimated`: part of it is a share of a charge for several."""

    symbol: str
    day: date
    amount: Decimal | None = None
    estimated: bool = False


class EquitySample(Struct, frozen=True, gc=False):
    """The account's equity at a moment, as the broker says, in USD. `last_equity` is the broker's
    figure at the last close before. `kind` is `minute` or `close`."""

    at: datetime
    equity: Decimal
    last_equity: Decimal | None = None
    cash: Decimal | None = None
    kind: str = "minute"


class AuditRow(Struct, frozen=True):
    """One decision: what, by which rule, on which facts, with which result."""

    seq: int
    at: datetime
    kind: str
    subject: str
    rule: str
    facts: Mapping[str, Any]
    result: str


class SignalRecord(Struct, frozen=True):
    """One signal, acted on at most once ever."""

    signal_id: str
    received_at: datetime
    symbol: str
    body: Mapping[str, Any]
    outcome: str
    reason: str | None
    client_order_id: str | None
    updated_at: datetime


class SignalTimes(Struct, frozen=True, gc=False):
    """When a signal was received, and when its outcome was written."""

    received_at: datetime
    finished_at: datetime
    outcome: str


class PlanRecord(Struct, frozen=True):
    """One version of an exit plan; every version is kept, the highest is the one in force."""

    plan_id: str
    version: int
    symbol: str
    status: str
    body: Mapping[str, Any]
    at: datetime


PROTECTIVE_ROLES = frozenset({Role.STOP, Role.TARGET})
"""They rest at the broker until their price comes."""

EXIT_ROLES = PROTECTIVE_ROLES | {Role.EXIT}

EXIT_ORIGINS = frozenset({Origin.CLOSE, Origin.EXIT})
"""Whoever gives these orders only ever closes."""
