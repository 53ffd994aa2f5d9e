"""`execbot doctor`: is everything in place to trade, and if not, what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import exit_code_of, failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import Table
from execbot.desk.checks.doctor import check_setup
from execbot.desk.checks.finding import Finding


@command
def doctor(
    cli: Cli,
    stream_seconds: Annotated[
        float, typer.Option(help="How long to wait for the stream.", metavar="SECONDS")
    ] = 10.0,
    test_alert: Annotated[
        bool, typer.Option("--test-alert", help="Send a test alert to EXECBOT_ALERT_URLS.")
    ] = False,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Check configuration, keys, connection, clock, calendar, journal, permissions, stream, and
    whether every position has the protection promised to it.

    Changes nothing at the broker. Ends with 0 when nothing has failed, else with the code that the
    first failure would have given a command: 8 for an unprotected position.

    \b
    Examples:
      execbot doctor
      execbot doctor --mode paper --json
      execbot doctor --test-alert
      execbot doctor --csv
    """
    form = list_form(cli, CHECK_COLUMNS, csv=csv, columns=columns)
    health = check_setup(
        cli.mode_flag, cli.config_path, stream_seconds=stream_seconds, test_alert=test_alert
    )
    cli.mode, cli.account = health.mode, health.account
    rows = [(f.status.value, f.check, *finding_words(f)) for f in health.findings]
    checks = [
        {"check": check, "status": status, "detail": detail, "next": next_step}
        for status, check, detail, next_step in rows
    ]
    table = Table(("result", "check", "detail", "next"), rows, wrap=frozenset({"detail", "next"}))
    cli.show(
        {"healthy": not health.failures, "checks": checks},
        *form.views(checks, table),
        exit_code=_exit_code(health.failures[0]) if health.failures else ExitCode.DONE,
    )


CHECK_COLUMNS = ("check", "status", "detail", "next")


def finding_words(finding: Finding) -> tuple[str, str]:
    """What was found, and what next."""
    if finding.error is None:
        return finding.detail, finding.next_step
    failure = failure_of(finding.error)
    detail = failure.message + (f" ({failure.hint})" if failure.hint else "")
    return detail, failure.next_step


def _exit_code(finding: Finding) -> ExitCode:
    """What the failure would have given a command."""
    if finding.error is not None:
        return failure_of(finding.error).exit_code
    return exit_code_of(finding.kind)
