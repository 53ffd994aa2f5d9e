"""A report for people: what is read most stands first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from execbot.cli.show.amounts import fee, fixed, in_cents, money, price
from execbot.cli.show.order_views import orders_table, when
from execbot.cli.show.output import Cell, Table
from execbot.cli.show.report_execution import execution_views
from execbot.cli.show.report_operation import operation_views
from execbot.cli.show.report_words import NUMERIC, percent_of, usd
from execbot.desk.look.reporting.report_parts import (
    DailyReport,
    FillFee,
    Line,
    PeriodReport,
)
from execbot.desk.look.reports import SpanReport
from execbot.model.numbers import maybe_text, text


def report_views(found: SpanReport) -> list[Table | str]:
    period = found.period
    lists = day_lists(found) if period.span.is_day else []
    head, *rest = report_tables(found)
    return [*period.notes, head, *lists, *rest, scorecard_table(period.scorecard)]


def report_tables(found: SpanReport) -> list[Table | str]:
    """All but lists of orders and fills, and the scorecard."""
    period = found.period
    views: list[Table | str] = [_summary(found)]
    views += [] if period.span.is_day else [_days_table(period)]
    views += [_trades_line(period), *execution_views(period), *operation_views(period)]
    return [view for view in views if view != ""]


# --- money -------------------------------------------------------------------------------------


def _summary(found: SpanReport) -> Table:
    books, period = found.books, found.period
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(books.outcomes.items()))
    rows: list[Sequence[object]] = [
        ("date" if period.span.is_day else "days", str(period.span)),
        ("orders", f"{len(books.orders)}" + (f" ({outcomes})" if outcomes else "")),
        ("fills", str(len(books.fills))),
        ("bought", money(books.bought)),
        ("sold", money(books.sold)),
        ("realized P&L", money(books.realized_pl)),
        ("fees", _fees(books)),
        ("net P&L", money(books.net_pl)),
        ("unrealized P&L", money(books.unrealized_pl)),
        ("slippage (bps)", maybe_text(books.slippage_bps)),
        ("fill rate (%)", maybe_text(books.fill_rate_pct)),
        *_equity_rows(period),
    ]
    return Table(("what", "value"), rows, NUMERIC, title="Summary")


def _equity_rows(period: PeriodReport) -> list[Sequence[object]]:
    one = period.equity
    if one is None:
        return []
    rows: list[Sequence[object]] = [
        ("equity", f"{in_cents(one.opening)} to {in_cents(one.closing)}"),
        ("came or went", money(one.flows)),
        ("change of equity without it", money(one.profit)),
    ]
    if one.twr.value is not None:
        rows.append(("return, time-weighted (%)", percent_of(Decimal(repr(float(one.twr.value))))))
    checked = [day.verdict for day in period.cash_days]
    if checked:
        words = (f"{checked.count(word)} {word}" for word in sorted(set(checked)))
        rows.append(("cash of the days", ", ".join(words)))
    return rows


def _fee(found: FillFee | None) -> Cell | None:
    return None if found is None else fee(found.amount, estimated=found.estimated)


def _fees(found: DailyReport) -> str | None:
    """The total, and of what kinds it is."""
    if found.fees_total is None:
        return None
    kinds = ", ".join(f"{kind} {in_cents(amount)}" for kind, amount in sorted(found.fees.items()))
    return f"{in_cents(found.fees_total)} ({kinds})"


def _days_table(period: PeriodReport) -> Table | str:
    if not period.days:
        return ""
    rows = [
        (
            f"{day.day} {day.day:%a}",
            str(day.fills),
            money(day.traded),
            money(day.realized),
            money(day.fees),
            money(day.net),
            money(day.equity),
        )
        for day in period.days
    ]
    columns = ("day", "fills", "traded", "realized", "fees", "net", "equity")
    return Table(columns, rows, NUMERIC, title="Days", drop=("traded", "fills"))


def day_lists(found: SpanReport) -> list[Table | str]:
    books = found.books
    fills = [
        (
            when(fill.at),
            fill.symbol,
            fill.side.value,
            text(fill.net_qty),
            price(fill.net_price),
            _fee(books.fill_fees.get(fill.execution_id)),
            fill.client_order_id,
        )
        for fill in books.fills
    ]
    positions = [
        (
            line.symbol,
            text(line.qty),
            price(line.avg_entry_price),
            price(line.current_price),
            money(line.realized_pl),
            _fee(line.fees),
            money(line.net_pl),
            money(line.unrealized_pl),
            ((line.qty and found.guarded(line.symbol)) or "-").replace("_", " "),
        )
        for line in books.positions
    ]
    views: list[Table | str] = []
    if books.orders:
        views.append(orders_table((line.record for line in books.orders), title="Orders"))
    if fills:
        views.append(Table(_FILL_COLUMNS, fills, NUMERIC, title="Fills", drop=("client_order_id",)))
    if positions:
        views.append(
            Table(_POSITION_COLUMNS, positions, NUMERIC, title="Positions", drop=_POSITIONS_DROP)
        )
    if found.contracts:
        views.append(_contracts_table(found))
    return views


def _contracts_table(found: SpanReport) -> Table:
    rows = [
        (
            one.underlying,
            text(one.long),
            text(one.short),
            money(one.cost),
            money(one.market_value),
            money(one.max_loss),
        )
        for one in found.contracts
    ]
    columns = ("underlying", "long", "short", "cost", "value", "most to lose")
    return Table(columns, rows, frozenset(columns[1:]), title="Contracts")


_FILL_COLUMNS = ("time (ET)", "symbol", "side", "qty", "price", "fee", "client_order_id")
_POSITION_COLUMNS = (
    *("symbol", "qty", "avg price", "price", "realized", "fees", "net", "unrealized", "guard"),
)
_POSITIONS_DROP = ("price", "fees", "avg price")


def _trades_line(period: PeriodReport) -> str:
    one = period.trade_stats
    opened = sum(1 for trade in period.trades if trade.trip.is_open)
    if not one.trades and not opened:
        return ""
    words = f"Trades: {one.trades} closed ({one.wins} won, {one.losses} lost), {opened} open"
    if one.trades:
        words += f"; net {usd(one.net)} USD, best {usd(one.best)}, worst {usd(one.worst)}"
    return f"{words}. All figures of them: execbot stats --since {period.span.on}."


# --- scorecard ---------------------------------------------------------------------------------


def scorecard_table(lines: Sequence[Line]) -> Table:
    rows = [
        (
            line.name,
            line.goal,
            figure_words(line),
            str(line.n),
            line.judged.value.replace("_", " "),
            line.basis,
        )
        for line in lines
    ]
    columns = ("requirement", "goal", "figure", "n", "judged", "basis")
    return Table(
        columns, rows, NUMERIC, title="Scorecard", drop=("basis",), wrap=frozenset({"basis"})
    )


def figure_words(line: Line) -> str:
    if line.figure is None:
        return "-"
    shown = fixed(line.figure, 4 if abs(line.figure) < Decimal("0.1") else 2)
    return f"{shown.rstrip('0').rstrip('.')} {line.unit}".strip()
