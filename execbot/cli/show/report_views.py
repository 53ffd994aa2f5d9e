"""A report for people: what is read most stands first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from execbot.cli.show.amounts import fee, in_cents, money, price
from execbot.cli.show.order_views import orders_table, when
from execbot.cli.show.output import Cell, Table
from execbot.desk.look.reporting.report_parts import (
    CostBy,
    CostRow,
    DailyReport,
    FillFee,
    Line,
    PeriodReport,
)
from execbot.desk.look.reports import SpanReport
from execbot.model.numbers import maybe_text, text
from execbot.model.symbols import units_word

LISTED_MAX = 20
"""A table of groups or days on the terminal ends here; the files and --json have all."""

NUMERIC = frozenset(
    {
        *(
            "value",
            "qty",
            "price",
            "fee",
            "avg price",
            "realized",
            "fees",
            "net",
            "unrealized",
            "n",
        ),
        *("figure", "orders", "unmeasured", "by notional", "by order", "median", "p95", "worst"),
        *("USD", "fills", "traded", "equity", "times", "failures", "recovered", "lost", "open"),
        *("p50", "share-minutes", "price in", "price out", "R"),
    }
)


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
    views += [_trades_line(period), _execution_table(period), *_cost_tables(period)]
    if period.executions.times:
        views += [_times_table(period), *_footnotes(period)]
    if period.failures:
        views.append(_failures_table(period))
    views.append(_protection_table(period))
    if period.limits.hits or period.limits.halts:
        views.append(_limits_table(period))
    views.append(_operation_table(period))
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
        rows.append(("return, time-weighted (%)", _percent(Decimal(repr(float(one.twr.value))))))
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
        words += f"; net {_usd(one.net)} USD, best {_usd(one.best)}, worst {_usd(one.worst)}"
    return f"{words}. All figures of them: execbot stats --since {period.span.on}."


def _usd(value: Decimal | None) -> str:
    return "-" if value is None else f"{value.quantize(Decimal('0.01'), ROUND_HALF_EVEN):f}"


# --- execution ---------------------------------------------------------------------------------


def _execution_table(period: PeriodReport) -> Table:
    found = period.executions
    success, entries = found.success, found.entries
    verdicts = ", ".join(f"{count} {word}" for word, count in sorted(found.verdicts.items()))
    findings = ", ".join(f"{count} {word}" for word, count in sorted(found.findings.items()))
    rows: list[Sequence[object]] = [
        ("taken by the broker", _of(success.taken, success.sent, success.rate)),
        (
            "entries filled",
            f"{_of(entries.whole + entries.part, entries.ended, entries.rate)}"
            f"{f', {entries.part} in part' if entries.part else ''}",
        ),
        ("confirmations", verdicts or "-"),
        *([("of what differs", findings)] if findings else []),
        ("effective over quoted spread", _with_n(found.effective_over_quoted, found.quoted)),
        *(
            (f"price after {_seconds(one.after_seconds)} (bps)", _with_n(one.mean, one.n))
            for one in found.drifts
        ),
        *(
            [
                (
                    "missed by what did not fill",
                    f"{_usd(found.missed.usd)} USD (measured {found.missed.measured} of "
                    f"{found.missed.orders} entries)",
                )
            ]
            if found.missed.orders
            else []
        ),
    ]
    return Table(("execution", "value"), rows, title="Execution")


def _of(part: int, whole: int, share: Decimal | None) -> str:
    return f"{part} of {whole}" + ("" if share is None else f" ({_percent(share)} %)")


def _percent(share: Decimal) -> str:
    return f"{round(share * 100, 2) + 0:.2f}"


def _with_n(value: Decimal | None, n: int) -> str:
    return "-" if value is None else f"{value:.2f} (n {n})"


def _seconds(number: int) -> str:
    return f"{number} s" if number < 60 else f"{number // 60} min"


def _cost_tables(period: PeriodReport) -> list[Table | str]:
    found = period.executions
    if not found.all.orders:
        return []
    views: list[Table | str] = []
    for by in CostBy:
        rows = found.costs[by]
        if by is not CostBy.CLASS and len(rows) < 2:
            continue  # the one row of it is the same as of all
        shown = [_cost_row(row) for row in rows[:LISTED_MAX]]
        if by is CostBy.CLASS:
            shown.append(_cost_row(found.all))
        columns = (by.value, *_COST_COLUMNS)
        title = f"Cost by {by.value} (bps, + = worse)"
        views.append(Table(columns, shown, NUMERIC, title=title, drop=("p95", "by order")))
        if len(rows) > LISTED_MAX:
            views.append(f"{len(rows) - LISTED_MAX} more: in --json and --csv.")
    return views


_COST_COLUMNS = (
    *("orders", "unmeasured", "by notional", "by order", "median", "p95", "worst", "USD"),
)


def _cost_row(row: CostRow) -> Sequence[object]:
    share = row.unmeasured_share
    return (
        row.group,
        str(row.orders),
        "-" if share is None else f"{share * 100:.0f} %",
        maybe_text(row.by_notional),
        maybe_text(row.by_order),
        maybe_text(row.median),
        maybe_text(row.p95),
        maybe_text(row.worst),
        money(row.usd),
    )


def _times_table(period: PeriodReport) -> Table:
    rows = [
        (
            f"{row.name}{' *' if row.apart else ''}",
            str(row.n),
            maybe_text(row.p50_ms),
            maybe_text(row.p95_ms),
            maybe_text(row.worst_ms),
        )
        for row in period.executions.times
    ]
    return Table(("step", "n", "p50", "p95", "worst"), rows, NUMERIC, title="Times (ms)")


# --- what went wrong ---------------------------------------------------------------------------


def _failures_table(period: PeriodReport) -> Table:
    rows = [
        (
            one.cause,
            one.category,
            str(one.failures),
            str(one.recovered),
            str(one.lost),
            str(one.open),
        )
        for one in period.failures
    ]
    columns = ("cause", "category", "failures", "recovered", "lost", "open")
    return Table(columns, rows, NUMERIC, title="Failures")


def _protection_table(period: PeriodReport) -> Table:
    found = period.protection
    stops = found.stops
    without = "no watch saw it"
    if found.changes or found.exposures:
        without = f"{found.share_minutes:.2f} share-minutes, {_lasted(found.lasted)}"
    rows: list[Sequence[object]] = [
        ("without a promised stop", without),
        *(
            (
                f"  {one.symbol} {one.state.value.replace('_', ' ')}",
                f"{one.share_minutes:.2f} {units_word(one.symbol).removesuffix('s')}-minutes, "
                f"{one.times} times, {_lasted(one.lasted)}",
            )
            for one in found.exposures[:LISTED_MAX]
        ),
        ("stops executed of stops due", _of(stops.whole, stops.due, stops.rate)),
        *([("stops expired unused", str(stops.expired))] if stops.expired else []),
        *([("alarms of shares without a stop", str(found.alarms))] if found.alarms else []),
    ]
    return Table(("protection", "value"), rows, title="Protection")


def _lasted(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _limits_table(period: PeriodReport) -> Table:
    rows: list[Sequence[object]] = [
        (hit.rule, str(hit.times), " ".join(hit.symbols) or "-", when(hit.last_at))
        for hit in period.limits.hits
    ]
    rows += [
        (f"halt ({halt.level} by {halt.by})", "1", halt.reason or "-", when(halt.since))
        for halt in period.limits.halts
    ]
    return Table(("limit", "times", "on", "last (ET)"), rows, NUMERIC, title="Limits hit")


def _operation_table(period: PeriodReport) -> Table:
    found = period.operation
    share = found.uptime
    uptime = "no session" if not found.open_for else "no watch ran"
    if share is not None:
        uptime = f"{_percent(share)} % of {_lasted(found.open_for)} ({len(found.gaps)} gaps)"
    alarms = ", ".join(f"{count} {kind}" for kind, count in sorted(found.alarms.items()))
    rows: list[Sequence[object]] = [
        ("watch in market hours", uptime),
        ("losses of the stream", str(len(found.losses))),
        ("alarms", alarms or "0"),
        ("signals", f"{found.signals} (most in a minute: {found.busiest_minute})"),
    ]
    return Table(("operation", "value"), rows, title="Operation")


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
    step = Decimal("0.0001") if abs(line.figure) < Decimal("0.1") else Decimal("0.01")
    shown = f"{line.figure.quantize(step, ROUND_HALF_EVEN):f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{shown} {line.unit}".strip()


def _footnotes(period: PeriodReport) -> list[str]:
    found = []
    if any(row.apart for row in period.executions.times):
        found.append("* between two clocks: a few milliseconds may be wrong.")
    return found
