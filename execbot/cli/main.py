"""The `execbot` command: a table of commands, each imported only when it is used.

A module offers a function named like the command (`-` becomes `_`); a group of commands is a
`typer.Typer` named `app` in the module of the group's name. `execbot --help` and the completion of
command names read only this table.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from execbot.cli import logged
from execbot.cli.exit_codes import ExitCode
from execbot.cli.light_types import HELP_FLAGS, lighten

PROGRAM = "execbot"
COMPLETING = "_EXECBOT_COMPLETE"
"""Set by a shell in which somebody has pressed Tab."""


class CommandEntry(NamedTuple):
    """Where a command lives, below `execbot.cli.commands`.

    `writes` commands may change something at the broker.
    """

    module: str
    help: str
    writes: bool = False


COMMANDS: dict[str, CommandEntry] = {
    "submit": CommandEntry("submit", "Send one order.", writes=True),
    "buy": CommandEntry("sides", "Buy: submit with its side said.", writes=True),
    "sell": CommandEntry("sides", "Sell: submit with its side said.", writes=True),
    "short": CommandEntry("sides", "Sell what is not held: submit --short.", writes=True),
    "orders": CommandEntry("orders", "List orders, or show one with its whole history."),
    "positions": CommandEntry("positions", "Show open positions."),
    "account": CommandEntry(
        "look.account", "Show equity, the day's profit, and how far limits are used."
    ),
    "quote": CommandEntry(
        "look.quote", "Bid, ask, spread, the day's change, and what may be traded."
    ),
    "cancel": CommandEntry("cancel", "Cancel one order.", writes=True),
    "cancel-all": CommandEntry(
        "cancel", "Cancel every open order: the emergency brake.", writes=True
    ),
    "replace": CommandEntry("replace", "Change a working order.", writes=True),
    "close": CommandEntry("close", "Close a position, or all of them.", writes=True),
    "option": CommandEntry("options.option", "Option chains, structures, exercise.", writes=True),
    "signal": CommandEntry("signal", "Act on a strategy's signal.", writes=True),
    "watch": CommandEntry(
        "watch", "Follow orders and positions, and keep positions protected.", True
    ),
    "page": CommandEntry("page", "The account as a live page in the browser.", writes=True),
    "reconcile": CommandEntry(
        "reconcile", "Bring journal and broker together, explain every break."
    ),
    "trades": CommandEntry(
        "results.trades", "Round trips: entry, exit, profit, R, and why they ended."
    ),
    "stats": CommandEntry("results.stats", "Win rate, expectancy, returns, drawdown, Sharpe."),
    "chart": CommandEntry(
        "results.chart", "Bars with entries, exits, and the way stop and targets went."
    ),
    "report": CommandEntry(
        "report", "What a day, a week or a month amounted to, and the scorecard."
    ),
    "halt": CommandEntry("halt", "Stop new entries: the kill switch.", writes=True),
    "resume": CommandEntry("halt", "Allow entries again after a halt."),
    "market": CommandEntry("market", "Is the market open, and until when."),
    "queue": CommandEntry("queue", "Orders kept for the open.", writes=True),
    "exits": CommandEntry("exits", "Stops and targets of positions.", writes=True),
    "protect": CommandEntry("exits", "Give a position a stop and targets.", writes=True),
    "health": CommandEntry(
        "care.health", "Is everything well now: protection, journal, watch, queue."
    ),
    "doctor": CommandEntry(
        "care.doctor", "Check configuration, keys, connection, journal and stream."
    ),
    "alerts": CommandEntry("care.alerts", "Who is told of alarms: list, set up."),
    "service": CommandEntry(
        "care.service", "Set-ups for systemd, cron, tmux or launchd: watch, reports, backups."
    ),
    "selftest": CommandEntry(
        "care.selftest", "A guided check on a real account, step by step.", writes=True
    ),
    "journal": CommandEntry("care.journal", "The journal as a file: verify, back up, restore."),
    "init": CommandEntry("care.init", "Set up an account: mode, keys, limits, alerts."),
    "profiles": CommandEntry(
        "care.profiles", "List the accounts set up here, and who watches them."
    ),
    "config": CommandEntry("care.config", "Show, check or write trading.yaml."),
    "schema": CommandEntry("care.schema", "The JSON Schema of what programs read and write."),
    "sim": CommandEntry("care.sim", "The built-in exchange: run a bot on it, serve it, steer it."),
    "help": CommandEntry("about", "Show the commands, or what one of them takes."),
    "version": CommandEntry("about", "Print the version."),
}


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import the module of one command and build it."""
    module = import_module(f"execbot.cli.commands.{COMMANDS[name].module}")
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


SELDOM = (50_000, 20, 50)
"""How often the cycle collector looks. Starting up makes many objects and no garbage: with Python's
own thresholds a command spends a twelfth of its time on searching them."""


def _ensure_streams() -> None:
    """Writing never fails for the sake of the stream: an order may have been sent before.

    A process started with stdout or stderr closed (`>&-`) writes to nowhere instead. The free
    descriptor is taken at once, or the next file to be opened would get it. A character that the
    stream's encoding does not have is written by its number.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _interrupt_on_terminate() -> None:
    """SIGTERM ends a command like Ctrl-C does: with a word on what is known of its order.

    Python keeps in mind that an interrupt went through source text that was being executed (a
    dataclass that was being made, say). Under `python -m` it then kills itself by SIGINT at its end
    and the exit code is lost, although the interrupt was caught: seen with 3.10 to 3.13. It forgets
    it with the next text that it executes.
    """

    def interrupt(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    gc.set_threshold(*SELDOM)
    _ensure_streams()
    _interrupt_on_terminate()
    code = _run(given)
    logged.end(code)
    exec("")  # see `_interrupt_on_terminate`
    sys.exit(code)


def _run(given: list[str]) -> int:
    """Carry the command out and tell how it failed, if it did; its exit code."""
    try:
        trouble = logged.begin(given)
        if trouble:
            print(f"Warning: {trouble}", file=sys.stderr)
        # `standalone_mode=False` hands every error to us instead of printing it.
        group = typer.main.get_command(app)
        lighten(group)
        code = group.main(given, PROGRAM, standalone_mode=False)
        if code == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        return int(code or 0)
    except (Exception, KeyboardInterrupt) as error:
        from execbot.cli.ending import end_with

        entry = COMMANDS.get(given[0])
        help_of = f"{PROGRAM} {given[0]} --help" if entry is not None else f"{PROGRAM} --help"
        return end_with(error, given, help_of, writes=entry is not None and entry.writes)
