"""`/v1beta1/options`: snapshots, newest quotes and trades, bars and trades of contracts.

    /snapshots, /snapshots/{underlying}      by symbols, or a whole chain with filters; in pages
    /quotes/latest, /trades/latest           the newest of many contracts
    /bars, /trades                           history, in pages
    /meta/exchanges, /meta/conditions/…      code tables

There is no history of quotes. Greeks and volatility are left out on the last day and far from the
money, the last trade where there was none for days. The `indicative` feed shows wider quotes, and
trades of a quarter of an hour ago.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from execbot.sim.calendar import new_york, new_york_date
from execbot.sim.chains import listing
from execbot.sim.chains.book import OptionBook, OptionPrices
from execbot.sim.chains.contract import Contract
from execbot.sim.chains.market import Chains
from execbot.sim.times import format_ns
from execbot.sim.types import ApiError, Calendar, Ns, PriceSource, Quote, Trade
from execbot.sim.wire import data_query as fields
from execbot.sim.wire import data_rows as rows
from execbot.sim.wire.data_history import History, Row, Source, Timed, bar_history, pages
from execbot.sim.wire.data_query import MINUTE, SIP_DELAY, Plan
from execbot.sim.wire.options.option_codes import CONDITIONS, EXCHANGES

SYMBOLS_MAX = 100
SNAPSHOTS_DEFAULT, SNAPSHOTS_MAX = 100, 1000
INDICATIVE_WIDENING = 3.5
DAYS_SEARCHED = 6
NEAR = 0.01
CHAIN_FILTERS = (
    *("feed", "updated_since", "limit", "page_token", "type", "root_symbol"),
    *("strike_price_gte", "strike_price_lte"),
    *("expiration_date", "expiration_date_gte", "expiration_date_lte"),
)


@dataclass(frozen=True, slots=True)
class OptionSource:
    """What the views look at: the market at a moment, as one feed shows it."""

    book: OptionBook
    prices: OptionPrices
    calendar: Calendar
    now: Ns
    plan: Plan
    feed: str = "opra"

    def quote(self, contract: Contract) -> Quote | None:
        """The newest quote; the indicative one is a model's, three times as wide and more."""
        if self.feed == "opra" or self.book.mark_at(contract.symbol, self.now) is not None:
            return self.prices.quote(contract.symbol, self.now)
        return self.book.chains.quote(contract, self.now, INDICATIVE_WIDENING)

    def near_the_money(self) -> list[str]:
        """The contracts of this week around the money: what `*` stands for on the stream."""
        return list(_near_the_money(self.book.chains, self.now // MINUTE))

    def trade_messages(self, symbol: str, after: Ns, until: Ns) -> Iterator[tuple[Ns, Row]]:
        """Prints of `(after, until]` as messages of the stream; indicative ones come late."""
        late = 0 if self.feed == "opra" else SIP_DELAY
        start = max(after + 1, until - fields.TICK_CATCH_UP) - late
        for trade in self.prices.trades(symbol, start, until - late):
            yield trade.at + late, {"T": "t", "S": symbol, **trade_row(trade)}

    def quote_messages(self, symbol: str, after: Ns, until: Ns) -> Iterator[tuple[Ns, Row]]:
        contract = self.book.contract(symbol)
        if contract is None:
            return
        start = max(after + 1, until - fields.TICK_CATCH_UP)
        before = self.prices.quote(symbol, start - 1)
        for quote in self.prices.quotes(symbol, start, until):
            if before is not None and (quote.bid, quote.ask) == (before.bid, before.ask):
                continue
            before = quote
            shown = replace(self, now=quote.at).quote(contract) or quote
            yield quote.at, {"T": "q", "S": symbol, **quote_row(shown)}

    def trade(self, contract: Contract) -> Trade | None:
        late = 0 if self.feed == "opra" else SIP_DELAY
        return self.prices.last_trade(contract.symbol, self.now - late)


@lru_cache(maxsize=4)
def _near_the_money(chains: Chains, minute: int) -> tuple[str, ...]:
    now, found = minute * MINUTE, list[str]()
    today = date.fromisoformat(new_york_date(now))
    last = (today + timedelta(days=6 - today.weekday())).isoformat()
    for stock in sorted(chains.underlyings):
        spot = chains.spot(stock, now)
        if spot is not None:
            low, high = (Decimal(spot[0] * (1 + part)) for part in (-NEAR, NEAR))
            wanted = listing.Wanted((stock,), last=last, low=low, high=high)
            found += [contract.symbol for contract in listing.listed(chains, wanted, now)]
    return tuple(found)


def source_of(
    prices: PriceSource, book: OptionBook, calendar: Calendar, now: Ns, feed: str
) -> OptionSource:
    """The market of contracts over the prices of stocks, as one feed shows it."""
    return OptionSource(book, OptionPrices(prices, book), calendar, now, Plan.FULL, feed)


def view(source: OptionSource, parts: list[str], query: Mapping[str, str]) -> Any:
    """The body for a path below `/v1beta1/options`, cut at its slashes. Raises `ApiError`."""
    match parts:
        case ["snapshots"]:
            return _snapshots(_fed(source, query), query)
        case ["snapshots", underlying]:
            return _chain(_fed(source, query), underlying, query)
        case [("quotes" | "trades") as kind, "latest"]:
            fields.known_only(query, ("symbols", "feed"))
            return {kind: _latest(_fed(source, query), kind, _contracts(source, query))}
        case [("bars" | "trades") as kind]:
            return _history(source, kind, query)
        case ["meta", "exchanges"]:
            return dict(EXCHANGES)
        case ["meta", "conditions", ("trade" | "quote") as kind]:
            return dict(CONDITIONS[kind])
        case ["meta", "conditions", kind]:
            raise fields.bad(f"invalid tick type: {kind}")
    raise ApiError(404, 40410000, "endpoint not found.")


def feed_of(text: str, plan: Plan) -> str:
    """The feed asked for, else the best that the plan has. Raises `ApiError` 400, 403."""
    if not text:
        return "opra" if plan is Plan.FULL else "indicative"
    if text not in ("opra", "indicative"):
        raise fields.bad(f"invalid feed: {text}")
    if text == "opra" and plan is Plan.BASIC:
        raise ApiError(403, None, "OPRA agreement is not signed")
    return text


def _fed(source: OptionSource, query: Mapping[str, str]) -> OptionSource:
    return replace(source, feed=feed_of(query.get("feed", ""), source.plan))


def _contracts(source: OptionSource, query: Mapping[str, str]) -> list[Contract]:
    """The contracts asked for that there are, by symbol. Raises `ApiError` 400."""
    names = sorted({name.strip() for name in query.get("symbols", "").split(",")})
    if not any(names):
        raise fields.bad("symbols is required")
    if len(names) > SYMBOLS_MAX:
        raise fields.bad(f"too many symbols: {len(names)}, at most {SYMBOLS_MAX} are allowed")
    for name in names:
        if Contract.parse(name) is None:
            raise fields.bad(f"invalid symbol: {name}")
    found = (source.book.contract(name) for name in names)
    return [contract for contract in found if contract is not None]


# --- as written ------------------------------------------------------------------------------


def quote_row(quote: Quote) -> Row:
    where = "ABCEMNPQUX"
    return {
        "t": format_ns(quote.at),
        "bx": where[int(quote.bid_size) % 10] if quote.bid > 0 else " ",
        "bp": rows.number(quote.bid),
        "bs": int(quote.bid_size),
        "ax": where[int(quote.ask_size) % 10] if quote.ask > 0 else " ",
        "ap": rows.number(quote.ask),
        "as": int(quote.ask_size),
        "c": "A",
    }


def trade_row(trade: Trade) -> Row:
    return {
        "t": format_ns(trade.at),
        "x": "ABCEMNPQUX"[trade.at // 1_000_000_000 % 10],
        "p": rows.number(trade.price),
        "s": int(trade.size),
        "c": "I",
    }


# --- the newest ------------------------------------------------------------------------------


def _latest(source: OptionSource, kind: str, contracts: Iterable[Contract]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for contract in contracts:
        if kind == "quotes":
            quote = source.quote(contract)
            if quote is not None:
                found[contract.symbol] = quote_row(quote)
        else:
            trade = source.trade(contract)
            if trade is not None:
                found[contract.symbol] = trade_row(trade)
    return found


def snapshot(source: OptionSource, contract: Contract) -> Row:
    """What is known of a contract now; what is not known is left out."""
    found: Row = {}
    trade, quote = source.trade(contract), source.quote(contract)
    if trade is not None:
        found["latestTrade"] = trade_row(trade)
    if quote is not None:
        found["latestQuote"] = quote_row(quote)
    modelled = source.book.chains.knows(contract) and quote is not None
    known = source.book.chains.greeks(contract, source.now) if modelled else None
    if known is not None:
        sigma, greeks = known
        names = ("delta", "gamma", "theta", "vega", "rho")
        found["greeks"] = {name: getattr(greeks, name) for name in names}
        found["impliedVolatility"] = sigma
    if trade is not None:
        minute = trade.at // MINUTE * MINUTE
        bar = source.prices.bar(contract.symbol, minute, minute + MINUTE)
        if bar is not None and minute + MINUTE <= source.now:
            found["minuteBar"] = rows.bar_row(bar)
    days = _days_back(source, contract)
    for name in ("dailyBar", "prevDailyBar"):
        row = next(days, None)
        if row is not None:
            found[name] = row
    return found


def _days_back(source: OptionSource, contract: Contract) -> Iterator[Row]:
    today = date.fromisoformat(new_york_date(source.now))
    for count in range(DAYS_SEARCHED):
        day = (today - timedelta(days=count)).isoformat()
        for _, row in _day_bar(source, contract.symbol, day):
            yield row


def _day_bar(source: OptionSource, symbol: str, day: str) -> Iterator[tuple[Ns, Row]]:
    """The bar of a date's session as far as it is known now, stamped with New York's midnight."""
    contract = source.book.contract(symbol)
    assert contract is not None
    session = source.book.chains.session(contract.underlying, day)
    if session is None or session[0] > source.now:
        return
    bar = source.prices.bar(symbol, session[0], min(session[1], source.now + 1))
    if bar is not None:
        yield new_york(day), rows.bar_row(bar, new_york(day))


def _snapshots(source: OptionSource, query: Mapping[str, str]) -> Row:
    fields.known_only(query, ("symbols", "feed", "updated_since", "limit", "page_token"))
    after = _token(query)
    wanted = (c for c in _contracts(source, query) if c.symbol > after)
    return _page(source, wanted, query)


def _chain(source: OptionSource, underlying: str, query: Mapping[str, str]) -> Row:
    fields.known_only(query, CHAIN_FILTERS)
    kind = query.get("type") or None
    if kind not in (None, "call", "put"):
        raise fields.bad(f"invalid type: {kind}")
    exact = fields.day(query, "expiration_date")
    wanted = listing.Wanted(
        underlyings=(underlying,),
        first=exact or fields.day(query, "expiration_date_gte"),
        last=exact or fields.day(query, "expiration_date_lte"),
        kind=kind,
        low=_number(query, "strike_price_gte"),
        high=_number(query, "strike_price_lte"),
        root=query.get("root_symbol") or None,
    )
    found = listing.listed(source.book.chains, wanted, source.now, _token(query))
    return _page(source, found, query)


def _page(source: OptionSource, wanted: Iterable[Contract], query: Mapping[str, str]) -> Row:
    limit = fields.count(query, "limit", SNAPSHOTS_DEFAULT, SNAPSHOTS_MAX)
    since = fields.moment("updated_since", query["updated_since"]) if _has_since(query) else None
    found: dict[str, Row] = {}
    last = None
    for contract in wanted:
        if len(found) == limit:
            return {"snapshots": found, "next_page_token": _encoded(last)}
        if since is not None and not _updated(source, contract, since):
            continue
        row = snapshot(source, contract)
        if row:
            found[contract.symbol] = row
            last = contract.symbol
    return {"snapshots": found, "next_page_token": None}


def _has_since(query: Mapping[str, str]) -> bool:
    return bool(query.get("updated_since"))


def _updated(source: OptionSource, contract: Contract, since: Ns) -> bool:
    quote, trade = source.quote(contract), source.trade(contract)
    return any(found is not None and found.at >= since for found in (quote, trade))


def _encoded(symbol: str | None) -> str | None:
    return None if symbol is None else base64.b64encode(symbol.encode()).decode()


def _token(query: Mapping[str, str]) -> str:
    try:
        return base64.b64decode(query.get("page_token", ""), validate=True).decode()
    except (binascii.Error, ValueError):
        raise fields.bad("invalid page token") from None


def _number(query: Mapping[str, str], name: str) -> Decimal | None:
    text = query.get(name) or None
    try:
        found = None if text is None else Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if found is not None and not found.is_finite():
        raise fields.bad(f"invalid {name}: {text}")
    return found


# --- history ---------------------------------------------------------------------------------


def _history(source: OptionSource, kind: str, query: Mapping[str, str]) -> Row:
    """Bars or trades in pages; without the entitlement the newest 15 minutes are withheld."""
    names = ("timeframe",) if kind == "bars" else ()
    allowed = ("symbols", "start", "end", "limit", "page_token", "sort", *names)
    fields.known_only(query, allowed)
    symbols = [contract.symbol for contract in _contracts(source, query)]
    start, end = fields.span(query, source.now, source.plan, "sip")
    whole = Source(
        source.prices, _NO_ASSETS, source.calendar, source.now, source.plan, feed=source.feed
    )
    history: History = _trades_of
    if kind == "bars":
        frame = fields.timeframe(query.get("timeframe", ""))
        history = _days_of(source) if frame.unit is fields.Unit.DAY else bar_history(frame)
    found, token = pages(whole, history, symbols, start, end, query)
    return {kind: found, "next_page_token": token}


def _trades_of(source: Source, symbol: str, start: Ns, end: Ns) -> Timed:
    for trade in source.prices.trades(symbol, start, end):
        yield trade.at, trade_row(trade)


def _days_of(source: OptionSource) -> History:
    def daily(_: Source, symbol: str, start: Ns, end: Ns) -> Timed:
        day = date.fromisoformat(new_york_date(start))
        while (text := day.isoformat()) <= new_york_date(end):
            for at, row in _day_bar(source, symbol, text):
                if start <= at <= end:
                    yield at, row
            day += timedelta(days=1)

    return daily


class _NoAssets:
    def get(self, symbol_or_id: str) -> None:
        return None

    def all(self) -> tuple[()]:
        return ()


_NO_ASSETS = _NoAssets()
