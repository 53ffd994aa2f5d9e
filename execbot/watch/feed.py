"""Prices of what is held: by the data stream where there is one, else by asking REST.

Quotes come faster than anybody needs them; only the newest of each symbol is kept until the loop
takes it, so a busy market costs no more than a quiet one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.market_stream import (
    DataWarning,
    LimitBand,
    MarketDataMessage,
    MarketDataStream,
    TradingStatus,
)
from execbot.broker.port import BrokerClient
from execbot.broker.stream_states import Connected, Disconnected
from execbot.market.halts import HaltBook, apply_message, apply_trade, book_to_json
from execbot.model.quote import Quote, Trade
from execbot.model.timer import leapt_by, of_ours
from execbot.watch.core.inputs import Halts, Input, Price
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm
from execbot.watch.price_ages import FAILED_AFTER, PriceAges

log = logging.getLogger("execbot.watch")

CHANNELS = ("quotes", "trades", "statuses", "lulds")

NONE: frozenset[str] = frozenset()

SYMBOL_LIMIT = 405
"""The data stream's code for more symbols than the plan allows."""


class PriceFeed(Protocol):
    """`want` names the symbols, `follow_halts` those of which only halts matter; `drain` gives what
    changed and what to tell since the last call."""

    def want(self, symbols: frozenset[str]) -> None: ...

    def follow_halts(self, symbols: frozenset[str]) -> None: ...

    def halts_followed(self) -> frozenset[str]:
        """Symbols whose halts would be heard of now."""
        ...

    def drain(self) -> list[Input | Note]: ...

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
                    at=max((t for t in (price.at, old.at) if t is not None), default=None),
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

    def follow_halts(self, symbols: frozenset[str]) -> None:
        """REST tells of none."""

    def halts_followed(self) -> frozenset[str]:
        return frozenset()

    def drain(self) -> list[Input | Note]:
        return [*self._latest.take()]

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
    """Follows one data stream; another thread reads it, `drain` takes the newest.

    While the stream is down, has ended, or does not take all symbols, `instead` is asked. The
    trader is told at once of what lasts, and of a lost connection after `lost_after`.
    """

    def __init__(
        self,
        stream: MarketDataStream,
        now: Callable[[], datetime],
        *,
        instead: PriceFeed | None = None,
        lost_after: timedelta = timedelta(0),
        book: HaltBook = HaltBook(),
        is_up: bool = False,
        silence: timedelta = timedelta(seconds=20),
    ) -> None:
        """`book` is what was known before; `is_up`: the stream needs no connection."""
        self._stream = stream
        self._now = now
        self._instead = instead
        self._lost_after = lost_after
        self._latest = _Latest()
        self._symbols: frozenset[str] = frozenset()
        self._for_halts: frozenset[str] = frozenset()
        self._asked: dict[str, frozenset[str]] = dict.fromkeys(CHANNELS, frozenset())
        """What the stream was asked for, by channel."""
        self._is_up = is_up
        self._book = book
        self._ages = PriceAges(silence)
        self._leapt = leapt_by(now)
        self._book_changed = False
        self._halted: frozenset[str] = frozenset()
        self._market_halt = ""
        self._ended = ""
        self._down: Disconnected | None = None
        self._down_leapt = timedelta(0)
        """How far the clock had leapt when it went down."""
        self._refused = ""
        self._told = ""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="data-stream", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if self._instead is not None:
            self._instead.start()

    def want(self, symbols: frozenset[str]) -> None:
        self._symbols = symbols
        self._ages.want(symbols, self._now())
        self._ask()

    def follow_halts(self, symbols: frozenset[str]) -> None:
        self._for_halts = symbols
        self._ask()

    def halts_followed(self) -> frozenset[str]:
        """A stream that is down may miss one; so may one that is deaf, or that does not take all
        symbols."""
        is_heard = self._is_up and not self._ended and not self._refused and self._down is None
        return self._ages.heard_of(self._asked["statuses"], self._now()) if is_heard else NONE

    def _ask(self) -> None:
        """Subscribe to what is new and leave what is not wanted any more. Trades of a halted symbol
        show that it trades again, should the message that says so be missed."""
        statuses = self._symbols | self._for_halts
        wanted = {
            "quotes": self._symbols,
            "trades": self._symbols | (self._for_halts & self._halted),
            "statuses": statuses,
            "lulds": statuses,
        }
        new = {name: wanted[name] - self._asked[name] for name in CHANNELS}
        gone = {name: self._asked[name] - wanted[name] for name in CHANNELS}
        self._asked = wanted
        if any(new.values()):
            self._stream.subscribe(**new)
        if any(gone.values()):
            self._stream.unsubscribe(**gone)

    def drain(self) -> list[Input | Note]:
        self._follow_the_clock()
        found: list[Input | Note] = [*self._latest.take()]
        if self._instead is not None:
            found += self._by_rest(self._instead)
        changed, self._book_changed = self._book_changed, False
        halted = frozenset(halt.symbol for halt in self._book.known(self._now()))
        breaker = self._book.market_wide(self._now())
        market = breaker.reason if breaker is not None else ""
        if changed or halted != self._halted or market != self._market_halt:
            self._halted, self._market_halt = halted, market
            self._ask()
            found.append(Halts(halted, book_to_json(self._book), market))
        return found + self._news()

    def _follow_the_clock(self) -> None:
        """A clock that is set makes nothing older; one that runs fast leaves an answer no less of
        this machine's time."""
        leapt = leapt_by(self._now)
        by, self._leapt = leapt - self._leapt, leapt
        if by:
            self._ages.clock_was_set(by, self._now())
        self._ages.failed_after = of_ours(FAILED_AFTER, self._now)

    def _by_rest(self, instead: PriceFeed) -> list[Input | Note]:
        """What REST says: of everything while the stream is lost, else of what it is silent of.

        A younger price there means that the stream is deaf.
        """
        now, is_lost = self._now(), bool(self._ended or self._refused or self._down is not None)
        found: list[Input | Note] = []
        for item in instead.drain():
            if not isinstance(item, Price) or self._ages.is_younger(item, now) or is_lost:
                found.append(item)
        instead.want(self._symbols if is_lost else self._ages.silent(now))
        # One that is lost is being connected anyway: that is no attempt at a deaf one.
        deaf = [] if is_lost else self._ages.deaf(now)
        if deaf:
            words = f"the data stream is deaf: REST has younger prices of {', '.join(deaf)}"
            self._stream.renew(words)
            found.append(Note("prices", f"{words}; it is connected anew", {"state": "deaf"}))
        return found + self._ages.news(now)

    def close(self) -> None:
        self._closed = True
        self._stream.close()
        if self._instead is not None:
            self._instead.close()

    def _news(self) -> list[Input | Note]:
        """One alarm when streamed prices are lost, one line when they are back."""
        reason = self._why_lost()
        if not self._symbols or reason == self._told:
            return []
        self._told = reason
        if not reason:
            return [Note("prices", "prices are streamed again", {"state": "streamed"})]
        instead = "; prices are asked for meanwhile" if self._instead is not None else ""
        critical = reason != self._refused
        return [alarm("prices_lost", "", f"{reason}{instead}", critical=critical)]

    def _why_lost(self) -> str:
        down = self._down
        if self._ended:
            return f"the data stream ended: {self._ended}"
        if down is not None and self._down_for(down) >= of_ours(self._lost_after, self._now):
            return f"the data stream is down: {down.reason}"
        return self._refused

    def _down_for(self, down: Disconnected) -> timedelta:
        return self._now() - down.at - (leapt_by(self._now) - self._down_leapt)

    def _run(self) -> None:
        ended = "it was closed"
        try:
            for message in self._stream.messages():
                self._take(message)
        except BrokerError as error:
            ended = str(error)
        except Exception as error:
            log.exception("the data stream could not be read")
            ended = f"{type(error).__name__}: {error}"
        if not self._closed:
            self._ended = ended

    def _take(self, message: MarketDataMessage) -> None:
        match message:
            case Quote():
                self._ages.heard(message.symbol, message.at, self._now())
                self._latest.put(price_of_quote(message))
            case Trade():
                self._ages.heard(message.symbol, message.at, self._now())
                self._latest.put(Price(message.symbol, last=message.price, at=message.at))
                self._keep(apply_trade(self._book, message.symbol, message.at))
            case TradingStatus() | LimitBand():
                self._note_halt(message)
            case Connected():
                self._is_up, self._down, self._refused = True, None, ""
                self._ages.connected(self._now())
            case Disconnected():
                if self._down is None:
                    self._down_leapt, self._down = leapt_by(self._now), message
            case DataWarning(code=code):
                log.warning("data stream: %s %s", code, message.message)
                if code == SYMBOL_LIMIT:
                    self._refused = message.message

    def _keep(self, book: HaltBook) -> None:
        if book is not self._book:
            self._book, self._book_changed = book, True

    def _note_halt(self, message: TradingStatus | LimitBand) -> None:
        now = self._now()
        if isinstance(message, LimitBand):
            raw = {"T": "l", "S": message.symbol, "u": message.up, "d": message.down}
            self._keep(apply_message(self._book, raw, message.at or now))
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
        self._keep(apply_message(self._book, raw, message.at or now))


class ManyFeeds:
    """Several feeds as one: each is asked for the symbols that `chooses` it."""

    def __init__(self, parts: Iterable[tuple[Callable[[str], bool], PriceFeed]]) -> None:
        self._parts = list(parts)

    def start(self) -> None:
        for _, feed in self._parts:
            feed.start()

    def want(self, symbols: frozenset[str]) -> None:
        for chooses, feed in self._parts:
            feed.want(frozenset(s for s in symbols if chooses(s)))

    def follow_halts(self, symbols: frozenset[str]) -> None:
        for chooses, feed in self._parts:
            feed.follow_halts(frozenset(s for s in symbols if chooses(s)))

    def halts_followed(self) -> frozenset[str]:
        return frozenset().union(*(feed.halts_followed() for _, feed in self._parts))

    def drain(self) -> list[Input | Note]:
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
