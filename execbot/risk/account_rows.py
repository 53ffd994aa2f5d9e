"""Reads the account's activities that are no trades (fees, cash flows) into the journal, and works
out what executions cost by them. Reads no more days than a question needs.

One read a minute for all processes, of the last days; once an hour, and where money is reported, of
the days before, since rows are written late. Kept rows stand while the broker does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import SAME_MOMENT, AccountRow, Execution, FeeSum
from execbot.model.account import Account, Activity, Position
from execbot.model.numbers import ZERO
from execbot.model.symbols import is_pair, symbol_key
from execbot.model.times import day_begins, eastern, iso, parse_time
from execbot.risk.fees import (
    FEE_ROWS,
    NO_FEE,
    FillFee,
    Settled,
    day_of,
    none_outstanding,
    settled,
)
from execbot.risk.flows import FLOW_ROWS, TRANSFER_ROWS, Flows, flows_begin, flows_of

ROWS_KEY = "account_rows"
"""Meta: when they were read last, and when far back."""

READ_EACH = timedelta(minutes=1)
READ_BACK_EACH = timedelta(hours=1)
ROWS_LATE = timedelta(days=10)
"""Further back than any row is written late."""

KINDS = (*FLOW_ROWS, *FEE_ROWS)


class RowsDue(Struct, frozen=True):
    """Rows are to be read from `start` on; `back_at` is when those of long ago were read last."""

    start: datetime
    far_back: bool
    back_at: datetime | None


def rows_due(journal: Journal, now: datetime, *, far_back: bool = False) -> RowsDue | None:
    """Which of the account's rows must be read again by now; None while they are young."""
    kept = journal.meta_get(ROWS_KEY)
    kept = kept if isinstance(kept, Mapping) else {}
    read_at, back_at = parse_time(kept.get("at")), parse_time(kept.get("back_at"))
    far_back = far_back or not _is_young(back_at, now, READ_BACK_EACH)
    if not far_back and _is_young(read_at, now, READ_EACH):
        return None
    start = day_begins(eastern(now).date()) - timedelta(days=1)
    if far_back:
        # After weeks in which nobody looked what was written meanwhile is read as well.
        looked = start if back_at is None else day_begins(eastern(back_at).date())
        start = min(start, looked) - ROWS_LATE
        first = journal.first_execution_at() if back_at is None else None
        start = start if first is None else min(start, first - timedelta(days=1))
    return RowsDue(start, far_back, back_at)


def ask_rows(client: BrokerClient, due: RowsDue) -> Sequence[Activity]:
    """Raises BrokerError."""
    return client.get_activities(KINDS, after=due.start)


def refresh_rows(
    journal: Journal,
    client: BrokerClient,
    now: datetime,
    prices: Mapping[str, Decimal],
    *,
    far_back: bool = False,
    ask: Callable[[RowsDue], Sequence[Activity]] | None = None,
) -> bool:
    """Read what the broker has written since; False when it does not answer. Raises JournalError.

    `prices` are the market's, by symbol key, for shares that came or went. `ask` asks in place of
    the client, where that was done ahead.
    """
    due = rows_due(journal, now, far_back=far_back)
    if due is None:
        return True
    far_back, back_at = due.far_back, due.back_at
    try:
        rows = (ask or partial(ask_rows, client))(due)
    except BrokerError:
        return False
    dated = [
        (day, row)
        for row in rows
        if row.activity_type in KINDS and (day := day_of(row)) is not None
    ]
    since = min((day for day, _ in dated), default=None)
    known = {row.activity.id: row.activity for row in journal.account_rows(KINDS, since=since)}
    fresh = [
        (day, AccountRow(row, _worth(client, row, prices) if row.id not in known else None))
        for day, row in dated
        if row.id not in known or known[row.id].raw != row.raw
    ]
    with journal.transaction():
        journal.put_account_rows(fresh)
        mark = {"at": iso(now), "back_at": iso(now if far_back or back_at is None else back_at)}
        journal.meta_set(ROWS_KEY, mark)
    return True


def _is_young(at: datetime | None, now: datetime, most: timedelta) -> bool:
    return at is not None and timedelta(0) <= now - at < most


