"""How well trades and the account went over a span: what `stats` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.following import lowered
from execbot.desk.look.trades import Wanted, take_in, trades_of
from execbot.journal.records import EquitySample
from execbot.market.calendar_cache import table_for
from execbot.market.sessions import TradingDay, trading_days
from execbot.model.account import Account
from execbot.model.symbols import is_in_dollars
from execbot.model.times import eastern
from execbot.risk.account_rows import market_prices
from execbot.risk.equity import sample_of
from execbot.risk.flows import FLOW_ROWS, closed_on, flows_by_day
from execbot.trades.equity import Basis, EquityDay, equity_days
from execbot.trades.equity_stats import EquityStats, equity_stats
from execbot.trades.figures import CLASS_MIN, SESSIONS_MIN, TRADES_MIN, YEAR_SESSIONS, Figure
from execbot.trades.trade import Trade
from execbot.trades.trade_stats import By, TradeStats, grouped, trade_stats

__all__ = [
    "CLASS_MIN",
    "SESSIONS_MIN",
    "TRADES_MIN",
    "YEAR_SESSIONS",
    "Basis",
    "By",
    "EquityDay",
    "EquityStats",
    "Figure",
    "Statistics",
    "TradeStats",
    "equity_of_span",
    "statistics",
]

SPY = "SPY"
DAYS_BEFORE = timedelta(days=10)
"""The last session before a span is never further away."""


class Statistics(Struct, frozen=True):
    """`groups` by their word, empty without a grouping; `equity` None where no session is known.
    `open_trades` are in no figure of trades."""

    trades: TradeStats
    groups: Mapping[str, TradeStats]
    open_trades: int
    equity: EquityStats | None
    days: Sequence[EquityDay]
    warnings: Sequence[str] = ()


class EquityOfSpan(Struct, frozen=True):
    stats: EquityStats | None
    days: Sequence[EquityDay]
    warnings: Sequence[str] = ()


def statistics(desk: Desk, wanted: Wanted, by: By | None = None) -> Statistics:
    """Figures of the trades that were closed in a span, and of the account over it. Raises
    BrokerError, JournalError.

    Equity is the whole account's: with a symbol, a strategy or a reason there is none.
    """
    warnings, held = take_in(desk)
    of_journal = trades_of(desk.journal, wanted)
    read: Sequence[Trade] = of_journal.trades
    warnings += of_journal.doubts
    found = [trade for trade in read if is_in_dollars(trade.trip.symbol)]
    if len(found) < len(read):
        left_out = sorted({t.trip.symbol for t in read} - {t.trip.symbol for t in found})
        warnings.append(f"Not in dollars, and left out: {', '.join(left_out)}.")
    groups = {} if by is None else {w: trade_stats(some) for w, some in grouped(found, by).items()}
    whole = wanted.symbol is None and wanted.strategy is None and not wanted.reasons
    prices = market_prices(held)
    account = (
        equity_of_span(desk, wanted.since, wanted.until, prices)
        if whole
        else EquityOfSpan(None, ())
    )
    return Statistics(
        trade_stats(found),
        groups,
        sum(1 for trade in found if trade.trip.is_open),
        account.stats,
        account.days,
        [*warnings, *account.warnings],
    )


def equity_of_span(
    desk: Desk,
    since: datetime | None,
    until: datetime | None,
    prices: Mapping[str, Decimal],
) -> EquityOfSpan:
    """Equity by session, and its figures. `prices` of now are by symbol key, for shares that came
    or went. Raises JournalError."""
    samples = desk.journal.equity_samples(since, until)
    warnings: list[str] = []
    account = _account(desk)
    now = None if account is None else sample_of(account, desk.now())
    if now is not None and (until is None or until > now.at):
        samples.append(now)
    if not samples:
        return EquityOfSpan(None, ())
    sessions = _sessions(desk, samples)
    first, last = eastern(samples[0].at).date(), eastern(samples[-1].at).date()
    rows = desk.journal.account_rows(FLOW_ROWS, since=first - DAYS_BEFORE, until=last)
    flows, unpriced = flows_by_day(rows, prices)
    names = sorted({name for some in unpriced.values() for name in some})
    if names:
        warnings.append(f"What came or went has no price: {', '.join(names)}.")
    close = _close_by_broker(account, eastern(desk.now()).date())
    days = equity_days(samples, sessions, flows, _opened_on(account), close)
    stats = equity_stats(days)
    if stats is not None:
        spy, why = _spy(desk, stats)
        warnings += why
        stats = equity_stats(days, spy)
    return EquityOfSpan(stats, days, warnings)


def _account(desk: Desk) -> Account | None:
    """The account as it is now; None where the broker does not answer. What it is worth now is not
    kept."""
    try:
        return desk.client.get_account()
    except BrokerError:
        return None  # whoever has read positions says so


def _opened_on(account: Account | None) -> date | None:
    if account is None or account.created_at is None:
        return None
    return eastern(account.created_at).date()


def _close_by_broker(account: Account | None, today: date) -> Mapping[date, Decimal]:
    """The equity at the last close as the account shows it, by the day of that close."""
    closed = closed_on(account, today)
    if account is None or closed is None or account.last_equity is None:
        return {}
    return {closed: account.last_equity}


def _sessions(desk: Desk, samples: Sequence[EquitySample]) -> list[TradingDay]:
    first, last = eastern(samples[0].at).date(), eastern(samples[-1].at).date()
    table = table_for(desk.directory.parent, last)
    return list(trading_days(table, first - DAYS_BEFORE, last))


def _spy(desk: Desk, stats: EquityStats) -> tuple[float | None, list[str]]:
    """From the close before the first session to the close of the last, by its price."""
    start = datetime.combine(stats.first, datetime.min.time(), tzinfo=desk.now().tzinfo)
    try:
        bars = desk.client.get_bars(SPY, "1Day", start=start - DAYS_BEFORE, end=desk.now())
    except BrokerError as error:
        return None, [f"No prices of {SPY}: {lowered(error.message)}."]
    closes = {eastern(bar.at).date(): bar.close for bar in bars if bar.at is not None}
    before = [day for day in closes if day < stats.first]
    if not before or stats.last not in closes or not closes[max(before)]:
        return None, []
    return float(closes[stats.last] / closes[max(before)] - 1), []
