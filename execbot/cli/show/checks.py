"""The checks of a dry run as people read them: what fails, or with --all-checks every one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from execbot.cli.errors import usage
from execbot.cli.flags.declared import Option
from execbot.cli.show.output import Table

if TYPE_CHECKING:
    from execbot.desk.placing import Verdict

AllChecks = Annotated[
    bool, Option("--all-checks", help="With --dry-run: the checks that pass too.")
]


def check_all_checks(all_checks: bool, dry_run: bool) -> None:
    """Raises Failure (2) where nothing would show them."""
    if all_checks and not dry_run:
        raise usage(
            "--all-checks is for --dry-run",
            hint="An order that is sent says what it was refused for.",
            next_step="Add --dry-run.",
        )


def checks_tables(verdict: Verdict, *, all_checks: bool) -> list[Table]:
    """No table where nothing fails."""
    shown = [r for r in verdict.results if r.applies and (all_checks or not r.passed)]
    if not shown:
        return []
    rows = [("OK" if r.passed else "FAIL", r.code, r.limit, r.seen, r.message) for r in shown]
    columns = ("result", "check", "limit", "seen", "message")
    return [Table(columns, rows, drop=("message",), wrap=frozenset(columns[2:]))]
