"""Positions kept in memory, for programs: from fills alone, or from the broker's list on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from execbot.journal.records import Execution, FillState, PositionRecord
from execbot.model.account import Position
from execbot.model.numbers import ZERO
from execbot.model.order import Fill
from execbot.model.symbols import multiplier_of, symbol_key
from execbot.oms.machine.positions import add_execution, position_of
from execbot.oms.sync.differences import PositionDifference, compare

if TYPE_CHECKING:
    from execbot.broker.port import BrokerClient


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
                cost=position.qty
                * (position.avg_entry_price or ZERO)
                * multiplier_of(position.symbol),
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
