"""Trading halts and volatility pauses, learned from the data stream's `s` and `l` messages.

The status codes are the tapes' own (CTA for tapes A and B, UTP for C and O). The journal keeps the
known halts as one value, a `HaltBook`, so that every process sees it. No REST endpoint lists halts:
once the book has not been refreshed for a while, `halted(symbol, ...)` answers None instead of
guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.model.numbers import maybe_decimal
from execbot.model.times import iso, parse_time

HALT_SECONDS_MAX = 8 * 3600
"""A halt whose end was missed (stream down) is dropped after a trading day's length."""
LATE_PRINT_SECONDS = 15
"""Trades may be reported ten seconds late: one this soon after a halt is from before it."""
BAND_SECONDS_MAX = 300
"""Bands follow the market: the tapes send new ones every half minute while it moves. One that is
older says nothing."""

_CTA = frozenset({"A", "B"})
_HALTED: dict[bool, frozenset[str]] = {
    True: frozenset({"2", "F"}),  # trading halt, LULD pause
    False: frozenset({"H", "P"}),  # halt, volatility pause
}
_RESUMED: dict[bool, frozenset[str]] = {
    True: frozenset({"3"}),
    False: frozenset({"T"}),
}
"""`Q` (quotation resumption) is not yet trading, so it changes nothing."""

REASONS: dict[str, str] = {
    "D": "news released",
    "I": "order imbalance",
    "M": "limit-up limit-down pause",
    "P": "news pending",
    "X": "operational",
    "Y": "sub-penny trading",
    "1": "market-wide breaker level 1",
    "2": "market-wide breaker level 2",
    "3": "market-wide breaker level 3",
    "T1": "news pending",
    "T2": "news released",
    "T5": "single-stock pause",
    "T6": "extraordinary market activity",
    "T8": "ETF halt",
    "T12": "information requested",
    "H4": "non-compliance",
    "H9": "not current in filings",
    "H10": "SEC suspension",
    "H11": "regulatory concern",
    "O1": "operations",
    "IPO1": "IPO not yet trading",
    "M1": "corporate action",
    "M2": "quotation not available",
    "LUDP": "volatility pause",
    "LUDS": "volatility pause, straddle",
    "MWC0": "market-wide breaker carried over",
    "MWC1": "market-wide breaker level 1",
    "MWC2": "market-wide breaker level 2",
    "MWC3": "market-wide breaker level 3",
}


MARKET_WIDE = frozenset({"1", "2", "3", "MWC0", "MWC1", "MWC2", "MWC3"})
"""Reasons by which every stock is halted: the level of the breaker, or that it goes on today."""

HALTS_KEY = "halts"

FOLLOWED_KEY = "halts:followed"
"""Symbols whose halts the `watch` that runs would hear of now."""

WITNESS = "SPY"
"""Its halt and its resumption tell of the whole market soonest: nothing trades more."""


class Halt(Struct, frozen=True):
    """`is_market_wide`: a breaker has stopped every stock, this one among them."""

    symbol: str
    since: datetime
    reason: str
    is_market_wide: bool = False


class PriceBand(Struct, frozen=True):
    """Limit-up limit-down band: trades outside `low`..`high` are not allowed."""

    symbol: str
    low: Decimal
    high: Decimal
    at: datetime


class HaltBook(Struct, frozen=True):
    """All halts and price bands that we know. Immutable: `apply_message` returns the next book."""

    halts: Mapping[str, Halt] = field(default_factory=dict)
    bands: Mapping[str, PriceBand] = field(default_factory=dict)

    def halted(self, symbol: str, now: datetime) -> Halt | None:
        halt = self.halts.get(symbol)
        if halt is None or now - halt.since > timedelta(seconds=HALT_SECONDS_MAX):
            return None
        return halt

    def market_wide(self, now: datetime) -> Halt | None:
        """The breaker in force, by whichever symbol told of it (docs/evidence.md, E-HALT-4)."""
        return next((halt for halt in self.known(now) if halt.is_market_wide), None)

    def holding(self, symbol: str, now: datetime, *, is_crypto: bool) -> Halt | None:
        """The halt that stops an entry: the symbol's own or, for a stock, a market-wide one."""
        own = self.halted(symbol, now)
        return own if own is not None or is_crypto else self.market_wide(now)

    def band(self, symbol: str, now: datetime) -> PriceBand | None:
        """The band in force; None if the stream sent none lately."""
        band = self.bands.get(symbol)
        if band is None or now - band.at > timedelta(seconds=BAND_SECONDS_MAX):
            return None
        return band

    def known(self, now: datetime) -> list[Halt]:
        """Halts in force, by symbol."""
        found = (self.halted(symbol, now) for symbol in sorted(self.halts))
        return [halt for halt in found if halt is not None]


