"""`execbot exits show|move` and `execbot protect`: where stops and targets stand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.exit_flags import FAR_HELP, NO_RULES_HELP
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.show.amounts import price
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, ListForm, list_form
from execbot.cli.show.order_views import when
from execbot.cli.show.output import Table
from execbot.desk import exit_plans
from execbot.desk.exit_plans import Protected
from execbot.desk.exit_words import levels_asked, wishes_for_position
from execbot.desk.opening.journal_need import Need
from execbot.model.amounts import level_words
from execbot.model.numbers import maybe_decimal

app = typer.Typer()


@app.callback(invoke_without_command=True)
@command
def exits(
    cli: Cli,
    history: Annotated[bool, typer.Option("--history", help="Every version of each plan.")] = False,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Stops and targets of positions: show them (the default), or move them.

    \b
    Examples:
      execbot exits
      execbot exits --history
      execbot exits --csv
      execbot exits show AAPL --history
      execbot exits move AAPL --stop 182
    """
    _show(cli, list_form(cli, COLUMNS, csv=csv, columns=columns), history=history)


@app.command("show")
@command
def show(
    cli: Cli,
    symbol: Annotated[str | None, typer.Argument(help="Only this symbol.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Every version of the plan.")] = False,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Show the exit plans: stop, targets, and what holds them.

    \b
    Examples:
      execbot exits show
      execbot exits show AAPL --history
      execbot exits show AAPL --json
    """
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    _show(cli, form, symbol, history=history)


def _show(cli: Cli, form: ListForm, symbol: str | None = None, *, history: bool = False) -> None:
    wanted = None if symbol is None else read_symbol(symbol)
    with cli.open(need=Need.LOOK) as desk:
        found = exit_plans.plans(desk, wanted, history=history)
        rows = [view.to_dict() for view in found.views]
        lines = [line for view in found.views for line in view.lines()]
        histories = [_history(row) for row in rows if row.get("versions")]
        shown = [_csv_row(row) for row in rows] if form.takes_rows else []
        views = form.views(shown, _table(rows), *lines, *histories)
        cli.show(rows, *views, warnings=found.warnings)


@app.command("move")
@command
def move(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(help="AAPL, BTC/USD.")],
    stop: Annotated[
        str | None, typer.Option(help="New stop: 182, 2%, 1.5ATR.", metavar="LEVEL")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="New target: 190, 2R. Repeat it for several.", metavar="LEVEL"),
    ] = None,
    far: Annotated[bool, typer.Option("--far", help=FAR_HELP)] = False,
) -> None:
    """Move the stop or the targets of a position.

    Distances are measured from the entry price. Orders at the broker are replaced in place where
    the broker allows it, so that the position is not left without a stop.

    \b
    Examples:
      execbot exits move AAPL --stop 182
      execbot exits move AAPL --stop 182 --target 190
      execbot exits move AAPL --target 1R --target 3R
    """
    if stop is None and not target:
        raise usage("Neither --stop nor --target was given", next_step="execbot exits move --help")
    levels = levels_asked(stop, target or ())
    with cli.open() as desk:
        _show_protected(cli, exit_plans.move(desk, read_symbol(symbol), levels, far=far))


@command
def protect(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(help="A position of the account, whoever opened it.")],
    stop: Annotated[
        str | None, typer.Option(help="182.50, 2%, 1.5ATR, support.", metavar="LEVEL")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="195, 4%, 2R. Repeat it to take profit in parts.", metavar="LEVEL"),
    ] = None,
    trail: Annotated[
        str | None, typer.Option(help="Trail by 1% or 2USD or 3ATR.", metavar="LEVEL")
    ] = None,
    far: Annotated[bool, typer.Option("--far", help=FAR_HELP)] = False,
    no_rules: Annotated[bool, typer.Option("--no-rules", help=NO_RULES_HELP)] = False,
) -> None:
    """Give a position a stop and targets, and put them at the broker now.

    Without flags the exits of trading.yaml are used. A plan that was suspended by `cancel-all` is
    taken up again. `watch` keeps the plan; without it only what the broker holds works.

    \b
    Examples:
      execbot protect AAPL
      execbot protect AAPL --stop 2% --target 2R
      execbot protect AAPL --stop 182 --target 190 --target 195
      execbot protect AAPL --trail 1.5%
    """
    wishes = wishes_for_position(stop, target or (), trail)
    with cli.open() as desk:
        done = exit_plans.protect(
            desk, read_symbol(symbol), wishes, far=far, keeps_rules=not no_rules
        )
        _show_protected(cli, done)


def _show_protected(cli: Cli, done: Protected) -> None:
    """Ends with 12 while shares have no stop at the broker, or orders do not stand as planned."""
    row = None if done.view is None else done.view.to_dict()
    cli.show(
        row,
        _table([] if row is None else [row]),
        *([] if done.view is None else done.view.lines()),
        warnings=done.warnings,
        exit_code=ExitCode.DONE if done.is_done and not done.uncovered else ExitCode.PARTLY,
    )


def _history(row: dict[str, Any]) -> Table:
    """Every version of a plan, oldest first."""
    return Table(
        columns=("version", "at (ET)", "plan", "stop", "what changed it"),
        rows=[
            (v["version"], when(v["at"]), v["status"], _level(v["stop"]), v["note"])
            for v in row["versions"]
        ],
        numeric=frozenset({"version", "stop"}),
        title=f"{row['symbol']}: plan {row['plan_id']}",
        wrap=frozenset({"what changed it"}),
    )


COLUMNS = (
    *("symbol", "side", "qty", "entry_price", "stop.price", "stop.spec", "stop.initial"),
    *("stop.high_water", "stop.moved_at", "targets", "asked", "covered_qty", "guarded", "status"),
    *("missing", "strategy_id", "origin", "opened_at", "plan_id", "version", "note"),
)


def _csv_row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "targets": _targets(row), "asked": _asked(row["asked"], row["symbol"])}


def _targets(row: dict[str, Any]) -> list[str]:
    """Where those stand that are not taken; as they were asked for until the entry has filled."""
    return [t["price"] or t["spec"] for t in row["targets"] if not t["done"]]


def _level(word: str | None) -> object:
    """A price in cents; `2%` as it was asked for."""
    number = maybe_decimal(word)
    return word if number is None else price(number)


def _asked(asked: dict[str, Any], symbol: str) -> str:
    """What was asked for, in the words in which it was: `stop 2%, trail 1%, targets 1R 2R`."""
    parts = [
        f"{name} {level_words(asked[name], symbol)}" for name in ("stop", "trail") if asked[name]
    ]
    if asked["targets"]:
        noun = "target" if len(asked["targets"]) == 1 else "targets"
        parts.append(f"{noun} {' '.join(level_words(level, symbol) for level in asked['targets'])}")
    return ", ".join(parts)


def _table(rows: list[dict[str, Any]]) -> Table:
    return Table(
        columns=(
            *("symbol", "side", "qty", "entry", "stop", "targets", "asked", "covered", "state"),
            "plan",
        ),
        rows=[
            (
                row["symbol"],
                row["side"],
                row["qty"],
                _level(row["entry_price"]),
                _level(row["stop"]["price"] or row["stop"]["spec"]),
                " ".join(str(_level(word)) for word in _targets(row)),
                _asked(row["asked"], row["symbol"]),
                row["covered_qty"],
                row["guarded"].replace("_", " "),
                row["status"],
            )
            for row in rows
        ],
        numeric=frozenset({"qty", "entry", "stop", "covered"}),
        empty="Nothing is held, and no exit plan waits.",
        title="Exits",
        drop=("asked", "plan", "side"),
        wrap=frozenset({"targets"}),
    )
