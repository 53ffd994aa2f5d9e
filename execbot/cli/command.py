"""What every command has in common: its options, and the object it speaks through.

    @command
    def positions(cli: Cli, symbol: SymbolOption = None) -> None:
        \"""Show open positions.\"""
        with cli.open() as desk:
            cli.show(data, table)

`@command` adds --json, --mode, --config, --no-color and --debug to the function's own options and
hands it a `Cli` as first argument. A command ends by returning, by `raise Failure(...)`, or by
`cli.end(code)`; errors of the rooms are turned into exit codes by `main.run`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from msgspec import Struct

from execbot.cli.errors import FATAL, Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import (
    Style,
    Table,
    envelope,
    is_terminal,
    muffle,
    plain,
    print_json,
    print_line,
    print_note,
    print_table,
)
from execbot.model.printable import harmless_line

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.desk.opening.journal_need import Need

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Mode = Annotated[str | None, typer.Option("--mode", metavar="MODE", help="sim, paper or live.")]
_Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Use this trading.yaml.")
]
_NoColor = Annotated[bool, typer.Option("--no-color", help="Print without colour.")]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

_COMMON: tuple[tuple[str, Any, Any], ...] = (
    ("json_", _Json, False),
    ("mode_", _Mode, None),
    ("config_", _Config, None),
    ("no_color_", _NoColor, False),
    ("debug_", _Debug, False),
)


class Cli(Struct):
    """One run of a command: its common options, and how it answers.

    `mode` and `account` become known when the context is opened, and are shown in every result.
    """

    name: str
    style: Style
    mode_flag: str | None = None
    config_path: Path | None = None
    mode: str | None = None
    account: str | None = None
    notices: tuple[str, ...] = ()
    announced: bool = False

    @contextmanager
    def open(self, *, dry_run: bool = False, need: Need | None = None) -> Iterator[Desk]:
        """Settings, journal and broker put together; closed at the end of the block."""
        from execbot.desk.account import open_desk
        from execbot.desk.opening.journal_need import Need

        wanted = need or Need.JOURNAL
        context = open_desk(self.mode_flag, self.config_path, dry_run=dry_run, need=wanted)
        self.mode, self.account = context.mode.value, context.account
        self.notices = context.notices
        try:
            yield context
        except typer.Exit:
            raise
        except Exception as error:
            self._tell_where(error)
            raise
        finally:
            context.close()

    @property
    def json(self) -> bool:
        return self.style.json

    def show(
        self,
        data: Any,
        *views: Table | str,
        warnings: Sequence[str] = (),
        exit_code: ExitCode = ExitCode.DONE,
    ) -> None:
        """Answer: `data` under --json, else the tables and sentences of `views`.

        A first line on stderr names mode and account. A code other than DONE ends the command.
        """
        self.announce()
        ok = exit_code is ExitCode.DONE
        try:
            if self.json:
                where = {"mode": self.mode, "account": self.account}
                print_json(envelope(self.name, data, ok=ok, warnings=warnings, **where))
            else:
                self._show_views(views)
        except BrokenPipeError:
            muffle(1)  # `| head` has read enough
        except OSError as error:
            muffle(1)
            raise _unshown(error, data) from error
        for warning in warnings:
            self.note(f"Warning: {harmless_line(warning)}")
        if not ok:
            self.end(exit_code)

    def announce(self) -> None:
        """Once: what to know of the mode, and which account this is about."""
        for notice in self.notices:
            print_note(notice)
        self.notices = ()
        if self.mode is not None and not self.announced:
            self.note(f"[{self.mode} {self.account or ''}".rstrip() + "]")
        self.announced = True

    def _tell_where(self, error: Exception) -> None:
        """A failure names mode and account too; under --json inside its one object."""
        if not self.json:
            self.announce()
        error.where = {"mode": self.mode, "account": self.account}  # type: ignore[attr-defined]

    def _show_views(self, views: Sequence[Table | str]) -> None:
        """Off a terminal several tables have their titles and empty lines between them."""
        shown = [view for view in views if view]
        parted = not is_terminal() and sum(isinstance(view, Table) for view in shown) > 1
        for number, view in enumerate(shown):
            if parted and number:
                print_line("")
            if isinstance(view, Table):
                print_table(view, self.style, titled=parted)
            else:
                print_line(view)

    def note(self, line: str) -> None:
        """A message on stderr; under --json stderr is kept for the error object."""
        if not self.json:
            print_note(line)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; only `y` or `yes` is a yes. Ctrl-C is a no."""
        print_note(question + " [y/N] ")
        try:
            answer = input()
        except (EOFError, KeyboardInterrupt):
            print_note("")
            return False
        return answer.strip().lower() in ("y", "yes")

    @property
    def can_ask(self) -> bool:
        import sys

        return is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def end(self, code: ExitCode) -> NoReturn:
        raise typer.Exit(int(code))


def _unshown(error: OSError, data: Any) -> Failure:
    """The work is done and only its answer could not be written: `outcome` tells what was done."""
    known = data if isinstance(data, Mapping) else {}
    return Failure(
        "output.unwritable",
        f"The result could not be written: {error.strerror}",
        ExitCode.INTERNAL,
        FATAL,
        str(plain(known.get("outcome") or "not_sent")),
        "The command itself was carried out; only its answer on stdout is lost.",
        "Look with `execbot orders`; do not repeat what was done.",
        {name: known.get(name) for name in ("client_order_id", "id", "symbol")},
    )


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Add the common options to a command function whose first parameter is a `Cli`."""
    signature = inspect.signature(function, eval_str=True)
    own = list(signature.parameters.values())[1:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in _COMMON
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    @wraps(function)
    def run(**given: Any) -> None:
        ctx = given.pop("ctx")
        if ctx.invoked_subcommand is not None:
            return  # `orders show`: the group's own function is not wanted
        above = ctx.parent.params if ctx.parent is not None else {}
        # Options of the group count for its commands too: `orders --json show ID`.
        common = [given.pop(name) or above.get(name) for name, _, _ in _COMMON]
        json, mode, config, no_color, debug = common
        style = Style.of(json=bool(json), no_color=bool(no_color), debug=bool(debug))
        function(Cli(ctx.command_path.partition(" ")[2], style, mode, config), **given)

    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    parameters = [*own, *added, context]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
