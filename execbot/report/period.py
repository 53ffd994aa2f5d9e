"""A span as a whole: what every form of the report shows. Pure values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from execbot.journal.confirmation import CashDay, Confirmation
from execbot.journal.records import EquitySample
from execbot.report.audit_trail import AuditTrail
from execbot.report.daily import DailyReport
from execbot.report.executions import Executions
from execbot.report.failures import Failure
from execbot.report.limits import Limits
from execbot.report.operation import Operation
from execbot.report.protection import ProtectionReport
from execbot.report.recoveries import RecoveryCount
from execbot.report.scorecard import Line
from execbot.report.span import Span
from execbot.trades.equity import EquityDay
from execbot.trades.equity_stats import EquityStats
from execbot.trades.trade import Trade
from execbot.trades.trade_stats import TradeStats


class DayRow(Struct, frozen=True):
    """One day of a span: net of the fees charged on it."""

    day: date
    fills: int
    traded: Decimal
    realized: Decimal
    fees: Decimal
    equity: Decimal | None = None

    @property
    def net(self) -> Decimal:
        return self.realized - self.fees


class PeriodReport(Struct, frozen=True):
    """`books` are orders, fills, positions and money; `trades` those closed in the span and those
    open at its end; `equity` None where nothing was sampled. `notes` say what to know of the days:
    closed, to come, not over."""

    span: Span
    notes: Sequence[str]
    sessions: int
    books: DailyReport
    days: Sequence[DayRow]
    cash_days: Sequence[CashDay]
    equity: EquityStats | None
    equity_days: Sequence[EquityDay]
    samples: Sequence[EquitySample]
    trades: Sequence[Trade]
    trade_stats: TradeStats
    confirmations: Sequence[Confirmation]
    executions: Executions
    failures: Sequence[Failure]
    recoveries: Sequence[RecoveryCount]
    protection: ProtectionReport
    limits: Limits
    operation: Operation
    trail: AuditTrail
    scorecard: Sequence[Line]
