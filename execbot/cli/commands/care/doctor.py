"""`execbot doctor`: is everything in place to trade, and if not, what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.show.finding_views import (
    CHECK_COLUMNS,
    checks_json,
    checks_table,
    exit_code_of_checks,
)
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.desk.checks.doctor import check_setup


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
    checks = checks_json(health.findings)
    cli.show(
        {"healthy": not health.failures, "checks": checks},
        *form.views(checks, checks_table(health.findings)),
        exit_code=exit_code_of_checks(health),
    )
