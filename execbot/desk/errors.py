"""What the desk itself refuses; everything else passes through from the rooms below.

DeskError
├── EmptyId            an id without a character
├── AmbiguousId        a short id that names several orders
├── AlreadyFilled      too late to cancel
├── OrderRejected      accepted first, rejected later
├── BadExits           exits that cannot be asked for
├── NoPosition         nothing is held of the symbol
├── NoPlan             the position has no exit plan
├── UnknownTrade       no trade, or more than one, has that id
├── NotQueued          the order does not wait for the open
├── BadInput           a stream of signals that cannot be read
├── ExtraMissing       a package that is not installed
├── CannotWrite        a file that was asked for cannot be written
├── CannotServe        the built-in exchange, or the page, cannot be served there
├── NotSealed          a bot's run cannot be sealed on this system
├── BadRequest         the built-in exchange does not take that
├── NoExchange         no built-in exchange answers
├── NoPage             no live page runs for the account
├── SelftestRefused    the guided check does not begin
├── NotProven          the broker does not say what it should after a step of it
├── RestoreUnfinished  a restored journal does not know yet what was sent since
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
        from execbot.desk.look.order_json import record_json

        name = self.record.client_order_id
        return {"client_order_id": name, "order": record_json(self.record)}


class RestoreUnfinished(DeskError):
    """A restored journal does not know yet what was sent since it was copied."""

    kind = "journal.restore_unfinished"
    hint = "What was sent since the backup has not been looked for at the broker."
    next_step = "execbot reconcile --wait"


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


class UnknownTrade(DeskError):
    """No trade, or more than one, has that id."""

    kind = "usage.unknown_trade"
    next_step = "execbot trades"

    def __init__(self, word: str, same: Sequence[str] = ()) -> None:
        if same:
            shown = ", ".join(same[:5])
            super().__init__(f"{word} stands for {len(same)} trades", hint=f"They are {shown}.")
        else:
            super().__init__(f"No trade with the id {word}", hint="Ids are those of the list.")


class NotQueued(DeskError):
    """The order does not wait for the open (any more)."""

    kind = "usage.queue"


class BadInput(DeskError):
    """A stream of signals that cannot be read."""

    kind = "usage.signal"


class ExtraMissing(DeskError):
    """What was asked for needs a package of an extra that is not installed."""

    kind = "config.extra_missing"


class CannotWrite(DeskError):
    """A file that was asked for cannot be written there."""

    kind = "usage.file"


class CannotServe(DeskError):
    """The built-in exchange, or the page, cannot be served there."""

    kind = "config.address"
    next_step = "execbot sim serve --port 0"


class NotSealed(DeskError):
    """A bot's run cannot be sealed on this system, and nobody said that it need not be."""

    kind = "config.not_sealed"


class BadRequest(DeskError):
    """The built-in exchange does not take what was asked of it."""

    kind = "usage"


class NoPage(DeskError):
    """No live page runs for the account."""

    kind = "config.no_page"
    hint = "`execbot page` serves it, and `execbot watch --page` does beside the watch."
    next_step = "execbot page"


class NoExchange(DeskError):
    """No built-in exchange is served at the URL."""

    kind = "network.sim"
    next_step = "execbot sim serve"


def none_closed(number: int) -> str:
    positions = "The only position" if number == 1 else f"None of {number} positions"
    return f"{positions} was {'not ' if number == 1 else ''}closed"


class NothingClosed(DeskError):
    """None of several positions was closed. `failures` says why, by symbol, in order. It is in
    doubt where any of them is."""

    kind = "close.failed"

    def __init__(self, failures: Sequence[tuple[str, Exception]]) -> None:
        first = failures[0][1]
        super().__init__(f"{none_closed(len(failures))}: {said_of(first)}")
        self.failures = tuple(failures)
        known = [error for _, error in failures if isinstance(error, ExecbotError)]
        self.in_doubt = any(error.in_doubt for error in known)
        if self.in_doubt:
            self.category, self.outcome = ErrorCategory.WAITING, "in_doubt"
            self.next_step = "Run `execbot reconcile`; never resubmit."
        elif known:
            self.category, self.outcome = known[0].category, known[0].outcome
            self.next_step = known[0].next_step


def said_of(error: Exception) -> str:
    """What happened, in words."""
    return error.message if isinstance(error, ExecbotError) else str(error)
