"""How a command ends, as a number that scripts can rely on. docs/cli.md shows this table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    DONE = 0
    INTERNAL = 1
    USAGE = 2
    CONFIG = 3
    AUTH = 4
    RISK = 5
    REJECTED = 6
    IN_DOUBT = 7
    BREAKS = 8
    LOCKED = 9
    TRANSIENT = 10
    DECLINED = 11
    PARTLY = 12
    INTERRUPTED = 130


MEANING: dict[ExitCode, tuple[str, str]] = {
    ExitCode.DONE: ("done, or nothing to do", "as asked"),
    ExitCode.INTERNAL: ("internal error (a bug)", "see `outcome`"),
    ExitCode.USAGE: ("usage: bad flag, argument or value", "nothing sent"),
    ExitCode.CONFIG: ("configuration or mode gate", "nothing sent"),
    ExitCode.AUTH: ("authentication or authorisation", "nothing sent"),
    ExitCode.RISK: ("refused by risk checks or kill switch", "nothing sent"),
    ExitCode.REJECTED: ("rejected by the broker", "no exposure"),
    ExitCode.IN_DOUBT: (
        "outcome in doubt: run `execbot reconcile`, never resubmit",
        "unknown",
    ),
    ExitCode.BREAKS: ("breaks found (reconcile, report)", "-"),
    ExitCode.LOCKED: ("another instance holds the lock", "nothing sent"),
    ExitCode.TRANSIENT: (
        "transient: network or rate limit exhausted, nothing in doubt",
        "nothing sent",
    ),
    ExitCode.DECLINED: ("confirmation declined, or needed with no terminal", "nothing sent"),
    ExitCode.PARTLY: ("partly done (some of `cancel-all` failed)", "see `data.failed`"),
    ExitCode.INTERRUPTED: (
        "interrupted by Ctrl-C or SIGTERM before it was done",
        "see `outcome`",
    ),
}
"""What each code means, and what happened at the broker."""
