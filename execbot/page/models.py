"""What goes out of the page, and what comes in, as pydantic models.

Money, prices and quantities are text, times are UTC with `Z`: the browser shows them, it does not
reckon with them, but for where a line is drawn.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from execbot.model.numbers import text
from execbot.model.times import iso

Amount = Annotated[Decimal, PlainSerializer(text, return_type=str, when_used="json")]
Moment = Annotated[datetime, PlainSerializer(iso, return_type=str, when_used="json")]


class Strict(BaseModel):
    """Nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SignIn(Strict):
    """The token of the link."""

    token: str = Field(min_length=1, max_length=512)


# --- the board ---------------------------------------------------------------------------------


class Source(Strict):
    """Where what is shown comes from."""

    kind: Literal["watch", "journal", "nothing"]
    words: str
    at: Moment | None = None
    """When the last word of it came."""


class Bar(Strict):
    """How far a limit is used; `used` None: not known, `limit` None: there is none."""

    name: str
    used: Amount | None
    limit: Amount | None
    unit: str = ""


class AccountLine(Strict):
    """The account as the broker has it. None: not known."""

    equity: Amount | None = None
    day_pl: Amount | None = None
    day_pl_pct: Amount | None = None
    open_pl: Amount | None = None
    buying_power: Amount | None = None
    exposure: Amount | None = None
    contracts: Amount | None = None
    """How many are held, bought and sold ones."""
    contracts_max_loss: Amount | None = None
    """USD; None where it has no end, or is not known."""
    bars: tuple[Bar, ...] = ()
    at: Moment | None = None
    trouble: str = ""
    """Why it could not be read last time."""


class MarketLine(Strict):
    """`changes_at`: when the session changes next."""

    session: str = ""
    is_open: bool = False
    never_closes: bool = False
    changes_at: Moment | None = None
    changes_to: str = ""
    halts: tuple[str, ...] = ()


class HaltLine(Strict):
    """The kill switch."""

    stops_entries: bool = False
    level: str = ""
    reason: str = ""
    since: Moment | None = None


class WatchLine(Strict):
    """How the watch is doing; absent where none runs."""

    stream_up: bool
    frame_at: Moment | None
    lag_ms: float
    requests_left: int | None
    requests_per_minute: int | None
    guarded_at: Moment | None
    differing: tuple[str, ...]


GuardTone = Literal["good", "care", "bad", "none"]


class PositionRow(Strict):
    """One position. `levels` is what the little drawing needs, in order from stop to target."""

    symbol: str
    side: str
    qty: Amount
    state: str
    entry: Amount | None
    price: Amount | None
    price_at: Moment | None
    bid: Amount | None
    ask: Amount | None
    value: Amount | None
    pl: Amount | None
    pl_pct: Amount | None
    r: Amount | None
    best_r: Amount | None
    worst_r: Amount | None
    risk_usd: Amount | None
    stop: Amount | None
    targets: tuple[Amount, ...]
    opened_at: Moment | None
    guard: str
    guard_tone: GuardTone
    missing: str
    is_promised: bool
    """A plan, or `exits.every_position`, promises it a stop."""
    protected_qty: Amount
    differs: bool = False
    structure: str | None = None
    """The levels of the structure that a contract is protected with, in words."""


class OrderRow(Strict):
    """One order, living or ended today."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    qty: Amount | None
    notional: Amount | None
    filled_qty: Amount
    filled_avg_price: Amount | None
    limit_price: Amount | None
    stop_price: Amount | None
    trail_price: Amount | None
    trail_percent: Amount | None
    status: str
    is_open: bool
    order_class: str
    role: str | None
    origin: str
    strategy: str | None
    reason: str | None
    at: Moment | None
    """When it was decided or given."""
    changed_at: Moment | None
    ends_at: Moment | None
    """When the watch cancels it, unfilled."""


class EventRow(Strict):
    number: int
    at: Moment
    type: str
    text: str
    symbol: str
    is_alarm: bool
    is_critical: bool


class ConfirmationRow(Strict):
    client_order_id: str
    symbol: str
    at: Moment
    words: str
    verdict: str
    cost_bps: Amount | None


class QueueRow(Strict):
    client_order_id: str
    symbol: str
    words: str
    due: str
    waits_for: str
    expires_at: str | None


class ScoreRow(Strict):
    name: str
    goal: str
    figure: Amount | None
    unit: str | None
    n: int
    judged: str
    basis: str


class Quality(Strict):
    """Today's execution quality. Costs in basis points, + = worse for us."""

    day: date | None = None
    sent: int = 0
    taken: int = 0
    rejected: int = 0
    fills: int = 0
    mean_bps: Amount | None = None
    median_bps: Amount | None = None
    worst_bps: Amount | None = None
    cost_usd: Amount | None = None
    measured: int = 0
    scorecard: tuple[ScoreRow, ...] = ()
    notes: tuple[str, ...] = ()
    at: Moment | None = None
    trouble: str = ""


class ProfileLine(Strict):
    """Another account of this user, by what its files say."""

    name: str
    url: str | None
    state: str
    is_fine: bool


class Board(Strict):
    """All that the page shows live."""

    mode: str
    account: str
    version: str
    now: Moment
    """The broker's time when this was made."""
    actions: bool
    source: Source
    account_line: AccountLine = AccountLine()
    market: MarketLine = MarketLine()
    halt: HaltLine = HaltLine()
    watch: WatchLine | None = None
    positions: dict[str, PositionRow] = {}
    positions_known: bool = False
    """False until somebody has said what is held: none shown does not mean none held."""
    orders: dict[str, OrderRow] = {}
    events: tuple[EventRow, ...] = ()
    confirmations: tuple[ConfirmationRow, ...] = ()
    alerts: tuple[EventRow, ...] = ()
    queue: tuple[QueueRow, ...] = ()
    quality: Quality = Quality()
    profiles: tuple[ProfileLine, ...] = ()


class Snapshot(Strict):
    """The whole board; `seq` is that of the last change in it."""

    type: Literal["snapshot"] = "snapshot"
    seq: int
    lost: bool = False
    """The reader was too slow: changes before this are missing."""
    board: Board


class Change(Strict):
    """What is new since `seq` - 1. Rows that are null are gone; events are added; every other
    field replaces the board's."""

    type: Literal["change"] = "change"
    seq: int
    now: Moment
    positions: dict[str, PositionRow | None] = {}
    orders: dict[str, OrderRow | None] = {}
    events: tuple[EventRow, ...] = ()
    sections: dict[str, Any] = {}


# --- actions -----------------------------------------------------------------------------------


class Wanted(Strict):
    """What somebody wants done. `subject` is an order's id or a symbol; empty for halt, resume."""

    kind: Literal["cancel", "close", "halt", "resume", "move_stop"]
    subject: str = Field(default="", max_length=128)
    stop: str = Field(default="", max_length=32)
    reason: str = Field(default="", max_length=200)


class Review(Strict):
    """What would be done, to be agreed to with `ticket`, once, within a minute."""

    ticket: str
    words: str
    warnings: tuple[str, ...] = ()


class Agreed(Strict):
    ticket: str = Field(min_length=1, max_length=128)


class Done(Strict):
    """How it ended. `outcome` is one of the words of every command."""

    ok: bool
    words: str
    why: str = ""
    next: str = ""
    outcome: str = ""
    warnings: tuple[str, ...] = ()
