"""How long to pause and when to stop, while an order is sent again, looked up or waited for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from execbot.broker.budget import RequestPriority
from execbot.broker.errors import BrokerError, RateLimited
from execbot.broker.remedy import Remedy
from execbot.model.enums import OrderStatus
from execbot.model.order import Order
from execbot.model.retrying import (
    Attempts,
    Backoff,
    Growing,
    RetryAfter,
    Schedule,
    error_of,
    polled,
    retried,
)
from execbot.model.timer import Timer
from execbot.oms.machine.table import Act

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from execbot.journal.journal import Journal
    from execbot.journal.records import OrderRecord

Result = TypeVar("Result")

UNTIL_ENDED = Growing(first=0.05, most=1.0, factor=1.6)
"""Between looks at an order that is to end: Alpaca needs milliseconds, or the market is closed."""

UNTIL_TAKEN = Growing(first=0.2, most=1.0, factor=4.0)
"""Before a closing order is sent again whose shares were not free yet."""

OTHER_PROCESS_SECONDS = 2.0
OTHER_PROCESS_PAUSE = Schedule((0.1,))
"""How long to watch another process that is sending the same id right now, and how often."""

# --- sent again under the same id --------------------------------------------------------------

URGENT_PAUSE_SECONDS = 2.0
"""An order that closes or protects does not wait out a rate limit: it is sent again this often,
whatever `Retry-After` says, until it is taken or too old. A 429 executes nothing."""

RESEND_SECONDS_MAX = 60.0


def may_resend(error: Exception) -> bool:
    """Whether a request may be sent once more under the same id. Pure."""
    return isinstance(error, BrokerError) and (
        error.in_doubt or error.remedy in (Remedy.RETRY, Remedy.RETRY_AFTER)
    )


def is_urgent(error: BaseException | None, priority: RequestPriority) -> bool:
    """Whether a rate limit stands in the way of an order that closes or protects. Pure."""
    return (
        isinstance(error, BrokerError)
        and error.remedy is Remedy.RETRY_AFTER
        and priority <= RequestPriority.PROTECT
    )


class ResendWait(Struct, frozen=True):
    """Seconds before the next send; `first_seconds` bounds the first back-off."""

    priority: RequestPriority
    first_seconds: float

    def __call__(self, tries: RetryCallState) -> float:
        error = error_of(tries)
        if is_urgent(error, self.priority):
            return URGENT_PAUSE_SECONDS
        if isinstance(error, BrokerError) and error.in_doubt:
            return 0.0  # the look-ups have taken their time; more would only age the price
        first = self.first_seconds
        backoff = Backoff(first=first, most=max(first, RESEND_SECONDS_MAX), least=first / 2)
        return RetryAfter(backoff, spread=1.0)(tries)


# --- canceled ----------------------------------------------------------------------------------

CANCEL_ATTEMPTS = Attempts(3)
"""Asking for the same cancel twice is harmless, so a lost answer is simply asked for again."""

RATE_LIMIT_SECONDS_MAX = 1.0
"""Before a cancel that met a rate limit is asked for again: it stands before everything else."""

_RATE_LIMITED = RetryAfter(Backoff(first=1.0, most=1.0, least=0.5), most=RATE_LIMIT_SECONDS_MAX)
_ANSWER_LOST = Backoff(first=0.1, most=0.2, least=0.05)


def may_cancel_again(error: Exception) -> bool:
    """Whether the same cancel is asked for once more. Pure."""
    return may_resend(error)


def before_cancel(tries: RetryCallState) -> float:
    """Seconds before the same cancel is asked for again."""
    error = error_of(tries)
    limited = isinstance(error, BrokerError) and error.remedy is Remedy.RETRY_AFTER
    return _RATE_LIMITED(tries) if limited else _ANSWER_LOST(tries)


# --- looked up ---------------------------------------------------------------------------------

LOOK_UP_FIRST_SECONDS = 0.05
LOOK_UP_WAIT = Schedule((0.2, 0.5, 1.0), spread=Backoff(first=0.05, most=0.5))
LOOK_UP_ATTEMPTS = Attempts(4)
"""Look-ups of an order in doubt. A new order was seen on REST within milliseconds; gateways that
time out have been slower, so these waits are a floor, and only what is drawn on top is random."""


def looked_up(look: Callable[[], Order | None], timer: Timer) -> Order | None:
    """The order that `look` finds, asked a few times; None if it was never there."""
    timer.sleep(LOOK_UP_FIRST_SECONDS)
    return polled(
        look,
        lambda found: found is not None,
        wait=LOOK_UP_WAIT,
        stop=LOOK_UP_ATTEMPTS,
        timer=timer,
    )


# --- behind the rate limit ---------------------------------------------------------------------

RATE_PAUSE_SECONDS = 1.0
_RATE_PAUSE = RetryAfter(otherwise=Schedule((RATE_PAUSE_SECONDS,)))


def through_rate_limit(
    action: Callable[[], Result],
    *,
    may_wait: Callable[[RateLimited], bool] = lambda error: True,
    timer: Timer,
    seconds: float,
) -> Result:
    """The result of `action`, tried anew when the broker says that the rate limit lets more
    through, else each second. Its error once that would be after `seconds`, or where it may not
    wait.
    """
    until = timer.monotonic() + seconds
    return retried(
        action,
        may_retry=lambda error: isinstance(error, RateLimited) and may_wait(error),
        wait=lambda tries: _RATE_PAUSE(tries) or RATE_PAUSE_SECONDS,
        stop=lambda tries: timer.monotonic() + tries.upcoming_sleep > until,
        sleep=timer.sleep,
    )


RATE_LIMITED = "broker.rate_limited"
"""The kind of the refusal."""

RATE_WAIT = "the broker's rate limit is used up: it waits for its turn"
"""The note of what waits for it: the entry that met the limit, and those that came behind it."""


class KeptBack:
    """The entries of signals in this process that the rate limit keeps back while they are being
    sent, by their numbers in the order in which they were decided: a later one that is on its way
    beside them does not overtake."""

    def __init__(self) -> None:
        self._numbers = count()
        self._kept: set[int] = set()
        self.was_used = False
        """Whether one of them may wait in the queue by now."""

    def number(self) -> int:
        """For the order that was decided last."""
        return next(self._numbers)

    def keep(self, number: int) -> None:
        self.was_used = True
        self._kept.add(number)

    def let_go(self, number: int) -> None:
        self._kept.discard(number)

    def stands_before(self, number: int) -> bool:
        """Whether one of them was decided before the order of this number."""
        return any(other < number for other in tuple(self._kept))


def is_meant_for_now(journal: Journal, record: OrderRecord) -> bool:
    """Whether a queued entry waits only because the rate limit kept it from being sent at once:
    whatever a release of it met since, it was not meant for the open."""
    return record.client_order_id in _meant_for_now(journal, [record])


def _meant_for_now(journal: Journal, queued: list[OrderRecord]) -> set[str]:
    meant = {r.client_order_id for r in queued if r.note == RATE_WAIT}
    for event in journal.wishes(r.client_order_id for r in queued):  # the last one decides
        if event.kind == Act.INTENT or event.details.get("note") == RATE_WAIT:
            meant.add(event.client_order_id)
        else:
            meant.discard(event.client_order_id)
    return meant


def waits_for_rate_limit(journal: Journal, before: datetime | None = None) -> bool:
    """Whether an entry waits for the rate limit, one that was given `before`: a later one would
    overtake it."""
    found = (r for r in journal.orders("open", legs=False) if r.status is OrderStatus.QUEUED)
    waiting = [r for r in found if before is None or (r.intent_at and r.intent_at < before)]
    if not waiting or any(r.note == RATE_WAIT for r in waiting):
        return bool(waiting)
    return bool(_meant_for_now(journal, waiting))
