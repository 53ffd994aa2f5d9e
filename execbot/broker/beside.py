"""Runs one call beside the caller's work: it starts at once on a thread of its own.

Lighter than an executor: it imports nothing, the end of the process joins nothing, and a result
that nobody fetches is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Beside(Generic[T]):
    """`call` begins when this is made, in a copy of the caller's context."""

    def __init__(self, call: Callable[[], T], *, name: str = "beside") -> None:
        self._value: T | None = None
        self._error: BaseException | None = None
        self._call = call
        context = copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=name)
        self._thread.daemon = True  # a command ends without what it did not wait for
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the call has ended, with a result or an error, or for so long."""
        self._thread.join(seconds)

    def result(self) -> T:
        """Wait for the end of the call; return what it returned, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return cast(T, self._value)

    def _run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:  # raised where the result is taken
            self._error = error
