"""The confirmation of an execution, as the journal keeps it: what was asked, paid, and checked.

Made by `execbot.quality`; the definition of each figure is in docs/quality.md. Costs are positive
where they were worse for us. Each version is a row of its own, the highest one is in force.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.model.enums import Side
from execbot.model.numbers import ZERO

QUOTE_SEEN = "quote"
"""In the facts of the audit row of the checks: the quote that an order was decided by."""

QUOTES_SEEN = "quotes"
"""The same by symbol: of the legs of an order; and with the intent of an exit of contracts."""


class ExecutionVerdict(StrEnum):
    """The verdict of an execution's checks."""

    CONFIRMED = "confirmed"
    DIFFERS = "differs"
    UNVERIFIED = "unverified"


class OrderKind(StrEnum):
    """How an order meets the market: the first cut of every comparison of costs."""

    MARKETABLE = "marketable"  # at market, or a limit at or through the other side when decided
    RESTING = "resting"  # a limit that waits for the market
    STOP = "stop"
    AUCTION = "auction"  # at the opening or the closing auction


class ArrivalBasis(StrEnum):
    """Which price an execution is measured against."""

    QUOTE = "quote"  # the middle of the quote that the decision saw
    LOOKED_UP = "looked_up"  # the middle of the quote of that moment, read afterwards
    TRIGGER = "trigger"  # a stop's own price
    LIMIT = "limit"  # a target's own price
    NONE = "none"


class QuoteSeen(Struct, frozen=True, omit_defaults=True):
    """A quote as a witness: what it said, from which feed, and how old it was at that moment."""

    bid: Decimal = ZERO
    ask: Decimal = ZERO
    at: datetime | None = None
    age_seconds: Decimal | None = None
    feed: str | None = None

    @property
    def is_one_sided(self) -> bool:
        return self.bid <= 0 or self.ask <= 0

    @property
    def is_crossed(self) -> bool:
        return not self.is_one_sided and self.bid > self.ask

    @property
    def mid(self) -> Decimal | None:
        return None if self.is_one_sided else (self.bid + self.ask) / 2


class Arrival(Struct, frozen=True, omit_defaults=True):
    """The price that an execution is measured against. `price` is None where there is no honest
    figure; `unmeasured` then says why (`stale`, `one_sided`, `crossed`, `no_quote`,
    `not_looked_up`)."""

    basis: ArrivalBasis = ArrivalBasis.NONE
    price: Decimal | None = None
    quote: QuoteSeen | None = None
    unmeasured: str = ""


class Cost(Struct, frozen=True, omit_defaults=True):
    """The cost of an execution against a price, before fees. Positive was worse for us.

    `usd` counts the whole quantity filled; `r` is in units of the risk that was taken at entry,
    None where none is known.
    """

    bps: Decimal
    usd: Decimal
    r: Decimal | None = None


class LaterPrice(Struct, frozen=True, omit_defaults=True):
    """The middle of the market some seconds after the last fill. `moved_bps` is positive where the
    price went on in the direction of the order. `price` is None where it could not be had; `why`
    says so."""

    after_seconds: int
    price: Decimal | None = None
    moved_bps: Decimal | None = None
    why: str = ""
    quote: QuoteSeen | None = None


class Times(Struct, frozen=True, omit_defaults=True):
    """When. `signal_created`, `acknowledged` (submitted), `first_fill`, `last_fill` and `done` are
    the maker's own clocks (strategy, broker); the others are ours, set by the broker's."""

    signal_created: datetime | None = None
    signal_received: datetime | None = None
    intent: datetime | None = None
    sent: datetime | None = None
    acknowledged: datetime | None = None
    first_fill: datetime | None = None
    last_fill: datetime | None = None
    done: datetime | None = None


class PositionChange(Struct, frozen=True, omit_defaults=True):
    """How the order changed the position, by the broker's word. `source` is `stream` (told with
    the fills) or `rest` (read later, when all else was known)."""

    expected: Decimal
    actual: Decimal | None = None
    source: str = ""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that differs: `kind` is a stable word (`slippage`, `outside_quotes`, `slow`,
    `quantity`, `price`, `position`), `by` how much, in `unit`."""

    kind: str
    words: str
    expected: str | None = None
    actual: str | None = None
    by: Decimal | None = None
    unit: str = ""


class Missed(Struct, frozen=True, omit_defaults=True):
    """The opportunity cost of the part of an entry that did not fill (Perold, 1988); positive where
    the price went the way that the entry wanted. `price` is the middle of the market when the order
    ended; None where it could not be had, `why` then says so."""

    qty: Decimal
    at: datetime
    price: Decimal | None = None
    bps: Decimal | None = None
    usd: Decimal | None = None
    why: str = ""
    quote: QuoteSeen | None = None


class Confirmation(Struct, frozen=True, omit_defaults=True):
    """One order that filled, in part or whole.

    `qty` and `notional` are as asked, `filled_qty` and `price` as the executions stand (busts and
    corrections counted). `filled_usd` is what that was worth. `expected` is the cost against the
    signal's own price. `effective_over_quoted`: twice the distance of the price from the middle of
    the quote on arrival, over its spread (SEC Rule 605). `why_unverified` is empty with the other
    verdicts. `is_complete`: nothing more is looked up, only a later event makes another version.
    `missed` is what did not fill of an entry that has ended; one that did not fill at all has
    `filled_qty` 0, and is in no list of executions.
    """

    client_order_id: str
    version: int
    made_at: datetime
    verdict: ExecutionVerdict
    order_id: str
    symbol: str
    side: Side
    order_type: str
    kind: OrderKind
    filled_qty: Decimal
    times: Times
    asset_class: str = "us_equity"
    origin: str = ""
    role: str | None = None
    strategy_id: str | None = None
    signal_id: str | None = None
    qty: Decimal | None = None
    notional: Decimal | None = None
    price: Decimal | None = None
    filled_usd: Decimal = ZERO
    arrival: Arrival = Arrival()
    cost: Cost | None = None
    expected_price: Decimal | None = None
    expected: Cost | None = None
    risk_per_share: Decimal | None = None
    at_fill: QuoteSeen | None = None
    quoted_spread_bps: Decimal | None = None
    effective_spread_bps: Decimal | None = None
    effective_over_quoted: Decimal | None = None
    later: tuple[LaterPrice, ...] = ()
    position: PositionChange | None = None
    findings: tuple[Finding, ...] = ()
    why_unverified: tuple[str, ...] = ()
    missed: Missed | None = None
    is_complete: bool = False

    @property
    def is_filled(self) -> bool:
        return self.filled_qty > 0


class CashSample(Struct, frozen=True):
    """The account's cash as it was read, in USD. `accrued_fees` are charged later."""

    at: datetime
    cash: Decimal
    accrued_fees: Decimal = ZERO


class CashDay(Struct, frozen=True, omit_defaults=True):
    """The check of a New York day's cash: its change from `since` to `until` against what fills,
    flows and fees make of it, in USD. `difference` is what none of them explains; `why` says what
    an `unverified` one waits for."""

    day: date
    version: int
    made_at: datetime
    verdict: ExecutionVerdict
    since: datetime
    until: datetime
    change: Decimal
    fills: Decimal
    flows: Decimal
    fees: Decimal
    difference: Decimal
    why: str = ""
