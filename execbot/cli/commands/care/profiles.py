"""`execbot profiles`: the accounts set up on this machine, and who watches them."""

from __future__ import annotations

from execbot.cli.command import Cli, command
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import Cell, Table
from execbot.desk.setting_up.profiles import ProfileRow
from execbot.desk.setting_up.profiles import profiles as all_profiles

LAST = 4
"""So many characters of an account number tell accounts apart and give little away."""


@command
def profiles(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """List the profiles: mode, the account's last four, who holds the lock, the heartbeat.

    Makes no request. The first row is the set-up without a profile. A profile is made by
    `execbot init --profile NAME` and chosen for each command by --profile or EXECBOT_PROFILE.

    \b
    Examples:
      execbot profiles
      execbot profiles --json
      execbot profiles --csv
      execbot positions --profile swing
    """
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    found = all_profiles()
    data = [_data(row) for row in found]
    table = Table(
        ("profile", "mode", "account", "watched by", "heartbeat", "trouble"),
        [_cells(row) for row in found],
        wrap=frozenset({"trouble"}),
    )
    cli.show(data, *form.views(data, table))


COLUMNS = (
    *("name", "mode", "account_last", "color", "configuration", "watched_by"),
    *("heartbeat_seconds", "problem", "next"),
)


def _data(row: ProfileRow) -> dict[str, object]:
    return {
        "name": row.name or None,
        "mode": row.mode,
        "account_last": row.account[-LAST:] if row.account else None,
        "color": row.color,
        "configuration": str(row.path) if row.path else None,
        "watched_by": row.holder,
        "heartbeat_seconds": row.heartbeat_seconds,
        "problem": row.problem or None,
        "next": row.next_step or None,
    }


def _cells(row: ProfileRow) -> tuple[object, ...]:
    style = "bold red" if row.mode == "live" else (row.color or "")
    name = row.name or "(none)"
    beat = None if row.heartbeat_seconds is None else f"{row.heartbeat_seconds} s ago"
    holder = None if row.holder is None else f"process {row.holder}"
    account = f"...{row.account[-LAST:]}" if row.account else None
    return (
        Cell(name, name, style),
        Cell(row.mode, row.mode or "-", style),
        account,
        holder,
        beat,
        row.problem or None,
    )
