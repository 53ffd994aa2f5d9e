"""The history views: rows of many symbols in pages, and bars of every timeframe.

Bars of days and longer are put together from the regular sessions of their dates; intraday bars
cover all hours that have prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from execbot.sim.calendar import ExchangeCalendar, new_york, new_york_date
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.source import MarketPrices, merged_bar
from execbot.sim.times import format_ns
from execbot.sim.types import SECOND, AssetDirectory, Bar, Calendar, Ns
from execbot.sim.wire import data_query as fields
from execbot.sim.wire import data_rows as rows
from execbot.sim.wire.data_query import MINUTE, Plan, Timeframe, Unit

DESCENDING_SPAN: Ns = 3600 * SECOND
AUCTION_HOURS = ExchangeCalendar()

Row = dict[str, Any]
Timed = Iterator[tuple[Ns, Row]]
History = Callable[["Source", str, Ns, Ns], Timed]
"""Rows of a symbol from start to end, ascending, with their times."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the views look at."""

    prices: MarketPrices
    assets: AssetDirectory
    calendar: Calendar
    now: Ns
    plan: Plan = Plan.FULL
    feed: str = "sip"
    adjustments: Adjustments = field(default_factory=Adjustments)
    adjust: frozenset[str] = frozenset()  # kinds that a request asked for

    def shown(self, bar: Bar) -> Bar:
        """The bar as it was asked for: as traded, or adjusted for what happened since."""
        if not self.adjust:
            return bar
        return self.adjustments.adjusted(bar, self.adjust, self.now)


def pages(
    source: Source,
    history: History,
    symbols: list[str],
    start: Ns,
    end: Ns,
    query: Mapping[str, str],
) -> tuple[dict[str, list[Row]], str | None]:
    """One page over all symbols, and the token of the next.

    Rows go by symbol, then by time; the limit counts the rows of all symbols together.
    """
    room, backwards = fields.limit(query), fields.descending(query)
    token = fields.decode_token(query.get("page_token", ""))
    found: dict[str, list[Row]] = {}
    last: tuple[str, Ns] | None = None
    for symbol in symbols:
        first, final = start, end
        if token is not None and symbol <= token[0]:
            if symbol < token[0]:
                continue
            first, final = fields.resumed(token[1], start, end, backwards=backwards)
        if first > final:
            continue
        timed = history(source, symbol, first, final)
        if backwards:
            timed = _descending(source, history, symbol, first, final)
        for at, row in timed:
            if room == 0:
                return found, None if last is None else fields.encode_token(*last)
            found.setdefault(symbol, []).append(row)
            last = symbol, at
            room -= 1
    return found, None


def _descending(source: Source, history: History, symbol: str, start: Ns, end: Ns) -> Timed:
    """The same rows, newest first: read in stretches, longer ones where nothing is found."""
    width = DESCENDING_SPAN
    while end >= start:
        begin = max(start, end - width + 1)
        part = list(history(source, symbol, begin, end))
        yield from reversed(part)
        end = begin - 1
        width = DESCENDING_SPAN if part else width * 2


def quote_history(source: Source, symbol: str, start: Ns, end: Ns) -> Timed:
    asset = source.assets.get(symbol)
    for quote in source.prices.quotes(symbol, start, end):
        if "/" in symbol:
            yield quote.at, rows.crypto_quote(quote)
        else:
            yield quote.at, rows.stock_quote(quote, asset, source.feed)


def trade_history(source: Source, symbol: str, start: Ns, end: Ns) -> Timed:
    asset = source.assets.get(symbol)
    for trade in source.prices.trades(symbol, start, end):
        if "/" in symbol:
            quote = source.prices.quote(symbol, trade.at)
            yield trade.at, rows.crypto_trade(trade, quote)
        else:
            yield trade.at, rows.stock_trade(trade, asset, source.feed)


def bar_history(frame: Timeframe) -> History:
    """Bars of a timeframe. Intraday ones are aligned to the hour of UTC, days and longer ones
    are stamped with New York's midnight (UTC's for crypto).
    """
    width = frame.width

    def intraday(source: Source, symbol: str, start: Ns, end: Ns) -> Timed:
        assert width is not None
        for bar in source.prices.bars(symbol, width, start, min(end, source.now - width)):
            yield bar.at, rows.bar_row(source.shown(bar))

    def longer(source: Source, symbol: str, start: Ns, end: Ns) -> Timed:
        yield from _long_bars(source, symbol, frame, start, end)

    return longer if width is None else intraday


