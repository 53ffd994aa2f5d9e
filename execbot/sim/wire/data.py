"""The market-data API: every view is a function of prices, assets, hours, a query and the time.

    /v2/stocks/{bars|quotes|trades}             history of many symbols, in pages
    /v2/stocks/{bars|quotes|trades}/latest      the newest of many symbols
    /v2/stocks/snapshots                        the newest of everything
    /v2/stocks/auctions                         opening and closing auctions
    /v2/stocks/{symbol}/…                       the same for one symbol
    /v2/stocks/meta/{exchanges|conditions/…}    code tables
    /v1beta3/crypto/{loc}/…                     the same for pairs, and order books
    /v1beta1/{news|screener}, /v1/corporate-actions    see `reference`
    /v1beta1/options/…                          contracts, see `option_data`

A symbol without data is absent from an answer about many, and 404 for a single latest value.
No view ever looks beyond `now`: an intraday bar appears when it is complete, the day's bar runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Protocol

from execbot.sim.chains.book import OptionBook, OptionPrices
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.types import ApiError, AssetDirectory, Calendar, Ns, Request, Response
from execbot.sim.wire import absent
from execbot.sim.wire import data_query as fields
from execbot.sim.wire import data_rows as rows
from execbot.sim.wire.data_history import (
    HISTORIES,
    Row,
    Source,
    bar_history,
    day_bar,
    day_of,
    pages,
)
from execbot.sim.wire.data_meta import CONDITIONS, EXCHANGES
from execbot.sim.wire.data_query import MINUTE, Plan
from execbot.sim.wire.http import error_reply, reply, segments
from execbot.sim.wire.reference import views as reference

PREFIXES = ("/v2/stocks", "/v1beta3/crypto", "/v1beta1/", "/v1beta2/", "/v1/corporate-actions")
DAYS_SEARCHED = 10
PAGED = ("start", "end", "limit", "page_token", "sort", "asof", "feed", "currency")
LATEST = ("feed", "currency")


class MarketView(reference.ReferenceView, Protocol):
    """The part of an exchange's market that is served here."""

    @property
    def assets(self) -> AssetDirectory: ...

    @property
    def calendar(self) -> Calendar: ...

    @property
    def adjustments(self) -> Adjustments: ...

    @property
    def options(self) -> OptionBook: ...


def owns(path: str) -> bool:
    """Whether a path belongs to the market-data host."""
    return path.startswith(PREFIXES)


def respond(market: MarketView, request: Request, now: Ns, plan: Plan = Plan.FULL) -> Response:
    """Answers one market-data request."""
    source = Source(
        market.prices, market.assets, market.calendar, now, plan, adjustments=market.adjustments
    )
    parts = segments(request.path)
    try:
        if request.method != "GET":
            raise ApiError(405, None, "method not allowed")
        if parts[:2] == ["v1beta1", "options"]:
            return reply(_options(market, parts[2:], request.query, now, plan))
        found = reference.view(market, source, parts, request.query)
        return reply(view(source, parts, request.query) if found is None else found)
    except ApiError as error:
        return error_reply(error)


def _options(
    market: MarketView, parts: list[str], query: Mapping[str, str], now: Ns, plan: Plan
) -> Any:
    from execbot.sim.wire.options import option_data  # most exchanges are never asked for them

    prices = OptionPrices(market.prices, market.options)
    source = option_data.OptionSource(market.options, prices, market.calendar, now, plan)
    return option_data.view(source, parts, query)


def view(source: Source, parts: list[str], query: Mapping[str, str]) -> Any:
    """The body for a path, cut at its slashes. Raises `ApiError`."""
    match parts:
        case ["v2", "stocks", "meta", *rest]:
            return _meta(rest, query)
        case ["v2", "stocks", *rest]:
            return _stocks(source, rest, query)
        case ["v1beta3", "crypto", location, *rest]:
            fields.check_location(location)
            return _crypto(source, rest, query)
    why = absent.reason("/" + "/".join(parts))
    raise ApiError(404, 40410000, f"endpoint not found: {why}.") if why else _unknown_endpoint()


def _unknown_endpoint() -> ApiError:
    return ApiError(404, 40410000, "endpoint not found.")


# --- stocks --------------------------------------------------------------------------------


