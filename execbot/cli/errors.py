"""Every failure as one `Failure`: three lines for people, one object for programs.

Rooms raise an `ExecbotError`; this is the one place that turns its kind into an exit code. The exit
code follows the kind's first word, so a new kind needs nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from execbot.cli.exit_codes import MEANING, ExitCode
from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

FATAL, ADJUSTABLE = ErrorCategory.FATAL, ErrorCategory.ADJUSTABLE
RETRYABLE, WAITING = ErrorCategory.RETRYABLE, ErrorCategory.WAITING

NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})


class Failure(ExecbotError):
    """Why a command could not do what was asked. `extra` is added to the JSON object."""

    category: ErrorCategory = ADJUSTABLE
    outcome: str = "not_sent"

    def __init__(
        self,
        kind: str,
        message: str,
        exit_code: ExitCode = ExitCode.USAGE,
        category: ErrorCategory = ADJUSTABLE,
        outcome: str = "not_sent",
        hint: str = "",
        next_step: str = "",
        extra: Mapping[str, Any] = NOTHING_MORE,
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.exit_code, self.category = kind, message, exit_code, category
        self.outcome, self.hint, self.next_step, self.extra = outcome, hint, next_step, extra

    def but(self, **changes: Any) -> Failure:
        """The same failure with these told otherwise."""
        names = (
            "kind",
            "message",
            "exit_code",
            "category",
            "outcome",
            "hint",
            "next_step",
            "extra",
        )
        return Failure(**{**{name: getattr(self, name) for name in names}, **changes})

    def as_json(self) -> dict[str, Any]:
        known = {
            "error": self.message,
            "kind": self.kind,
            "category": self.category,
            "exit_code": int(self.exit_code),
            "outcome": self.outcome,
            "hint": self.hint,
            "next": self.next_step,
        }
        return {**known, **{k: v for k, v in self.extra.items() if v not in (None, "", {}, [])}}


def usage(message: str, *, hint: str = "", next_step: str = "", kind: str = "usage") -> Failure:
    """A flag, argument or value that makes no sense: exit 2, nothing sent."""
    return Failure(kind, message, ExitCode.USAGE, ADJUSTABLE, "not_sent", hint, next_step)


_EXIT_BY_KIND: tuple[tuple[str, ExitCode], ...] = (
    ("usage", ExitCode.USAGE),
    ("exits.", ExitCode.USAGE),
    ("option.", ExitCode.USAGE),
    ("order.unknown", ExitCode.USAGE),
    ("config.", ExitCode.CONFIG),
    ("mode.", ExitCode.CONFIG),
    ("profile.", ExitCode.CONFIG),
    ("journal.locked", ExitCode.TRANSIENT),
    ("journal.already_archiving", ExitCode.LOCKED),
    ("journal.", ExitCode.CONFIG),
    ("auth.", ExitCode.AUTH),
    ("risk.", ExitCode.RISK),
    ("confirm.", ExitCode.DECLINED),
    ("network.", ExitCode.TRANSIENT),
    ("watch.already_running", ExitCode.LOCKED),
    ("signals.already_running", ExitCode.LOCKED),
    ("signals.", ExitCode.CONFIG),
    ("position.unprotected", ExitCode.BREAKS),
    ("watch.missing", ExitCode.BREAKS),
)
"""First match wins; a kind that is not listed is an answer of the broker (6)."""


_MISTYPED = frozenset({"broker.unknown_symbol"})
"""Kinds that say that an argument was mistyped, where they are known before anything was sent."""


def failure_of(error: BaseException) -> Failure:
    """Translate an error of any room. What is not recognised is a bug: exit 1."""
    if isinstance(error, Failure):
        if _was_something_done(error) and error.exit_code in NOTHING_SENT:
            error.exit_code, error.outcome = ExitCode.PARTLY, error.after
        error.extra = {**error.extra, **error.noted}
        return error
    if isinstance(error, KeyboardInterrupt):
        return _interrupted(error)
    usage_message = _usage_message(error)
    if usage_message is not None:
        return usage_message
    if isinstance(error, ExecbotError):
        return _of_room(error)
    return _unexpected(error)


NOTHING_SENT = frozenset(code for code, (_, there) in MEANING.items() if there == "nothing sent")
"""Codes that promise it: never given where something was done."""


def _interrupted(error: KeyboardInterrupt) -> Failure:
    """Its outcome says what may have happened: `not_sent` only where no byte had left."""
    outcome = getattr(error, "after", "") or "in_doubt"
    is_unsent = outcome == "not_sent"
    return Failure(
        "interrupted",
        "Interrupted before anything was sent" if is_unsent else "Interrupted",
        ExitCode.INTERRUPTED,
        RETRYABLE,
        outcome,
        "" if is_unsent else "What was being sent may have arrived.",
        "" if is_unsent else "execbot reconcile",
        getattr(error, "noted", {}),
    )


def _of_room(error: ExecbotError) -> Failure:
    code, outcome = exit_code_of(error.kind, error.category), error.outcome
    if error.kind in _MISTYPED and outcome == "not_sent":
        code = ExitCode.USAGE
    if error.in_doubt:
        code, outcome = ExitCode.IN_DOUBT, "in_doubt"
    elif _was_something_done(error) and code in NOTHING_SENT:
        code, outcome = ExitCode.PARTLY, error.after
    return Failure(
        error.kind,
        _message(error),
        code,
        error.category,
        outcome,
        _hint(error),
        error.next_step,
        {**error.facts, **error.noted},
    )


def _was_something_done(error: BaseException) -> bool:
    return getattr(error, "after", "") not in ("", "not_sent")


def _message(error: ExecbotError) -> str:
    """A refusal of our own checks says first that nothing was sent."""
    if _was_something_done(error):
        return error.message
    is_refusal = error.kind.startswith("risk.") and "failures" in error.facts
    return f"Not sent: {error.message}" if is_refusal else error.message


_BLAMES_SERVER = ("broker.bad_reply", "broker.redirected", "auth.")
"""Kinds that mean: perhaps this is the wrong server. So it is named."""


def _hint(error: ExecbotError) -> str:
    """Why, with the server's name where it may be the wrong one, and the broker's own words."""
    parts = [error.hint]
    url, said = getattr(error, "url", ""), getattr(error, "said", "")
    if url and error.kind.startswith(_BLAMES_SERVER):
        parts.append(f"Asked was {url}.")
    if said and error.kind.startswith("broker.") and said not in error.message:
        parts.append(f'The broker said: "{said}"')
    return " ".join(part for part in parts if part)


def exit_code_of(kind: str, category: ErrorCategory = FATAL) -> ExitCode:
    """By the kind's first word, else by whether it passes."""
    for prefix, code in _EXIT_BY_KIND:
        if kind.startswith(prefix):
            return code
    return ExitCode.TRANSIENT if category == RETRYABLE else ExitCode.REJECTED


