"""A report's executions: how many filled, what they cost, how long they took."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from execbot.cli.show.amounts import fixed, money
from execbot.cli.show.output import Table
from execbot.cli.show.report_words import LISTED_MAX, NUMERIC, part_of, usd
from execbot.desk.look.reporting.report_parts import CostBy, CostRow, PeriodReport
from execbot.model.numbers import maybe_text


def execution_views(period: PeriodReport) -> list[Table | str]:
    views: list[Table | str] = [_execution_table(period), *_cost_tables(period)]
    if period.executions.times:
        views += [_times_table(period), *_footnotes(period)]
    return views


def _execution_table(period: PeriodReport) -> Table:
    found = period.executions
    success, entries = found.success, found.entries
    verdicts = ", ".join(f"{count} {word}" for word, count in sorted(found.verdicts.items()))
    findings = ", ".join(f"{count} {word}" for word, count in sorted(found.findings.items()))
    rows: list[Sequence[object]] = [
        ("taken by the broker", part_of(success.taken, success.sent, success.rate)),
        (
            "entries filled",
            f"{part_of(entries.whole + entries.part, entries.ended, entries.rate)}"
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
                    f"{usd(found.missed.usd)} USD (measured {found.missed.measured} of "
                    f"{found.missed.orders} entries)",
                )
            ]
            if found.missed.orders
            else []
        ),
    ]
    return Table(("execution", "value"), rows, title="Execution")


def _with_n(value: Decimal | None, n: int) -> str:
    return "-" if value is None else f"{fixed(value, 2)} (n {n})"


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


def _footnotes(period: PeriodReport) -> list[str]:
    found = []
    if any(row.apart for row in period.executions.times):
        found.append("* between two clocks: a few milliseconds may be wrong.")
    return found
