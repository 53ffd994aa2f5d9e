"""Orders and everything that happens to them."""

from __future__ import annotations

from typing import Any

from execbot.journal.records import EventResult, Origin, Role
from execbot.model.enums import (
    EventSource,
    OrderClass,
    OrderStatus,
    OrderType,
    Outcome,
    Side,
    TimeInForce,
)
from execbot.schemas.base import Number, Output, Time
from execbot.schemas.confirmation import Confirmation


class Order(Output):
    """An order in Alpaca's words. Every field is there; what is not known is null."""

    id: str | None
    """The broker's id; null as long as the broker has given none."""
    client_order_id: str
    """Our id, or that of whoever placed the order. It stays the same for ever."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: Side
    """Which way it trades."""
    type: OrderType
    """How it trades."""
    time_in_force: TimeInForce
    """How long it works."""
    qty: Number | None
    """Shares or coins asked for; null for an order in dollars."""
    notional: Number | None
    """Dollars asked for; null for an order in shares."""
    filled_qty: Number
    """Shares or coins filled so far."""
    filled_avg_price: Number | None
    """Average price of what filled, USD a share; null before the first fill."""
    status: OrderStatus
    """Where the order stands in its life: Alpaca's words, and ours for what is not there yet."""
    outcome: Outcome
    """What that amounts to, in one of nine words."""
    limit_price: Number | None
    """USD a share."""
    stop_price: Number | None
    """USD a share. Of a trailing stop where it stands now."""
    trail_price: Number | None
    """How far a trailing stop trails, USD a share."""
    trail_percent: Number | None
    """How far a trailing stop trails, percent of the best price."""
    extended_hours: bool
    """It may trade before the open and after the close too."""
    order_class: OrderClass
    """What family it belongs to; empty and `simple` mean the same."""
    asset_class: str
    """`us_equity`, `crypto` or `us_option`."""
    replaces: str | None
    """The broker's id of the order whose place it took."""
    replaced_by: str | None
    """The broker's id of the order that took its place: the one to ask for now."""
    submitted_at: Time | None
    """When the broker got it."""
    updated_at: Time | None
    """When the broker changed it last."""
    filled_at: Time | None
    """When the last share filled."""
    canceled_at: Time | None
    """When it was canceled."""
    expired_at: Time | None
    """When it expired."""
    failed_at: Time | None
    """When the broker rejected it."""
    legs: list[Order]
    """The exits that came with it (bracket, OTO, OCO), orders of their own."""


class OrderRecord(Order):
    """An order with what the journal knows of it: who wanted it, why and when."""

    origin: Origin
    """Who wanted it; `foreign` was placed elsewhere."""
    role: Role | None
    """What it is for in the life of a position."""
    strategy_id: str | None
    """The strategy that asked for it."""
    reason: str | None
    """Why, in words."""
    signal_id: str | None
    """The signal that it carries out."""
    intent_at: Time | None
    """When it was decided, before anything was sent."""
    sent_at: Time | None
    """When the request left; null while it is queued or was refused here."""
    arrival_price: Number | None
    """What the market was when it was decided, USD a share: slippage is measured from it."""
    cancel_after: Number | None
    """Seconds of open market after which a running `watch` cancels it, unfilled; null: nobody
    does."""
    note: str | None
    """The last word on it: why it was rejected, say."""
    alarm: str | None
    """What a person must look at."""


class TimedOrder(OrderRecord):
    """An order with the moment at which `watch` takes it back."""

    cancel_at: Time | None
    """When a running `watch` cancels it, unfilled: its clock, or the close for an order that is
    gtc for its legs only. Null: never, or its clock stands still (queued, market closed)."""


class Addition(Output):
    """What an order did to the position that it adds to."""

    protected: bool
    """Every share of the position has its stop again."""
    plan_id: str | None = None
    """The exit plan that covers the whole. Not there when the order was refused."""
    lifted: list[str] | None = None
    """client_order_ids of the exits that made way for it."""
    position_qty: Number | None = None
    """What is held now, signed."""
    stop: Number | None = None
    """Where the stop for the whole stands, USD a share."""


class SpreadTarget(Output):
    """A target that becomes an order after the fill."""

    level: str
    """As it was asked for: `2R`, `4%`, `195`."""
    price: Number | None
    """Where it would stand for the price known so far, USD a share."""
    qty: Number
    """For how many shares."""


class Spread(Output):
    """Targets that do not go along with their entry: the shares are spread over them later."""

    plan_id: str | None
    """The plan that keeps them; null in a dry run."""
    stop: Number | None
    """The stop that goes along, USD a share; null where none does."""
    targets: list[SpreadTarget]
    """Nearest first."""
    watched: bool
    """A `watch` runs that will place them."""