def _stocks(source: Source, rest: list[str], query: Mapping[str, str]) -> Any:
    match rest:
        case ["snapshots"]:
            symbols = fields.stock_symbols(query.get("symbols", ""))
            return _snapshots(_latest_source(source, query, many=True), symbols)
        case [("bars" | "quotes" | "trades") as kind, "latest"]:
            symbols = fields.stock_symbols(query.get("symbols", ""))
            latest = _latest(_latest_source(source, query, many=True), kind, symbols)
            return _with_currency({kind: latest}, query)
        case [("bars" | "quotes" | "trades" | "auctions") as kind]:
            symbols = fields.stock_symbols(query.get("symbols", ""))
            found, token = _history(source, kind, symbols, query, ("symbols",))
            return _with_currency({kind: found, "next_page_token": token}, query)
    return _one_stock(source, rest, query)


def _one_stock(source: Source, rest: list[str], query: Mapping[str, str]) -> Any:
    match rest:
        case [symbol, "snapshot"]:
            shots = _snapshots(_latest_source(source, query), fields.stock_symbols(symbol))
            if symbol not in shots:
                raise ApiError(404, None, f"no snapshot found for {symbol}")
            return _with_currency({"symbol": symbol, **shots[symbol]}, query)
        case [symbol, ("bars" | "quotes" | "trades") as kind, "latest"]:
            latest = _latest(_latest_source(source, query), kind, fields.stock_symbols(symbol))
            if symbol not in latest:
                raise ApiError(404, None, f"no {kind[:-1]} found for {symbol}")
            return _with_currency({"symbol": symbol, kind[:-1]: latest[symbol]}, query)
        case [symbol, ("bars" | "quotes" | "trades" | "auctions") as kind]:
            found, token = _history(source, kind, fields.stock_symbols(symbol), query, ())
            body: Row = {kind: found.get(symbol, []), "symbol": symbol, "next_page_token": token}
            return _with_currency(body, query)
    raise _unknown_endpoint()


def _latest_source(source: Source, query: Mapping[str, str], *, many: bool = False) -> Source:
    fields.known_only(query, (*LATEST, "symbols") if many else LATEST)
    feed = fields.feed(query, fields.LATEST_FEEDS, source.plan)
    if source.plan is Plan.BASIC and feed == "sip":
        raise fields.not_subscribed()
    now = source.now - fields.SIP_DELAY if feed == "delayed_sip" else source.now
    return replace(source, now=now, feed=feed)


def _with_currency(body: Row, query: Mapping[str, str]) -> Row:
    if query.get("currency"):
        if query["currency"] != "USD":
            raise fields.bad(f"invalid currency: {query['currency']}")
        body["currency"] = "USD"
    return body


def _history(
    source: Source,
    kind: str,
    symbols: list[str],
    query: Mapping[str, str],
    names: tuple[str, ...],
) -> tuple[dict[str, list[Row]], str | None]:
    if kind == "bars":
        names = (*names, "timeframe", "adjustment")
        source = replace(source, adjust=fields.adjustment(query))
    fields.known_only(query, (*PAGED, *names))
    feed = fields.feed(query, fields.HISTORICAL_FEEDS, source.plan)
    start, end = fields.span(query, source.now, source.plan, feed)
    source = replace(source, feed=feed)
    history = HISTORIES.get(kind) or bar_history(fields.timeframe(query.get("timeframe", "")))
    return pages(source, history, symbols, start, end, query)


# --- crypto --------------------------------------------------------------------------------


def _crypto(source: Source, rest: list[str], query: Mapping[str, str]) -> Any:
    symbols = fields.crypto_symbols(query.get("symbols", ""))
    match rest:
        case ["snapshots"]:
            fields.known_only(query, ("symbols",))
            return {"snapshots": _snapshots(source, symbols)}
        case ["latest", ("bars" | "quotes" | "trades" | "orderbooks") as kind]:
            fields.known_only(query, ("symbols",))
            return {kind: _latest(source, kind, symbols)}
        case [("bars" | "quotes" | "trades") as kind]:
            names = ("timeframe",) if kind == "bars" else ()
            allowed = ("symbols", "start", "end", "limit", "page_token", "sort", *names)
            fields.known_only(query, allowed)
            start, end = fields.span(query, source.now, Plan.FULL, "us")
            history = HISTORIES.get(kind) or bar_history(
                fields.timeframe(query.get("timeframe", ""))
            )
            found, token = pages(source, history, symbols, start, end, query)
            return {kind: found, "next_page_token": token}
    raise _unknown_endpoint()


