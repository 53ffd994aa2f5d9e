"""`execbot reconcile`: journal and broker brought together, every difference explained."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.order_views import sentence
from execbot.cli.show.output import Table
from execbot.desk import reconciling
from execbot.desk.order_json import record_json
from execbot.desk.reconciling import ReconcileResult


@command
def reconcile(
    cli: Cli,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until orders in doubt can be decided.")
    ] = False,
    accept_positions: Annotated[
        bool,
        typer.Option("--accept-positions", help="Take the broker's quantities as adjustments."),
    ] = False,
) -> None:
    """Bring the journal and the broker together: orders, fills, positions.

    Settles what is in doubt, adopts what was placed elsewhere, books splits, and explains every
    difference that stays (a break). Only reads at the broker; safe every minute from cron beside a
    running watch. Ends with 8 while breaks remain.

    \b
    Examples:
      execbot reconcile
      execbot reconcile --wait --json
      * * * * * execbot reconcile --json >> reconcile.log 2>&1
    """
    with cli.open() as desk:
        result = reconciling.reconcile(desk, accept_positions=accept_positions, wait=wait)
        cli.show(
            _result_json(result),
            *_views(result),
            exit_code=ExitCode.BREAKS if result.has_breaks else ExitCode.DONE,
        )


def _result_json(result: ReconcileResult) -> dict[str, Any]:
    return {
        "breaks": [
            {
                "kind": item.kind,
                "subject": item.subject,
                "ours": item.ours,
                "theirs": item.theirs,
                "cause": item.cause,
                "hint": item.hint,
            }
            for item in result.breaks
        ],
        "settled": [record_json(record) for record in result.settled],
        "adopted_orders": [record_json(record) for record in result.adopted_orders],
        "adopted_positions": [_difference(item) for item in result.adopted_positions],
        "adjusted_positions": [_difference(item) for item in result.adjusted_positions],
        "orders_checked": result.orders_checked,
        "positions_checked": result.positions_checked,
        "fills_added": result.fills_added,
        "inferred_fills": result.inferred,
        "notes": result.notes,
    }


def _difference(item: Any) -> dict[str, Any]:
    return {"symbol": item.symbol, "ours": item.ours, "theirs": item.theirs}


def _views(result: ReconcileResult) -> list[Table | str]:
    views: list[Table | str] = [
        f"Checked {result.orders_checked} orders and {result.positions_checked} positions, "
        f"added {result.fills_added} fills."
    ]
    views += [f"Settled: {sentence(record)}" for record in result.settled]
    views += [f"Adopted order: {sentence(record)}" for record in result.adopted_orders]
    views += [f"Adopted position: {item}" for item in result.adopted_positions]
    views += [f"Adjusted position: {item}" for item in result.adjusted_positions]
    views += list(result.notes)
    if not result.breaks:
        return [*views, "No breaks: journal and broker agree."]
    columns = ("break", "subject", "ours", "theirs", "likely cause", "what to do")
    rows = [(b.kind, b.subject, b.ours, b.theirs, b.cause, b.hint) for b in result.breaks]
    return [*views, Table(columns, rows, wrap=frozenset(columns[2:]))]
