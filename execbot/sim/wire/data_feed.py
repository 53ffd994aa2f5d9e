"""The messages of a data stream for a span of time and a set of subscriptions.

`DataFeed` says which streams there are and what can be subscribed to on each; `Tape` reads the
prices of the span. Bars come at the end of their minute, the day's bar with each of them. A trade
is late only when the control plane says so (`tape`); nothing else changes what was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from execbot.sim.assets import Listing, asset_id
from execbot.sim.prices.source import MarketPrices, merged_bar
from execbot.sim.prices.synthetic import SyntheticPrices
from execbot.sim.times import format_ns
from execbot.sim.types import (
    SECOND,
    Asset,
    AssetClass,
    AssetDirectory,
    Bar,
    Calendar,
    Ns,
    TradingSession,
)
from execbot.sim.wire import data_rows as rows
from execbot.sim.wire.data_history import Source, day_bar, day_of
from execbot.sim.wire.data_query import LOCATIONS, MINUTE, SIP_DELAY, TICK_CATCH_UP
from execbot.sim.wire.reference import news
from execbot.sim.wire.reference.news import Newsroom

if TYPE_CHECKING:
    from execbot.sim.wire.options.option_data import OptionSource

Message = dict[str, Any]
Timed = tuple[Ns, Message]

STOCK_CHANNELS = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "imbalances",
    "corrections",
    "cancelErrors",
)
CRYPTO_CHANNELS = ("trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars")
OPTION_CHANNELS = ("trades", "quotes")
FOLLOWS_TRADES = ("corrections", "cancelErrors")
UNLISTED = ("imbalances",)
"""Channels that the acknowledgement names only when they are subscribed to."""
CHANNEL_OF = {
    "s": "statuses",
    "l": "lulds",
    "t": "trades",
    "u": "updatedBars",
    "c": "corrections",
    "x": "cancelErrors",
    "i": "imbalances",
}
"""The channel of a message that the control plane sends."""
BAR_CATCH_UP: Ns = 86_400 * SECOND
LULD_EVERY: Ns = 30 * SECOND
TEST_SYMBOL = "FAKEPACA"


@dataclass(frozen=True, slots=True)
class DataFeed:
    """One data stream. `delay` is how far its prices lie behind."""

    name: str
    channels: tuple[str, ...] = STOCK_CHANNELS
    crypto: bool = False
    delay: Ns = 0
    test: bool = False
    news: bool = False
    options: bool = False

    @property
    def is_apart(self) -> bool:
        """Whether it does not carry what happens to stocks and pairs: halts, bands, corrections."""
        return self.test or self.news or self.options


OLD_CRYPTO = "v1beta2"
STOCK_FEEDS = ("iex", "sip", "delayed_sip", "otc", "boats", "overnight")


def feed_of(path: str) -> DataFeed | None:
    """The stream behind a path: `/v2/{feed}`, `/v2/test`, `/v1beta1/{boats|overnight|news}`,
    `/v1beta1/{indicative|opra}`, `/v1beta3/crypto/{location}`, `/v1beta2/crypto`; None when there
    is no such stream.
    """
    match path.strip("/").split("/"):
        case ["v2", "test"]:
            return DataFeed("test", test=True)
        case ["v2", name] if name in STOCK_FEEDS:
            return DataFeed(name, delay=SIP_DELAY if name == "delayed_sip" else 0)
        case ["v1beta1", ("boats" | "overnight") as name]:
            return DataFeed(name)
        case ["v1beta1", "news"]:
            return DataFeed("news", channels=("news",), news=True)
        case ["v1beta2", "crypto"]:
            return DataFeed(OLD_CRYPTO, channels=CRYPTO_CHANNELS, crypto=True)
        case ["v1beta1", ("indicative" | "opra") as name]:
            return DataFeed(name, channels=OPTION_CHANNELS, options=True)
        case ["v1beta3", "crypto", location] if location in LOCATIONS:
            return DataFeed(location, channels=CRYPTO_CHANNELS, crypto=True)
    return None


@cache
def test_prices() -> MarketPrices:
    """The market of the test stream's only symbol; it never closes."""
    asset = Asset(asset_id(TEST_SYMBOL), TEST_SYMBOL, "Fake Alpaca", "NASDAQ", AssetClass.US_EQUITY)
    return SyntheticPrices(0, listed=[Listing(asset, Decimal("130"), 0.4, 10_000_000.0)])


