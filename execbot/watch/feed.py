"""Prices of what is held: by the data stream where there is one, else by asking REST.

Quotes come faster than anybody needs them; only the newest of each symbol is kept until the loop
takes it, so a busy market costs no more than a quiet one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.market_stream import (
    LimitBand,
    MarketDataMessage,
    MarketDataStream,
    TradingStatus,
)
from execbot.broker.port import BrokerClient
from execbot.market.halts import HaltBook, apply_message, book_to_json
from execbot.model.quote import Quote, Trade
from execbot.watch.inputs import Halts, Input, Price

log = logging.getLogger("execbot.watch")


class Feed(Protocol):
    """`want` names the symbols; `drain` gives what changed since it was last called."""

    def want(self, symbols: frozenset[str]) -> None: ...

    def drain(self) -> list[Input]: ...

    def start(self) -> None: ...

    def close(self) -> None: ...


class _Latest:
    """The newest price of each symbol, safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._prices: dict[str, Price] = {}

    def put(self, price: Price) -> None:
        with self._lock:
            old = self._prices.get(price.symbol)
            if old is not None:
                price = replace(
                    price,
                    bid=price.bid if price.bid is not None else old.bid,
                    ask=price.ask if price.ask is not None else old.ask,
                    last=price.last if price.last is not None else old.last,
                )
            self._prices[price.symbol] = price

    def take(self) -> list[Input]:
        with self._lock:
            prices, self._prices = self._prices, {}
        return list(prices.values())


class PolledFeed:
    """Asks for quotes and trades of the wanted symbols every `seconds`."""

    def __init__(self, client: BrokerClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._latest = _Latest()
        self._symbols: frozenset[str] = frozenset()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prices", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def want(self, symbols: frozenset[str]) -> None:
        self._symbols = symbols

    def drain(self) -> list[Input]:
        return self._latest.take()

    def close(self) -> None:
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            if self._symbols:
                self.ask(sorted(self._symbols))

    def ask(self, symbols: list[str]) -> None:
        """One round of questions; a failure is tried again by the next round."""
        try:
            for quote in self._client.latest_quotes(symbols).values():
                self._latest.put(price_of_quote(quote))
            for trade in self._client.latest_trades(symbols).values():
                self._latest.put(Price(trade.symbol, last=trade.price, at=trade.at))
        except BrokerError as error:
            log.warning("prices could not be read: %s", error)


class StreamedFeed:
    """Follows one data stream; another thread reads it, `drain` takes the newest."""

    def __init__(self, stream: MarketDataStream, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._now = now
        self._latest = _Latest()
        self._symbols: frozenset[str] = frozenset()
        self._book = HaltBook()
        self._halted: frozenset[str] = frozenset()
        self._halts_changed = False
        self.error = ""
        self._thread = threading.Thread(target=self._run, name="data-stream", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def want(self, symbols: frozenset[str]) -> None:
        new, gone = symbols - self._symbols, self._symbols - symbols
        self._symbols = symbols
        if new:
            self._stream.subscribe(quotes=new, trades=new, statuses=new, lulds=new)
        if gone:
            self._stream.unsubscribe(quotes=gone, trades=gone, statuses=gone, lulds=gone)

    def drain(self) -> list[Input]:
        found = self._latest.take()
        if self._halts_changed:
            self._halts_changed = False
            found.append(Halts(self._halted, book_to_json(self._book)))
        return found

    def close(self) -> None:
        self._stream.close()

    def _run(self) -> None:
        try:
            for message in self._stream.messages():
                self._take(message)
        except BrokerError as error:
            self.error = str(error)
            log.warning("the data stream ended: %s", error)

    def _take(self, message: MarketDataMessage) -> None:
        if isinstance(message, Quote):
            self._latest.put(price_of_quote(message))
        elif isinstance(message, Trade):
            self._latest.put(Price(message.symbol, last=message.price, at=message.at))
        elif isinstance(message, TradingStatus | LimitBand):
            self._note_halt(message)

    def _note_halt(self, message: TradingStatus | LimitBand) -> None:
        now = self._now()
        if isinstance(message, LimitBand):
            raw = {"T": "l", "S": message.symbol, "u": message.up, "d": message.down}
            self._book = apply_message(self._book, raw, message.at or now)
            self._halts_changed = True
            return
        raw = {
            "T": "s",
            "S": message.symbol,
            "sc": message.status_code,
            "rc": message.reason_code,
            "z": message.tape,
            "sm": message.status_message,
            "rm": message.reason_message,
        }
        self._book = apply_message(self._book, raw, message.at or now)
        halted = frozenset(halt.symbol for halt in self._book.known(now))
        if halted != self._halted:
            self._halted, self._halts_changed = halted, True


class ManyFeeds:
    """Several feeds as one: each is asked for the symbols that `chooses` it."""

    def __init__(self, parts: Iterable[tuple[Callable[[str], bool], Feed]]) -> None:
        self._parts = list(parts)

    def start(self) -> None:
        for _, feed in self._parts:
            feed.start()

    def want(self, symbols: frozenset[str]) -> None:
        for chooses, feed in self._parts:
            feed.want(frozenset(s for s in symbols if chooses(s)))

    def drain(self) -> list[Input]:
        return [item for _, feed in self._parts for item in feed.drain()]

    def close(self) -> None:
        for _, feed in self._parts:
            feed.close()


def price_of_quote(quote: Quote) -> Price:
    """A side without a quote (price 0) is left out: nothing is priced against it."""
    return Price(
        quote.symbol,
        bid=quote.bid if quote.bid > 0 else None,
        ask=quote.ask if quote.ask > 0 else None,
        at=quote.at,
    )
