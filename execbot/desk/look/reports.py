"""What a day, a week, a month or any span amounted to, read from the journal and the broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.config.schema import Mode
from execbot.desk.account import Desk
from execbot.desk.executions import EVERYTHING
from execbot.desk.following import lowered
from execbot.desk.look.fees import learn_fees
from execbot.desk.look.freshen import freshen, is_as_recorded
from execbot.desk.look.protection import Protection, protection_of
from execbot.desk.look.reporting.closing_prices import closing_prices, left_open
from execbot.desk.look.statistics import EquityOfSpan, equity_of_span
from execbot.desk.look.trades import Kept, Wanted, trades_alone
from execbot.journal.confirmation import Confirmation
from execbot.journal.journal import Journal
from execbot.journal.records import AuditRow, OrderRecord, Trail
from execbot.market.calendar_cache import table_for
from execbot.market.sessions import TradingDay, trading_days
from execbot.model.account import Position
from execbot.model.symbols import is_pair, option_contract, symbol_key
from execbot.model.timer import Timer
from execbot.model.times import eastern
from execbot.oms.position_ledger import positions_before, symbols_of_day
from execbot.oms.sync.options.pending_events import pending_events
from execbot.report.audit_trail import audit_trail
from execbot.report.daily import DailyReport, daily_report
from execbot.report.days import day_rows
from execbot.report.executions import executions_of
from execbot.report.failures import failures_of
from execbot.report.limits import limits_of
from execbot.report.operation import UNWATCHED, operation_of
from execbot.report.period import DayRow, PeriodReport
from execbot.report.protection import protection_report
from execbot.report.recoveries import count_recoveries, overall_rate
from execbot.report.scorecard import Basis, scorecard
from execbot.report.span import Span, span_notes
from execbot.risk.account_rows import coins_of, market_prices
from execbot.risk.fees import FEE_ROWS, settled
from execbot.risk.options.held import ContractsHeld, contracts_held
from execbot.trades.trade_stats import trade_stats
from execbot.watch.unwatched import left_alone_since

__all__ = ["PeriodReport", "SpanReport", "span_report"]

GUARDS_BEFORE = timedelta(days=7)
"""How far before a span the changes of protection are read: the last one before it says how a
position stood at its beginning, and each session has one."""
NEXT_RUN_WITHIN = timedelta(days=7)
"""A run that begins later than this after a span says nothing of it: samples of equity do."""


class SpanReport(Struct, frozen=True):
    """`in_doubt` are client_order_ids whose outcome is not known; `recovery_rate` is a fraction.
    `is_whole`: the broker was read for it; else it is what the journal knew.

    `protected` is how positions stand now, where the span is not over.
    """

    period: PeriodReport
    recovery_rate: float | None
    in_doubt: Sequence[str] = ()
    protected: Sequence[Protection] = ()
    warnings: Sequence[str] = ()
    contracts: Sequence[ContractsHeld] = ()
    """Held now, by underlying, where the span is not over."""
    is_whole: bool = True

    @property
    def books(self) -> DailyReport:
        return self.period.books

    @property
    def unprotected(self) -> list[Protection]:
        """Positions without the protection that was promised to them."""
        return [found for found in self.protected if found.missing]

    def guarded(self, symbol: str) -> str | None:
        """How a position stands; None where that is not known, or nothing is held."""
        key = symbol_key(symbol)
        states = (f.state.value for f in self.protected if symbol_key(f.symbol) == key)
        return next(states, None)


def span_report(desk: Desk, span: Span | None = None) -> SpanReport:
    """The report of a span, of today without one. Raises JournalError, BrokerError."""
    warnings = freshen(desk, confirms=EVERYTHING)
    if desk.journal_trouble is not None and not desk.journal_is_copy:
        raise desk.journal_trouble  # what the broker remembers is not what was done here
    span = Span.at(desk.now()) if span is None else span
    held, price_warnings = _held(desk)
    warnings += learn_fees(desk, held)
    equity = equity_of_span(desk, span.start, span.end, market_prices(held))
    pending = [] if price_warnings else _pending(desk, span, held)
    period = _period(desk, span, held, equity, pending)
    warnings += equity.warnings
    in_doubt = [record.client_order_id for record in desk.journal.unsettled_orders()]
    if in_doubt:
        warnings.append(f"{len(in_doubt)} in doubt: run execbot reconcile.")
    is_running = span.holds(desk.now())
    protected = protection_of(desk, held) if is_running else []
    warnings += [str(found) for found in protected if found.missing]
    return SpanReport(
        period,
        overall_rate(period.recoveries),
        in_doubt,
        protected,
        [*warnings, *price_warnings],
        contracts_held(held) if is_running else [],
        not price_warnings and not is_as_recorded(warnings),
    )


def _period(
    desk: Desk,
    span: Span,
    held: Sequence[Position],
    equity: EquityOfSpan,
    pending: Sequence[str],
) -> PeriodReport:
    journal, now = desk.journal, desk.now()
    records = journal.orders_of_days(span.start, span.end)
    made = journal.confirmations(span.start, span.end, with_quotes=False)
    of_orders = {item.client_order_id: item for item in made}
    unfilled = [r.client_order_id for r in records if r.client_order_id not in of_orders]
    of_orders |= journal.confirmations_of(unfilled)
    # First of all: what they are read from takes most room, and is gone before the rest is read.
    kept = Kept(records, of_orders)
    trades = trades_alone(journal, Wanted(since=span.start, until=span.end), kept)
    books, days, unpriced = _books(desk, span, records, of_orders, held, equity)
    notes = journal.reported(span.start - GUARDS_BEFORE, span.end)
    failed = journal.recoveries(span.start, span.end)
    samples = journal.equity_samples(span.start, span.end)
    sessions = _sessions(desk, span)
    operation = operation_of(
        [*notes, *_resumed_after(desk, span)],
        [sample.at for sample in samples],
        sessions,
        journal.signal_times(span.start, span.end),
        max(span.start, journal.first_written() or now),
        min(now, span.end),
        left_alone_since(desk.directory, now, Timer().mark()),
    )
    executions = executions_of(
        [line.record for line in books.orders], made, journal.missed_orders(span.start, span.end)
    )
    protection = protection_report(notes, records, span.start, min(now, span.end), operation.gaps)
    names = {*(r.client_order_id for r in records), *(f.client_order_id for f in books.fills)}
    trail = audit_trail(records, books.fills, _trails(journal, sorted(names)))
    recoveries = count_recoveries(failed)
    basis = Basis(executions, recoveries, protection, operation, trail, desk.mode is Mode.LIVE)
    return PeriodReport(
        span=span,
        notes=[*_notes(desk, span, sessions), *pending, *unpriced],
        sessions=len(sessions),
        books=books,
        days=days,
        cash_days=journal.cash_days(span.on, span.last),
        equity=equity.stats,
        equity_days=equity.days,
        samples=samples,
        trades=trades,
        trade_stats=trade_stats(trades),
        confirmations=made,
        executions=executions,
        failures=failures_of(failed),
        recoveries=recoveries,
        protection=protection,
        limits=limits_of(_since(notes, span), {r.client_order_id: r.symbol for r in records}),
        operation=operation,
        trail=trail,
        scorecard=scorecard(basis),
    )


NAMES_A_TIME = 2000


def _trails(journal: Journal, names: Sequence[str]) -> Iterator[Trail]:
    """Some at a time: each row is looked at once."""
    for start in range(0, len(names), NAMES_A_TIME):
        yield from journal.trails(names[start : start + NAMES_A_TIME])


def _notes(desk: Desk, span: Span, sessions: Sequence[TradingDay]) -> list[str]:
    """An exchange of one's own that never closes has no holidays."""
    now = desk.now()
    desk.hours.refresh(desk.client, now)
    days = list(span.days) if desk.hours(now).never_closes else [day.date for day in sessions]
    return span_notes(span, days, eastern(now).date())


