"""How a failed command ends: the failure is told and its exit code given. Loaded only then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
    failure = replace(failure, extra={**failure.extra, **getattr(error, "where", {})})
    if not failure.next_step and failure.exit_code is ExitCode.USAGE:
        failure = replace(failure, next_step=help_of)
    style = Style.of(json="--json" in given, no_color="--no-color" in given, debug=debug)
    print_failure(failure, style)
    return int(failure.exit_code)


def _without_doubt(failure: Failure, *, writes: bool) -> Failure:
    """A bug or Ctrl-C in a command that only reads leaves nothing in doubt."""
    if failure.kind in ("internal", "interrupted") and not writes:
        return replace(failure, outcome="not_sent")
    return failure
