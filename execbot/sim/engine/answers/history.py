"""Portfolio history: what the account was worth, computed from its activities and the prices."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from execbot.sim.calendar import new_york_date
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.accounts.archive import ActivityFilter, Span
from execbot.sim.engine.answers.listing import instant
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.parse import malformed
from execbot.sim.engine.render import CENT, ZERO, at_new_york, wall_time
from execbot.sim.types import DIGITS_MAX, SECOND, Ns, whole_number, within_time

MINUTE: Ns = 60 * SECOND
DAY: Ns = 86_400 * SECOND
WIDTHS: dict[str, Ns] = {
    "1Min": MINUTE,
    "5Min": 5 * MINUTE,
    "15Min": 15 * MINUTE,
    "1H": 60 * MINUTE,
    "1D": DAY,
}
UNIT_DAYS = {"D": 1, "W": 7, "M": 30, "A": 365}
INTRADAY_DAYS_MAX = 30
POINTS_MAX = 50_000
MOVES_SHARES = (
    *("SPLIT", "NC", "MA", "SPIN", "JNLS", "ACATS", "FOPT"),
    *("OPEXP", "OPEXC", "OPASN", "OPTRD"),
)


class Ledger:
    """Cash and positions at any past instant, from the activities in time order."""

    def __init__(self, core: ExchangeCore, account: Account) -> None:
        self._core = core
        rows = core.archive.find_activities(account.id, Span(), ActivityFilter(), None)
        self._times: list[Ns] = []
        self._states: list[tuple[Decimal, dict[str, Decimal]]] = []
        self.flows: list[tuple[Ns, str, Decimal]] = []
        cash, held = ZERO, dict[str, Decimal]()
        for row in rows:
            cash, held = self._apply(cash, held, row.kind, row.data)
            if row.kind != "FILL":
                self.flows.append((row.at, row.kind, Decimal(row.data["net_amount"])))
            self._times.append(row.at)
            self._states.append((cash, held))

    def _apply(
        self, cash: Decimal, held: dict[str, Decimal], kind: str, data: Mapping[str, Any]
    ) -> tuple[Decimal, dict[str, Decimal]]:
        if kind == "FILL":
            qty = Decimal(data["qty"]) * (1 if data["side"] == "buy" else -1)
            symbol = str(data["symbol"])
            held = {**held, symbol: held.get(symbol, ZERO) + qty}
            return cash - qty * Decimal(data["price"]) * self._core.multiplier(symbol), held
        if kind in MOVES_SHARES:
            symbol = str(data["symbol"])
            held = {**held, symbol: held.get(symbol, ZERO) + Decimal(data["qty"])}
        if kind == "CFEE" and data["qty"] != "0":
            asset = self._core.assets.get(str(data["symbol"]))
            if asset is not None:
                held = {**held, asset.symbol: held.get(asset.symbol, ZERO) + Decimal(data["qty"])}
        return cash + Decimal(data["net_amount"]), held

    def equity(self, at: Ns) -> Decimal | None:
        """None before the account was opened."""
        index = bisect_right(self._times, at)
        if not index:
            return None
        cash, held = self._states[index - 1]
        core = self._core
        values = (core.price(s, at) * qty * core.multiplier(s) for s, qty in held.items() if qty)
        return cash + sum(values, ZERO)


def portfolio_history(
    core: ExchangeCore, account: Account, query: Mapping[str, str]
) -> dict[str, Any]:
    """`GET /v2/account/portfolio/history`. Raises `ApiError` 422 for a bad period or frame."""
    start, end = _span(core, query)
    frame = _frame(query, start, end)
    ledger = Ledger(core, account)
    points = _points(core, query, frame, start, end)
    base_at = core.hours.previous_close(points[0]) if points else end
    base = ledger.equity(base_at)
    has_base = base is not None
    base_value = base if base is not None else (ledger.equity(account.created_at) or ZERO)
    body: dict[str, Any] = {
        "timestamp": [at // SECOND for at in points],
        "equity": [],
        "profit_loss": [],
        "profit_loss_pct": [],
        "base_value": _float(base_value),
        "timeframe": frame,
    }
    if has_base:
        body["base_value_asof"] = new_york_date(base_at)
    per_day = frame != "1D" and (query.get("pnl_reset") or "per_day") == "per_day"
    reference, day = base_value, ""
    for at in points:
        value = ledger.equity(_valued_at(core, frame, at))
        if per_day and core.hours.trading_date(at) != day:
            day = core.hours.trading_date(at)
            closed_at = ledger.equity(core.hours.previous_close(at))
            reference = base_value if closed_at is None else closed_at
        # Before the account was opened: zeros, as models of today's clients demand numbers there.
        body["equity"].append(0.0 if value is None else _float(value))
        gain = None if value is None else value - reference
        body["profit_loss"].append(0.0 if gain is None else _float(gain))
        share = None if gain is None or not reference else float(round(gain / reference, 6))
        body["profit_loss_pct"].append(share)
    flows = _cashflow(core, query, ledger, frame, points)
    if flows is not None:
        body["cashflow"] = flows
    return body


def _float(value: Decimal) -> float:
    return float(value.quantize(CENT))


def _valued_at(core: ExchangeCore, frame: str, at: Ns) -> Ns:
    """A point is stamped with the start of its window and valued at the end of it."""
    end = at + WIDTHS[frame]
    if frame == "1D" and not core.calendar.always_open:
        end = core.hours.day(at).close
    return min(end, core.now)


def _span(core: ExchangeCore, query: Mapping[str, str]) -> tuple[Ns, Ns]:
    start, end = instant(query, "start"), instant(query, "end")
    period = query.get("period")
    if start is not None and end is not None and period:
        raise malformed("only two of start, end and period can be specified at the same time")
    length = _period(period or "1M")
    if start is None:
        end = core.now if end is None else min(end, core.now)
        return within_time(end - length), end
    if end is None:
        end = min(start + length, core.now) if period else core.now
    return start, min(end, core.now)


def _period(text: str) -> Ns:
    unit, count = text[-1:].upper(), whole_number(text[:-1], 1, 10**DIGITS_MAX)
    if unit not in UNIT_DAYS or count is None:
        raise malformed(f"invalid period: {text}")
    return count * UNIT_DAYS[unit] * DAY


def _frame(query: Mapping[str, str], start: Ns, end: Ns) -> str:
    days = (end - start) / DAY
    frame = query.get("timeframe")
    if not frame:
        return "1Min" if days < 7 else "15Min" if days < INTRADAY_DAYS_MAX else "1D"
    if frame not in WIDTHS:
        raise malformed(f"invalid timeframe: {frame}")
    if frame != "1D" and days > INTRADAY_DAYS_MAX:
        raise malformed("intraday timeframes are limited to 30 days")
    return frame


def _points(
    core: ExchangeCore, query: Mapping[str, str], frame: str, start: Ns, end: Ns
) -> list[Ns]:
    """The start of each window, New York days or steps within the sessions reported."""
    first = wall_time(start).date()
    last = wall_time(end).date()
    reporting = query.get("intraday_reporting") or "market_hours"
    if query.get("extended_hours", "").lower() == "true":
        reporting = "extended_hours"
    if reporting not in ("market_hours", "extended_hours", "continuous"):
        raise malformed(f"invalid intraday_reporting: {reporting}")
    if frame == "1D":
        days = core.calendar.days(first.isoformat(), last.isoformat())
        stamps = [at_new_york(date.fromisoformat(day.date), 0) for day in days]
        return [at for at in stamps if at <= end]
    width = WIDTHS[frame]
    spans: list[tuple[Ns, Ns]] = []
    if reporting == "continuous":
        spans.append((start, end))
    else:
        margin = timedelta(days=1)
        for day in core.calendar.days((first - margin).isoformat(), last.isoformat()):
            wide = reporting == "extended_hours"
            spans.append((day.pre_open, day.after_close) if wide else (day.open, day.close))
    points: list[Ns] = []
    for begin, stop in spans:
        at = max(begin, start)
        at -= at % width
        at = at if at >= begin else at + width
        while at < min(stop, end) and len(points) < POINTS_MAX:
            points.append(at)
            at += width
    return points


def _cashflow(
    core: ExchangeCore, query: Mapping[str, str], ledger: Ledger, frame: str, points: list[Ns]
) -> dict[str, list[float]] | None:
    wanted = query.get("cashflow_types") or ""
    if not wanted or wanted == "NONE":
        return None
    kinds = None if wanted == "ALL" else set(wanted.split(","))
    flows: dict[str, list[float]] = {}
    for at, kind, amount in ledger.flows:
        index = bisect_right(points, at) - 1
        if index < 0 or (kinds is not None and kind not in kinds):
            continue
        row = flows.setdefault(kind, [0.0] * len(points))
        row[index] = round(row[index] + float(amount), 2)
    return flows
