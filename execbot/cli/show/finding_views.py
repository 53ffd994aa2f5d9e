"""What checks have found, as `doctor`, `health` and `init` show it."""

from __future__ import annotations

from collections.abc import Sequence

from execbot.cli.errors import exit_code_of, failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import Table
from execbot.desk.checks.finding import Finding, Health

CHECK_COLUMNS = ("check", "status", "detail", "next")


def finding_words(finding: Finding) -> tuple[str, str]:
    """What was found, and what next."""
    if finding.error is None:
        return finding.detail, finding.next_step
    failure = failure_of(finding.error)
    detail = failure.message + (f" ({failure.hint})" if failure.hint else "")
    return detail, failure.next_step


def checks_json(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """One object with `CHECK_COLUMNS` for each."""
    return [
        dict(zip(CHECK_COLUMNS, (f.check, f.status.value, *finding_words(f)), strict=True))
        for f in findings
    ]


def checks_table(findings: Sequence[Finding]) -> Table:
    rows = [(f.status.value, f.check, *finding_words(f)) for f in findings]
    return Table(("result", "check", "detail", "next"), rows, wrap=frozenset({"detail", "next"}))


def exit_code_of_checks(health: Health) -> ExitCode:
    """What the first failure would have given a command."""
    if not health.failures:
        return ExitCode.DONE
    first = health.failures[0]
    if first.error is not None:
        return failure_of(first.error).exit_code
    return exit_code_of(first.kind)
