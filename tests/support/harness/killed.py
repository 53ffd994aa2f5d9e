"""A process that dies in the middle of its work, without one."""

from __future__ import annotations


class Killed(BaseException):
    """SIGKILL: no handler of the code under test may see it, so it is no `Exception`."""
