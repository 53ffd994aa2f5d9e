"""The query of a market-data request: symbols, times, timeframes, limits, page tokens.

A refusal is HTTP 400 with a message and no code, as the market-data API answers today (the
trading API's codes do not appear there); recent SIP data without the subscription is 403.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from execbot.sim.calendar import new_york, new_york_date
from execbot.sim.times import parse_time
from execbot.sim.types import SECOND, ApiError, Ns, whole_number, within_time

MINUTE: Ns = 60 * SECOND
HOUR: Ns = 60 * MINUTE
SIP_DELAY: Ns = 15 * MINUTE
TICK_CATCH_UP: Ns = 5 * MINUTE
"""Older prints than this a stream skips when the clock has jumped; it never sends them later."""
LIMIT_DEFAULT, LIMIT_MAX = 1000, 10_000

STOCK_SYMBOL = re.compile(r"[A-Z0-9]+(?:[.\-/][A-Z0-9]+)*")
CRYPTO_PATTERN = "^[A-Z]+/[A-Z]+$"
CRYPTO_SYMBOL = re.compile(CRYPTO_PATTERN)
# Words in any case (ccxt sends `1min`), single letters as they are: M is a month.
TIMEFRAME = re.compile(r"(\d{1,2})((?i:min|hour|day|week|month)|[THDWM])")
ADJUSTMENTS = frozenset({"raw", "split", "dividend", "spin-off", "all"})
LATEST_FEEDS = frozenset({"delayed_sip", "iex", "otc", "sip", "boats", "overnight"})
HISTORICAL_FEEDS = frozenset({"iex", "otc", "sip", "boats"})
LOCATIONS = frozenset({"us", "us-1", "us-2", "eu-1", "bs-1"})


class Plan(StrEnum):
    """What the market-data subscription allows: everything, or SIP data 15 minutes late."""

    FULL = "full"
    BASIC = "basic"


class Unit(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


UNITS = {
    "Min": Unit.MINUTE,
    "T": Unit.MINUTE,
    "Hour": Unit.HOUR,
    "H": Unit.HOUR,
    "Day": Unit.DAY,
    "D": Unit.DAY,
    "Week": Unit.WEEK,
    "W": Unit.WEEK,
    "Month": Unit.MONTH,
    "M": Unit.MONTH,
}
AMOUNTS = {
    Unit.MINUTE: range(1, 60),
    Unit.HOUR: range(1, 24),
    Unit.DAY: (1,),
    Unit.WEEK: (1,),
    Unit.MONTH: (1, 2, 3, 4, 6, 12),
}


@dataclass(frozen=True, slots=True)
class Timeframe:
    amount: int
    unit: Unit

    @property
    def width(self) -> Ns | None:
        """The span of an intraday bar; None for days and longer, whose length varies."""
        if self.unit is Unit.MINUTE:
            return self.amount * MINUTE
        return self.amount * HOUR if self.unit is Unit.HOUR else None


def bad(message: str) -> ApiError:
    return ApiError(400, None, message)


def timeframe(text: str) -> Timeframe:
    found = TIMEFRAME.fullmatch(text)
    if found is not None:
        amount, unit = int(found[1]), UNITS[found[2].capitalize()]
        if amount in AMOUNTS[unit]:
            return Timeframe(amount, unit)
    raise bad(f"invalid timeframe: {text}" if text else "timeframe is required")


def known_only(query: Mapping[str, str], names: Iterable[str]) -> None:
    extra = sorted(set(query) - set(names))
    if extra:
        raise bad(f"unexpected parameter(s): {', '.join(extra)}")


def stock_symbols(text: str) -> list[str]:
    return _symbols(text, STOCK_SYMBOL, "")


def crypto_symbols(text: str) -> list[str]:
    return _symbols(text, CRYPTO_SYMBOL, f" does not match {CRYPTO_PATTERN}")


def _symbols(text: str, pattern: re.Pattern[str], why: str) -> list[str]:
    """The symbols asked for, each once, in the order in which pages go through them."""
    names = [name.strip() for name in text.split(",")]
    if not any(names):
        raise bad("symbols is required")
    for name in names:
        if not pattern.fullmatch(name):
            raise bad(f"invalid symbol: {name}{why}")
    return sorted(set(names))


def limit(query: Mapping[str, str]) -> int:
    """How many rows a page of prices has at most."""
    return count(query, "limit", LIMIT_DEFAULT, LIMIT_MAX)


def count(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number of 1 to `most`. Raises `ApiError` 400."""
    text = query.get(name) or str(default)
    found = whole_number(text, 1, most)
    if found is None:
        is_number = text.removeprefix("-").isdecimal()
        raise bad(f"invalid {name}: {text}" + f" is not between 1 and {most}" * is_number)
    return found


