"""What tenacity shows a wait or a stop after failures."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying


def failed(attempt: int, error: Exception) -> RetryCallState:
    """The state after `attempt` tries, the last of which raised `error`."""
    tries = RetryCallState(Retrying(), None, (), {})
    tries.attempt_number = attempt
    tries.set_exception((type(error), error, None))
    return tries