def apply_message(book: HaltBook, message: Mapping[str, Any], received_at: datetime) -> HaltBook:
    """The book after one data-stream message; anything but `s` and `l` changes nothing."""
    symbol = str(message.get("S") or "")
    at = parse_time(message.get("t")) or received_at
    if message.get("T") == "s" and symbol:
        return _apply_status(book, symbol, at, message)
    if message.get("T") == "l" and symbol:
        low, high = maybe_decimal(message.get("d")), maybe_decimal(message.get("u"))
        if low is not None and high is not None and 0 < low < high:
            return replace(book, bands={**book.bands, symbol: PriceBand(symbol, low, high, at)})
    return book


def apply_trade(book: HaltBook, symbol: str, at: datetime | None) -> HaltBook:
    """The book after a trade at `at`: a symbol that trades is not halted, though the message that
    ended its halt was missed."""
    halt = book.halts.get(symbol)
    if halt is None or at is None or at - halt.since < timedelta(seconds=LATE_PRINT_SECONDS):
        return book
    return _resumed(book, symbol)


def _apply_status(
    book: HaltBook, symbol: str, at: datetime, message: Mapping[str, Any]
) -> HaltBook:
    code = str(message.get("sc") or "")
    is_cta = str(message.get("z") or "") in _CTA
    known = book.halts.get(symbol)
    if known is not None and at < known.since:
        return book  # a late frame about an earlier state
    if code in _HALTED[is_cta]:
        since = known.since if known is not None else at
        reason = str(message.get("rc") or "").strip()
        halt = Halt(symbol, since, _reason(message), reason in MARKET_WIDE)
        return replace(book, halts={**book.halts, symbol: halt})
    if code in _RESUMED[is_cta] and known is not None:
        return _resumed(book, symbol)
    return book


def _resumed(book: HaltBook, symbol: str) -> HaltBook:
    """Without the symbol's halt. Where the witness trades again, the market does: what is still
    halted is so for itself."""
    halts = {s: h for s, h in book.halts.items() if s != symbol}
    if symbol == WITNESS:
        halts = {s: replace(h, is_market_wide=False) for s, h in halts.items()}
    return replace(book, halts=halts)


def _reason(message: Mapping[str, Any]) -> str:
    code = str(message.get("rc") or "").strip()
    words = REASONS.get(code) or str(message.get("rm") or message.get("sm") or "halted")
    return f"{words} ({code})" if code else words


def book_to_json(book: HaltBook) -> dict[str, Any]:
    """The shape kept in the journal's meta table."""
    return {
        "halts": {
            h.symbol: [iso(h.since), h.reason, h.is_market_wide] for h in book.halts.values()
        },
        "bands": {b.symbol: [str(b.low), str(b.high), iso(b.at)] for b in book.bands.values()},
    }


def book_from_json(data: object) -> HaltBook:
    """Read what `book_to_json` wrote. Drops unreadable entries: they are hints, not records."""
    if not isinstance(data, Mapping):
        return HaltBook()
    halts = {}
    for symbol, entry in _entries(data.get("halts")):
        since = parse_time(entry[0])
        if since is not None:
            halts[symbol] = Halt(symbol, since, str(entry[1]), entry[2:] == [True])
    bands = {}
    for symbol, entry in _entries(data.get("bands")):
        low, high, at = maybe_decimal(entry[0]), maybe_decimal(entry[1]), parse_time(entry[-1])
        if low is not None and high is not None and at is not None:
            bands[symbol] = PriceBand(symbol, low, high, at)
    return HaltBook(halts, bands)


def _entries(section: object) -> list[tuple[str, list[Any]]]:
    if not isinstance(section, Mapping):
        return []
    return [(str(k), v) for k, v in section.items() if isinstance(v, list) and len(v) >= 2]