def _pending(desk: Desk, span: Span, held: Sequence[Position]) -> list[str]:
    """Contracts that ended, or changed, in the span, and whose rows are not there: the figures hold
    them once they are."""
    return [
        f"Pending: {words}; it is counted on its day once it is there."
        for symbol, words in sorted(pending_events(desk.journal, held, desk.now()).items())
        if (contract := option_contract(symbol)) is not None
        and (span.on <= contract.expires <= span.last or span.holds(desk.now()))
    ]


def _since(rows: Sequence[AuditRow], span: Span) -> list[AuditRow]:
    return [row for row in rows if row.at >= span.start]


def _resumed_after(desk: Desk, span: Span) -> list[AuditRow]:
    """What the next run of `watch` said of a time without one that reaches back into the span."""
    if span.end >= desk.now():
        return []
    later = desk.journal.reported(span.end, span.end + NEXT_RUN_WITHIN)
    return [row for row in later if row.facts.get("state") == UNWATCHED][:1]


def _books(
    desk: Desk,
    span: Span,
    records: Sequence[OrderRecord],
    made: Mapping[str, Confirmation],
    held: Sequence[Position],
    equity: EquityOfSpan,
) -> tuple[DailyReport, Sequence[DayRow], list[str]]:
    """The books of the span, and warnings. A span that is over is valued at its end, else at prices
    of now."""
    journal = desk.journal
    fills = journal.executions(span.start, span.end)
    symbols = symbols_of_day(journal, span.start, fills)
    # A fee in coins is booked later than it was charged, and belongs to its purchase.
    pairs = [symbol for symbol in symbols if is_pair(symbol)]
    coins = coins_of(journal, pairs, span.on, span.last)
    beside = [item for item in fills if not is_pair(item.symbol)]
    stood = positions_before(journal, span.on, [s for s in symbols if not is_pair(s)])
    first = min([span.start, *(item.at for item in coins)])
    kept = journal.account_rows(FEE_ROWS, since=eastern(first).date() - timedelta(days=1))
    rows = [row.activity for row in kept]
    known = [*beside, *coins]
    costs = settled(known, rows)
    prices: Mapping[str, Decimal] = _prices(desk, held)
    warnings: list[str] = []
    if span.end <= desk.now():
        prices, warnings = closing_prices(desk, span, left_open(stood, costs.executions, span))
    books = daily_report(span, records, known, prices, stood, rows, made, costs)
    return books, day_rows(span, costs, stood, equity.days), warnings


def _sessions(desk: Desk, span: Span) -> list[TradingDay]:
    return list(trading_days(table_for(desk.directory.parent, span.last), span.on, span.last))


def _held(desk: Desk) -> tuple[Sequence[Position], list[str]]:
    """The broker's positions; the report stands without them."""
    try:
        return desk.client.get_positions(), []
    except BrokerError as error:
        return (), [f"No current prices: {lowered(error.message)}."]


def _prices(desk: Desk, held: Sequence[Position]) -> Mapping[str, Decimal]:
    """Current prices of what is held."""
    records = {symbol_key(record.symbol): record.symbol for record in desk.journal.positions()}
    found = {records.get(symbol_key(p.symbol), p.symbol): p.current_price for p in held}
    return {symbol: price for symbol, price in found.items() if price is not None}
