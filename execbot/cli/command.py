"""What every command has in common: its options, and the object it speaks through.

    @command
    def positions(cli: Cli, symbol: SymbolOption = None) -> None:
        \"""Show open positions.\"""
        with cli.open() as desk:
            cli.show(data, table)

`@command` adds --json, --quiet, --mode, --config, --no-color and --debug to the function's own
options and hands it a `Cli` as first argument. A command ends by returning, by
`raise Failure(...)`, or by `cli.end(code)`; errors of the rooms are turned into exit codes by
`main.run`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct

from execbot.cli import logged
from execbot.cli.begun import begins, has_begun
from execbot.cli.errors import FATAL, Failure, failure_of
from execbot.cli.exit_codes import Ended, ExitCode
from execbot.cli.flags.common import COMMON, COMMON_NAMES
from execbot.cli.flags.declared import REQUIRED, flags_of
from execbot.cli.show.output import (
    Drawing,
    Style,
    Table,
    envelope,
    is_terminal,
    muffle,
    plain,
    print_drawing,
    print_json,
    print_line,
    print_note,
    print_table,
)
from execbot.cli.show.where import Where, red
from execbot.config.paths import ENV_FILE_VARIABLE, PROFILE_VARIABLE
from execbot.model.printable import harmless_line

if TYPE_CHECKING:
    from execbot.config.schema import Mode
    from execbot.desk.account import Desk
    from execbot.desk.confirming import Act, Consent
    from execbot.desk.door.asking import Asked
    from execbot.desk.door.messages import Wanted
    from execbot.desk.opening.journal_need import Need
    from execbot.desk.opening.lines import Lines


class Cli(Struct):
    """One run of a command: its common options, and how it answers.

    `mode` and `account` become known when the context is opened, and are shown in every result.
    """

    name: str
    style: Style
    quiet: bool = False
    """Success is silent. A warning, a failure and a question are not."""
    mode_flag: str | None = None
    config_path: Path | None = None
    mode: str | None = None
    account: str | None = None
    profile: str | None = None
    color: str | None = None
    notices: tuple[str, ...] = ()
    announced: bool = False
    said: tuple[str, ...] = ()
    """The lines of `health`, for the ping of a job, where the command has them."""
    unrecorded: Callable[[], list[str]] = list
    """What was done and is not in the journal, in words."""

    @contextmanager
    def open(
        self,
        *,
        dry_run: bool = False,
        need: Need | None = None,
        in_parts: bool = False,
        lines: Lines | None = None,
        asked: Asked | None = None,
    ) -> Iterator[Desk]:
        """Settings, journal and broker put together; closed at the end of the block.

        The block is one command, which tells what it did however it ends; with `in_parts` it goes
        on for long, and each part tells for itself. `lines` are the connections that it will want;
        `asked` has read the configuration already.
        """
        from execbot.desk.account import open_desk
        from execbot.desk.opening.journal_need import Need
        from execbot.desk.opening.lines import NO_LINES

        wanted = need or Need.JOURNAL
        context = open_desk(
            self.mode_flag,
            self.config_path,
            dry_run=dry_run,
            need=wanted,
            lines=lines or NO_LINES,
            setup=asked.setup if asked is not None else None,
        )
        self.mode, self.account = context.mode.value, context.account
        self.profile, self.color = context.profile, context.settings.trading.color
        self.notices = context.notices
        if asked is not None and asked.why_not and not self.json:
            self.notices = (*self.notices, asked.why_not)
        try:
            begins()
            with nullcontext() if in_parts or wanted is Need.LOOK else self._one(context):
                yield context
        except Ended:
            raise
        except KeyboardInterrupt as error:
            if not hasattr(error, "noted"):
                raise
            # Typer makes a bare exit code of it, and what is known of its outcome would be lost.
            raise failure_of(error) from None
        except Exception as error:
            self._tell_where(error)
            raise
        finally:
            context.close()

    def ask_watch(
        self,
        wanted: Wanted,
        name: str,
        *,
        direct: bool,
        act: Act | None = None,
        consent: Consent | None = None,
    ) -> Asked:
        """Hand the request over to a running `watch`; `direct` goes round it, and so does what a
        person must agree to first. Its `place` says whether that has told what became of it."""
        from execbot.desk.confirming import needs_consent
        from execbot.desk.door.asking import Asked, ask

        if direct:
            return Asked(wanted, name)

        def may_ask(mode: Mode) -> bool:
            return act is None or consent is None or not needs_consent(act, mode, consent)

        before = has_begun()
        begins()
        asked = ask(self.mode_flag, self.config_path, wanted, name, may_ask)
        begins(before or asked.was_handed_over)
        if asked.is_reported and asked.setup is not None:
            setup = asked.setup
            self.mode, self.account = setup.mode.value, asked.account
            self.profile, self.color = setup.profile, setup.settings.trading.color
            self.notices = (*setup.choice.notices, *asked.notices)
        return asked

    @contextmanager
    def told_by_watch(self) -> Iterator[None]:
        """What became of a request is shown inside; an error names mode and account."""
        try:
            yield
        except Ended:
            raise
        except Exception as error:
            self._tell_where(error)
            raise

    def _one(self, desk: Desk) -> AbstractContextManager[object]:
        from execbot.desk.opening.outcomes import carrying_out, unrecorded_words

        self.unrecorded = partial(unrecorded_words, desk)
        return carrying_out(desk)

    @property
    def json(self) -> bool:
        return self.style.json

    def show(
        self,
        data: Any,
        *views: Table | Drawing | str,
        warnings: Sequence[str] = (),
        exit_code: ExitCode = ExitCode.DONE,
    ) -> None:
        """Answer: `data` under --json, else the tables and sentences of `views`.

        A first line on stderr names mode and account. A code other than DONE ends the command.
        With --quiet an answer of success is not shown: only what it warns of, and under --json the
        object that carries the warnings.
        """
        warnings = [*warnings, *(said for said in self.unrecorded() if said not in warnings)]
        ok = exit_code is ExitCode.DONE
        self.quiet = self.quiet and ok
        self.announce()
        logged.answered(data, self._where())
        if not self.quiet or (self.json and warnings):
            self._print_answer(data, views, ok=ok, warnings=warnings)
        for warning in warnings:
            self.warn(warning)
        if not ok:
            self.end(exit_code)

    def _print_answer(
        self,
        data: Any,
        views: Sequence[Table | Drawing | str],
        *,
        ok: bool,
        warnings: Sequence[str],
    ) -> None:
        try:
            if self.json:
                print_json(envelope(self.name, data, ok=ok, warnings=warnings, **self._where()))
            else:
                self._show_views(views)
        except BrokenPipeError:
            muffle(1)  # `| head` has read enough
        except OSError as error:
            muffle(1)
            raise _unshown(error, data) from error

    def announce(self) -> None:
        """Once: what to know of the mode, and which account this is about."""
        for notice in self.notices:
            print_note(notice)
        self.notices = ()
        if self.mode is not None and not self.announced:
            self._note_where()
        self.announced = True

    def _note_where(self) -> None:
        if self.json or self.quiet:
            return
        where = Where(self.mode, self.account, self.profile, self.color)
        if self.style.color and is_terminal(sys.stderr):
            print_note("", mark=where.colored)
        else:
            print_note(where.words)

    def _tell_where(self, error: Exception) -> None:
        """A failure names mode and account too; under --json inside its one object."""
        self.quiet = False
        if not self.json:
            self.announce()
        where = {name: value for name, value in self._where().items() if value or name != "profile"}
        error.where = where  # type: ignore[attr-defined]

    def _where(self) -> dict[str, str | None]:
        return {"mode": self.mode, "account": self.account, "profile": self.profile}

    def _show_views(self, views: Sequence[Table | Drawing | str]) -> None:
        """Off a terminal several tables have their titles and empty lines between them."""
        shown = [view for view in views if view]
        parted = not is_terminal() and sum(isinstance(view, Table) for view in shown) > 1
        for number, view in enumerate(shown):
            is_next_part = number > 0 and Table in (type(view), type(shown[number - 1]))
            if parted and is_next_part:
                print_line("")
            if isinstance(view, Table):
                print_table(view, self.style, titled=parted)
            elif isinstance(view, Drawing):
                print_drawing(view, self.style)
            else:
                print_line(view)

    def note(self, line: str) -> None:
        """A message on stderr; under --json stderr is kept for the error object. Not a warning, so
        --quiet leaves it out."""
        if not self.json and not self.quiet:
            print_note(line)

    def warn(self, words: str) -> None:
        """A warning on stderr, with --quiet too; under --json the answer carries it."""
        logged.say(logged.WARNING, "warning", f"warning: {words}")
        if not self.json:
            print_note(f"Warning: {harmless_line(words)}")

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; only `y` or `yes` is a yes. Ctrl-C is a no."""
        is_red = self.mode == "live" and self.style.color and is_terminal(sys.stderr)
        if is_red:
            print_note("", mark=red(f"{question} [y/N] "))
        else:
            print_note(question + " [y/N] ")
        try:
            answer = input()
        except (EOFError, KeyboardInterrupt):
            print_note("")
            return False
        return answer.strip().lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        """One line from the terminal; empty for Ctrl-C and Ctrl-D."""
        print_note(question)
        try:
            return input()
        except (EOFError, KeyboardInterrupt):
            print_note("")
            return ""

    @property
    def can_ask(self) -> bool:
        return is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def consent(self, yes: bool) -> Consent:
        """Who agrees to what is about to be done: --yes, or whoever sits at the terminal."""
        from execbot.desk.confirming import Consent

        return Consent(yes, self.confirm if self.can_ask else None)

    def end(self, code: ExitCode) -> NoReturn:
        raise Ended(code)


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


