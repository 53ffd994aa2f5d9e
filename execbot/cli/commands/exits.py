"""`execbot exits show|move` and `execbot protect`: where stops and targets stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.desk.freshen import journal_warnings
from execbot.desk.journal_need import Need
from execbot.desk.protect import _do_it_here, _stands, _wait_for_watch, watched_by
from execbot.oms.place.held_plans import plan_of_position, refuse_if_taken

if TYPE_CHECKING:
    from execbot.exits.plan.plan import ExitPlan
    from execbot.model.account import Position

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
        cli.show(rows, _table(rows), warnings=[*warnings, *journal_warnings(desk)])


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
    from execbot.exits.plan.attach import moved
    from execbot.exits.store import change_plan, plan_of

    if stop is None and not target:
        raise usage("Neither --stop nor --target was given", next_step="execbot exits move --help")
    stop_spec = None if stop is None else parse_level(stop)
    target_specs = [parse_level(word) for word in target or ()]
    with cli.open() as desk:
        name = read_symbol(symbol)
        plan = plan_of(desk.journal, name)
        if plan is None:
            raise _no_plan(name)
        now = desk.now()
        if stop_spec is not None:
            refuse_if_taken(desk, moved(plan, now, stop=stop_spec))
        changed = change_plan(
            desk.journal,
            plan.plan_id,
            lambda p: moved(p, now, stop=stop_spec, targets=target_specs),
        )
        assert changed is not None
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
        _save_protection(desk, name, position, stop, target or [], trail)
        _carry_out(cli, desk, name)


# --- plans -------------------------------------------------------------------------------------


def _save_protection(
    desk: Context,
    symbol: str,
    position: Position,
    stop: str | None,
    targets: list[str],
    trail: str | None,
) -> None:
    from execbot.exits.plan.plan import PlanStatus
    from execbot.exits.store import change_plan, plan_of, save_plan

    now = desk.now()
    known = plan_of(desk.journal, symbol)
    if known is not None and stop is None and not targets and trail is None:
        refuse_if_taken(desk, known)
        change_plan(
            desk.journal,
            known.plan_id,
            lambda p: (
                p
                if p.status is PlanStatus.ACTIVE
                else p.changed(now, status=PlanStatus.ACTIVE, note="protected again")
            ),
        )
        return
    plan = plan_of_position(desk, symbol, position, stop, targets, trail)
    refuse_if_taken(desk, plan)
    if known is not None:
        entry = known.entry_client_order_id
        plan = replace(plan, entry_client_order_id=entry, opened_at=known.opened_at)
    save_plan(desk.journal, plan)
    if known is not None:
        # A plan of its own, so that what the old targets have filled is not counted for the new.
        change_plan(
            desk.journal,
            known.plan_id,
            lambda p: p.changed(now, status=PlanStatus.CLOSED, note="protected anew"),
        )


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
    warnings = [] if pid else [_NOBODY_WATCHES]
    code = ExitCode.DONE
    if coverage is not None and coverage.uncovered > 0:
        warnings.append(f"{coverage.uncovered} shares have no stop at the broker yet.")
        code = ExitCode.PARTLY
    cli.show(rows[0] if rows else None, _table(rows), warnings=warnings, exit_code=code)


# --- showing -----------------------------------------------------------------------------------


def _plan_json(desk: Context, plan: ExitPlan, *, history: bool = False) -> dict[str, Any]:
    from execbot.exits.plan.plan_json import to_data

    coverage, _ = _stands(desk, plan.symbol)
    data = {
        **to_data(plan),
        "guarded": coverage.state.value,
        "qty": coverage.size,
        "covered_qty": coverage.covered,
        "uncovered_qty": coverage.uncovered,
        "risk_per_share": plan.risk,
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


def _table(rows: list[dict[str, Any]]) -> Table:
    return Table(
        columns=("symbol", "side", "qty", "entry", "stop", "targets", "covered", "state", "plan"),
        rows=[
            (
                row["symbol"],
                row["side"],
                row["qty"],
                row["entry_price"],
                row["stop"]["price"] or row["stop"]["spec"],
                " ".join(t["price"] or t["spec"] for t in row["targets"] if not t["done"]),
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