# --- the newest ----------------------------------------------------------------------------


def _latest(source: Source, kind: str, symbols: Iterable[str]) -> dict[str, Row]:
    found = ((symbol, LATEST_VIEWS[kind](source, symbol)) for symbol in symbols)
    return {symbol: row for symbol, row in found if row is not None}


def latest_trade(source: Source, symbol: str) -> Row | None:
    trade = source.prices.last_trade(symbol, source.now)
    if trade is None:
        return None
    if "/" in symbol:
        return rows.crypto_trade(trade, source.prices.quote(symbol, trade.at))
    return rows.stock_trade(trade, source.assets.get(symbol), source.feed)


def latest_quote(source: Source, symbol: str) -> Row | None:
    quote = source.prices.quote(symbol, source.now)
    if quote is None:
        return None
    if "/" in symbol:
        return rows.crypto_quote(quote)
    return rows.stock_quote(quote, source.assets.get(symbol), source.feed)


def latest_bar(source: Source, symbol: str) -> Row | None:
    """The last complete minute in which something traded."""
    trade = source.prices.last_trade(symbol, source.now)
    if trade is not None and trade.at // MINUTE * MINUTE + MINUTE > source.now:
        trade = source.prices.last_trade(symbol, trade.at // MINUTE * MINUTE - 1)
    if trade is None:
        return None
    minute = trade.at // MINUTE * MINUTE
    bar = next(source.prices.bars(symbol, MINUTE, minute, minute), None)
    return None if bar is None else rows.bar_row(bar)


def latest_book(source: Source, symbol: str) -> Row | None:
    quote = source.prices.quote(symbol, source.now)
    if quote is None:
        return None
    bids = source.prices.book(symbol, source.now, "bid")
    asks = source.prices.book(symbol, source.now, "ask")
    return rows.book_row(quote.at, bids, asks)


LATEST_VIEWS: dict[str, Callable[[Source, str], Row | None]] = {
    "trades": latest_trade,
    "quotes": latest_quote,
    "bars": latest_bar,
    "orderbooks": latest_book,
}


def _snapshots(source: Source, symbols: Iterable[str]) -> dict[str, Row]:
    found = ((symbol, snapshot(source, symbol)) for symbol in symbols)
    return {symbol: row for symbol, row in found if row}


def snapshot(source: Source, symbol: str) -> Row:
    """Newest trade, quote and minute, the running day and the day before; without what is not
    known.
    """
    quote = source.prices.quote(symbol, source.now)
    if quote is None:
        return {}
    days = _days_back(source, symbol)
    found = {
        "latestTrade": latest_trade(source, symbol),
        "latestQuote": latest_quote(source, symbol),
        "minuteBar": latest_bar(source, symbol),
        "dailyBar": next(days, None),
        "prevDailyBar": next(days, None),
    }
    return {name: row for name, row in found.items() if row is not None}


def _days_back(source: Source, symbol: str) -> Iterator[Row]:
    """Daily bars from today backwards."""
    today = date.fromisoformat(day_of(source, symbol, source.now))
    for count in range(DAYS_SEARCHED):
        day = (today - timedelta(days=count)).isoformat()
        found = day_bar(source, symbol, day)
        if found is not None:
            yield rows.bar_row(found[1], found[0])


# --- code tables ---------------------------------------------------------------------------


def _meta(rest: list[str], query: Mapping[str, str]) -> Any:
    match rest:
        case ["exchanges"]:
            return dict(EXCHANGES)
        case ["conditions", ("trade" | "quote") as kind]:
            tape = query.get("tape", "")
            if (kind, tape) not in CONDITIONS:
                raise fields.bad(f"invalid tape: {tape}" if tape else "tape is required")
            return dict(CONDITIONS[kind, tape])
        case ["conditions", kind]:
            raise fields.bad(f"invalid tick type: {kind}")
    raise _unknown_endpoint()
