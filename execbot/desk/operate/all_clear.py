"""A message once a day that all is well: silence looks like health, and is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from execbot.alerts import DELIVER_SECONDS, Alert, Severity
from execbot.desk.account import open_desk
from execbot.desk.checks.finding import Status
from execbot.desk.checks.health import HealthNow
from execbot.desk.opening.journal_need import Need

CLEAR, NOT_CLEAR = "health.all_clear", "health.not_clear"


def all_clear_of(found: HealthNow, lines: Sequence[str], day: str) -> Alert:
    """The message, None where none is due. Pure. Bad news goes out at any hour, good news waits for
    the end of the quiet ones."""
    positions = found.figures.get("positions") or 0
    where = f"[{found.health.mode or '?'} {found.health.account or '?'}]"
    bad = [
        line
        for line, finding in zip(lines, found.health.findings, strict=True)
        if finding.status in (Status.FAIL, Status.WARN)
    ]
    if found.worst is Status.FAIL:
        return Alert(NOT_CLEAR, "\n".join([where, *bad]), day)
    well = f"{where} all is well; positions: {positions}, each as protected as promised"
    return Alert(CLEAR, "\n".join([well, *bad]), day, severity=Severity.INFO)


def send_all_clear(
    found: HealthNow,
    lines: Sequence[str],
    mode_flag: str | None = None,
    config_path: Path | None = None,
) -> bool:
    """Send it by the account's receivers; False where there are none. Raises what opening
    raises."""
    with_desk = open_desk(mode_flag, config_path, need=Need.LOOK)
    try:
        day = with_desk.now().astimezone().date().isoformat()
        alerter = with_desk.alerter
        alerter.alert(all_clear_of(found, lines, day))
        alerter.close(DELIVER_SECONDS)
        return alerter.has_receivers
    finally:
        with_desk.close()
