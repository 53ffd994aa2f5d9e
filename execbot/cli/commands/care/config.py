"""`execbot config`: show every value with its source, check the file, write a new one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, ListForm, list_form
from execbot.cli.show.output import Table

app = typer.Typer()

COLUMNS = ("key", "value", "source")

TEMPLATE = Path(__file__).parents[3] / "config" / "template.yaml"


@app.callback(invoke_without_command=True)
@command
def config(cli: Cli) -> None:
    """Show (the default), check or write trading.yaml.

    \b
    Examples:
      execbot config
      execbot config check
      execbot config init
    """
    _show(cli, ListForm(COLUMNS))


@app.command()
@command
def show(
    cli: Cli,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only keys that differ from the defaults.")
    ] = False,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Every setting: its value, and where the value came from.

    \b
    Examples:
      execbot config show
      execbot config show --changed --json
      execbot config show --csv --columns key,value
    """
    _show(cli, list_form(cli, COLUMNS, csv=csv, columns=columns), changed=changed)


def _show(cli: Cli, form: ListForm, *, changed: bool = False) -> None:
    from execbot.config.load import load_settings, show_value
    from execbot.config.parse import leaves

    settings = load_settings(cli.config_path)
    defaults = {leaf.key: leaf.default for leaf in leaves()}
    values = {leaf.key: leaf.default for leaf in leaves(settings.trading)}
    rows = [
        (key, show_value(values[key]), source)
        for key, source in settings.sources.items()
        if not changed or values[key] != defaults[key]
    ]
    where = _where(cli)
    listed = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    usual = Table(
        COLUMNS,
        rows,
        empty="Everything is at its default.",
        wrap=frozenset({"value", "source"}),
    )
    path = str(settings.path) if settings.path else None
    cli.show({"path": path, **where, "values": listed}, *form.views(listed, usual))


def _where(cli: Cli) -> dict[str, Any]:
    """Mode and keys as they stand; a gate that is shut is shown, not raised."""
    from execbot.config.errors import ConfigError
    from execbot.desk.opening.setup import read_setup

    try:
        setup = read_setup(cli.mode_flag, cli.config_path)
    except ConfigError as error:
        cli.warn(error.message)
        return {"mode_source": None, "credentials": None, "problem": error.message}
    cli.mode, cli.profile = setup.mode.value, setup.profile
    keys = "none needed" if setup.is_in_process else setup.credentials.source
    file = setup.env.path or "none"
    cli.note(f"Mode by {setup.choice.source}; keys: {keys}; env file: {file}.")
    return {"mode_source": setup.choice.source, "credentials": setup.credentials.source}


@app.command()
@command
def check(cli: Cli) -> None:
    """Read the configuration and name everything that is wrong with it.

    Makes no request. Ends with 3 when anything is wrong.

    \b
    Examples:
      execbot config check
      execbot config check --config other.yaml --json
    """
    from execbot.config.errors import ConfigError
    from execbot.desk.opening.setup import read_setup

    try:
        setup = read_setup(cli.mode_flag, cli.config_path)
    except ConfigError as error:
        cli.quiet = False
        if len(error.problems) > 1 and not cli.json:
            for problem in error.problems:
                cli.note(f"{problem.message}" + (f"  ({problem.hint})" if problem.hint else ""))
        raise _with_problems(error) from error
    cli.mode = setup.mode.value
    path = str(setup.settings.path) if setup.settings.path else None
    if not cli.json:
        cli.notices = setup.choice.notices
    cli.show(
        {
            "path": path,
            "mode_source": setup.choice.source,
            "credentials": setup.credentials.source,
            "problems": [],
        },
        f"{path or 'No trading.yaml: the defaults'} is valid. "
        f"Mode {setup.mode.value} (by {setup.choice.source}), keys: {setup.credentials.source}.",
        warnings=setup.choice.notices if cli.json else (),
    )


def _with_problems(error: Any) -> Failure:
    from execbot.cli.errors import failure_of

    failure = failure_of(error)
    problems = [
        {"error": p.message, "kind": p.kind, "line": p.line, "hint": p.hint} for p in error.problems
    ]
    return Failure(
        failure.kind,
        failure.message,
        failure.exit_code,
        failure.category,
        failure.outcome,
        failure.hint,
        failure.next_step,
        {**failure.extra, "problems": problems},
    )


@app.command()
@command
def init(
    cli: Cli,
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("trading.yaml"),
    print_: Annotated[bool, typer.Option("--print", help="Print it, write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented trading.yaml with every key at its default.

    \b
    Examples:
      execbot config init
      execbot config init ~/.config/execbot/trading.yaml
      execbot config init --print
    """
    text = TEMPLATE.read_text(encoding="utf-8")
    if print_:
        cli.show({"path": None, "text": text}, text.rstrip())
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise usage(
            f"{path} exists",
            hint="It was not touched.",
            next_step="Choose another path, or replace it with --force.",
            kind="usage.file_exists",
        ) from None
    except OSError as error:
        raise Failure(
            "config.file",
            f"{path} could not be written: {error.strerror}",
            ExitCode.CONFIG,
            next_step="Choose a path you may write to.",
        ) from error
    cli.show({"path": str(path)}, f"Wrote {path}. Check it after changes: execbot config check")


@app.command()
@command
def adopt(cli: Cli) -> None:
    """Let the limits of this configuration rule the account from now on.

    In live a file whose limits are looser than those that ruled the last entry takes no entries
    until it is adopted. Exits and cancels always go.

    \b
    Examples:
      execbot config adopt
      execbot config adopt --config wide.yaml --mode paper
    """
    from execbot.desk.adopting import adopt_limits

    with cli.open() as desk:
        found = adopt_limits(desk)
        lines = [f"  {item}" for item in found]
        said = "These limits are looser now, and adopted:" if found else "No limit became looser."
        data = {
            "loosened": [
                {"key": item.key, "before": item.before, "now": item.now} for item in found
            ]
        }
        cli.show(data, said, *lines)
