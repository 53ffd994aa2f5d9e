"""How a program reacts to an error, and one row of the table of refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from execbot.model.enums import ErrorCategory


class Remedy(StrEnum):
    """The program's answer to an error: finer than the category, which is for people."""

    DUPLICATE = "duplicate"  # the id is in use: look the order up and adopt it
    IN_DOUBT = "in_doubt"  # a write may have happened: look up, never resend blindly
    RETRY = "retry"  # nothing happened: the same request may be sent again
    RETRY_AFTER = "retry_after"  # nothing happened: wait for the rate limit first
    WAIT = "wait"  # the state will change by itself: poll, then try again
    WAIT_OR_ADJUST = "wait_or_adjust"  # it may change; if it does not, ask for less
    ADJUST = "adjust"  # compute a request that is allowed
    ALREADY_DONE = "already_done"  # the goal is reached or out of reach: read the state again
    NOT_FOUND = "not_found"  # definitive: it does not exist
    FATAL_REQUEST = "fatal_request"  # bad input: stop and show
    FATAL_ACCOUNT = "fatal_account"  # stop trading and tell a human


CATEGORY_OF: dict[Remedy, ErrorCategory] = {
    Remedy.DUPLICATE: ErrorCategory.WAITING,
    Remedy.IN_DOUBT: ErrorCategory.WAITING,
    Remedy.RETRY: ErrorCategory.RETRYABLE,
    Remedy.RETRY_AFTER: ErrorCategory.RETRYABLE,
    Remedy.WAIT: ErrorCategory.WAITING,
    Remedy.WAIT_OR_ADJUST: ErrorCategory.WAITING,
    Remedy.ADJUST: ErrorCategory.ADJUSTABLE,
    Remedy.ALREADY_DONE: ErrorCategory.WAITING,
    Remedy.NOT_FOUND: ErrorCategory.FATAL,
    Remedy.FATAL_REQUEST: ErrorCategory.FATAL,
    Remedy.FATAL_ACCOUNT: ErrorCategory.FATAL,
}


class Row(Struct, frozen=True):
    """`statuses` and `pattern` (a case-blind search in the broker's text) select; the rest says.

    `when` looks at the extra fields of the body where words alone do not tell two cases apart.
    """

    kind: str
    remedy: Remedy
    statuses: tuple[int, ...]
    pattern: str
    says: str
    hint: str
    next_step: str
    when: Callable[[Mapping[str, Any]], bool] | None = None


REFUSALS = (400, 403, 422)
"""Statuses under which Alpaca sends refusals; a wording has moved between them before."""

READ_AGAIN_NEXT = "try again in a moment"
"""What to do after a failed read: nothing can have happened."""
