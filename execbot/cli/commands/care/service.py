"""`execbot service`: set-ups that run execbot by systemd, cron, tmux or launchd."""

from __future__ import annotations

from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.desk.operate.jobs import Job
from execbot.desk.operate.launch import Manager
from execbot.desk.operate.services import prepare, write


@command
def service(
    cli: Cli,
    manager: Annotated[Manager, typer.Argument(help="The program that starts execbot.")],
    job: Annotated[
        list[Job] | None,
        typer.Option("--job", help="Only this job; may be given more than once."),
    ] = None,
    write_: Annotated[
        bool, typer.Option("--write", help="Write the files; without it they are shown.")
    ] = False,
) -> None:
    """A set-up for watch and its jobs, from reconciling to backups and archiving.

    Made for the mode, the trading.yaml and the state directory in use. Nothing is started: the
    commands that do so are shown. No secret is written: keys come from the credentials file, as
    always.

    \b
    Examples:
      execbot service systemd --mode paper
      execbot service systemd --mode paper --write
      execbot service cron --job reconcile --job report
    """
    prepared = prepare(manager, job or (), cli.mode_flag, cli.config_path)
    cli.mode = prepared.launch.mode.value
    set_up = prepared.set_up
    written = write(prepared.launch, set_up) if write_ else []
    data = {
        "manager": manager.value,
        "name": prepared.launch.name,
        "files": [
            {"path": str(file.path), "content": file.content, "written": file.path in written}
            for file in set_up.files
        ],
        "next": list(set_up.next_steps),
    }
    if write_:
        shown = [
            f"{'Written' if f.path in written else 'Unchanged'}: {f.path}" for f in set_up.files
        ]
    else:
        shown = [f"# {file.path}\n{file.content}" for file in set_up.files]
    cli.show(
        data,
        *shown,
        "\n".join(["Then:", *(f"  {step}" for step in set_up.next_steps)]),
        warnings=prepared.warnings,
    )
