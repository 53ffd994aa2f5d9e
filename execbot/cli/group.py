"""The `execbot` command as Typer parses it: help, completion, errors of the command line, and
whatever `quick` leaves to it.

A module offers a function named like the command (`-` becomes `_`); a group of commands is a
`typer.Typer` named `app` in the module of the group's name. `execbot --help` and the completion of
command names read only the table of commands.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from execbot.cli.light_types import HELP_FLAGS, lighten
from execbot.cli.quick import COMPLETING
from execbot.cli.table import COMMANDS, PROGRAM


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import the module of one command and build it."""
    module = import_module(f"execbot.cli.commands.{COMMANDS[name].module}")
    from execbot.cli.command import describe_commands

    describe_commands()
    host = typer.Typer(rich_markup_mode=None)
    if COMMANDS[name].module.rpartition(".")[2] == name and hasattr(module, "app"):
        host.add_typer(module.app, name=name)
    else:
        host.command(name)(getattr(module, name.replace("-", "_")))
    built: Any = typer.main.get_group(host).commands[name]
    _help_flags(built)
    lighten(built)
    if COMPLETING in os.environ:
        from execbot.cli.completing import attach

        attach(built, name)
    return built  # type: ignore[no-any-return]


def _help_flags(command: Any) -> None:
    """`-h` beside `--help`, for every command below too."""
    command.context_settings = {
        **(command.context_settings or {}),
        "help_option_names": HELP_FLAGS,
    }
    for below in getattr(command, "commands", {}).values():
        _help_flags(below)


class LazyGroup(TyperGroup):
    """The root group. Names and one-line helps come from the table; a command is loaded by name."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        self._outline().format_commands(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        outline = self._outline()
        return outline.shell_complete(type(ctx)(outline, info_name=ctx.info_name), incomplete)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            from execbot.cli.errors import Failure

            near = get_close_matches(name, COMMANDS, n=1)
            raise Failure(
                "usage.unknown_command",
                f"No such command: {name}",
                hint=f"Did you mean {near[0]}?" if near else "",
                next_step=f"{PROGRAM} --help",
            )
        return super().resolve_command(ctx, args)

    def _outline(self) -> TyperGroup:
        """The same group with empty commands that only carry their help."""
        empty = [
            TyperCommand(name, help=entry.help, short_help=entry.help)
            for name, entry in COMMANDS.items()
        ]
        return TyperGroup(name=PROGRAM, commands=empty, params=self.params)


def _show_version(wanted: bool) -> None:
    if wanted:
        from execbot.version import __version__

        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    context_settings={"help_option_names": HELP_FLAGS},
)


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """The trade executor for Alpaca.

    Sends each order exactly once and follows it to its end.

    \b
    Examples:
      execbot submit AAPL --qty 10
      execbot positions
      execbot --help
    """


def run_typed(given: Sequence[str]) -> int:
    """Parse and carry out; the exit code. `standalone_mode=False` hands every error to us instead
    of printing it."""
    group = typer.main.get_command(app)
    lighten(group)
    return int(group.main(list(given), PROGRAM, standalone_mode=False) or 0)
