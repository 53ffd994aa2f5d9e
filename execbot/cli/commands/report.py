"""`execbot report`: what a day amounted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.times import read_date
from execbot.cli.show.amounts import money, price
from execbot.cli.show.order_views import orders_table, when
from execbot.cli.show.output import Table
from execbot.desk.journal_need import Need
from execbot.desk.order_json import record_json
from execbot.desk.reports import (
    DailyReport,
    DayReport,
    Execution,
    PositionLine,
    RecoveryCount,
    day_report,
)
from execbot.model.numbers import maybe_text, text


@command
def report(
    cli: Cli,
    daily: Annotated[bool, typer.Option("--daily", help="One trading day (the default).")] = True,
    date: Annotated[
        str | None, typer.Option(help="New York date; today without it.", metavar="YYYY-MM-DD")
    ] = None,
) -> None:
    """The day's orders, fills, positions, fees, profit and slippage.

    Slippage is in basis points of the price on arrival, positive when it was worse for us. Ends
    with 8 when an order's outcome is still in doubt.

    \b
    Examples:
      execbot report --daily
      execbot report --daily --date 2026-11-20 --json
    """
    wanted = None if date is None else read_date("--date", date)
    with cli.open(need=Need.LOOK) as desk:
        found = day_report(desk, wanted)
        cli.show(
            {
                **report_json(found.report),
                "in_doubt": found.in_doubt,
                "recovery": _recovery_json(found),
            },
            *_views(found.report),
            _recovery_line(found.recoveries),
            warnings=found.warnings,
            exit_code=ExitCode.BREAKS if found.in_doubt else ExitCode.DONE,
        )


def _recovery_json(found: DayReport) -> dict[str, Any]:
    """Failures by category and how they ended; rates as fractions of what had ended."""
    return {
        "rate": found.recovery_rate,
        "by_category": [
            {
                "category": count.category,
                "failures": count.failures,
                "recovered": count.recovered,
                "lost": count.lost,
                "open": count.open,
                "rate": count.rate,
            }
            for count in found.recoveries
        ],
    }


def _recovery_line(counts: Sequence[RecoveryCount]) -> str:
    if not counts:
        return ""
    parts = (f"{c.category} {c.recovered} of {c.failures}" for c in counts)
    return f"Recovered from failures: {', '.join(parts)}."


def report_json(found: DailyReport) -> dict[str, Any]:
    return {
        "date": found.day.on,
        "orders": [
            {**record_json(line.record), "slippage_bps": line.slippage_bps} for line in found.orders
        ],
        "fills": [_fill_json(fill) for fill in found.fills],
        "positions": [_position_json(line) for line in found.positions],
        "outcomes": found.outcomes,
        "bought": found.bought,
        "sold": found.sold,
        "fees": found.fees,
        "realized_pl": found.realized_pl,
        "unrealized_pl": found.unrealized_pl,
        "slippage_bps": found.slippage_bps,
        "fill_rate_pct": found.fill_rate_pct,
    }


def _fill_json(fill: Execution) -> dict[str, Any]:
    return {
        "execution_id": fill.execution_id,
        "client_order_id": fill.client_order_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "qty": fill.net_qty,
        "price": fill.net_price,
        "fee": fill.fee,
        "at": fill.at,
        "state": fill.state,
    }


def _position_json(line: PositionLine) -> dict[str, Any]:
    names = (
        "symbol",
        "qty",
        "avg_entry_price",
        "current_price",
        "realized_pl",
        "unrealized_pl",
    )
    return {name: getattr(line, name) for name in names}


def _views(found: DailyReport) -> list[Table | str]:
    """Summary first: its lines are what is read most."""
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(found.outcomes.items()))
    summary = [
        ("date", str(found.day.on)),
        ("orders", f"{len(found.orders)}" + (f" ({outcomes})" if outcomes else "")),
        ("fills", str(len(found.fills))),
        ("bought", money(found.bought)),
        ("sold", money(found.sold)),
        ("fees", money(found.fees)),
        ("realized P&L", money(found.realized_pl)),
        ("unrealized P&L", money(found.unrealized_pl)),
        ("slippage (bps)", maybe_text(found.slippage_bps)),
        ("fill rate (%)", maybe_text(found.fill_rate_pct)),
    ]
    fills = [
        (
            when(fill.at),
            fill.symbol,
            fill.side.value,
            text(fill.net_qty),
            price(fill.net_price),
            money(fill.fee),
            fill.client_order_id,
        )
        for fill in found.fills
    ]
    positions = [
        (
            line.symbol,
            text(line.qty),
            price(line.avg_entry_price),
            price(line.current_price),
            money(line.realized_pl),
            money(line.unrealized_pl),
        )
        for line in found.positions
    ]
    views: list[Table | str] = [Table(("what", "value"), summary, _NUMERIC, title="Summary")]
    if found.orders:
        views.append(orders_table((line.record for line in found.orders), title="Orders"))
    if fills:
        drop = ("client_order_id", "fee")
        views.append(Table(_FILL_COLUMNS, fills, _NUMERIC, title="Fills", drop=drop))
    if positions:
        views.append(Table(_POSITION_COLUMNS, positions, _NUMERIC, title="Positions"))
    return views


_FILL_COLUMNS = ("time (ET)", "symbol", "side", "qty", "price", "fee", "client_order_id")
_NUMERIC = frozenset({"value", "qty", "price", "fee", "avg price", "realized", "unrealized"})
_POSITION_COLUMNS = ("symbol", "qty", "avg price", "price", "realized", "unrealized")