def _choose(profile: str | None, env_file: Path | None, log_file: Path | None) -> None:
    """A flag is its variable for this process, and for those that it starts."""
    for variable, value in (
        (PROFILE_VARIABLE, profile),
        (ENV_FILE_VARIABLE, env_file),
        (logged.LOG_FILE_VARIABLE, log_file),
    ):
        if value is not None:
            os.environ[variable] = str(value)


_undescribed: list[tuple[Callable[..., Any], Callable[..., None]]] = []
"""Commands whose parameters Typer has not been told yet."""


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Add the common options to a command function whose first parameter is a `Cli`.

    What is returned is called by Typer with the values of all of them and `ctx`; `begin` by
    whoever has read plain words without it.
    """

    def begin(name: str, values: Mapping[str, Any]) -> None:
        common = [values[flag.name] for flag in COMMON]
        own = {key: value for key, value in values.items() if key not in COMMON_NAMES}
        json, quiet, mode, config, profile, env_file, log_file, no_color, debug = common
        _choose(profile, env_file, log_file)
        style = Style.of(json=bool(json), no_color=bool(no_color), debug=bool(debug))
        function(Cli(name, style, bool(quiet), mode, config), **own)

    @wraps(function)
    def run(**given: Any) -> None:
        ctx = given.pop("ctx")
        if ctx.invoked_subcommand is not None:
            return  # `orders show`: the group's own function is not wanted
        above = ctx.parent.params if ctx.parent is not None else {}
        # Options of the group count for its commands too: `orders --json show ID`.
        common = {name: given.pop(name) or above.get(name) for name in COMMON_NAMES}
        begin(ctx.command_path.partition(" ")[2], {**given, **common})

    told: Any = run
    told.begin = begin
    told.all_flags = lambda: [*flags_of(function), *COMMON]
    _undescribed.append((told, function))
    return run


def describe_commands() -> None:
    """Give the commands that were loaded the signatures that Typer reads."""
    import inspect

    import typer

    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    while _undescribed:
        run, function = _undescribed.pop()
        parameters = [
            inspect.Parameter(
                flag.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if flag.default is REQUIRED else flag.default,
                annotation=flag.for_typer,
            )
            for flag in (*flags_of(function), *COMMON)
        ]
        parameters.append(context)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
