"""Executions folded into round trips: flat to flat at average cost, with their lots by FIFO. Pure.

The journal's own arithmetic (`oms.machine.positions`): a reduction realises the difference to the
average cost of what is held, a sale beyond what is held closes one trip and opens the next, and
what came or went without a trade realises nothing. A split keeps the cost to the last digit and the
trip goes on. First in, first out is kept beside it: by the time a trip is flat, both have realised
the same.

Shares that leave without a sale (a transfer) take their share of every lot along, since nobody says
which they were; so the two still agree at the end.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct, field

from execbot.journal.records import Execution, FillState
from execbot.model.enums import AssetClass, PositionSide
from execbot.model.numbers import COIN_FEE_SHARE, QTY_STEP, ZERO
from execbot.model.symbols import multiplier_of, symbol_key
from execbot.oms.machine.positions import ONE_AFTER
from execbot.risk.fees import FillFee, Settled
from execbot.trades.lots import LotQueue
from execbot.trades.model import Lot, Part, RoundTrip, SplitAt

ID_LENGTH = 8


def round_trips(
    history: Settled, booked_as: Mapping[str, str] | None = None
) -> tuple[RoundTrip, ...]:
    """Every round trip of these executions, in the order in which they were opened; the last of a
    symbol may be open. Each symbol must begin where nothing of it was held.

    `booked_as` are the journal's words for executions that belong to no order, by their id.
    """
    words = booked_as or {}
    books: dict[str, _Book] = {}
    for item in sorted(history.executions, key=lambda item: (item.at, item.execution_id)):
        if not item.net_qty:
            continue
        book = books.setdefault(item.symbol, _Book(item.symbol))
        book.add(item, history.fills.get(item.execution_id), words.get(item.execution_id, ""))
    found = [trip for book in books.values() for trip in book.all()]
    return tuple(sorted(found, key=lambda trip: (trip.opened_at, trip.symbol)))


class _Trip(Struct):
    """A round trip on its way. `qty` and `cost` are signed, `came` and `went` count shares of now,
    `paid` and `got` are the dollars of all that came, and of what was sold."""

    id: str
    side: PositionSide
    opened_at: datetime
    asset_class: str
    lots: LotQueue
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    came: Decimal = ZERO
    paid: Decimal = ZERO
    went: Decimal = ZERO
    sold: Decimal = ZERO
    got: Decimal = ZERO
    peak: Decimal = ZERO
    gross: Decimal = ZERO
    fees: FillFee | None = None
    parts: list[Part] = []
    splits: list[SplitAt] = []

    @property
    def is_done(self) -> bool:
        """Flat, or nothing but coins that went as fees and are not booked yet."""
        if self.asset_class != AssetClass.CRYPTO or self.qty <= 0 or not self.went:
            return not self.qty
        return self.qty <= self.came * COIN_FEE_SHARE


class _Book(Struct):
    """The trips of one symbol. `parked` is one whose shares were all booked out a moment ago: a
    split, if new ones come in at once."""

    symbol: str
    trip: _Trip | None = None
    parked: _Trip | None = None
    parked_at: datetime | None = None
    closed: list[RoundTrip] = []
    names: Counter[str] = field(default_factory=Counter)

    # --- one execution ---------------------------------------------------------------------

    def add(self, item: Execution, fee: FillFee | None, word: str) -> None:
        is_trade = item.state is not FillState.ADJUSTMENT
        if self.parked is not None and self._comes_back(item, is_trade):
            return
        left = item.signed_qty
        if self.trip is not None and self.trip.qty * left < 0:
            closing = min(abs(left), abs(self.trip.qty))
            paid = _share(fee, closing, abs(left))
            self._reduce(self.trip, item, closing, paid, is_trade, word)
            left -= closing * item.side.sign
            fee = _less(fee, paid)
        if left and not self._is_dust(item, is_trade):
            self._extend(item, abs(left), fee, is_trade, word)

    def _comes_back(self, item: Execution, is_trade: bool) -> bool:
        """New shares for those that were booked out just before: the trip goes on, at its cost."""
        trip, at = self.parked, self.parked_at
        self.parked = self.parked_at = None
        assert trip is not None and at is not None
        is_split = not is_trade and item.at - at <= ONE_AFTER
        if not is_split or item.side.sign * (1 if trip.side is PositionSide.LONG else -1) < 0:
            self.closed.append(self._frozen(trip, at))
            return False
        trip.parts.pop()  # they did not leave
        ratio = item.net_qty / abs(trip.qty)
        trip.splits.append(SplitAt(item.at, ratio))
        trip.qty = item.signed_qty
        trip.came, trip.went, trip.sold, trip.peak = (
            (qty * ratio).quantize(QTY_STEP) for qty in (trip.came, trip.went, trip.sold, trip.peak)
        )
        trip.lots.split(item.net_qty)
        self.trip = trip
        return True

    def _is_dust(self, item: Execution, is_trade: bool) -> bool:
        """Coins that are booked out late, of a trip that counts as done: no short was opened."""
        return self.trip is None and not is_trade and item.signed_qty < 0 and item.fee is not None

    def _extend(
        self, item: Execution, qty: Decimal, fee: FillFee | None, is_trade: bool, word: str
    ) -> None:
        trip = self.trip
        if trip is None:
            trip = self.trip = self._begun(item)
        dollars = qty * item.net_price * multiplier_of(item.symbol)
        trip.qty += qty * item.side.sign
        trip.cost += dollars * item.side.sign
        trip.came += qty
        trip.paid += dollars
        trip.peak = max(trip.peak, abs(trip.qty))
        trip.fees = _sum(trip.fees, fee)
        trip.lots.put(item, qty, fee)
        trip.parts.append(_part(item, qty, trip, fee, word, opens=True, is_trade=is_trade))

    def _reduce(
        self,
        trip: _Trip,
        item: Execution,
        qty: Decimal,
        fee: FillFee | None,
        is_trade: bool,
        word: str,
    ) -> None:
        moved = qty * item.side.sign
        cost_out = trip.cost if trip.qty + moved == 0 else trip.cost * qty / abs(trip.qty)
        dollars = qty * item.net_price * multiplier_of(item.symbol)
        gross = -dollars * item.side.sign - cost_out if is_trade else ZERO
        is_leaving_whole = not is_trade and trip.qty + moved == 0
        if is_leaving_whole:  # perhaps a split: nothing is taken apart before that is known
            trip.parts.append(_part(item, qty, trip, fee, word, opens=False, is_trade=False))
            self.trip, self.parked, self.parked_at = None, trip, item.at
            return
        trip.qty += moved
        trip.cost -= cost_out
        trip.gross += gross
        trip.went += qty
        trip.fees = _sum(trip.fees, fee)
        trip.lots.take(item, qty, fee, is_trade=is_trade)
        if is_trade:
            trip.sold += qty
            trip.got += dollars
        trip.parts.append(_part(item, qty, trip, fee, word, False, is_trade, gross))
        if trip.is_done:
            if trip.cost:  # coins that are left over were a fee; their cost is the trip's
                trip.fees = _sum(trip.fees, FillFee(trip.cost, estimated=True))
                trip.qty = trip.cost = ZERO
            self.closed.append(self._frozen(trip, item.at))
            self.trip = None

    # --- trips -----------------------------------------------------------------------------

    def all(self) -> list[RoundTrip]:
        rest = [self._frozen(self.trip, None)] if self.trip is not None else []
        if self.parked is not None:
            rest.append(self._frozen(self.parked, self.parked_at))
        return [*self.closed, *rest]

    def _begun(self, item: Execution) -> _Trip:
        """Named after the order that opened it, so that a better report of the fill changes
        nothing; an order that opens a second one gives it a number."""
        opener = item.client_order_id or item.execution_id
        digest = hashlib.sha256(f"{item.symbol}|{opener}".encode()).hexdigest()[:ID_LENGTH]
        name = f"{symbol_key(item.symbol)}-{digest}"
        self.names[name] += 1
        name += f"-{self.names[name]}" if self.names[name] > 1 else ""
        side = PositionSide.opened_by(item.side)
        lots = LotQueue(item.symbol, name, side)
        return _Trip(name, side, item.at, item.asset_class, lots, parts=[], splits=[])

    def _frozen(self, trip: _Trip, closed_at: datetime | None) -> RoundTrip:
        each = multiplier_of(self.symbol)
        is_flat = closed_at is not None
        lots: tuple[Lot, ...] = tuple(trip.lots.matched)
        return RoundTrip(
            id=trip.id,
            symbol=self.symbol,
            asset_class=trip.asset_class,
            side=trip.side,
            opened_at=trip.opened_at,
            closed_at=closed_at,
            qty=ZERO if is_flat else trip.qty,
            cost=ZERO if is_flat else trip.cost,
            entered=trip.came,
            exited=trip.came if is_flat else trip.went,
            peak_qty=trip.peak,
            entry_price=trip.paid / trip.came / each,
            exit_price=trip.got / trip.sold / each if trip.sold else None,
            gross=trip.gross,
            gross_fifo=sum((lot.gross for lot in lots), ZERO),
            fees=trip.fees,
            parts=tuple(trip.parts),
            lots=lots,
            splits=tuple(trip.splits),
        )


def _part(
    item: Execution,
    qty: Decimal,
    trip: _Trip,
    fee: FillFee | None,
    word: str,
    opens: bool,
    is_trade: bool,
    gross: Decimal = ZERO,
) -> Part:
    return Part(
        execution_id=item.execution_id,
        client_order_id=item.client_order_id,
        order_id=item.order_id,
        at=item.at,
        side=item.side,
        qty=qty,
        price=item.net_price,
        opens=opens,
        is_trade=is_trade,
        held=trip.qty,
        gross=gross,
        fee=fee,
        booked_as=word,
    )


# --- fees of a part of an execution ------------------------------------------------------------


def _share(fee: FillFee | None, qty: Decimal, whole: Decimal) -> FillFee | None:
    if fee is None or qty == whole:
        return fee
    return FillFee(fee.amount * qty / whole, fee.estimated)


def _less(fee: FillFee | None, paid: FillFee | None) -> FillFee | None:
    """The rest, so that the parts of a flip add up to what the execution cost."""
    if fee is None or paid is None:
        return fee
    return FillFee(fee.amount - paid.amount, fee.estimated)


def _sum(one: FillFee | None, other: FillFee | None) -> FillFee | None:
    if one is None or other is None:
        return one or other
    return one + other
