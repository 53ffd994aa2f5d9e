"""A report as data: the fields of `report --json`, which its CSV and Parquet files take up."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from execbot.desk.look.order_json import record_json
from execbot.desk.look.reports import SpanReport
from execbot.desk.look.stats_json import equity_json, trades_json
from execbot.desk.look.trade_json import neat
from execbot.journal.confirmation import CashDay
from execbot.journal.records import Execution
from execbot.report.costs import CostRow, TimeRow
from execbot.report.daily import PositionLine
from execbot.report.executions import Executions
from execbot.report.failures import Failure
from execbot.report.limits import Limits
from execbot.report.operation import Operation
from execbot.report.period import DayRow, PeriodReport
from execbot.report.protection import ProtectionReport
from execbot.report.scorecard import Line
from execbot.risk.fees import FillFee

STEP = Decimal("0.000001")
"""Shares and means end here."""

BEST_AND_WORST = 10


def report_json(found: SpanReport) -> dict[str, Any]:
    period = found.period
    return {
        **_books_json(found),
        "in_doubt": found.in_doubt,
        "unprotected": [one.to_dict() for one in found.unprotected],
        "recovery": _recovery_json(found),
        "first": period.span.on,
        "last": period.span.last,
        "notes": period.notes,
        "sessions": period.sessions,
        "days": [day_json(day) for day in period.days],
        "cash_days": [_cash_json(day) for day in period.cash_days],
        "equity": None if period.equity is None else equity_json(period.equity),
        "trades": trades_of_json(period),
        "execution": execution_json(period.executions),
        "failures": [_failure_json(one) for one in period.failures],
        "protection": protection_json(period.protection),
        "limits": limits_json(period.limits),
        "operation": operation_json(period.operation),
        "scorecard": [line_json(line) for line in period.scorecard],
    }


def _books_json(found: SpanReport) -> dict[str, Any]:
    books = found.books
    return {
        "date": books.day.on,
        "orders": [
            {**record_json(line.record), "slippage_bps": line.slippage_bps} for line in books.orders
        ],
        "fills": [fill_json(fill, books.fill_fees.get(fill.execution_id)) for fill in books.fills],
        "outcomes": books.outcomes,
        "bought": books.bought,
        "sold": books.sold,
        "fees": books.fees_total,
        "fees_by_kind": books.fees,
        "realized_pl": books.realized_pl,
        "net_pl": books.net_pl,
        "unrealized_pl": books.unrealized_pl,
        "slippage_bps": books.slippage_bps,
        "fill_rate_pct": books.fill_rate_pct,
        "positions": [_position_json(line, found) for line in books.positions],
        "contracts": [one.to_dict() for one in found.contracts],
    }


def fill_json(fill: Execution, cost: FillFee | None) -> dict[str, Any]:
    return {
        "execution_id": fill.execution_id,
        "client_order_id": fill.client_order_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "qty": fill.net_qty,
        "price": fill.net_price,
        "fee": None if cost is None else cost.amount,
        "fee_estimated": cost is not None and cost.estimated,
        "at": fill.at,
        "state": fill.state,
    }


def _position_json(line: PositionLine, found: SpanReport) -> dict[str, Any]:
    fees = line.fees
    return {
        "symbol": line.symbol,
        "qty": line.qty,
        "avg_entry_price": line.avg_entry_price,
        "current_price": line.current_price,
        "realized_pl": line.realized_pl,
        "unrealized_pl": line.unrealized_pl,
        "net_pl": line.net_pl,
        "fees": None if fees is None else fees.amount,
        "fees_estimated": fees is not None and fees.estimated,
        "guarded": found.guarded(line.symbol) if line.qty else None,
    }


def _recovery_json(found: SpanReport) -> dict[str, Any]:
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
            for count in found.period.recoveries
        ],
    }


def day_json(day: DayRow) -> dict[str, Any]:
    return {
        "date": day.day,
        "fills": day.fills,
        "traded": neat(day.traded),
        "realized_pl": neat(day.realized),
        "fees": neat(day.fees),
        "net_pl": neat(day.net),
        "equity": day.equity,
    }


def _cash_json(day: CashDay) -> dict[str, Any]:
    return {
        "date": day.day,
        "verdict": day.verdict,
        "change": day.change,
        "difference": day.difference,
        "why": day.why or None,
    }


# --- trades ------------------------------------------------------------------------------------


def trades_of_json(period: PeriodReport) -> dict[str, Any]:
    """Figures of the closed ones; the best and the worst by their ids."""
    best, worst = best_and_worst(period)
    return {
        **trades_json(period.trade_stats),
        "open_trades": sum(1 for trade in period.trades if trade.trip.is_open),
        "best_trades": best,
        "worst_trades": worst,
    }


def best_and_worst(period: PeriodReport) -> tuple[list[str], list[str]]:
    closed = sorted(
        (t for t in period.trades if not t.trip.is_open), key=lambda t: (t.trip.net, t.trip.id)
    )
    worst = [t.trip.id for t in closed[:BEST_AND_WORST] if t.is_loss]
    return [t.trip.id for t in closed[: -BEST_AND_WORST - 1 : -1] if t.is_win], worst


# --- execution ---------------------------------------------------------------------------------


def execution_json(found: Executions) -> dict[str, Any]:
    success, entries = found.success, found.entries
    return {
        "sent": success.sent,
        "taken": success.taken,
        "rejected": success.rejected,
        "never_sent": success.never_sent,
        "in_doubt": success.in_doubt,
        "success_rate": rounded(success.rate),
        "entries": {
            "ended": entries.ended,
            "whole": entries.whole,
            "part": entries.part,
            "none": entries.none,
            "fill_rate": rounded(entries.rate),
            "filled_share": rounded(entries.by_quantity),
        },
        "verdicts": {str(key): count for key, count in sorted(found.verdicts.items())},
        "findings": dict(sorted(found.findings.items())),
        "cost": cost_json(found.all),
        "cost_by": {by.value: [cost_json(row) for row in rows] for by, rows in found.costs.items()},
        "effective_over_quoted": found.effective_over_quoted,
        "effective_over_quoted_n": found.quoted,
        "missed": {
            "orders": found.missed.orders,
            "measured": found.missed.measured,
            "usd": neat(found.missed.usd),
        },
        "later": [
            {
                "after_seconds": drift.after_seconds,
                "n": drift.n,
                "mean_bps": rounded(drift.mean),
                "median_bps": rounded(drift.median),
            }
            for drift in found.drifts
        ],
        "times": [time_json(row) for row in found.times],
    }


def cost_json(row: CostRow) -> dict[str, Any]:
    return {
        "group": row.group,
        "orders": row.orders,
        "measured": row.measured,
        "unmeasured_share": rounded(row.unmeasured_share),
        "mean_bps_by_notional": row.by_notional,
        "mean_bps_by_order": row.by_order,
        "median_bps": row.median,
        "p95_bps": row.p95,
        "worst_bps": row.worst,
        "usd": neat(row.usd),
        "notional": neat(row.notional),
    }


def time_json(row: TimeRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "n": row.n,
        "p50_ms": row.p50_ms,
        "p95_ms": row.p95_ms,
        "worst_ms": row.worst_ms,
        "two_clocks": row.apart,
    }


# --- the rest ----------------------------------------------------------------------------------


def _failure_json(one: Failure) -> dict[str, Any]:
    return {
        "cause": one.cause,
        "category": one.category,
        "failures": one.failures,
        "recovered": one.recovered,
        "lost": one.lost,
        "open": one.open,
    }


def protection_json(found: ProtectionReport) -> dict[str, Any]:
    stops = found.stops
    return {
        "share_minutes_without_stop": rounded(found.share_minutes),
        "seconds_without_stop": seconds(found.lasted),
        "by_state": [
            {
                "symbol": one.symbol,
                "state": one.state,
                "times": one.times,
                "seconds": seconds(one.lasted),
                "share_minutes": rounded(one.share_minutes),
            }
            for one in found.exposures
        ],
        "alarms": found.alarms,
        "guard_changes": found.changes,
        "stops": {
            "due": stops.due,
            "executed": stops.whole,
            "in_part": stops.part,
            "rejected": stops.rejected,
            "expired": stops.expired,
            "rate": rounded(stops.rate),
        },
    }


def limits_json(found: Limits) -> dict[str, Any]:
    return {
        "refused": found.refused,
        "hits": [
            {
                "rule": hit.rule,
                "times": hit.times,
                "symbols": hit.symbols,
                "last_at": hit.last_at,
            }
            for hit in found.hits
        ],
        "halts": [
            {
                "level": halt.level,
                "by": halt.by,
                "reason": halt.reason or None,
                "since": halt.since,
                "until": halt.until,
            }
            for halt in found.halts
        ],
    }


def operation_json(found: Operation) -> dict[str, Any]:
    return {
        "session_minutes": minutes(found.open_for),
        "watched_minutes": minutes(found.watched) if found.sampled else None,
        "uptime": rounded(found.uptime),
        "gaps": [{"since": since, "until": until} for since, until in found.gaps]
        if found.sampled
        else [],
        "stream_losses": [
            {"since": loss.since, "until": loss.until, "reason": loss.reason or None}
            for loss in found.losses
        ],
        "alarms": dict(sorted(found.alarms.items())),
        "critical_alarms": found.critical,
        "stream_messages": found.pace.n,
        "signals": found.signals,
        "signals_in_busiest_minute": found.busiest_minute,
    }


def line_json(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "goal": line.goal,
        "figure": rounded(line.figure),
        "unit": line.unit or None,
        "n": line.n,
        "judged": line.judged,
        "basis": line.basis,
    }


def rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else neat(value.quantize(STEP, ROUND_HALF_EVEN))


def seconds(span: timedelta) -> Decimal | None:
    return neat(Decimal(span // timedelta(milliseconds=1)) / 1000)


def minutes(span: timedelta) -> Decimal | None:
    return neat((Decimal(span // timedelta(seconds=1)) / 60).quantize(Decimal("0.01")))
