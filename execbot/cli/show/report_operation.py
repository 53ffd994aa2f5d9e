"""What a report says of the operation: failures, shares without a stop, limits, `watch`."""

from __future__ import annotations

from collections.abc import Sequence

from execbot.cli.show.order_views import when
from execbot.cli.show.output import Table
from execbot.cli.show.report_words import LISTED_MAX, NUMERIC, lasted, part_of, percent_of
from execbot.desk.look.reporting.report_parts import PeriodReport
from execbot.model.symbols import units_word


def operation_views(period: PeriodReport) -> list[Table | str]:
    """What did not happen is left out, but for shares without a stop and the operation itself."""
    views: list[Table | str] = [_failures_table(period)] if period.failures else []
    views.append(_protection_table(period))
    if period.limits.hits or period.limits.halts:
        views.append(_limits_table(period))
    return [*views, _operation_table(period)]


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
        without = f"{found.share_minutes:.2f} share-minutes, {lasted(found.lasted)}"
    rows: list[Sequence[object]] = [
        ("without a promised stop", without),
        *(
            (
                f"  {one.symbol} {one.state.value.replace('_', ' ')}",
                f"{one.share_minutes:.2f} {units_word(one.symbol).removesuffix('s')}-minutes, "
                f"{one.times} times, {lasted(one.lasted)}",
            )
            for one in found.exposures[:LISTED_MAX]
        ),
        ("stops executed of stops due", part_of(stops.whole, stops.due, stops.rate)),
        *([("stops expired unused", str(stops.expired))] if stops.expired else []),
        *([("alarms of shares without a stop", str(found.alarms))] if found.alarms else []),
    ]
    return Table(("protection", "value"), rows, title="Protection")


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
        uptime = f"{percent_of(share)} % of {lasted(found.open_for)} ({len(found.gaps)} gaps)"
    alarms = ", ".join(f"{count} {kind}" for kind, count in sorted(found.alarms.items()))
    rows: list[Sequence[object]] = [
        ("watch in market hours", uptime),
        ("losses of the stream", str(len(found.losses))),
        ("alarms", alarms or "0"),
        ("signals", f"{found.signals} (most in a minute: {found.busiest_minute})"),
    ]
    return Table(("operation", "value"), rows, title="Operation")
