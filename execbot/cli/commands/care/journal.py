"""`execbot journal`: the account's journal as a file: where it is, and deriving it anew.

Looking through it, measuring and copying it stands in `journal_care`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.care.journal_care import (
    FOUND_COLUMNS,
    archive,
    backup,
    found_json,
    found_rows,
    found_tables,
    restore,
    size,
    verify,
)
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import Table
from execbot.desk.journals import file as journal_file
from execbot.desk.journals.file import Rebuilt
from execbot.desk.opening.journal_need import Need

app = typer.Typer()


@app.callback(invoke_without_command=True)
@command
def journal(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """The account's journal: where it is and what it holds (the default); verify, back up, restore.

    \b
    Examples:
      execbot journal
      execbot journal verify
      execbot journal backup ~/journal-2026-11-20.db
    """
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        facts = journal_file.describe(desk)
        data = {
            "path": str(facts.path),
            "bytes": facts.size,
            "events": facts.events,
            "orders": facts.orders,
            "fills": facts.fills,
            "problems": list(facts.problems),
            "verified_at": facts.verified.at if facts.verified else None,
            "verified_sound": facts.verified.is_sound if facts.verified else None,
        }
        rows = [(name, "; ".join(value) if isinstance(value, list) else value)
                for name, value in data.items()]  # fmt: skip
        cli.show(
            data,
            *form.views([data], Table(("what", "value"), rows, wrap=frozenset({"value"}))),
            exit_code=ExitCode.BREAKS if facts.problems else ExitCode.DONE,
        )


COLUMNS = (
    *("path", "bytes", "events", "orders", "fills", "problems", "verified_at", "verified_sound"),
)


@app.command()
@command
def rebuild(
    cli: Cli,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Where the copy goes; it must not exist yet."),
    ] = None,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Derive orders, fills and positions anew from the history, in a copy, and compare.

    The journal itself is never changed. Impossible reports (a quantity beyond reason, an id
    that leads out of its path) and rows that cannot be read back are left out of the copy and
    named. Ends with 8 where something differs, and says how to use the copy instead.

    \b
    Examples:
      execbot journal rebuild
      execbot journal rebuild --to /tmp/rebuilt.db --json
      execbot journal rebuild --csv
    """
    form = list_form(cli, FOUND_COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        rebuilt = journal_file.rebuild(desk, to)
        steps = () if rebuilt.is_same else journal_file.steps_of(rebuilt)
        cli.show(
            _rebuilt_json(rebuilt, steps),
            *form.views(found_rows(rebuilt), *_views(rebuilt, steps)),
            exit_code=ExitCode.DONE if rebuilt.is_same else ExitCode.BREAKS,
        )


def _rebuilt_json(rebuilt: Rebuilt, steps: tuple[str, ...]) -> dict[str, Any]:
    return {
        "journal": str(rebuilt.source),
        "rebuilt": str(rebuilt.path),
        "events": rebuilt.events,
        "same": rebuilt.is_same,
        **found_json(rebuilt),
        "steps": list(steps),
    }


def _views(rebuilt: Rebuilt, steps: tuple[str, ...]) -> list[Table | str]:
    views: list[Table | str] = [f"Replayed {rebuilt.events} events into {rebuilt.path}."]
    if rebuilt.is_same:
        return [*views, "Nothing differs: the journal says what its history says."]
    numbered = [f"  {number}. {step}" for number, step in enumerate(steps, start=1)]
    use = ["The journal is unchanged. To use the copy in its place:", *numbered]
    return [*views, *found_tables(rebuilt), *use]


for _care in (verify, size, backup, archive, restore):
    app.command()(_care)