class LevelDistance(Output):
    """How far a stop or target is from the entry. What would be lost is negative."""

    level: str
    """`stop`, `target`, `target 2`."""
    asked: str
    """As it was asked for: `2%`, `2R`, `195`."""
    price: Number
    """Where it stands, USD a share."""
    pct: Number
    """Percent of the entry price."""
    r: Number | None
    """Multiples of the risk first taken; null without a stop."""
    usd: Number | None
    """For the shares that it takes; null while their number is not known."""


class LimitLeft(Output):
    """How far a limit is used once this entry is counted."""

    name: str
    """Its key in trading.yaml."""
    used: Number | None
    """With this entry; null while it is not known."""
    limit: Number
    """Dollars are told in percent of equity, as the limit is."""
    left: Number | None
    """What is left of it."""


class EntryRisk(Output):
    """What an entry costs, risks and leaves."""

    cost: Number | None
    """USD; null while no price is known."""
    cost_pct: Number | None
    """Percent of equity."""
    usd: Number | None
    """What its stop would lose; without a stop all that it costs."""
    usd_pct: Number | None
    """Percent of equity."""
    price: Number | None
    """What was paid, or where it would trade, USD a share."""
    stop: Number | None
    """Where its stop stands, USD a share; null without one."""
    r_per_share: Number | None
    """One R, USD a share; null without a stop."""
    buying_power_left: Number | None
    """USD that the broker would still lend; below 0 where it suffices not."""
    limits: list[LimitLeft]
    """Those of the account that there are."""


class SentOrder(TimedOrder):
    """What became of an order that a command sent, queued, or found sent before."""

    already: bool
    """The id had been given before: nothing was sent now."""
    addition: Addition | None
    """Null unless it adds to a position that has an exit plan."""
    spread: Spread | None
    """Null unless targets come after the fill."""
    exits: list[LevelDistance]
    """Stop and targets of its own, the stop first."""
    opens_short: bool
    """It sells what is not held."""
    halts_known: bool | None
    """A `watch` runs that would have heard of a halt of its symbol; false: an entry of a stock was
    sent without knowing. Null where no halt matters: pairs, exits, orders that were not sent."""
    risk: EntryRisk | None
    """Null for exits. Of an order that had been given before: as it was told then."""


class Event(Output):
    """One thing that happened to an order."""

    seq: int
    """The journal's number of it: later events have higher ones."""
    at: Time
    """When it happened by the broker's clock, else when it was recorded."""
    recorded_at: Time
    """When the journal learned it."""
    kind: str
    """What: an act of ours (`intent`, `send`), or the broker's word (`fill`, `snapshot`)."""
    source: EventSource
    """Who told it."""
    status: str
    """The order's status after it."""
    result: EventResult
    """What it did when it arrived."""
    qty: Number | None
    """Shares of an execution."""
    price: Number | None
    """USD a share."""
    cum_qty: Number | None
    """Filled in all, by this report."""
    execution_id: str | None
    """The broker's id of the execution."""
    note: str | None
    """Why, where there is something to say."""
    details: dict[str, Any]
    """Facts of ours, kept so that the history can be applied again."""


class Decision(Output):
    """One decision about an order or a position."""

    at: Time
    """When it was decided."""
    kind: str
    """What was decided."""
    rule: str
    """By which rule."""
    facts: dict[str, Any]
    """On which facts."""
    result: str
    """With which result."""


class Fill(Output):
    """One execution as it stands: corrected if it was corrected."""

    execution_id: str
    """The broker's id; ours where the fill was inferred."""
    order_id: str
    """The broker's id of the order."""
    client_order_id: str
    """Our id of the order, or that of whoever placed it."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: Side
    """Which way it trades."""
    qty: Number
    """Shares or coins."""
    price: Number
    """USD a share."""
    at: Time
    """When it was executed."""
    fee: Number | None
    """What it cost, USD; null while it is not known."""
    fee_estimated: bool
    """Its share of what the whole day was charged."""
    inferred: bool
    """Concluded from the order's totals; gives way to the broker's report of it."""


class OrderHistory(TimedOrder):
    """One order with its whole story."""

    history: list[Event]
    """Everything that happened to it, oldest first."""
    decisions: list[Decision]
    """Everything that was decided about it, oldest first."""
    fills: list[Fill]
    """Its executions, oldest first."""
    confirmation: Confirmation | None
    """What its execution came to; null while nothing has filled."""