def day(query: Mapping[str, str], name: str) -> str | None:
    """A date, YYYY-MM-DD, or None where none is given. Raises `ApiError` 400."""
    text = query.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise bad(f"invalid {name}: {text}") from None


def descending(query: Mapping[str, str]) -> bool:
    text = query.get("sort", "asc") or "asc"
    if text not in ("asc", "desc"):
        raise bad(f"invalid sort: {text}")
    return text == "desc"


def adjustment(query: Mapping[str, str]) -> frozenset[str]:
    """The kinds of adjustment asked for; none for prices as they were traded."""
    names = (query.get("adjustment") or "raw").split(",")
    for name in names:
        if name not in ADJUSTMENTS:
            raise bad(f"invalid adjustment: {name}")
    return frozenset(names) - {"raw"}


def check_location(location: str) -> None:
    if location not in LOCATIONS:
        raise bad(f"Invalid location: {location}")


def feed(query: Mapping[str, str], allowed: frozenset[str], plan: Plan) -> str:
    """The feed asked for; by default the best that the plan has."""
    text = query.get("feed", "")
    if not text:
        latest = allowed is LATEST_FEEDS
        return "iex" if plan is Plan.BASIC and latest else "sip"
    if text not in allowed:
        raise bad(f"invalid feed: {text}")
    return text


def not_subscribed() -> ApiError:
    return ApiError(403, 42210000, "subscription does not permit querying recent SIP data")


def moment(name: str, text: str) -> Ns:
    """RFC 3339, or a date: New York's midnight. Epoch numbers are not taken."""
    try:
        if len(text) == 10:
            return within_time(new_york(_plausible(text)))
        # A plus sign that was not encoded arrives as a space.
        return parse_time(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
    except ValueError:
        raise bad(f"invalid {name}: {text}") from None


def _plausible(day: str) -> str:
    """A date that no calendar overflows at."""
    return min(max(day, "1970-01-02"), "2100-12-31")


def span(query: Mapping[str, str], now: Ns, plan: Plan, chosen: str) -> tuple[Ns, Ns]:
    """Start and end, both inclusive, never beyond `now`.

    Raises `ApiError` (400) for an end before the start, (403) for SIP data that the plan does not
    include yet.
    """
    delayed = plan is Plan.BASIC and chosen == "sip"
    latest = now - SIP_DELAY if delayed else now
    # The last second of the delay is let through: the caller's clock and ours may differ by it.
    if query.get("end"):
        end = moment("end", query["end"])
        if delayed and end > latest + SECOND:
            raise not_subscribed()
    else:
        end = latest
    if query.get("start"):
        start = moment("start", query["start"])
        if delayed and not query.get("end") and start > latest:
            raise not_subscribed()
    else:
        start = min(new_york(new_york_date(now)), latest)
    if end < start and (query.get("end") or start > now):
        raise bad("end should not be before start")
    return start, min(end, latest)


def encode_token(symbol: str, at: Ns) -> str:
    """Where a page ended: the last row's symbol and time."""
    return base64.b64encode(f"{symbol}|{at}".encode()).decode()


def decode_token(text: str) -> tuple[str, Ns] | None:
    if not text:
        return None
    try:
        symbol, _, at = base64.b64decode(text, validate=True).decode().rpartition("|")
        return symbol, int(at)
    except (binascii.Error, ValueError):
        raise bad("invalid page token") from None


def resumed(last: Ns, start: Ns, end: Ns, *, backwards: bool) -> tuple[Ns, Ns]:
    """What is left of `[start, end]` after a page that ended with the row of `last`. It never grows
    by a token: one of another request does not show what has not happened yet.
    """
    return (start, min(end, last - 1)) if backwards else (max(start, last + 1), end)


def month_start(day: str, amount: int) -> str:
    """The first day of the span of `amount` months (counted from January) that holds a day."""
    year, month = int(day[:4]), int(day[5:7])
    return f"{year:04d}-{(month - 1) // amount * amount + 1:02d}-01"


def week_start(day: str) -> str:
    """The Monday of a date."""
    found = datetime.fromisoformat(day)
    return (found - timedelta(days=found.weekday())).date().isoformat()