def _usage_message(error: BaseException) -> Failure | None:
    """What the argument parser complains of, with the nearest flag or command it knows."""
    show = getattr(error, "format_message", None)
    if show is None:
        return None
    if type(error).__name__ == "NoArgsIsHelpError":
        return usage("A command is missing", next_step=str(show()), kind="usage.arguments")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "execbot"
    wrong = getattr(error, "option_name", None)
    hint = ""
    message = str(show())
    flags: list[str] = []
    if context is not None:
        flags = [name for p in context.command.params for name in p.opts if name[0] == "-"]
    loose = LOOSE_NUMBER.search(message)
    if loose is not None and "--qty" in flags:
        hint = f"A quantity is given with its flag: --qty {loose[1]}."
    if wrong is not None and context is not None and getattr(error, "possibilities", 0) != 0:
        message = f"No such option: {wrong}"
        near = _near(str(wrong), flags)
        hint = f"Did you mean {near}?" if near else ""
    return usage(message, hint=hint, next_step=f"{path} --help", kind="usage.arguments")


LOOSE_NUMBER = re.compile(r"unexpected extra argument.*\(([0-9.]+)\)")
"""The parser names what it cannot place in its words alone."""


def _near(word: str, known: list[str]) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1, cutoff=0.5)), "")


def _unexpected(error: BaseException) -> Failure:
    outcome = "in_doubt" if getattr(error, "in_doubt", False) else getattr(error, "after", "")
    noted = getattr(error, "noted", {})
    if isinstance(error, OSError) and error.errno is not None:
        code, next_step = ExitCode.CONFIG, "execbot doctor"
        if outcome == "in_doubt":
            code, next_step = ExitCode.IN_DOUBT, "Run `execbot reconcile`; never resubmit."
        elif outcome not in ("", "not_sent"):
            code, next_step = ExitCode.PARTLY, "execbot reconcile"
        return Failure(
            "config.file",
            f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror),
            code,
            ADJUSTABLE,
            outcome or "not_sent",
            "A file or directory that execbot needs is not usable.",
            next_step,
            noted,
        )
    return Failure(
        "internal",
        f"{type(error).__name__}: {error}",
        ExitCode.INTERNAL,
        FATAL,
        outcome or "in_doubt",
        "This is a bug in execbot, not a decision of the broker.",
        "Run `execbot reconcile`; never resubmit. With --debug it is told in detail.",
        noted,
    )
