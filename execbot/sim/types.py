"""The exchange's own vocabulary: time, market data, assets, wire requests, errors.

Time is an `int` of nanoseconds since the Unix epoch (UTC) everywhere inside the exchange.
Money, prices and quantities are `Decimal`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Protocol

Ns = int
SECOND: Ns = 1_000_000_000
LATEST: Ns = 4_133_980_799 * SECOND
"""The end of 2100, UTC: no clock goes further, and nothing before 1970 is asked for."""


def within_time(at: Ns) -> Ns:
    """The instant itself, or the nearest between 1970 and the end of 2100."""
    return min(max(at, 0), LATEST)


DIGITS_MAX = 18
"""The longest whole number that a request may carry: SQLite stores no longer one, and `int` refuses
more than 4300 digits.
"""


def whole_number(text: str, least: int, most: int) -> int | None:
    """The number that these digits write, or None where it is none of `least` to `most`."""
    if not text.isdecimal() or len(text) > DIGITS_MAX:
        return None
    return int(text) if least <= int(text) <= most else None


# --- market data ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask in force from `at` on. A price of 0 means that side is absent."""

    symbol: str
    at: Ns
    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal


@dataclass(frozen=True, slots=True)
class Trade:
    """One print on the tape."""

    symbol: str
    at: Ns
    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low, close of `[at, at + duration)`; `at` is the START of the bar."""

    symbol: str
    at: Ns
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trade_count: int
    vwap: Decimal


@dataclass(frozen=True, slots=True)
class Level:
    """One price level of a book side: what can be taken at `price`."""

    price: Decimal
    size: Decimal


class Field(StrEnum):
    """What a crossing condition looks at."""

    BID = "bid"
    ASK = "ask"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Crossing:
    """That `field` is at or above (`>=`) or at or below (`<=`) `price`."""

    field: Field
    op: Literal[">=", "<="]
    price: Decimal

    def is_met(self, quote: Quote | None, last: Trade | None) -> bool:
        """Whether it is true of this market. A side that is absent fulfils nothing."""
        seen = Decimal(0)
        if self.field is Field.LAST:
            seen = seen if last is None else last.price
        elif quote is not None:
            seen = quote.ask if self.field is Field.ASK else quote.bid
        if seen <= 0:
            return False
        return seen >= self.price if self.op == ">=" else seen <= self.price


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment at which the market of a symbol changed: the quote and last trade then in force."""

    at: Ns
    quote: Quote
    last: Trade

    def meets(self, condition: Crossing) -> bool:
        return condition.is_met(self.quote, self.last)


class PriceSource(Protocol):
    """Prices of many symbols as a pure function of time: any moment can be asked, in any order."""

    def symbols(self) -> Sequence[str]: ...

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        """The quote in force at `at`, or None before the first one or for an unknown symbol."""

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        """The last print at or before `at`."""

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        """The price of the auction at `at`, an open or a close, where the source has it."""

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        """What can be taken on one side, best level first. The first level equals the quote."""

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        """The first change strictly after `after` and at or before `until`."""

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        """Every change in `(after, until]`, ascending. Used for trailing stops and streams."""

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        """The first tick in `(after, until]` where the condition holds. Fast over idle days."""

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        """The highest (or lowest) print in `(after, until]`. None when there is none, and when
        the source could only tell by walking over every tick.
        """

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        """Every print in `[start, end]`."""

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        """Every quote change in `[start, end]`."""

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        """Bars of `width` whose start lies in `[start, end]`; only bars already complete matter."""


# --- assets --------------------------------------------------------------------------------


class AssetClass(StrEnum):
    US_EQUITY = "us_equity"
    CRYPTO = "crypto"
    US_OPTION = "us_option"


@dataclass(frozen=True, slots=True)
class Asset:
    """A tradable thing, with the flags that order rules look at."""

    id: str
    symbol: str
    name: str
    exchange: str
    asset_class: AssetClass
    tradable: bool = True
    active: bool = True
    marginable: bool = True
    shortable: bool = True
    easy_to_borrow: bool = True
    fractionable: bool = True
    maintenance_margin: Decimal = Decimal("30")
    attributes: tuple[str, ...] = ()
    min_order_size: Decimal | None = None
    min_trade_increment: Decimal | None = None
    price_increment: Decimal | None = None
    multiplier: Decimal = Decimal(1)  # dollars for each dollar of the price


class AssetDirectory(Protocol):
    def get(self, symbol_or_id: str) -> Asset | None: ...

    def all(self) -> Sequence[Asset]: ...


# --- sessions ------------------------------------------------------------------------------


class TradingSession(StrEnum):
    """Where in the trading day an instant lies (equities). Crypto is always REGULAR."""

    OVERNIGHT = "overnight"
    PRE = "pre"
    REGULAR = "regular"
    AFTER = "after"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One exchange day; all instants in UTC nanoseconds."""

    date: str  # YYYY-MM-DD, New York
    pre_open: Ns
    open: Ns
    close: Ns
    after_close: Ns
    early_close: bool


class Calendar(Protocol):
    """Exchange hours. `always_open` calendars answer REGULAR at every instant."""

    always_open: bool

    def session(self, at: Ns) -> TradingSession: ...

    def day(self, date: str) -> TradingDay | None:
        """The trading day of a New York date, or None on a weekend or holiday."""

    def trading_date(self, at: Ns) -> str:
        """The New York date whose session `at` belongs to (after the close: the next one)."""

    def next_open(self, at: Ns) -> Ns: ...

    def next_close(self, at: Ns) -> Ns: ...

    def days(self, start: str, end: str) -> Sequence[TradingDay]:
        """Trading days between two New York dates, inclusive."""


# --- the wire ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as the router sees it. The names of the headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. `fault` tells the door how to misbehave while sending it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=UTF-8"
    fault: Mapping[str, Any] | None = None


class ApiError(Exception):
    """A refusal in Alpaca's words: HTTP status, Alpaca's code, message, extra body fields."""

    def __init__(self, status: int, code: int | None, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One `trade_updates` frame of one account; `data` is the frame's `data` object."""

    seq: int
    account_id: str
    at: Ns
    data: Mapping[str, Any]