def _long_bars(source: Source, symbol: str, frame: Timeframe, start: Ns, end: Ns) -> Timed:
    """Bars of days, weeks or months whose stamps lie in `[start, end]`."""
    first = _frame_start(frame, day_of(source, symbol, start))
    if _midnight(symbol, first) < start:
        first = _next_frame(frame, first)
    while (stamp := _midnight(symbol, first)) <= min(end, source.now):
        following = _next_frame(frame, first)
        days = _dates(first, following)
        found = (day_bar(source, symbol, day) for day in days)
        bar = merged_bar(stamp, (bar for _, bar in filter(None, found)))
        if bar is not None:
            yield stamp, rows.bar_row(bar)
        first = following


def _dates(first: str, end: str) -> Iterator[str]:
    day = date.fromisoformat(first)
    while (text := day.isoformat()) < end:
        yield text
        day += timedelta(days=1)


def _frame_start(frame: Timeframe, day: str) -> str:
    if frame.unit is Unit.DAY:
        return day
    return (
        fields.week_start(day) if frame.unit is Unit.WEEK else fields.month_start(day, frame.amount)
    )


def _next_frame(frame: Timeframe, first: str) -> str:
    if frame.unit is Unit.MONTH:
        months = int(first[:4]) * 12 + int(first[5:7]) - 1 + frame.amount
        return f"{months // 12:04d}-{months % 12 + 1:02d}-01"
    days = 1 if frame.unit is Unit.DAY else 7
    return (date.fromisoformat(first) + timedelta(days=days)).isoformat()


def _midnight(symbol: str, day: str) -> Ns:
    return _utc_midnight(day) if "/" in symbol else new_york(day)


def _utc_midnight(day: str) -> Ns:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * 86_400 * SECOND


def day_of(source: Source, symbol: str, at: Ns) -> str:
    if "/" in symbol:
        return (date(1970, 1, 1) + timedelta(days=at // SECOND // 86_400)).isoformat()
    return new_york_date(at)


def day_bar(source: Source, symbol: str, day: str) -> tuple[Ns, Bar] | None:
    """The bar of a date's regular session (of the whole UTC day for crypto), as far as it is
    known now, and its stamp.
    """
    if "/" in symbol:
        begin, end = _utc_midnight(day), _utc_midnight(day) + 86_400 * SECOND
    else:
        session = source.calendar.day(day)
        if session is None:
            return None
        begin, end = session.open, session.close
    end = min(end, source.now + 1)
    if end <= begin:
        return None
    bar = source.prices.bar(symbol, begin, end)
    return None if bar is None else (_midnight(symbol, day), source.shown(bar))


def auction_history(source: Source, symbol: str, start: Ns, end: Ns) -> Timed:
    """The opening and closing auctions of each trading day, at the prints of those moments."""
    asset = source.assets.get(symbol)
    where = rows.VENUES[rows.tape(asset)]
    for day in AUCTION_HOURS.days(new_york_date(start), new_york_date(end)):
        opened = _auction_prints(source, symbol, day.open, where, ("O", "Q"), start, end)
        closed = _auction_prints(source, symbol, day.close, where, ("6", "M"), start, end)
        if opened or closed:
            yield day.close if closed else day.open, {"d": day.date, "o": opened, "c": closed}


def _auction_prints(
    source: Source,
    symbol: str,
    at: Ns,
    where: str,
    codes: tuple[str, str],
    start: Ns,
    end: Ns,
) -> list[Row]:
    if not start <= at <= end:
        return []
    bar = source.prices.bar(symbol, at, at + MINUTE)
    before = source.prices.last_trade(symbol, at)
    if before is None or (bar is None and at - before.at > MINUTE):
        return []
    # The first print at or after the opening, the last one before the close.
    price = source.prices.official(symbol, at)
    if price is None:
        price = bar.open if codes[0] == "O" and bar is not None else before.price
    stamp = format_ns(at)
    return [
        {"t": stamp, "x": where, "p": rows.number(price), "s": 100, "c": code} for code in codes
    ]


HISTORIES: dict[str, History] = {
    "quotes": quote_history,
    "trades": trade_history,
    "auctions": auction_history,
}
