"""What the order room refuses or cannot finish, each with a message, a hint and a next step.

    OmsError
    ├── Refused            our own checks said no; nothing was sent
    ├── InDoubt            sent, and the outcome is unknown: reconcile, never resubmit
    ├── StaleIntent        too old to be sent; closed as never sent
    ├── ClientIdReused     the client_order_id belongs to a different order
    ├── UnknownOrder       neither the journal nor the broker knows it
    ├── NotPossible        the order or position is not in a state for that
    ├── FlagNotAllowed     trading.yaml forbids the flag
    ├── NeedsWatch         nobody would place the stop after the fill
    ├── WouldRest          the addition would keep a position without its stop
    ├── HandedBack         a command took back what it had handed over to `watch`
    └── CloseFailed        orders were lifted for a close, and then it failed

A refusal or failure of the broker itself stays a `BrokerError` of execbot.broker.errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from execbot.broker.errors import BrokerError
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.model.enums import UNSETTLED_STATUSES, ErrorCategory, Outcome
from execbot.model.errors import ExecbotError
from execbot.oms.results import GateVerdict

if TYPE_CHECKING:
    from execbot.oms.results import CloseResult


class OmsError(ExecbotError):
    """`kind` is a stable slug; `outcome` and `in_doubt` say what is known of the order."""

    kind = "order.error"
    category = ErrorCategory.FATAL
    outcome = "not_sent"

    def __init__(self, message: str, *, record: OrderRecord | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.record = record
        if hint:
            self.hint = hint

    @property
    def client_order_id(self) -> str | None:
        return self.record.client_order_id if self.record is not None else None

    @property
    def order_id(self) -> str | None:
        return (self.record.order_id or None) if self.record is not None else None

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"client_order_id": self.client_order_id, "order_id": self.order_id}


class Refused(OmsError):
    """The gate denied the order. `verdict` has the reasons."""

    kind = "risk.refused"
    category = ErrorCategory.ADJUSTABLE
    hint = "The order breaks a limit of trading.yaml, or trading is halted."
    next_step = "See every check with --dry-run."

    def __init__(self, verdict: GateVerdict, record: OrderRecord) -> None:
        super().__init__(verdict.message or "the order was refused", record=record)
        self.verdict = verdict
        self.kind = verdict.code or self.kind
        self.category = verdict.category
        self.hint = verdict.hint or self.hint
        self.next_step = verdict.next_step or self.next_step

    @property
    def facts(self) -> Mapping[str, Any]:
        """Every check that failed, with its limit and what it saw."""
        return {**super().facts, "failures": [r.to_dict() for r in self.verdict.results]}


class InDoubt(OmsError):
    """The order left, and whether the broker has it is not known yet."""

    kind = "order.in_doubt"
    category = ErrorCategory.WAITING
    outcome = "in_doubt"
    in_doubt = True
    hint = "The broker may have the order. Submitting it again could buy twice."
    next_step = "Run `execbot reconcile`; never resubmit."


def refuse_unsettled(record: OrderRecord) -> None:
    """Raise InDoubt for an order that was given before and may be at the broker or not."""
    if record.status in UNSETTLED_STATUSES:
        name = record.client_order_id
        raise InDoubt(
            f"{name} was given before, and whether the broker has it is not known", record=record
        )


class StaleIntent(OmsError):
    """A process was held up between writing the intent and sending it, or ended there."""

    kind = "order.stale"
    category = ErrorCategory.RETRYABLE
    hint = "The machine or the process was suspended or ended; the price has moved since."
    next_step = "Submit again."


class ClientIdReused(OmsError):
    """The id was used for another order; sending this one under it would hide one of them."""

    kind = "usage.client_order_id_reused"
    category = ErrorCategory.ADJUSTABLE
    hint = "A client_order_id names one order for ever."
    next_step = "Use another --client-order-id, or leave it away."


class UnknownOrder(OmsError):
    """No such order."""

    kind = "order.unknown"
    category = ErrorCategory.ADJUSTABLE
    hint = "Orders are found by the broker's id or by client_order_id."
    next_step = "List them with `execbot orders --status all`."


class NotPossible(OmsError):
    """The order or position is not in a state that allows it."""

    kind = "order.not_possible"
    category = ErrorCategory.ADJUSTABLE
    outcome = "not_sent"
    hint = "The state it is in does not allow that."
    next_step = "Look at `execbot orders` and `execbot positions`."


class FlagNotAllowed(OmsError):
    """A flag that lifts a guard, and that trading.yaml does not let anybody use."""

    kind = "risk.flag_not_allowed"
    category = ErrorCategory.FATAL
    hint = "risk.allow_flags in trading.yaml says which flags may lift a guard."
    next_step = "Leave it out."


class NeedsWatch(OmsError):
    """The stop of an entry could only be placed after the fill, and no `watch` runs to do it."""

    kind = "exits.needs_watch"
    category = ErrorCategory.ADJUSTABLE
    hint = "Its stop cannot go along with the order, and nobody would place it after the fill."
    next_step = "Start `execbot watch`, or add --naked if a position without a stop is meant."


class WouldRest(OmsError):
    """An addition that would rest at the broker, where the stop of its position cannot be too."""

    kind = "risk.addition_would_rest"
    category = ErrorCategory.ADJUSTABLE
    hint = "The broker takes no resting order beside an opposite stop; OCO pairs are exempt."
    next_step = "Add at the market, or give the position a target: execbot exits move."


class HandedBack(OmsError):
    """The command that handed this request over to `watch` has taken it back: nothing is sent."""

    kind = "order.handed_back"
    next_step = "Look with `execbot orders`."


class CloseFailed(OmsError):
    """The close failed after orders in its way were lifted. `result` says what is unprotected."""

    next_step = "Protect the position again (`execbot protect`), or close it once more."

    def __init__(
        self, cause: BrokerError | OmsError | JournalError, result: CloseResult, message: str
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.result = result
        self.after = Outcome.CANCELED.value
        self.kind = cause.kind
        self.category = cause.category
        self.hint = cause.hint
        if not isinstance(cause, JournalError):
            self.in_doubt = cause.in_doubt
        if isinstance(cause, OmsError):
            self.outcome, self.record = cause.outcome, cause.record
        elif isinstance(cause, BrokerError) and cause.client_order_id:
            self.outcome = "in_doubt" if cause.in_doubt else "rejected"

    def covered(self) -> None:
        """Its exits stand again: say so."""
        self.message += "; it is protected again"
        self.args = (self.message,)
        self.next_step = "Close it once more."
