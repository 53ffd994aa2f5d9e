"""How a failed command ends: the failure is told and its exit code given. Loaded only then."""

from __future__ import annotations

import re
from collections.abc import Sequence

from execbot.cli import logged
from execbot.cli.errors import Failure, failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import Style, print_failure, print_note


def end_with(error: BaseException, given: Sequence[str], help_of: str, *, writes: bool) -> int:
    """Print the failure for people or programs; the exit code. `help_of` shows the usage."""
    debug = "--debug" in given
    if debug:
        import traceback

        print_note("".join(traceback.format_exception(error)).rstrip())
    failure = _without_doubt(failure_of(error), writes=writes)
    failure = failure.but(extra={**failure.extra, **getattr(error, "where", {})})
    if not failure.next_step and failure.exit_code is ExitCode.USAGE:
        failure = failure.but(next_step=help_of)
    if not failure.kind.startswith("usage"):
        failure = failure.but(next_step=without_itself(failure.next_step, given))
    logged.failed(failure.as_json())
    style = Style.of(json="--json" in given, no_color="--no-color" in given, debug=debug)
    print_failure(failure, style)
    return int(failure.exit_code)


ITSELF = "\0"
GROUPS = frozenset(
    {
        *("alerts", "config", "exits", "journal", "option", "orders", "page", "positions"),
        *("queue", "sim", "trades"),
    }
)
"""Commands with commands of their own: `execbot orders` is another than `execbot orders retry`."""

_NAMED = re.compile(r"(?P<run>[Rr]un |then: )?`?execbot (?P<words>[a-z][a-z-]*(?: [^\s`;:,.]+)*)`?")


def without_itself(next_step: str, given: Sequence[str]) -> str:
    """The next step without the very command that has just failed: to run it is to run it again,
    and what else names it helps nobody. Pure."""

    def again(found: re.Match[str]) -> str:
        words = found["words"].split()
        is_it = words[0] == given[0] and set(words) <= set(given) and below <= set(words)
        if not is_it:
            return found[0]
        run = (found["run"] or "").replace("then: ", "then run ")
        return f"{run}it again" if run else ITSELF

    is_below = given[:1] and given[0] in GROUPS and not "".join(given[1:2]).startswith("-")
    below = set(given[1:2]) if is_below else set()

    parts = [_NAMED.sub(again, part) for part in next_step.split(". ")]
    return ". ".join(part for part in parts if ITSELF not in part)


def _without_doubt(failure: Failure, *, writes: bool) -> Failure:
    """A bug or Ctrl-C in a command that only reads, or that had nothing sent yet, leaves nothing in
    doubt. `writes`: neither of these."""
    if failure.kind not in ("internal", "interrupted") or writes:
        return failure
    again = "Run it again with --debug for the details." if failure.kind == "internal" else ""
    hint = failure.hint if failure.kind == "internal" else ""
    return failure.but(outcome="not_sent", hint=hint, next_step=again)
