"""`execbot report`: what a day amounted to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.times import read_date
from execbot.cli.show.amounts import money, price
from execbot.cli.show.order_views import orders_table, when
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.desk.following import lowered
from execbot.desk.freshen import freshen
from execbot.desk.journal_need import Need
from execbot.desk.order_json import record_json
from execbot.journal.records import Execution
from execbot.model.numbers import maybe_text, text
from execbot.report.daily import DailyReport, Day, PositionLine, daily_report
from execbot.report.recoveries import RecoveryCount, overall_rate, recovery_counts


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
        warnings = freshen(desk)
        if desk.journal_trouble is not None and not desk.journal_is_copy:
            raise desk.journal_trouble  # what the broker remembers is not what was done here
        day = Day.at(desk.now()) if wanted is None else Day.of(wanted)
        prices, price_warnings = _prices(desk)
        found = daily_report(
            day, desk.journal.orders(legs=True), desk.journal.executions(until=day.end), prices
        )
        doubtful = [r.client_order_id for r in desk.journal.unsettled_orders()]
        if doubtful:
            warnings.append(f"{len(doubtful)} in doubt: run execbot reconcile.")
        recovery = recovery_counts(desk.journal, day.start, day.end)
        cli.show(
            {**report_json(found), "in_doubt": doubtful, "recovery": _recovery_json(recovery)},
            *_views(found),
            _recovery_line(recovery),
            warnings=[*warnings, *price_warnings],
            exit_code=ExitCode.BREAKS if doubtful else ExitCode.DONE,
        )


def _recovery_json(counts: list[RecoveryCount]) -> dict[str, Any]:
    """Failures by category and how they ended; rates as fractions of what had ended."""
    return {
        "rate": overall_rate(counts),
        "by_category": [
            {
                "category": count.category,
                "failures": count.failures,
                "recovered": count.recovered,
                "lost": count.lost,
                "open": count.open,
                "rate": count.rate,
            }
            for count in counts
        ],
    }


def _recovery_line(counts: list[RecoveryCount]) -> str:
    if not counts:
        return ""
    parts = (f"{c.category} {c.recovered} of {c.failures}" for c in counts)
    return f"Recovered from failures: {', '.join(parts)}."


def _prices(desk: Context) -> tuple[dict[str, Any], list[str]]:
    """Current prices of what is held; the report stands without them."""
    try:
        held = desk.client.get_positions()
    except BrokerError as error:
        return {}, [f"No current prices: {lowered(error.message)}."]
    records = {record.symbol.replace("/", ""): record.symbol for record in desk.journal.positions()}
    return {
        records.get(p.symbol, p.symbol): p.current_price
        for p in held
        if p.current_price is not None
    }, []


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