def _worth(client: BrokerClient, row: Activity, prices: Mapping[str, Decimal]) -> Decimal | None:
    """The market value of the shares that a row moves; None for other rows, or if unknown."""
    if row.activity_type not in TRANSFER_ROWS or not row.symbol:
        return None
    known = prices.get(symbol_key(row.symbol))
    if known is not None:
        return known
    with suppress(BrokerError):
        trade = client.latest_trade(row.symbol)
        if trade is not None and trade.price > 0:
            return trade.price
    return None


def market_prices(positions: Iterable[Position]) -> dict[str, Decimal]:
    """The prices at which the broker values positions, by symbol key."""
    return {
        symbol_key(held.symbol): held.current_price
        for held in positions
        if held.current_price is not None
    }


def flows_of_day(
    journal: Journal, account: Account | None, day: date, prices: Mapping[str, Decimal]
) -> Flows:
    """Cash and shares that came and went since the last close, by the kept rows. Raises
    JournalError."""
    first = flows_begin(account, day)
    return flows_of(
        journal.account_rows(FLOW_ROWS, since=first, until=day), day, prices, first=first
    )


# --- what executions cost ----------------------------------------------------------------------


class _Span(Struct, frozen=True):
    """Executions of a symbol from the beginning of a day on, before which so much was held, to that
    of another; without days from the first on, or to the last."""

    symbol: str
    since: date | None = None
    held: Decimal = ZERO
    until: date | None = None


def history_of(
    journal: Journal, symbols: Collection[str], since: date, whole: Collection[str] = ()
) -> Settled:
    """The executions of these symbols with what they cost, from the last day before `since`, itself
    included, that began with nothing held: each trade that ended since then is there from its
    beginning. Of those in `whole` all that there ever was. Raises JournalError."""
    spans = [_Span(s) if s in whole else _from_flat(journal, s, since) for s in symbols]
    return _settled(journal, spans)


def coins_of(
    journal: Journal, symbols: Iterable[str], day: date, last: date | None = None
) -> list[Execution]:
    """The executions of coins that tell what a day (or the days until `last`) made: from a
    beginning with nothing held until every fee of them is booked. Raises JournalError."""
    after = (last or day) + timedelta(days=1)
    spans = [
        replace(
            _from_flat(journal, symbol, day),
            until=journal.day_after(symbol, after, none_outstanding),
        )
        for symbol in symbols
    ]
    return _executions(journal, spans)


def _from_flat(journal: Journal, symbol: str, day: date) -> _Span:
    found = journal.day_before(symbol, day, lambda position: not position.qty)
    return _Span(symbol) if found is None else _Span(symbol, found.day)


def fees_on(journal: Journal, day: date) -> Decimal | None:
    """The fees of a day, as far as known; None for none. Raises JournalError.

    Dollars are told by its rows, coins belong to its purchases, however late they were booked.
    """
    traded = journal.executions(day_begins(day), day_begins(day + timedelta(days=1)))
    coins = {item.symbol for item in traded if is_pair(item.symbol)}
    spans = [_around(journal, symbol, day, day) for symbol in coins]
    executions = _executions(journal, spans)
    first = min([day, *(eastern(item.at).date() for item in executions)])
    rows = journal.account_rows(FEE_ROWS, since=first - timedelta(days=1))
    found = settled(executions, [row.activity for row in rows], _held(spans))
    kinds = found.days.get(day)
    return sum(kinds.values(), Decimal(0)) if kinds else None


def fees_of_order(journal: Journal, executions: Sequence[Execution]) -> Mapping[str, FillFee]:
    """The fees of one order's executions, by execution id, as far as known. Raises JournalError."""
    if not executions:
        return {}
    days = [eastern(item.at).date() for item in executions]
    symbols = {item.symbol for item in executions}
    spans = [_around(journal, symbol, min(days), max(days)) for symbol in symbols]
    return _settled(journal, spans).fills


def fees_of(journal: Journal, symbols: Collection[str], today: date) -> Mapping[str, FillFee]:
    """The fees of all executions of each symbol together, where any are known. Raises JournalError.

    The journal keeps the sum up to yesterday, works it out once, and again after it was dropped.
    """
    kept = {symbol: journal.fee_sum(symbol, until=today) for symbol in symbols}
    behind = [symbol for symbol in symbols if _day_behind(journal, kept[symbol], symbol, today)]
    if behind:
        with suppress(JournalError):  # without them more is read, and the same comes out
            _lay_sums(journal, behind, today)
        kept |= {symbol: journal.fee_sum(symbol, until=today) for symbol in behind}
    return _sums(journal, [_beyond(journal, symbol, kept[symbol]) for symbol in symbols], kept)


