"""`execbot exits show|move` and `execbot protect`: where stops and targets stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.exit_flags import FAR_HELP, NO_RULES_HELP
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.desk.freshen import journal_warnings
from execbot.desk.journal_need import Need
from execbot.desk.protect import _do_it_here, _stands, _wait_for_watch, watched_by
from execbot.model.flags import flags_of

if TYPE_CHECKING:
    from decimal import Decimal

    from execbot.exits.distances import Distance
    from execbot.exits.plan.plan import ExitPlan
    from execbot.oms.place.held_plans import HeldPlanner

app = typer.Typer()


@app.callback(invoke_without_command=True)
@command
def exits(cli: Cli) -> None:
    """Stops and targets of positions: show them (the default), or move them.

    \b
    Examples:
      execbot exits
      execbot exits show AAPL --history
      execbot exits move AAPL --stop 182
    """
    _show(cli)


@app.command("show")
@command
def show(
    cli: Cli,
    symbol: Annotated[str | None, typer.Argument(help="Only this symbol.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Every version of the plan.")] = False,
) -> None:
    """Show the exit plans: stop, targets, and what holds them.

    \b
    Examples:
      execbot exits show
      execbot exits show AAPL --history
      execbot exits show AAPL --json
    """
    _show(cli, symbol, history=history)


def _show(cli: Cli, symbol: str | None = None, *, history: bool = False) -> None:
    from execbot.exits.store import open_plans

    wanted = None if symbol is None else read_symbol(symbol)
    with cli.open(need=Need.LOOK) as desk:
        plans = [p for p in open_plans(desk.journal) if wanted in (None, p.symbol)]
        rows = [_plan_json(desk, plan, history=history) for plan in plans]
        warnings = [] if watched_by(desk) or not plans else [_NOBODY_WATCHES]
        lines = [
            line
            for plan, row in zip(plans, rows, strict=True)
            for line in _distance_lines(desk, plan, row)
        ]
        cli.show(rows, _table(rows), *lines, warnings=[*warnings, *journal_warnings(desk)])


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
    from execbot.exits.levels import parse_level
    from execbot.exits.store import plan_of

    if stop is None and not target:
        raise usage("Neither --stop nor --target was given", next_step="execbot exits move --help")
    stop_spec = None if stop is None else parse_level(stop)
    target_specs = [parse_level(word) for word in target or ()]
    with cli.open() as desk:
        name = read_symbol(symbol)
        plan = plan_of(desk.journal, name)
        if plan is None:
            raise _no_plan(name)
        desk.placer.refuse_flags(flags_of(far=far))
        held_planner(desk).move(plan, stop_spec, target_specs, far=far)
        _carry_out(cli, desk, name)


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
    from execbot.cli.flags.exit_flags import read_protection

    wishes = read_protection(stop, target or [], trail)
    with cli.open() as desk:
        name = read_symbol(symbol)
        position = desk.client.get_position(name)
        if position is None or position.qty == 0:
            raise Failure(
                "exits.no_position",
                f"There is no position in {name}",
                ExitCode.USAGE,
                next_step="execbot positions",
            )
        desk.placer.refuse_flags(flags_of(far=far))
        held_planner(desk).protect(name, position, wishes, far=far, keeps_rules=not no_rules)
        _carry_out(cli, desk, name)


def held_planner(desk: Context) -> HeldPlanner:
    from execbot.oms.place.held_plans import HeldPlanner

    return HeldPlanner(desk.client, desk.journal, desk.settings.trading, desk.now)


def _no_plan(symbol: str) -> Failure:
    return Failure(
        "exits.no_plan",
        f"{symbol} has no exit plan",
        ExitCode.USAGE,
        hint="Positions opened without a stop have none.",
        next_step=f"execbot protect {symbol}",
    )


# --- carrying out ------------------------------------------------------------------------------

_NOBODY_WATCHES = "No `execbot watch` is running: only what the broker holds protects positions."


def _carry_out(cli: Cli, desk: Context, symbol: str) -> None:
    """Let the running `watch` do it and wait, or do it here."""
    pid = watched_by(desk)
    coverage = _wait_for_watch(desk, symbol) if pid else _do_it_here(desk, symbol)
    from execbot.exits.store import plan_of

    plan = plan_of(desk.journal, symbol)
    rows = [_plan_json(desk, plan)] if plan is not None else []
    warnings = [] if pid else [_NOBODY_WATCHES, *_left(plan)]
    code = ExitCode.DONE
    if coverage is not None and coverage.uncovered > 0:
        warnings.append(f"{coverage.uncovered} shares have no stop at the broker yet.")
        code = ExitCode.PARTLY
    lines = [] if plan is None else _distance_lines(desk, plan, rows[0])
    cli.show(rows[0] if rows else None, _table(rows), *lines, warnings=warnings, exit_code=code)


# --- showing -----------------------------------------------------------------------------------


def _plan_json(desk: Context, plan: ExitPlan, *, history: bool = False) -> dict[str, Any]:
    from execbot.exits.plan.plan_json import to_data

    coverage, _ = _stands(desk, plan.symbol)
    data = {
        **to_data(plan),
        "asked": {
            "stop": None if plan.stop.spec is None else str(plan.stop.spec),
            "trail": None if plan.stop.trail is None else str(plan.stop.trail),
            "targets": [str(target.spec) for target in plan.targets],
        },
        "guarded": coverage.state.value,
        "qty": coverage.size,
        "covered_qty": coverage.covered,
        "uncovered_qty": coverage.uncovered,
        "risk_per_share": plan.risk,
        "distances": [one.to_dict() for one in _distances(desk, plan, coverage.size)],
        "orders": _orders(desk, plan),
    }
    if history:
        data["versions"] = [
            {
                "version": r.version,
                "at": r.at,
                "status": r.status,
                "note": r.body.get("note"),
                "stop": r.body["stop"]["price"],
            }
            for r in desk.journal.plan_history(plan.plan_id)
        ]
    return data


def _orders(desk: Context, plan: ExitPlan) -> list[dict[str, Any]]:
    return [
        {
            "id": record.order_id,
            "client_order_id": record.client_order_id,
            "role": record.role,
            "type": record.order.type,
            "status": record.status,
            "qty": record.order.qty,
            "stop_price": record.order.stop_price,
            "limit_price": record.order.limit_price,
        }
        for record in desk.journal.orders("open", symbol=plan.symbol)
        if record.order.side is plan.exit_side
    ]


def _left(plan: ExitPlan | None) -> list[str]:
    """What of the plan only a `watch` does."""
    from execbot.exits.plan.left_to_watch import left_to_watch, without_watch

    left = () if plan is None else left_to_watch(plan)
    return [without_watch(plan.symbol, left)] if plan is not None and left else []


def _distances(desk: Context, plan: ExitPlan, qty: Decimal) -> tuple[Distance, ...]:
    from execbot.exits.distances import distances_of

    held = desk.journal.position(plan.symbol)
    entry = held.avg_entry_price if held is not None and held.qty else None
    return distances_of(plan, entry, qty or None, desk.now())


def _distance_lines(desk: Context, plan: ExitPlan, row: dict[str, Any]) -> list[str]:
    """How far each level is from the entry, a line each."""
    return [f"{plan.symbol} {one.words()}" for one in _distances(desk, plan, row["qty"])]


def _asked(asked: dict[str, Any]) -> str:
    """What was asked for, in the words in which it was: `stop 2%, trail 1%, targets 1R 2R`."""
    parts = [f"{name} {asked[name]}" for name in ("stop", "trail") if asked[name]]
    if asked["targets"]:
        noun = "target" if len(asked["targets"]) == 1 else "targets"
        parts.append(f"{noun} {' '.join(asked['targets'])}")
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
                row["entry_price"],
                row["stop"]["price"] or row["stop"]["spec"],
                " ".join(t["price"] or t["spec"] for t in row["targets"] if not t["done"]),
                _asked(row["asked"]),
                row["covered_qty"],
                row["guarded"],
                row["status"],
            )
            for row in rows
        ],
        numeric=frozenset({"qty", "entry", "stop", "covered"}),
        empty="No exit plans.",
        title="Exit plans",
    )
