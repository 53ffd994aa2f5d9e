"""`execbot help` and `execbot version`: what the flags --help and --version say, as commands."""

from __future__ import annotations

import io
import platform
from contextlib import redirect_stdout
from typing import Annotated

import typer

from execbot.cli.command import Cli, command


@command
def help(
    cli: Cli,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="A command, or a group's.")
    ] = None,
) -> None:
    """Show the commands, or what one of them takes: `execbot COMMAND --help`.

    \b
    Examples:
      execbot help
      execbot help submit
      execbot help orders show
    """
    path = words or []
    said = help_of(path)
    cli.show({"command": " ".join(path), "help": said}, said)


def help_of(path: list[str]) -> str:
    """The help of the command with these words. Raises Failure and UsageError where none has."""
    from execbot.cli.group import app
    from execbot.cli.light_types import lighten
    from execbot.cli.table import PROGRAM

    root = typer.main.get_command(app)
    lighten(root)
    said = io.StringIO()
    with redirect_stdout(said):
        root.main([*path, "--help"], PROGRAM, standalone_mode=False)
    return "\n".join(line.rstrip() for line in said.getvalue().strip("\n").splitlines())


@command
def version(cli: Cli) -> None:
    """Print the version of execbot, and under --json that of Python.

    \b
    Examples:
      execbot version
      execbot version --json
    """
    from execbot.cli.table import PROGRAM
    from execbot.version import __version__

    data = {"version": __version__, "python": platform.python_version()}
    cli.show(data, f"{PROGRAM} {__version__}")
