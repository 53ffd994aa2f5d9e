"""The life of a position: PENDING_ENTRY, OPEN, PENDING_EXIT, CLOSED, one after the other.

A life goes from flat to flat; a flip through zero ends one and begins the next. The state
follows from what is held and from which orders work, after each event of the history, so that a
rebuild finds the same lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.exits.exit_orders import is_exit, is_meant_to_close, leaves_now
from execbot.exits.position_view import PositionState, state_of
from execbot.journal.journal import Journal
from execbot.journal.records import Execution, LifeStep, OrderRecord, Role
from execbot.model.enums import OPEN_STATUSES, OrderStatus
from execbot.model.numbers import ZERO
from execbot.oms.machine.events import OrderEvent
from execbot.oms.machine.table import ADJUST

SPLIT = "split"
"""The reason of two bookings, old shares out and new ones in: no end and no beginning."""


_HELD, _GONE = PositionState.OPEN, PositionState.CLOSED


class Life(Struct):
    """Facts of one symbol. `qty` is signed, `began` the event that the life began with."""

    symbol: str
    qty: Decimal = ZERO
    state: PositionState = PositionState.CLOSED
    began: int | None = None
    working: dict[str, OrderRecord] = field(default_factory=dict)
    """Orders of the symbol that have not ended, legs included, by client_order_id."""
    is_behind: bool = False
    """Something was noted, and no step was looked for since."""
    _told: Decimal = ZERO
    """The quantity when it was last looked for one."""

    def __post_init__(self) -> None:
        self._told = self.qty

    def note(self, record: OrderRecord, qty: Decimal) -> None:
        """Know of a change whose own event is still to come, as in a history that is replayed."""
        self.qty, self.is_behind = qty, True
        self._note(record)

    def take(self, event: OrderEvent, record: OrderRecord | None, qty: Decimal) -> list[LifeStep]:
        """The steps that an event leads to. `record` is its order as it is now, None for a booking
        without one; `qty` is held after it."""
        before, self.qty = self._told, qty
        self._told, self.is_behind = qty, False
        if record is not None:
            self._note(record)
        if event.kind == ADJUST and event.details.get("reason") == SPLIT and not qty:
            return []
        if record is not None and record.status is OrderStatus.REPLACED and qty == before:
            return []  # it lives on in its successor
        steps = []
        if before * qty < 0:
            steps.append(self._step(PositionState.CLOSED, event, record, ZERO))
        state = self._state_now()
        if state is not self.state:
            steps.append(self._step(state, event, record, qty))
        return steps

    def _note(self, record: OrderRecord) -> None:
        if record.status in OPEN_STATUSES:
            self.working[record.client_order_id] = record
        else:
            self.working.pop(record.client_order_id, None)

    def _state_now(self) -> PositionState:
        working = self.working.values()
        return state_of(
            self.qty,
            has_entry=any(not is_meant_to_close(record) for record in working),
            is_leaving=any(is_exit(r, self.qty) and leaves_now(r.order) for r in working),
        )

    def _step(
        self,
        state: PositionState,
        event: OrderEvent,
        record: OrderRecord | None,
        qty: Decimal,
    ) -> LifeStep:
        begins = self.state is PositionState.CLOSED
        price = event.price
        if price is None and record is not None and state in (_HELD, _GONE):
            price = record.order.filled_avg_price
        step = LifeStep(
            symbol=self.symbol,
            at=event.at or event.stamp or event.recorded_at,
            recorded_at=event.recorded_at,
            state=state,
            cause=cause_of(self.state, state, event, record),
            qty=qty,
            price=price,
            client_order_id=None if record is None else record.client_order_id,
            begins=begins,
        )
        self.state = state
        return step


def life_in(journal: Journal, symbol: str) -> Life:
    """As the journal has it."""
    position, last = journal.position(symbol), journal.last_life(symbol)
    return Life(
        symbol,
        qty=ZERO if position is None else position.qty,
        state=PositionState.CLOSED if last is None else PositionState(last.state),
        began=None if last is None else last.began,
        working={order.client_order_id: order for order in journal.working_orders(symbol)},
    )


def held_by(executions: Mapping[str, Execution]) -> Decimal:
    """The signed sum of an order's executions."""
    return sum((one.net_qty * one.side.sign for one in executions.values()), ZERO)


def cause_of(
    old: PositionState, new: PositionState, event: OrderEvent, record: OrderRecord | None
) -> str:
    """Why a position is in another state, in few words."""
    if record is None:
        return str(event.details.get("reason") or "booked")
    if event.kind == "trade_bust":
        return "trade busted"
    status = record.status.value.replace("_", " ")
    if new is PositionState.PENDING_ENTRY:
        return f"entry ordered: {record.origin}"
    if new is PositionState.PENDING_EXIT:
        return _why_left(record)
    if new is PositionState.OPEN:
        return f"exit {status}" if old is PositionState.PENDING_EXIT else "entry filled"
    return f"entry {status}" if old is PositionState.PENDING_ENTRY else _why_left(record)


def _why_left(record: OrderRecord) -> str:
    """`stop`, `target`, or the reason that its order was given."""
    if record.role in (Role.STOP, Role.TARGET):
        return str(record.role)
    if record.reason:
        return record.reason
    return "exit" if record.is_ours else "closed elsewhere"


def numbered(
    steps: Iterable[LifeStep], seqs: Iterable[int], lives: dict[str, Life]
) -> list[LifeStep]:
    """The steps with the numbers of their events, and each with that which its life began with."""
    found: list[LifeStep] = []
    for step, seq in zip(steps, seqs, strict=True):
        life = lives[step.symbol]
        if step.begins or life.began is None:
            life.began = seq
        number = sum(one.event_seq == seq for one in found[-2:])
        found.append(replace(step, event_seq=seq, step=number, began=life.began))
    return found
