"""Repeats an action after an error, and looks again until a condition holds.

tenacity runs both loops. The caller hands in functions that say which errors may be tried again,
how long to wait and when to stop; time passes by a `Timer`, so the loops run in virtual time as
well. tenacity is imported only after a first try has failed, which is seldom: no command pays for
it at its start.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from msgspec import Struct

from execbot.model.timer import Timer

if TYPE_CHECKING:
    from tenacity import RetryCallState

Result = TypeVar("Result")

Wait = Callable[["RetryCallState"], float]
"""Seconds until the next try; reads `attempt_number` and `outcome` of the tries so far."""

Stop = Callable[["RetryCallState"], bool]
"""Whether to give up; may read `upcoming_sleep`, the wait that would come next."""

MOMENT_SECONDS = 0.001
"""Less than this is no time left: a clock that is read in other units may round it away."""


def error_of(tries: RetryCallState) -> BaseException | None:
    """The error of the last try; None when it gave a result."""
    return tries.outcome.exception() if tries.outcome is not None else None


def result_of(tries: RetryCallState) -> Any:
    """The result of the last try."""
    assert tries.outcome is not None
    return tries.outcome.result()


class Backoff(Struct, frozen=True):
    """Waits after errors: drawn at random from `least` to a bound that doubles from `first`.

    The bound ends at `most`, the draw never does: clients that failed together must not come back
    together, however long it lasts. (tenacity's `wait_exponential_jitter` adds its jitter below the
    cap, so that in the end all of them wait exactly the cap.)
    """

    first: float
    most: float
    least: float = 0.0

    def __call__(self, tries: RetryCallState) -> float:
        from tenacity import wait_random_exponential

        wait = wait_random_exponential(multiplier=self.first, max=self.most, min=self.least)
        return wait(tries)


class RetryAfter(Struct, frozen=True):
    """As long as the other side asked for (`retry_after_seconds` of its error), else `otherwise`.

    No longer than `most`; up to `spread` is added at random, because everybody who was turned away
    was told the same moment.
    """

    otherwise: Wait
    spread: float = 0.0
    most: float = math.inf

    def __call__(self, tries: RetryCallState) -> float:
        from tenacity import wait_random

        asked = getattr(error_of(tries), "retry_after_seconds", None)
        if asked is None:
            return self.otherwise(tries)
        return min(float(asked), self.most) + wait_random(0, self.spread)(tries)


class Growing(Struct, frozen=True):
    """Pauses between looks at something that takes its time: nobody failed, so nothing is drawn."""

    first: float
    most: float
    factor: float = 2.0

    def __call__(self, tries: RetryCallState) -> float:
        from tenacity import wait_exponential

        return wait_exponential(multiplier=self.first, max=self.most, exp_base=self.factor)(tries)


class Schedule(Struct, frozen=True):
    """Waits by a table, its last row for every try after it; `spread` is drawn on top."""

    pauses: tuple[float, ...]
    spread: Backoff | None = None

    def __call__(self, tries: RetryCallState) -> float:
        from tenacity import wait_chain, wait_fixed

        pause = wait_chain(*map(wait_fixed, self.pauses))(tries)
        return pause if self.spread is None else pause + self.spread(tries)


class Attempts(Struct, frozen=True):
    """Stops after so many tries, the first included."""

    most: int

    def __call__(self, tries: RetryCallState) -> bool:
        return tries.attempt_number >= self.most


def retried(
    action: Callable[[], Result],
    *,
    may_retry: Callable[[Exception], bool],
    wait: Wait,
    stop: Stop,
    sleep: Callable[[float], None],
) -> Result:
    """The result of `action`, tried until it succeeds.

    Raises its error as soon as `may_retry` says no to it or `stop` says that it is enough.
    """
    try:
        return action()
    except Exception as error:
        if not may_retry(error):
            raise
        failed = error
    from tenacity import Retrying, retry_if_exception

    def fail() -> NoReturn:
        raise failed

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Exception) and may_retry(error)),
        wait=wait,
        stop=stop,
        sleep=_unless_zero(sleep),
        reraise=True,
    )
    return retrying(_first_then(fail, action))


def polled(
    look: Callable[[], Result],
    is_over: Callable[[Result], bool],
    *,
    wait: Wait,
    timer: Timer,
    seconds: float = math.inf,
    stop: Stop | None = None,
) -> Result:
    """The result of the last `look`: the first that `is_over`, or the one made when time ran out.

    The last look is made at the end of `seconds`, however long the pause before it should be; it
    looks once when there is no time at all. `stop` gives up sooner, without the next pause. Errors
    of `look` are raised; `is_over` may be asked twice about the same look.
    """
    until = timer.monotonic() + seconds
    seen = look()
    if is_over(seen) or until - timer.monotonic() < MOMENT_SECONDS:
        return seen
    from tenacity import Retrying, retry_if_result

    def left() -> float:
        return until - timer.monotonic()

    retrying = Retrying(
        retry=retry_if_result(lambda seen: not is_over(seen)),
        wait=lambda tries: max(min(wait(tries), left()), 0.0),
        stop=lambda tries: left() < MOMENT_SECONDS or (stop is not None and stop(tries)),
        sleep=timer.sleep,
        retry_error_callback=result_of,
    )
    return retrying(_first_then(lambda: seen, look))


class Pauses:
    """The waits of one series of failures, for a loop that tenacity cannot call: one that yields,
    or that changes what it tries. A new series is a new object."""

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self._tries: RetryCallState | None = None

    def after(self, error: Exception) -> float:
        """Seconds to wait after the next failure of the series."""
        from tenacity import RetryCallState, Retrying

        if self._tries is None:
            self._tries = RetryCallState(Retrying(wait=self._wait), None, (), {})
        else:
            self._tries.prepare_for_next_attempt()
        self._tries.set_exception((type(error), error, error.__traceback__))
        return self._wait(self._tries)


def _first_then(first: Callable[[], Result], action: Callable[[], Result]) -> Callable[[], Result]:
    """tenacity counts the first try, which was made without it, by its outcome."""
    calls = itertools.chain([first], itertools.repeat(action))
    return lambda: next(calls)()


def _unless_zero(sleep: Callable[[float], None]) -> Callable[[float], None]:
    return lambda seconds: sleep(seconds) if seconds > 0 else None
