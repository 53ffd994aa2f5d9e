"""Positions as the sum of fills: average price, realised P&L, flips through zero, dust. Pure.

The average is the quantity-weighted cost of what is held; a reduction realises the difference to
it. Alpaca compresses cost by FIFO overnight, so its `avg_entry_price` may differ the next morning
with no trade at all: quantities must agree, average prices need not.

Fills are added in the order of their execution (time, then id), not of their arrival, so a report
that comes late gives the same position as one that came in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.journal.records import Execution, FillState, PositionRecord
from execbot.model.account import Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import ZERO, text
from execbot.model.order import Fill

if TYPE_CHECKING:
    from execbot.broker.port import BrokerClient

PRICE_STEP = Decimal("0.000000001")
ONE_AFTER = timedelta(microseconds=1)
"""Between the two adjustments of a split."""

COST_STEP = Decimal("0.000000000001")
"""Cost keeps three digits more than prices, so that dust of nine decimals leaves no residue."""


def add_execution(position: PositionRecord, execution: Execution) -> PositionRecord:
    """The position after one more execution; `net_*` values count. Flips realise, then reopen."""
    signed = execution.net_qty * execution.side.sign
    seen = replace(position, updated_at=execution.at, last_execution_id=execution.execution_id)
    if not signed:
        return seen
    if not position.qty and not _is_exchange(position, execution):
        seen = replace(seen, opened_at=None)
    seen = replace(seen, bought_qty=_bought_since(position, signed, execution))
    if position.qty * signed >= 0:
        return _extend(seen, signed, execution)
    closing = min(abs(signed), abs(position.qty)) * (1 if signed > 0 else -1)
    reduced = _reduce(seen, closing, execution)
    rest = signed - closing
    return _extend(replace(reduced, opened_at=None), rest, execution) if rest else reduced


def _is_exchange(position: PositionRecord, execution: Execution) -> bool:
    """New shares for old ones that were booked out just before: a split, no new position."""
    if execution.state is not FillState.ADJUSTMENT or position.updated_at is None:
        return False
    return execution.at - position.updated_at <= ONE_AFTER


def _bought_since(position: PositionRecord, signed: Decimal, execution: Execution) -> Decimal:
    """Purchases whose fee may still be missing here.

    An adjustment takes the broker's quantity over, and with it all fees until then. What was sold
    to nothing was there to be sold: no fee of it is missing.
    """
    if execution.state is FillState.ADJUSTMENT or position.qty + signed == 0:
        return ZERO
    return position.bought_qty + max(signed, ZERO)


def _extend(position: PositionRecord, signed: Decimal, execution: Execution) -> PositionRecord:
    qty = position.qty + signed
    cost = position.cost + signed * execution.net_price
    return replace(
        position,
        asset_class=execution.asset_class,
        qty=qty,
        cost=cost,
        avg_entry_price=(cost / qty).quantize(PRICE_STEP, ROUND_HALF_EVEN),
        opened_at=position.opened_at or execution.at,
    )


def _reduce(position: PositionRecord, signed: Decimal, execution: Execution) -> PositionRecord:
    """Give up part of the position; a fee taken in coins (price 0) realises no profit."""
    qty = position.qty + signed
    cost_out = position.cost if not qty else _share(position.cost, signed, position.qty)
    adjusts = execution.state is FillState.ADJUSTMENT
    proceeds = cost_out if adjusts else -signed * execution.net_price
    cost = position.cost - cost_out
    return replace(
        position,
        qty=qty,
        cost=cost,
        realized_pl=position.realized_pl + proceeds - cost_out,
        avg_entry_price=position.avg_entry_price if qty else None,
        opened_at=position.opened_at if qty or adjusts else None,
    )


def _share(cost: Decimal, signed: Decimal, held: Decimal) -> Decimal:
    return (cost * -signed / held).quantize(COST_STEP, ROUND_HALF_EVEN)


def position_of(symbol: str, executions: Iterable[Execution]) -> PositionRecord:
    """Fold the executions of one symbol, given in order of execution."""
    position = PositionRecord(symbol=symbol)
    for execution in executions:
        position = add_execution(position, execution)
    return position


def comes_after(execution: Execution, position: PositionRecord) -> bool:
    """Is this execution younger than all that the position has seen?"""
    if position.updated_at is None:
        return True
    return (execution.at, execution.execution_id) > (
        position.updated_at,
        position.last_execution_id,
    )


class PositionBook(Struct):
    """Positions from fills alone, for programs without a journal. Repeated fills count once."""

    _fills: dict[str, dict[str, Fill]] = field(default_factory=dict)

    def add(self, fill: Fill) -> None:
        self._fills.setdefault(fill.symbol, {})[fill.execution_id] = fill

    def position(self, symbol: str) -> PositionRecord:
        fills = sorted(
            self._fills.get(symbol, {}).values(), key=lambda fill: (fill.at, fill.execution_id)
        )
        return position_of(symbol, [_execution(fill) for fill in fills])

    def positions(self) -> list[PositionRecord]:
        """Open positions by symbol."""
        found = [self.position(symbol) for symbol in sorted(self._fills)]
        return [position for position in found if position.qty]


def _execution(fill: Fill) -> Execution:
    return Execution(
        execution_id=fill.execution_id,
        order_id=fill.order_id,
        client_order_id=fill.client_order_id,
        symbol=fill.symbol,
        side=fill.side,
        at=fill.at,
        source=fill.source,
        state=FillState.INFERRED if fill.inferred else FillState.BOOKED,
        qty=fill.qty,
        price=fill.price,
        net_qty=fill.qty,
        net_price=fill.price,
        fee=fill.fee,
    )


# --- comparing two sets of positions -------------------------------------------------------

CRYPTO_FEE_SHARE = Decimal("0.003")
"""Alpaca takes crypto fees in the coin received: 0.25 % for takers, less for makers."""


def symbol_key(symbol: str) -> str:
    """Orders say `BTC/USD`, positions `BTCUSD`: one key for both."""
    return symbol.replace("/", "").upper()


class PositionDifference(Struct, frozen=True):
    """Two quantities that should be one. `ours` is the journal or tracker, `theirs` the broker."""

    symbol: str
    ours: Decimal
    theirs: Decimal

    def __str__(self) -> str:
        return f"{self.symbol}: {text(self.ours)} here, {text(self.theirs)} at the broker"


def is_crypto_fee(position: PositionRecord, theirs: Decimal) -> bool:
    """Is the difference no more than the fees that the last crypto purchases cost in coins?"""
    if position.asset_class != AssetClass.CRYPTO:
        return False
    return is_fee_in_coins(position.qty, theirs, position.bought_qty)


def is_fee_in_coins(ours: Decimal, theirs: Decimal, bought: Decimal) -> bool:
    """Does the broker hold less by no more than the fees of what was `bought`?"""
    return ZERO < ours - theirs <= bought * CRYPTO_FEE_SHARE


def compare(ours: Iterable[PositionRecord], theirs: Iterable[Position]) -> list[PositionDifference]:
    """Differences in quantity by symbol; average prices are not compared."""
    mine = {symbol_key(item.symbol): item for item in ours}
    broker = {symbol_key(item.symbol): item for item in theirs}
    found: list[PositionDifference] = []
    for key in sorted(mine.keys() | broker.keys()):
        own, other = mine.get(key), broker.get(key)
        left = own.qty if own is not None else ZERO
        right = other.qty if other is not None else ZERO
        if left != right:
            symbol = own.symbol if own is not None else other.symbol if other is not None else key
            found.append(PositionDifference(symbol, left, right))
    return found


class TrackerResult(Struct, frozen=True):
    """What `PositionTracker.reconcile` found."""

    discrepancies: tuple[PositionDifference, ...]

    @property
    def has_discrepancies(self) -> bool:
        return bool(self.discrepancies)


class PositionTracker:
    """Keeps positions in memory and compares them with the broker's.

    `update_from_broker` takes the broker's list as the state to start from; `apply_fill` follows
    executions (each counted once); `reconcile` asks the broker again and tells the differences.
    """

    def __init__(self) -> None:
        self._positions: dict[str, PositionRecord] = {}
        self._seen: set[str] = set()

    def update_from_broker(self, positions: Sequence[Position]) -> None:
        """Forget what was tracked and start from the broker's list."""
        self._positions = {
            symbol_key(position.symbol): PositionRecord(
                symbol=position.symbol,
                asset_class=position.asset_class,
                qty=position.qty,
                avg_entry_price=position.avg_entry_price,
                cost=position.qty * (position.avg_entry_price or ZERO),
            )
            for position in positions
        }

    def apply_fill(self, fill: Fill) -> PositionRecord:
        """Book a fill; one that was booked before changes nothing."""
        key = symbol_key(fill.symbol)
        position = self._positions.get(key, PositionRecord(symbol=fill.symbol))
        if fill.execution_id not in self._seen:
            self._seen.add(fill.execution_id)
            position = add_execution(position, _execution(fill))
            self._positions[key] = position
        return position

    def position(self, symbol: str) -> PositionRecord | None:
        found = self._positions.get(symbol_key(symbol))
        return found if found is not None and found.qty else None

    @property
    def positions(self) -> list[PositionRecord]:
        """Open positions by symbol."""
        found = sorted(self._positions.values(), key=lambda position: position.symbol)
        return [position for position in found if position.qty]

    def reconcile(self, client: BrokerClient) -> TrackerResult:
        """Compare with the broker's positions now. Raises BrokerError."""
        return TrackerResult(tuple(compare(self.positions, client.get_positions())))
