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
from execbot.desk.positions import Holding
from execbot.desk.positions import positions as read_positions
from execbot.model.numbers import text


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
        held = found.holdings
        cli.show([holding_json(item) for item in held], _table(held), warnings=found.warnings)


def holding_json(item: Holding) -> dict[str, Any]:
    position = item.position
    return {
        "symbol": position.symbol,
        "side": position.side,
        "qty": position.qty,
        "avg_entry_price": position.avg_entry_price,
        "current_price": position.current_price,
        "market_value": position.market_value,
        "unrealized_pl": position.unrealized_pl,
        "state": item.state,
        "stop": item.stop,
        "targets": item.targets,
        "age_seconds": item.age_seconds,
        "qty_available": position.qty_available,
        "asset_class": position.asset_class,
        "cost_basis": position.cost_basis,
        "unrealized_plpc": position.unrealized_plpc,
        "realized_pl": item.realized_pl,
        "protected_qty": item.stop_qty,
    }


def _table(held: Sequence[Holding]) -> Table:
    rows = [
        (
            item.position.symbol,
            item.position.side.value,
            text(item.position.qty),
            price(item.position.avg_entry_price),
            price(item.position.current_price),
            money(item.position.market_value),
            money(item.position.unrealized_pl),
            item.state.value,
            price(item.stop),
            prices(item.targets),
            _age(item.age_seconds),
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


def _age(seconds: int | None) -> str | None:
    """`45s`, `12m`, `3h05m`, `2d04h`."""
    if seconds is None:
        return None
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return f"{seconds}s"
    if hours < 1:
        return f"{minutes}m"
    if days < 1:
        return f"{hours}h{minutes % 60:02d}m"
    return f"{days}d{hours % 24:02d}h"
