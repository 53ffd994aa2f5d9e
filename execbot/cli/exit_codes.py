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


class Ended(Exception):
    """A command ends here, with this code; what there was to say is said."""

    def __init__(self, code: ExitCode | int) -> None:
        super().__init__(int(code))
        self.exit_code = int(code)


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
    ExitCode.BREAKS: (
        "something to look at: breaks, orders in doubt, a position without the protection promised "
        "to it (reconcile, report, doctor, health)",
        "-",
    ),
    ExitCode.LOCKED: ("another instance holds the lock", "nothing sent"),
    ExitCode.TRANSIENT: (
        "transient: network or rate limit exhausted, nothing in doubt",
        "nothing sent",
    ),
    ExitCode.DECLINED: ("confirmation declined, or needed with no terminal", "nothing sent"),
    ExitCode.PARTLY: (
        "partly done: some of several parts failed, or it failed after a part was done",
        "see `data.failed`, or `done` of the error",
    ),
    ExitCode.INTERRUPTED: (
        "interrupted by Ctrl-C or SIGTERM before it was done",
        "see `outcome`",
    ),
}
"""What each code means, and what happened at the broker."""

AT_BROKER: dict[ExitCode, str] = {
    ExitCode.DONE: (
        "What was asked for, as the answer shows it; nothing where there was nothing to do. The "
        "answer was read. A warning says where it could not be recorded: the next `execbot "
        "reconcile` takes it in."
    ),
    ExitCode.INTERNAL: (
        "Anything that `outcome` says, and what `done` names. `in_doubt` for a command that writes "
        "and failed where nobody foresaw it."
    ),
    ExitCode.USAGE: "Nothing: the command ended before the first request that writes.",
    ExitCode.CONFIG: (
        "Nothing. A journal that cannot be written ends a command with this only before the first "
        "byte; after it with 0, 6, 7 or 12."
    ),
    ExitCode.AUTH: "Nothing: what the broker does not let in, it does not carry out.",
    ExitCode.RISK: (
        "Nothing new. Exits that were lifted for an addition that was then refused are back; where "
        "they are not, the command ends with 12."
    ),
    ExitCode.REJECTED: (
        "No new exposure: the broker has read the request and said no, or the order was not in a "
        "state for it. Orders that were lifted for a close that was then refused are canceled; "
        "`done` names them, and the message says whether the position is protected again."
    ),
    ExitCode.IN_DOUBT: (
        "Perhaps all of it, perhaps nothing: a request left and no answer was read. Giving it "
        "again could do it twice; `execbot reconcile` looks it up."
    ),
    ExitCode.BREAKS: "Nothing by this command; it found that journal and broker differ.",
    ExitCode.LOCKED: "Nothing by this command; the process that holds the lock goes on.",
    ExitCode.TRANSIENT: (
        "Nothing: no connection, a rate limit, or a journal that another process held, before the "
        "first byte. The same command may be given again."
    ),
    ExitCode.DECLINED: "Nothing: nobody said yes.",
    ExitCode.PARTLY: (
        "A part. Of several orders or positions some were done and others not (`data.failed`); or "
        "something was canceled or sent before the command failed (`done` of the error, and its "
        "message). `outcome` is that of what was done. Nothing is in doubt."
    ),
    ExitCode.INTERRUPTED: (
        "What `outcome` says: `not_sent` before the first byte, `in_doubt` while an answer was "
        "still to come, else what the order had become. An order that was sent lives on."
    ),
}
"""For docs/errors.md: what may have happened there, where a line in a table is too short."""
