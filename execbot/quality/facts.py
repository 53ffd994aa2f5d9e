"""Everything that a confirmation is decided by, as one value. Nothing is read while deciding."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.confirmation import QuoteSeen
from execbot.journal.records import Execution, FillState, OrderRecord
from execbot.model.numbers import ZERO
from execbot.model.symbols import is_option

LATER_SECONDS = (1, 60, 300)
"""After so many seconds the market is looked at again: did we chase it?"""

LOOK_BACK_MAX = timedelta(days=1)
"""Of a fill that was learned of later than this nothing is looked up."""


class SignalFacts(Struct, frozen=True):
    """What the strategy said, and when."""

    created_at: datetime | None = None
    received_at: datetime | None = None
    expected_price: Decimal | None = None


class PositionFacts(Struct, frozen=True):
    """The position around the order, by our books and by the broker.

    `before` is ours right before its first execution; `between` what other orders moved from there
    until its last. `told` is the broker's position right after the last, as the stream said it,
    None where it said nothing or where other executions of that very moment make it unclear.
    `ours_now` and `theirs_now` were read together, later, and only when nothing was under way.
    `coin_fee` is how much of a coin may have gone as fees that are not booked yet.
    """

    before: Decimal = ZERO
    between: Decimal = ZERO
    told: Decimal | None = None
    ours_now: Decimal | None = None
    theirs_now: Decimal | None = None
    coin_fee: Decimal = ZERO


class Looked(Struct, frozen=True):
    """What was looked up after the fill. None: not yet; an empty quote: there was none.

    `later` goes by seconds. `ended` is the market when an entry ended that did not fill whole.
    """

    arrival: QuoteSeen | None = None
    at_fill: QuoteSeen | None = None
    later: dict[int, QuoteSeen] = {}
    ended: QuoteSeen | None = None


class Facts(Struct, frozen=True):
    """`executions` are those of the order, as they stand. `decided_by` is the quote of the
    decision with its age at that moment, `decided_at` when the first of the orders that it was made
    for was sent. `wait_since`: from when on a marketable order could have
    filled; `usual_seconds` is how long such orders took lately, None with too few to tell."""

    now: datetime
    record: OrderRecord
    executions: tuple[Execution, ...] = ()
    decided_by: QuoteSeen | None = None
    decided_at: datetime | None = None
    signal: SignalFacts = SignalFacts()
    risk_per_share: Decimal | None = None
    position: PositionFacts | None = None
    looked: Looked = Looked()
    wait_since: datetime | None = None
    usual_seconds: Decimal | None = None
    alert_pct: Decimal = Decimal("0.5")
    widest_spread_pct: Decimal = Decimal("25")
    """Of a contract that may be opened, ask over bid by the middle."""

    @property
    def fills(self) -> tuple[Execution, ...]:
        """Those that count, oldest first."""
        found = (e for e in self.executions if e.net_qty and e.state is not FillState.ADJUSTMENT)
        return tuple(sorted(found, key=lambda e: (e.at, e.cum_qty or ZERO, e.execution_id)))

    @property
    def filled_qty(self) -> Decimal:
        return sum((fill.net_qty for fill in self.fills), ZERO)

    @property
    def value(self) -> Decimal:
        """Quantity times price over all fills."""
        return sum((fill.net_qty * fill.net_price for fill in self.fills), ZERO)

    @property
    def price(self) -> Decimal | None:
        """The average of what was paid, unrounded."""
        qty = self.filled_qty
        return self.value / qty if qty else None

    @property
    def worst(self) -> Execution | None:
        """The fill with the worst price."""
        sign = self.record.order.side.sign
        return max(self.fills, key=lambda fill: fill.net_price * sign, default=None)

    @property
    def first_fill(self) -> datetime | None:
        return min((fill.at for fill in self.fills), default=None)

    @property
    def last_fill(self) -> datetime | None:
        return max((fill.at for fill in self.fills), default=None)

    @property
    def multiplier(self) -> Decimal:
        return self.record.order.multiplier

    @property
    def has_quotes(self) -> bool:
        """Feeds of options are not read."""
        return not is_option(self.record.symbol)
