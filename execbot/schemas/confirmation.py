"""The confirmation of an execution, as `orders show` and `watch --json` tell it."""

from __future__ import annotations

from typing import Literal

from execbot.journal.confirmation import ArrivalBasis, ExecutionVerdict, OrderKind
from execbot.journal.records import Origin, Role
from execbot.model.enums import OrderType, Side
from execbot.schemas.base import Number, Output, Slug, Time


class SeenQuote(Output):
    """A quote with what says how far it can be trusted."""

    bid: Number
    """USD a share; 0: no bid."""
    ask: Number
    """USD a share; 0: no ask."""
    at: Time | None
    """When it was made."""
    age_seconds: Number | None
    """How old it was at the moment that it stands for."""
    feed: str | None
    """`sip`, `iex`, `crypto`; null where nobody has said it."""
    is_one_sided: bool
    """A side is missing."""
    is_crossed: bool
    """The bid is above the ask."""


class Arrival(Output):
    """What the price is measured against."""

    basis: ArrivalBasis
    """The quote of the decision, the quote of that moment read afterwards, the trigger of a stop,
    the limit of a target."""
    price: Number | None
    """USD a share; null: there is no honest figure, and the order counts as unmeasured."""
    quote: SeenQuote | None
    """The quote that it comes from."""
    unmeasured: str
    """Why there is no price: `stale`, `one_sided`, `crossed`, `no_quote`, `no_price`,
    `not_looked_up`; empty where there is one."""


class ExecutionCost(Output):
    """Positive was worse for us. Before fees."""

    bps: Number
    """Basis points of the price it is measured against."""
    usd: Number
    """For the whole quantity filled."""
    r: Number | None
    """In units of the risk taken at entry; null where none is known."""


class ExecutionTimes(Output):
    """When; null where it was not, or is not known."""

    signal_created: Time | None
    """By the strategy's clock."""
    signal_received: Time | None
    """When execbot had the signal."""
    intent: Time | None
    """When it was durable, before anything was sent."""
    sent: Time | None
    """When the request left."""
    acknowledged: Time | None
    """When the broker had it (`submitted_at`)."""
    first_fill: Time | None
    """The first execution that counts."""
    last_fill: Time | None
    """The last one."""
    done: Time | None
    """When the order ended; null while it works."""


class PriceAfterwards(Output):
    """The middle of the market some time after the last fill."""

    after_seconds: int
    """So long after it."""
    price: Number | None
    """USD a share; null where it could not be had."""
    moved_bps: Number | None
    """Positive: the price went on in the direction of the order."""
    why: str
    """Why there is no price."""
    quote: SeenQuote | None
    """The quote that it comes from."""


class PositionMoved(Output):
    """How the order changed the position."""

    expected: Number
    """By what it filled, signed."""
    actual: Number | None
    """At the broker, signed; null while nobody has said."""
    source: Literal["stream", "rest", ""]
    """Told with the fill, or read afterwards."""


class ExecutionDifference(Output):
    """Something that is not as it was to be expected."""

    kind: Slug
    """`slippage`, `outside_quotes`, `slow`, `quantity`, `price`, `position`."""
    words: str
    """The line for people."""
    expected: str | None
    """The figure, or the limit."""
    actual: str | None
    """What it was."""
    by: Number | None
    """By how much."""
    unit: str
    """Of `by`: `bps`, `s`, `qty`, `USD`."""


class NotFilled(Output):
    """What an entry wanted and did not get: opportunity cost."""

    qty: Number
    """Shares or coins."""
    at: Time
    """When the order ended."""
    price: Number | None
    """The middle of the market then, USD a share."""
    bps: Number | None
    """Positive: the price went the way that the entry wanted."""
    usd: Number | None
    """For the quantity missed."""
    why: str
    """Why there is no figure."""
    quote: SeenQuote | None
    """The quote that it comes from."""


class Confirmation(Output):
    """One execution with all its figures; docs/quality.md defines each."""

    client_order_id: str
    """Our id of the order, or that of whoever placed it."""
    version: int
    """Counts from 1; the highest is in force."""
    made_at: Time
    """When this version was made."""
    verdict: ExecutionVerdict
    """What the checks came to."""
    order_id: str
    """The broker's id."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: Side
    """Which way it traded."""
    order_type: OrderType
    """How it traded."""
    kind: OrderKind
    """How it met the market."""
    asset_class: str
    """`us_equity`, `crypto` or `us_option`."""
    origin: Origin
    """Who wanted it."""
    role: Role | None
    """What it was for in the life of a position."""
    strategy_id: str | None
    """The strategy that asked for it."""
    signal_id: str | None
    """The signal that it carried out."""
    qty: Number | None
    """Asked for; null for an order in dollars."""
    notional: Number | None
    """Asked for, USD."""
    filled_qty: Number
    """As the executions stand; 0 for an entry that never filled."""
    price: Number | None
    """Their average, USD a share."""
    filled_usd: Number
    """What they were worth."""
    times: ExecutionTimes
    """When what happened."""
    arrival: Arrival
    """What the price is measured against."""
    cost: ExecutionCost | None
    """Slippage; null: not measured."""
    expected_price: Number | None
    """What the strategy saw, USD a share."""
    expected: ExecutionCost | None
    """The cost against that."""
    risk_per_share: Number | None
    """One R, USD a share."""
    at_fill: SeenQuote | None
    """The quote at the moment of the worst fill; null while it is not looked up."""
    quoted_spread_bps: Number | None
    """Of marketable orders, on arrival."""
    effective_spread_bps: Number | None
    """Twice the distance of the price from the middle on arrival."""
    effective_over_quoted: Number | None
    """The one over the other."""
    later: list[PriceAfterwards]
    """1 s, 1 min and 5 min after the last fill, as far as looked up."""
    position: PositionMoved | None
    """Null where nothing filled."""
    findings: list[ExecutionDifference]
    """What differs."""
    why_unverified: list[Slug]
    """What could not be verified: `fills_not_reported_one_by_one`, `position_not_read`."""
    missed: NotFilled | None
    """What did not fill of an entry that has ended."""
    is_complete: bool
    """Nothing more is looked up."""
