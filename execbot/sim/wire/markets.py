"""`/v3/clock` and `/v3/calendar/{market}`: the newer views of hours, for the US equity markets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from execbot.sim.calendar import NEW_YORK, new_york_date, settlement_date
from execbot.sim.times import parse_time
from execbot.sim.types import SECOND, ApiError, Calendar, Ns, TradingDay, TradingSession

# Acronym, MIC and name; found by acronym or MIC.
_NYSE = ("NYSE", "XNYS", "New York Stock Exchange")
_NASDAQ = ("NASDAQ", "XNAS", "Nasdaq Stock Market")
_IEX = ("IEX", "IEXG", "Investors Exchange")
MARKETS = {name: market for market in (_NYSE, _NASDAQ, _IEX) for name in market[:2]}

_PHASES = {
    TradingSession.PRE: "pre",
    TradingSession.REGULAR: "core",
    TradingSession.AFTER: "post",
    TradingSession.OVERNIGHT: "closed",
    TradingSession.CLOSED: "closed",
}
_WEEK = timedelta(days=7)


def _market(name: str) -> dict[str, str]:
    found = MARKETS.get(name.upper())
    if found is None:
        raise ApiError(400, 40010001, f"invalid market: {name}")
    acronym, mic, title = found
    return {
        "acronym": acronym,
        "mic": mic,
        "name": title,
        "timezone": "America/New_York",
    }


def _stamp(at: Ns) -> str:
    return datetime.fromtimestamp(at // SECOND, NEW_YORK).isoformat()


def clocks(calendar: Calendar, query: Mapping[str, str], now: Ns) -> dict[str, Any]:
    """The clock of each market asked for, at `time` or now. Raises `ApiError` 400."""
    if query.get("time"):
        try:
            now = parse_time(query["time"])
        except ValueError:
            raise ApiError(400, 40010001, f"invalid time: {query['time']}") from None
    names = [name for name in query.get("markets", "NYSE").split(",") if name]
    return {"clocks": [_clock(calendar, name, now) for name in names]}


def _clock(calendar: Calendar, name: str, now: Ns) -> dict[str, Any]:
    return {
        "market": _market(name),
        "timestamp": _stamp(now),
        "is_market_day": calendar.day(new_york_date(now)) is not None,
        "next_market_open": _stamp(calendar.next_open(now)),
        "next_market_close": _stamp(calendar.next_close(now)),
        "phase": _PHASES[calendar.session(now)],
        "phase_until": _stamp(_phase_end(calendar, now)),
    }


def _phase_end(calendar: Calendar, now: Ns) -> Ns:
    """The first boundary of a trading day after `now`."""
    today = date.fromisoformat(new_york_date(now))
    days = calendar.days(today.isoformat(), (today + 2 * _WEEK).isoformat())
    bounds = (at for day in days for at in (day.pre_open, day.open, day.close, day.after_close))
    return next(at for at in bounds if at > now)


def calendar_of(calendar: Calendar, name: str, query: Mapping[str, str], now: Ns) -> dict[str, Any]:
    """Trading days of one market, by default one week from today. Raises `ApiError` 400."""
    market = _market(name)
    start = query.get("start") or new_york_date(now)
    try:
        end = query.get("end") or (date.fromisoformat(start) + _WEEK).isoformat()
        bounds = max(start, "1970-01-01"), min(end, "2100-12-31")
        days = calendar.days(*bounds)
    except (ValueError, OverflowError):
        raise ApiError(400, 40010001, "invalid start or end") from None
    utc = query.get("timezone") == "UTC"
    return {"market": market, "calendar": [_day(calendar, day, utc) for day in days]}


def _day(calendar: Calendar, day: TradingDay, utc: bool) -> dict[str, Any]:
    from execbot.sim.times import format_ns

    stamp = format_ns if utc else _stamp
    return {
        "date": day.date,
        "pre_start": stamp(day.pre_open),
        "pre_end": stamp(day.open),
        "core_start": stamp(day.open),
        "core_end": stamp(day.close),
        "post_start": stamp(day.close),
        "post_end": stamp(day.after_close),
        "settlement_date": settlement_date(calendar, day.date),
    }
