"""What a day amounted to: orders, fills, positions and profit, doubts and recoveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.context import Context
from execbot.desk.following import lowered
from execbot.desk.freshen import freshen
from execbot.journal.records import Execution
from execbot.model.symbols import symbol_key
from execbot.report.daily import DailyReport, Day, PositionLine, daily_report
from execbot.report.recoveries import RecoveryCount, overall_rate, recovery_counts

__all__ = [
    "DailyReport",
    "DayReport",
    "Execution",
    "PositionLine",
    "RecoveryCount",
    "day_report",
]


class DayReport(Struct, frozen=True):
    """`in_doubt` are client_order_ids whose outcome is not known; `recovery_rate` is a fraction."""

    report: DailyReport
    recoveries: Sequence[RecoveryCount]
    recovery_rate: float | None
    in_doubt: Sequence[str] = ()
    warnings: Sequence[str] = ()


def day_report(desk: Context, on: date | None = None) -> DayReport:
    """The report of one New York date, today's without one. Raises JournalError, BrokerError."""
    warnings = freshen(desk)
    if desk.journal_trouble is not None and not desk.journal_is_copy:
        raise desk.journal_trouble  # what the broker remembers is not what was done here
    day = Day.at(desk.now()) if on is None else Day.of(on)
    prices, price_warnings = _prices(desk)
    journal = desk.journal
    report = daily_report(day, journal.orders(legs=True), journal.executions(until=day.end), prices)
    in_doubt = [record.client_order_id for record in journal.unsettled_orders()]
    if in_doubt:
        warnings.append(f"{len(in_doubt)} in doubt: run execbot reconcile.")
    counts = recovery_counts(journal, day.start, day.end)
    return DayReport(report, counts, overall_rate(counts), in_doubt, [*warnings, *price_warnings])


def _prices(desk: Context) -> tuple[Mapping[str, Decimal], list[str]]:
    """Current prices of what is held; the report stands without them."""
    try:
        held = desk.client.get_positions()
    except BrokerError as error:
        return {}, [f"No current prices: {lowered(error.message)}."]
    records = {symbol_key(record.symbol): record.symbol for record in desk.journal.positions()}
    found = {records.get(symbol_key(p.symbol), p.symbol): p.current_price for p in held}
    return {symbol: price for symbol, price in found.items() if price is not None}, []
