"""`execbot positions`: what is held, what it is worth, and what protects it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.show.amounts import money, price, prices
from execbot.cli.show.output import Table
from execbot.desk.journal_need import Need
from execbot.desk.positions import PositionView
from execbot.desk.positions import positions as read_positions
from execbot.model.numbers import text
from execbot.model.times import show_age


@command
def positions(
    cli: Cli,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
) -> None:
    """Open positions with profit, stop and targets.

    \b
    Examples:
      execbot positions
      execbot positions --symbol AAPL --json
    """
    wanted = None if symbol is None else read_symbol(symbol)
    with cli.open(need=Need.LOOK) as desk:
        found = read_positions(desk, wanted)
        held = found.views
        cli.show([holding_json(item) for item in held], _table(held), warnings=found.warnings)


def holding_json(item: PositionView) -> dict[str, Any]:
    held = item.broker
    assert held is not None
    return {
        "symbol": item.symbol,
        "side": item.side,
        "qty": item.qty,
        "avg_entry_price": item.avg_entry_price,
        "current_price": item.current_price,
        "market_value": item.market_value,
        "unrealized_pl": item.unrealized_pl,
        "state": item.state,
        "stop": item.stop,
        "targets": item.targets,
        "age_seconds": item.age_seconds,
        "qty_available": held.qty_available,
        "asset_class": held.asset_class,
        "cost_basis": held.cost_basis,
        "unrealized_plpc": held.unrealized_plpc,
        "realized_pl": item.realized_pl,
        "protected_qty": item.protected_qty,
    }


def _table(held: Sequence[PositionView]) -> Table:
    rows = [
        (
            item.symbol,
            item.side.value,
            text(item.qty),
            price(item.avg_entry_price),
            price(item.current_price),
            money(item.market_value),
            money(item.unrealized_pl),
            item.state.value,
            price(item.stop),
            prices(item.targets),
            show_age(item.age_seconds),
        )
        for item in held
    ]
    return Table(
        (
            "symbol",
            "side",
            "qty",
            "avg price",
            "price",
            "value",
            "unrealized",
            "state",
            "stop",
            "targets",
            "age",
        ),
        rows,
        numeric=_NUMERIC,
        empty="No open positions.",
        drop=("value", "side", "age", "state", "avg price", "targets"),
    )


_NUMERIC = frozenset({"qty", "avg price", "price", "value", "unrealized", "stop", "targets", "age"})
