"""What the desk itself refuses; everything else passes through from the rooms below.

DeskError
├── EmptyId            an id without a character
├── AmbiguousId        a short id that names several orders
├── AlreadyFilled      too late to cancel
├── OrderRejected      accepted first, rejected later
├── BadExits           exits that cannot be asked for
├── NoPosition         nothing is held of the symbol
├── NoPlan             the position has no exit plan
├── NotQueued          the order does not wait for the open
├── BadInput           a stream of signals that cannot be read
├── ExtraMissing       a package that is not installed
├── CannotServe        the built-in exchange cannot be served there
├── BadRequest         the built-in exchange does not take that
├── NoExchange         no built-in exchange answers
└── NothingClosed      not one of several positions was closed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

if TYPE_CHECKING:
    from execbot.journal.records import OrderRecord


class DeskError(ExecbotError):
    """`record` is the order it is about, where there is one."""

    category: ErrorCategory = ErrorCategory.ADJUSTABLE
    outcome: str = "not_sent"
    record: OrderRecord | None = None

    def __init__(
        self, message: str, *, hint: str = "", next_step: str = "", kind: str = ""
    ) -> None:
        super().__init__(message)
        self.kind = kind or self.kind
        self.hint = hint or self.hint
        self.next_step = next_step or self.next_step

    @property
    def facts(self) -> Mapping[str, Any]:
        """The order as it now is."""
        if self.record is None:
            return {}
        from execbot.desk.order_json import record_json

        name = self.record.client_order_id
        return {"client_order_id": name, "order": record_json(self.record)}


class EmptyId(DeskError):
    """An id without a character."""

    kind = "usage.value"


class AmbiguousId(DeskError):
    """A short id names several orders."""

    kind = "usage.ambiguous_id"
    hint = "A short id must be unique."
    next_step = "Give more of it; execbot orders --json shows full ids."


class AlreadyFilled(DeskError):
    """The order filled before it could be canceled."""

    kind = "order.already_filled"
    hint = "A fill may win against a cancel."

    def __init__(self, record: OrderRecord) -> None:
        from execbot.model.order_words import describe

        super().__init__(f"Too late to cancel, it is filled: {describe(record.order)}")
        self.record = record
        self.outcome = record.outcome.value
        self.next_step = f"execbot close {record.symbol}"


class OrderRejected(DeskError):
    """The broker accepted the order first and rejected it later: a rejection all the same."""

    kind = "broker.order_rejected"
    outcome = "rejected"

    def __init__(self, record: OrderRecord) -> None:
        from execbot.model.order_words import describe

        super().__init__(f"The broker rejected the order: {describe(record.order)}")
        self.record = record
        self.hint = record.note or "It was accepted first and rejected later."
        self.next_step = f"execbot orders show {record.client_order_id}"


class BadExits(DeskError):
    """Exits that cannot be asked for: with this order, or together."""

    kind = "usage"


class NoPosition(DeskError):
    """Nothing is held of the symbol."""

    kind = "exits.no_position"
    next_step = "execbot positions"


class NoPlan(DeskError):
    """The position has no exit plan."""

    kind = "exits.no_plan"
    hint = "Positions opened without a stop have none."

    def __init__(self, symbol: str) -> None:
        super().__init__(f"{symbol} has no exit plan", next_step=f"execbot protect {symbol}")


class NotQueued(DeskError):
    """The order does not wait for the open (any more)."""

    kind = "usage.queue"


class BadInput(DeskError):
    """A stream of signals that cannot be read."""

    kind = "usage.signal"


class ExtraMissing(DeskError):
    """What was asked for needs a package of an extra that is not installed."""

    kind = "config.extra_missing"


class CannotServe(DeskError):
    """The built-in exchange cannot be served there."""

    kind = "config.address"
    next_step = "execbot sim serve --port 0"


class BadRequest(DeskError):
    """The built-in exchange does not take what was asked of it."""

    kind = "usage"


class NoExchange(DeskError):
    """No built-in exchange is served at the URL."""

    kind = "network.sim"
    next_step = "execbot sim serve"


class NothingClosed(DeskError):
    """None of several positions was closed. `failures` says why, by symbol, in order."""

    kind = "close.failed"

    def __init__(self, failures: Sequence[tuple[str, Exception]]) -> None:
        first = failures[0][1]
        words = first.message if isinstance(first, ExecbotError) else str(first)
        super().__init__(f"None of {len(failures)} positions was closed: {words}")
        self.failures = tuple(failures)
