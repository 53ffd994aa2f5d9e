"""`execbot health`: is everything well now, for cron, a monitor, or a container."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, NoReturn

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import failure_of
from execbot.cli.exit_codes import Ended, ExitCode
from execbot.cli.job import as_job
from execbot.cli.show.finding_views import (
    CHECK_COLUMNS,
    checks_json,
    checks_table,
    finding_words,
)
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import print_line
from execbot.desk.checks.finding import Status
from execbot.desk.checks.health import HealthNow, check_health
from execbot.desk.operate.all_clear import send_all_clear
from execbot.desk.operate.job_pings import finding_line


class FailOn(StrEnum):
    WARN = "warn"
    CRITICAL = "critical"


NAGIOS = {Status.OK: (0, "OK"), Status.WARN: (1, "WARNING"), Status.FAIL: (2, "CRITICAL")}
NAGIOS_UNKNOWN = (3, "UNKNOWN")
_CANNOT_LOOK = frozenset({ExitCode.CONFIG, ExitCode.INTERNAL})
"""The check itself could not be made: nothing is known of the account."""


@command
@as_job(lambda given: "all-clear" if given["all_clear"] else "health")
def health(
    cli: Cli,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Fail on critical findings, or on warnings too.")
    ] = FailOn.CRITICAL,
    nagios: Annotated[
        bool, typer.Option("--nagios", help="One line with figures; ends with 0 to 3.")
    ] = False,
    docker: Annotated[
        bool, typer.Option("--docker", help="One line; ends with 0 or 1, as HEALTHCHECK wants it.")
    ] = False,
    all_clear: Annotated[
        bool,
        typer.Option("--all-clear", help="Send the findings to EXECBOT_ALERT_URLS, once a day."),
    ] = False,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Is everything well now: account, journal, reconciliation, protection, `watch`, queue, clock.

    Ends with 0 only if every position has the protection promised to it, journal and broker agree,
    nothing is in doubt, no queue waits unattended, and a `watch` that decides runs where something
    needs one. Else with 8; with 4 for refused keys, 3 for a wrong configuration or mode, 10 where
    the broker cannot be reached. The worst is shown first, each with the next step.

    \b
    Examples:
      execbot health
      execbot health --fail-on warn --json
      execbot health --nagios --mode paper
      0 8 * * * execbot health --all-clear --quiet --mode paper
    """
    form = list_form(cli, CHECK_COLUMNS, csv=csv, columns=columns)
    found = check_health(cli.mode_flag, cli.config_path)
    cli.mode, cli.account = found.health.mode, found.health.account
    cli.said = tuple(finding_line(item) for item in found.health.findings)
    if all_clear and not send_all_clear(found, cli.said, cli.mode_flag, cli.config_path):
        cli.warn("EXECBOT_ALERT_URLS is not set: the all-clear went to nobody")
    if nagios:
        _nagios(cli, found)
    if docker:
        _docker(cli, found)
    checks = checks_json(found.health.findings)
    cli.show(
        {
            "healthy": found.worst is Status.OK,
            "worst": found.worst.value,
            "checks": checks,
            "figures": dict(found.figures),
        },
        *form.views(checks, checks_table(found.health.findings)),
        exit_code=_exit_code(found, fail_on),
    )


def _exit_code(found: HealthNow, fail_on: FailOn) -> ExitCode:
    """What cannot be reached or opened ends as in every command; what was found ends with 8."""
    errors = [f.error for f in found.health.failures if f.error is not None]
    if errors:
        return failure_of(errors[0]).exit_code
    counts = (Status.FAIL,) if fail_on is FailOn.CRITICAL else (Status.FAIL, Status.WARN)
    return ExitCode.BREAKS if found.worst in counts else ExitCode.DONE


def _nagios(cli: Cli, found: HealthNow) -> NoReturn:
    """The plugin's form: `EXECBOT CRITICAL - words | name=value ...` (monitoring-plugins.org)."""
    errors = [f.error for f in found.health.failures if f.error is not None]
    is_unknown = bool(errors) and failure_of(errors[0]).exit_code in _CANNOT_LOOK
    code, word = NAGIOS_UNKNOWN if is_unknown else NAGIOS[found.worst]
    if code or not cli.quiet:
        print_line(f"EXECBOT {word} - {_line(found)}{_figures(found.figures)}")
    raise Ended(code)


def _docker(cli: Cli, found: HealthNow) -> NoReturn:
    code = 1 if found.worst is Status.FAIL else 0
    if code or not cli.quiet:
        print_line(_line(found))
    raise Ended(code)


def _line(found: HealthNow) -> str:
    """The findings that count in one line; `|` would begin the figures."""
    bad = [f for f in found.health.findings if f.status in (Status.FAIL, Status.WARN)]
    words = "; ".join(f"{f.check}: {finding_words(f)[0]}" for f in bad) or _all_well(found)
    return " ".join(words.replace("|", "/").split())


def _all_well(found: HealthNow) -> str:
    positions = int(found.figures.get("positions") or 0)
    return f"all is well, positions: {positions}" if positions else "all is well, nothing is held"


_UNITS = {"heartbeat_seconds": "s", "journal_bytes": "B"}


def _figures(figures: Mapping[str, int | None]) -> str:
    known = [
        f"{name.removesuffix('_seconds').removesuffix('_bytes')}={value}{_UNITS.get(name, '')}"
        for name, value in sorted(figures.items())
        if value is not None
    ]
    return f" | {' '.join(known)}" if known else ""
