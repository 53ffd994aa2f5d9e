"""What goes into the state machine and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, field

from execbot.journal.records import EventResult, Execution, OrderRecord
from execbot.model.numbers import ZERO
from execbot.model.order import Fill


class OrderState(Struct, frozen=True, gc=False):
    """An order with its executions: all that the next event needs to know."""

    record: OrderRecord
    executions: Mapping[str, Execution] = field(default_factory=dict)


class Applied(Struct, frozen=True, gc=False):
    """What an event did.

    `fills` are the executions it booked, in the model's words; `filled_delta` is by how much the
    net quantity changed (0 when a real execution took the place of an inferred one; negative after
    a bust). `contradiction` is set when the event disagrees with what is known and was not
    followed: it is a break for people to see. `alarm` is a slug for something that needs a look.
    """

    state: OrderState
    result: EventResult
    before: OrderRecord | None = None
    fills: tuple[Fill, ...] = ()
    filled_delta: Decimal = ZERO
    note: str | None = None
    contradiction: str | None = None
    alarm: str | None = None

    @property
    def changed(self) -> bool:
        return self.result is EventResult.APPLIED

    @property
    def status_changed(self) -> bool:
        return self.before is None or self.before.status is not self.state.record.status
