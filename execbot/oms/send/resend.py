"""Whether and when a request that failed may be sent once more under the same id."""

from __future__ import annotations

from collections.abc import Callable

from execbot.broker.budget import Priority
from execbot.broker.errors import BrokerError
from execbot.broker.remedy import Remedy
from execbot.oms.send.intent import SubmitTimes

BACKOFF_FACTOR = 2.0
JITTER_SHARE = 0.25

URGENT_PAUSE_SECONDS = 2.0
"""An order that closes or protects does not wait out a rate limit: it is sent again this often,
whatever `Retry-After` says, until it is taken or too old. A 429 executes nothing."""


def pause_before_resend(
    error: BrokerError,
    attempt: int,
    priority: Priority,
    times: SubmitTimes,
    jitter: Callable[[], float],
) -> float | None:
    """Seconds until the next send after `attempt` sends; None: there is none.

    `jitter` gives a number from 0 to 1; it spreads processes that failed at the same moment.
    """
    if error.remedy is Remedy.RETRY_AFTER and priority <= Priority.PROTECT:
        return URGENT_PAUSE_SECONDS
    if attempt >= times.attempts:
        return None
    if error.in_doubt:
        # The look-ups have taken their time; one more pause would only age the price.
        return 0.0
    if error.remedy not in (Remedy.RETRY, Remedy.RETRY_AFTER):
        return None
    if error.retry_after_seconds is not None:
        return error.retry_after_seconds + jitter()
    base = times.retry_delay_seconds * BACKOFF_FACTOR ** (attempt - 1)
    return base * (1 + JITTER_SHARE * (2 * jitter() - 1))
