"""`execbot positions`: what is held, what it is worth, and what protects it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.look.position_history import history
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.show.amounts import gain, money, price, prices
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, for_people, list_form
from execbot.cli.show.order_views import when
from execbot.cli.show.output import Cell, Table, is_terminal
from execbot.desk.look.positions import Opening, Positions, PositionView
from execbot.desk.look.positions import positions as read_positions
from execbot.desk.look.totals import totals_of
from execbot.desk.opening.journal_need import Need
from execbot.desk.opening.lines import ONE_LINE
from execbot.model.numbers import ZERO, text
from execbot.model.times import show_age
from execbot.watch.show.totals_line import fitting, line_of

COLUMNS = (
    *("symbol", "side", "qty", "avg_entry_price", "current_price", "market_value"),
    *("unrealized_pl", "unrealized_plpc", "r", "risk_usd", "state", "guarded", "stop", "targets"),
    *("opened_at", "age_seconds", "strategy_id", "signal_strength", "signal_id"),
    *("entry_client_order_id", "qty_available", "asset_class", "cost_basis", "realized_pl", "fees"),
    *("fees_estimated", "net_pl", "protected_qty", "missing", "structure.plan_id"),
    *("structure.units", "structure.stop_net", "structure.target_net"),
    "structure.underlying_stop",
)


app = typer.Typer()
app.command("history")(history)


@app.callback(invoke_without_command=True)
@command
def positions(
    cli: Cli,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Open positions with profit, stop and targets, and the account in one line.

    R is what was risked at the entry, from the price paid to the first stop: +2.00R has made twice
    that.

    \b
    Examples:
      execbot positions
      execbot positions --symbol AAPL --json
      execbot positions --columns symbol,strategy_id,signal_strength,opened_at,r
      execbot positions --csv
      execbot positions history AAPL
    """
    wanted = None if symbol is None else read_symbol(symbol)
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK, lines=ONE_LINE) as desk:
        shows_totals = not form.takes_rows and not cli.json and is_terminal()
        found = read_positions(desk, wanted, totals=shows_totals)
        rows = [holding_json(item, found.openings) for item in found.views]
        below = [*_structure_lines(found.views), for_people(_account_line(found))]
        views = form.views(rows, _table(found), *below)
        cli.show(rows, *views, warnings=found.warnings)


def _structure_lines(held: Sequence[PositionView]) -> list[str]:
    """What protects contracts that stand together, a line for each structure."""
    plans = {p.plan_id: p for item in held if (p := item.structure) is not None}
    return [f"{', '.join(sorted(p.ratios))} together: {p.levels}" for p in plans.values()]


def _account_line(found: Positions) -> str:
    if found.state is None:
        return ""
    return line_of(fitting(totals_of(found.state), shutil.get_terminal_size().columns))


def holding_json(item: PositionView, openings: Mapping[str, Opening]) -> dict[str, Any]:
    held = item.broker
    assert held is not None
    opening = openings.get(item.symbol, Opening())
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
        "fees": item.fees,
        "fees_estimated": item.fees_estimated,
        "net_pl": item.net_pl,
        "protected_qty": item.protected_qty,
        "guarded": item.guarded,
        "missing": item.missing or None,
        "structure": None if item.structure is None else item.structure.shown(),
        "opened_at": opening.at,
        "entry_client_order_id": opening.client_order_id,
        "strategy_id": opening.strategy_id,
        "signal_id": opening.signal_id,
        "signal_strength": opening.strength,
        "r": None if item.r is None else item.r.quantize(R_STEP),
        "risk_usd": item.risk_usd,
    }


R_STEP = Decimal("0.000001")


def _state(item: PositionView) -> Cell:
    is_dust = item.broker is not None and item.broker.is_dust()
    return Cell(item.state.value, "dust" if is_dust else item.state.value)


def _guard(item: PositionView) -> str:
    if item.unplanned_stop:
        return item.unplanned_stop
    return "-" if item.guarded is None else item.guarded.value.replace("_", " ")


def _table(found: Positions) -> Table:
    held = found.views
    rows = [_row(item, found.openings.get(item.symbol, Opening())) for item in held]
    return Table(
        tuple(_HEADS),
        rows,
        numeric=_NUMERIC,
        empty="No open positions.",
        drop=_DROP,
        total=_total(held) if len(held) > 1 else (),
    )


def _row(item: PositionView, opening: Opening) -> tuple[object, ...]:
    return (
        item.symbol,
        item.side.value,
        text(item.qty),
        price(item.avg_entry_price),
        price(item.current_price),
        money(item.market_value),
        gain(item.unrealized_pl),
        gain(_percent(item), " %"),
        gain(item.r, "R"),
        _state(item),
        _guard(item),
        price(item.stop),
        prices(item.targets),
        show_age(item.age_seconds),
        when(opening.at),
        opening.strategy_id,
        None if opening.strength is None else text(opening.strength),
    )


_HEADS = (
    *("symbol", "side", "qty", "avg price", "price", "value", "unrealized", "percent", "R"),
    *("state", "guard", "stop", "targets", "age", "opened (ET)", "strategy", "strength"),
)
_DROP = (
    *("strength", "opened (ET)", "strategy", "value", "side", "age", "state", "percent", "R"),
    *("avg price", "targets"),
)
_NUMERIC = frozenset(_HEADS) - {"symbol", "side", "state", "guard", "opened (ET)", "strategy"}


def _percent(item: PositionView) -> Decimal | None:
    share = item.broker.unrealized_plpc if item.broker is not None else None
    return None if share is None else share * 100


def _total(held: Sequence[PositionView]) -> tuple[object, ...]:
    """Value, profit and its share of what everything has cost; empty where one is not known."""
    value, profit = _sum(i.market_value for i in held), _sum(i.unrealized_pl for i in held)
    cost = _sum(None if i.broker is None else i.broker.cost_basis for i in held)
    share = None if profit is None or not cost else profit / abs(cost) * 100
    known = {"symbol": "total", "value": money(value), "unrealized": gain(profit)}
    if all(i.qty > 0 for i in held):  # of longs and shorts together it would say nothing
        known["percent"] = gain(share, " %")
    return tuple(known.get(name) for name in _HEADS)


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known, ZERO) if len(known) == len(found) else None