class Tape:
    """Reads prices as stream messages. One per connection: it keeps the running day's bars."""

    def __init__(
        self,
        feed: DataFeed,
        prices: MarketPrices,
        assets: AssetDirectory,
        calendar: Calendar,
        newsroom: Newsroom,
    ) -> None:
        self.feed, self._newsroom = feed, newsroom
        self._prices = test_prices() if feed.test else prices
        self._assets = assets
        self._calendar = calendar
        self._days: dict[str, tuple[str, Bar]] = {}
        self._options: OptionSource | None = None

    def look_at(self, options: OptionSource) -> None:
        """Of an option stream: the market of contracts as it is now, which marks may change."""
        self._options, self._prices = options, options.prices

    def symbols(self) -> Sequence[str]:
        """Every symbol of the feed: what `*` stands for."""
        if self._options is not None:
            return self._options.near_the_money()
        crypto = self.feed.crypto
        return [symbol for symbol in self._prices.symbols() if ("/" in symbol) == crypto]

    def messages(self, wanted: Mapping[str, frozenset[str]], after: Ns, until: Ns) -> list[Message]:
        """All messages of `(after, until]`, ascending in time.

        `wanted`: channel -> symbols, with `*` for all.
        """
        if self.feed.news:
            since = max(after, until - BAR_CATCH_UP)
            return list(news.messages(self._newsroom, wanted.get("news", ()), since, until))
        found: list[Timed] = []
        for channel, read in READERS.items():
            symbols = wanted.get(channel)
            if symbols:
                chosen = self.symbols() if "*" in symbols else sorted(symbols)
                for symbol in chosen:
                    if ("/" in symbol) == self.feed.crypto:
                        found.extend(read(self, symbol, after, until))
        found.sort(key=lambda timed: timed[0])
        return [message for _, message in found]

    # --- readers: one per channel ------------------------------------------------------

    def trades(self, symbol: str, after: Ns, until: Ns) -> Iterator[Timed]:
        if self._options is not None:
            yield from self._options.trade_messages(symbol, after, until)
            return
        asset = self._assets.get(symbol)
        for trade in self._prices.trades(symbol, max(after + 1, until - TICK_CATCH_UP), until):
            if self.feed.crypto:
                row = rows.crypto_trade(trade, self._prices.quote(symbol, trade.at))
            else:
                row = rows.stock_trade(trade, asset, self.feed.name)
            yield trade.at, {"T": "t", "S": symbol, **row}

    def quotes(self, symbol: str, after: Ns, until: Ns) -> Iterator[Timed]:
        if self._options is not None:
            yield from self._options.quote_messages(symbol, after, until)
            return
        asset = self._assets.get(symbol)
        for quote in self._prices.quotes(symbol, max(after + 1, until - TICK_CATCH_UP), until):
            if self.feed.crypto:
                row = rows.crypto_quote(quote)
            else:
                row = rows.stock_quote(quote, asset, self.feed.name)
            yield quote.at, {"T": "q", "S": symbol, **row}

    def orderbooks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Timed]:
        """The whole book at each change (`r`: forget what came before)."""
        for quote in self._prices.quotes(symbol, max(after + 1, until - TICK_CATCH_UP), until):
            bids = self._prices.book(symbol, quote.at, "bid")
            asks = self._prices.book(symbol, quote.at, "ask")
            row = rows.book_row(quote.at, bids, asks)
            yield quote.at, {"T": "o", "S": symbol, **row, "r": True}

    def _minutes(self, symbol: str, after: Ns, until: Ns) -> Iterator[Bar]:
        """The bars of the minutes that end in `(after, until]`."""
        after = max(after, until - BAR_CATCH_UP)
        first = (after // MINUTE + 1) * MINUTE - MINUTE
        return self._prices.bars(symbol, MINUTE, first, until - MINUTE)

    def bars(self, symbol: str, after: Ns, until: Ns) -> Iterator[Timed]:
        for bar in self._minutes(symbol, after, until):
            yield bar.at + MINUTE, {"T": "b", "S": symbol, **rows.bar_row(bar)}

    def daily_bars(self, symbol: str, after: Ns, until: Ns) -> Iterator[Timed]:
        for bar in self._minutes(symbol, after, until):
            end = bar.at + MINUTE
            if not self.feed.crypto and not self._in_session(bar.at):
                continue
            day = self._running_day(symbol, bar, end)
            if day is not None:
                yield end, {"T": "d", "S": symbol, **rows.bar_row(day)}

    def _in_session(self, at: Ns) -> bool:
        return self.feed.test or self._calendar.session(at) is TradingSession.REGULAR

    def _running_day(self, symbol: str, bar: Bar, end: Ns) -> Bar | None:
        """The day's bar so far: read once, then each minute is added to it."""
        source = Source(self._prices, self._assets, self._calendar, end - 1)
        date = day_of(source, symbol, bar.at)
        known = self._days.get(symbol)
        if known is not None and known[0] == date:
            day = merged_bar(known[1].at, (known[1], bar))
        else:
            found = day_bar(source, symbol, date)
            day = None if found is None else replace(found[1], at=found[0])
        if day is not None:
            self._days[symbol] = (date, day)
        return day

    def lulds(self, symbol: str, after: Ns, until: Ns) -> Iterator[Timed]:
        """Limit-up and limit-down bands of the regular session, twice a minute."""
        first = (max(after, until - TICK_CATCH_UP) // LULD_EVERY + 1) * LULD_EVERY
        for at in range(first, until + 1, LULD_EVERY):
            if not self._in_session(at):
                continue
            trade = self._prices.last_trade(symbol, at)
            if trade is not None:
                yield at, luld_message(symbol, self._assets.get(symbol), at, trade.price)


READERS: dict[str, Callable[[Tape, str, Ns, Ns], Iterator[Timed]]] = {
    "trades": Tape.trades,
    "quotes": Tape.quotes,
    "orderbooks": Tape.orderbooks,
    "bars": Tape.bars,
    "dailyBars": Tape.daily_bars,
    "lulds": Tape.lulds,
}


# --- statuses and bands ----------------------------------------------------------------------

HALT_CODES = {
    # tape -> (halted, resumed) as (sc, sm)
    "A": (("2", "Trading Halt"), ("3", "Resume")),
    "B": (("2", "Trading Halt"), ("3", "Resume")),
    "C": (("H", "Trading Halt"), ("T", "Trading Resumption")),
    "O": (("H", "Trading Halt"), ("T", "Trading Resumption")),
}
REASONS = {
    "T1": "Halt News Pending",
    "T2": "Halt News Dissemination",
    "T3": "News and Resumption Times",
    "T5": "Single Stock Trading Pause In Affect",
    "T6": "Regulatory Halt Extraordinary Market Activity",
    "T12": "Trading Halted; For information requested by NASDAQ",
    "H10": "Halt SEC Trading Suspension",
    "M": "Volatility Trading Pause",
    "D": "News Released",
    "P": "News Pending",
    "LUDP": "Volatility Trading Pause",
    "MWC1": "Market Wide Circuit Breaker Halt Level 1",
    "MWC2": "Market Wide Circuit Breaker Halt Level 2",
    "MWC3": "Market Wide Circuit Breaker Halt Level 3",
}


def status_message(
    symbol: str, asset: Asset | None, at: Ns, *, halted: bool, reason: str = "T1"
) -> Message:
    """A trading status in the codes of the symbol's tape."""
    tape = rows.tape(asset)
    code, text = HALT_CODES[tape][0 if halted else 1]
    return {
        "T": "s",
        "S": symbol,
        "sc": code,
        "sm": text,
        "rc": reason,
        "rm": REASONS.get(reason, ""),
        "t": format_ns(at),
        "z": tape,
    }


def luld_bands(reference: Decimal) -> tuple[Decimal, Decimal]:
    """Upper and lower band around a reference price, for large stocks during the day: 5 %, below
    3 dollars 20 %, below 75 cents the lesser of 15 cents and 75 %.
    """
    if reference > 3:
        width = reference * Decimal("0.05")
    elif reference >= Decimal("0.75"):
        width = reference * Decimal("0.20")
    else:
        width = min(Decimal("0.15"), reference * Decimal("0.75"))
    step = Decimal("0.01") if reference >= 1 else Decimal("0.0001")
    return (reference + width).quantize(step), (reference - width).quantize(step)


def luld_message(
    symbol: str, asset: Asset | None, at: Ns, reference: Decimal, indicator: str = "B"
) -> Message:
    up, down = luld_bands(reference)
    return {
        "T": "l",
        "S": symbol,
        "u": rows.number(up),
        "d": rows.number(down),
        "i": indicator,
        "t": format_ns(at),
        "z": rows.tape(asset),
    }