def _lay_sums(journal: Journal, symbols: Iterable[str], today: date) -> None:
    """In a transaction: what they are worked out from stands until they are written."""
    with journal.transaction():
        kept = {symbol: journal.fee_sum(symbol, until=today) for symbol in symbols}
        spans = [
            replace(_beyond(journal, symbol, known), until=aim)
            for symbol, known in kept.items()
            if (aim := _day_behind(journal, known, symbol, today))
        ]
        sums = _sums(journal, spans, kept)
        journal.put_fee_sums(
            FeeSum(span.symbol, span.until)
            if (fee := sums.get(span.symbol)) is None
            else FeeSum(span.symbol, span.until, fee.amount, fee.estimated)
            for span in spans
            if span.until is not None
        )


def _day_behind(journal: Journal, kept: FeeSum | None, symbol: str, today: date) -> date | None:
    """The day until which a sum can be kept, where it is not yet."""
    if kept is not None and kept.day == today:
        return None
    aim = _settled_before(journal, symbol, today).since
    return aim if aim is not None and (kept is None or kept.day < aim) else None


def _sums(
    journal: Journal, spans: Sequence[_Span], kept: Mapping[str, FeeSum | None]
) -> dict[str, FillFee]:
    """The kept sums plus the fees of the executions after them."""
    costs = _settled(journal, spans)
    found = {}
    for span in spans:
        fee = costs.fee_of_all(item for item in costs.executions if item.symbol == span.symbol)
        before = kept[span.symbol] if span.since is not None else None
        if before is not None and before.amount is not None:
            fee = FillFee(before.amount, before.estimated) + (fee or NO_FEE)
        if fee is not None:
            found[span.symbol] = fee
    return found


def _beyond(journal: Journal, symbol: str, kept: FeeSum | None) -> _Span:
    """Its executions since the day of a sum; all of them where none is kept."""
    if kept is None:
        return _Span(symbol)
    if not is_pair(symbol):
        return _Span(symbol, kept.day)
    stood = journal.position_before(symbol, kept.day)
    return _Span(symbol) if stood is None else _Span(symbol, kept.day, stood.qty)


def _around(journal: Journal, symbol: str, first: date, last: date) -> _Span:
    """Those of days, with all before and after that tell the fees of these days."""
    span, after = _settled_before(journal, symbol, first), last + timedelta(days=1)
    until = journal.day_after(symbol, after, none_outstanding) if is_pair(symbol) else after
    return replace(span, until=until)


def _settled_before(journal: Journal, symbol: str, day: date) -> _Span:
    """From the last day on, this one included, before which no fee was outstanding."""
    if not is_pair(symbol):
        return _Span(symbol, day)
    found = journal.day_before(symbol, day, none_outstanding)
    return _Span(symbol) if found is None else _Span(symbol, found.day, found.position.qty)


def _settled(journal: Journal, spans: Iterable[_Span]) -> Settled:
    """The executions of spans with what they cost.

    What a row charged is shared over everybody's executions of its day, so those are read as well;
    a moment more where a row was written over midnight.
    """
    spans = list(spans)
    mine = _executions(journal, spans)
    if not mine:
        return Settled()
    days = [eastern(item.at).date() for item in mine]
    first, last = min(days), max(days)
    kept = journal.account_rows(FEE_ROWS, since=first - timedelta(days=1))
    rows = [row.activity for row in kept]
    beside: Sequence[Execution] = ()
    if rows:
        since = day_begins(first) - SAME_MOMENT
        beside = journal.executions(since, day_begins(last + timedelta(days=1)) + SAME_MOMENT)
    return settled(mine, rows, _held(spans), beside)


def _executions(journal: Journal, spans: Iterable[_Span]) -> list[Execution]:
    return [
        item
        for span in spans
        for item in journal.executions(
            None if span.since is None else day_begins(span.since),
            None if span.until is None else day_begins(span.until),
            span.symbol,
        )
    ]


def _held(spans: Iterable[_Span]) -> dict[str, Decimal]:
    return {span.symbol: span.held for span in spans}
