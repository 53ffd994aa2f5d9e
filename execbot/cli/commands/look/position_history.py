"""`execbot positions history`: the states that positions went through, with times and causes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.flags.times import read_time
from execbot.cli.show.amounts import price
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.order_views import tail_of, when
from execbot.cli.show.output import Table
from execbot.desk.look.lives import LifeStep, lives_of
from execbot.desk.opening.journal_need import Need
from execbot.model.numbers import text

COLUMNS = (
    *("at", "symbol", "state", "cause", "qty", "price", "client_order_id", "position_id"),
    *("event_seq", "recorded_at"),
)


@command
def history(
    cli: Cli,
    symbol: Annotated[str | None, typer.Argument(help="Only this symbol.")] = None,
    since: Annotated[
        str | None, typer.Option(help="2026-11-20, 2026-11-20 15:30, 2h, 3d.", metavar="TIME")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most the last so many.", min=1)] = 200,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """How positions came and went: PENDING_ENTRY, OPEN, PENDING_EXIT, CLOSED, and why.

    One position goes from flat to flat; all its states have the same position_id.

    \b
    Examples:
      execbot positions history
      execbot positions history AAPL --since 2026-11-01
      execbot positions history --csv
    """
    wanted = None if symbol is None else read_symbol(symbol)
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        after = None if since is None else read_time("--since", since, desk.now())
        found = lives_of(desk, wanted, since=after, limit=limit)
        rows = [_json(step) for step in found.steps]
        table = Table(
            ("time (ET)", "symbol", "state", "qty", "price", "cause", "order"),
            [_row(step) for step in found.steps],
            numeric=frozenset({"qty", "price"}),
            empty="No position was held or wanted.",
            drop=("order",),
            wrap=frozenset({"cause"}),
        )
        cli.show(rows, *form.views(rows, table), warnings=found.warnings)


def _json(step: LifeStep) -> dict[str, Any]:
    return {
        "at": step.at,
        "symbol": step.symbol,
        "state": step.state,
        "cause": step.cause,
        "qty": step.qty,
        "price": step.price,
        "client_order_id": step.client_order_id,
        "position_id": step.began,
        "event_seq": step.event_seq,
        "recorded_at": step.recorded_at,
    }


def _row(step: LifeStep) -> tuple[object, ...]:
    return (
        when(step.at),
        step.symbol,
        step.state,
        text(step.qty),
        price(step.price),
        step.cause,
        None if step.client_order_id is None else tail_of(step.client_order_id),
    )
