"""Round trips as values: their parts, lots, splits and ends.

Amounts are USD, prices USD a share (or coin, or share under a contract), quantities unsigned where
they do not say otherwise. Times are UTC. Nothing here is rounded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.model.enums import PositionSide, Side
from execbot.model.numbers import ZERO
from execbot.model.symbols import OPTION_MULTIPLIER, multiplier_of
from execbot.risk.fees import NO_FEE, FillFee


class Part(Struct, frozen=True):
    """What one execution did to one round trip: a flip is a part of two.

    `opens`: it made the position larger. `is_trade` False: shares came or went without a price
    being paid (adopted, transferred, renamed), which realises nothing; `booked_as` is then the
    word of the journal for it. `gross` is what it realised by average cost. `held` is the signed
    quantity of the trip after it. `fee` is None while none is known of it.
    """

    execution_id: str
    client_order_id: str
    order_id: str
    at: datetime
    side: Side
    qty: Decimal
    price: Decimal
    opens: bool
    is_trade: bool
    held: Decimal
    gross: Decimal = ZERO
    fee: FillFee | None = None
    booked_as: str = ""
    symbol: str = ""
    """Of the contract, in the trip of a structure."""


class Lot(Struct, frozen=True):
    """Shares that were opened by one execution and closed by another: first in, first out.

    `qty` is in shares as they were when they were closed: a split in between has changed
    `price_in` and nothing else. `fees` are both executions' shares. `is_trade` False: they left
    without a sale, and realised nothing.
    """

    symbol: str
    trade_id: str
    side: PositionSide
    qty: Decimal
    opened_at: datetime
    closed_at: datetime
    price_in: Decimal
    price_out: Decimal
    gross: Decimal
    fees: FillFee
    execution_in: str
    execution_out: str
    is_trade: bool = True

    @property
    def net(self) -> Decimal:
        return self.gross - self.fees.amount


class SplitAt(Struct, frozen=True):
    """At that moment each share became `ratio` shares."""

    at: datetime
    ratio: Decimal


class RoundTrip(Struct, frozen=True):
    """One position from flat to flat, at average cost; an open one as it stands.

    `qty` is the signed quantity that is still held and `cost` the signed cost of it. `entered` and
    `exited` are the shares that came and went, in shares of the end: a split in between counts
    what came before it in new shares, and `entry_price` (the average of all that came) follows.
    `exit_price` is the average of what was sold (a short: bought back), None before. `gross` is
    what was realised so far, `fees` what is known of fees, None where nothing is. `legs` are the
    trips that the trip of a structure is made of (`trades.structures`): it has the symbol of its
    underlying, counts units, and its prices are net prices of one unit a share.
    """

    id: str
    symbol: str
    asset_class: str
    side: PositionSide
    opened_at: datetime
    closed_at: datetime | None
    qty: Decimal
    cost: Decimal
    entered: Decimal
    exited: Decimal
    peak_qty: Decimal
    entry_price: Decimal
    exit_price: Decimal | None
    gross: Decimal
    gross_fifo: Decimal
    fees: FillFee | None
    parts: tuple[Part, ...]
    lots: tuple[Lot, ...] = ()
    splits: tuple[SplitAt, ...] = ()
    legs: tuple[RoundTrip, ...] = ()

    @property
    def each(self) -> Decimal:
        """Dollars that a move of one dollar in its price makes for a quantity of one."""
        return OPTION_MULTIPLIER if self.legs else multiplier_of(self.symbol)

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def net(self) -> Decimal:
        """What was realised less the fees that are known, those of the entry included."""
        return self.gross - (self.fees or NO_FEE).amount

    @property
    def holding(self) -> timedelta | None:
        return None if self.closed_at is None else self.closed_at - self.opened_at

    @property
    def entry_value(self) -> Decimal:
        """Dollars that were bought (of a short: sold) at the entries, adopted shares included."""
        return self.entered * self.entry_price * self.each

    @property
    def entries(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.opens)

    @property
    def exits(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if not part.opens)

    def in_shares_of_the_end(self, price: Decimal, at: datetime) -> Decimal:
        """A price of that moment, as it would be after the splits that came later."""
        for split in self.splits:
            if split.at > at:
                price /= split.ratio
        return price
