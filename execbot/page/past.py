"""What the page asks for on a click: the history of an order, trades, reports, a chart.

The answers are those of `orders show`, `trades`, `report` and `chart`, in their published models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from execbot.charts.library import VERSION, library
from execbot.charts.model import Chart
from execbot.charts.page import drawn
from execbot.desk.account import Desk
from execbot.desk.errors import BadRequest
from execbot.desk.look.orders import history_json, history_of
from execbot.desk.look.reporting.charts import ChartWanted, read_chart
from execbot.desk.look.reporting.report_json import report_json
from execbot.desk.look.reports import span_report
from execbot.desk.look.trade_json import trade_json
from execbot.desk.look.trades import Wanted, read_trades
from execbot.model.numbers import text
from execbot.model.times import eastern, iso
from execbot.page.models import Strict
from execbot.report.span import Span
from execbot.schemas.orders import OrderHistory
from execbot.schemas.report import Report
from execbot.schemas.trades import TradeOfList

TRADES_DAYS = 30
TRADES_MAX = 200
DAYS_BACK_MAX = 3660


class Level(Strict):
    """`near`: the scale makes room for it."""

    word: str
    kind: str
    near: bool
    points: list[dict[str, float]]


class ChartRow(Strict):
    """A row of the table beside the drawing."""

    at: str
    what: str
    side: str
    qty: str
    price: str


class ChartShown(Strict):
    """What the library draws, and the same as a table. Times are UTC in whole seconds."""

    symbol: str
    frame: str
    since: str
    until: str
    digits: int
    daily: bool
    bars: list[dict[str, float]]
    marks: list[dict[str, Any]]
    levels: list[Level]
    rows: list[ChartRow]
    stands: list[ChartRow]
    warnings: list[str]


class TradesShown(Strict):
    trades: list[TradeOfList]
    warnings: list[str]


class ReportShown(Strict):
    report: Report
    warnings: list[str]


class LibraryState(Strict):
    """Whether charts can be drawn; `why_not` in words."""

    version: str
    why_not: str


def order_history(desk: Desk, word: str) -> OrderHistory:
    """Raises UnknownOrder, AmbiguousId, BrokerError."""
    found = history_of(desk, word)
    return OrderHistory.model_validate(plain(history_json(found)))


def trades(desk: Desk, days: int) -> TradesShown:
    """The newest round trips of so many days. Raises BrokerError, JournalError."""
    since = desk.now() - timedelta(days=min(max(days, 1), DAYS_BACK_MAX))
    found = read_trades(desk, Wanted(since=since))
    newest = list(found.trades)[-TRADES_MAX:][::-1]
    shown = [TradeOfList.model_validate(plain(trade_json(trade))) for trade in newest]
    return TradesShown(trades=shown, warnings=list(found.warnings))


def report(desk: Desk, on: str | None) -> ReportShown:
    """Of a day of New York, today without one. Raises BadRequest, BrokerError, JournalError."""
    found = span_report(desk, Span.of(eastern(desk.now()).date() if on is None else _day(on)))
    body = {**report_json(found), "written": []}
    return ReportShown(
        report=Report.model_validate(plain(body)), warnings=[str(w) for w in found.warnings]
    )


def _day(word: str) -> date:
    """Raises BadRequest, also for days that nobody can reckon with: there is none beside them."""
    with suppress(ValueError):
        day = date.fromisoformat(word)
        if day.isoformat() == word and MINYEAR < day.year < MAXYEAR:
            return day
    raise BadRequest(f"{word[:40]!r} is no day", hint="YYYY-MM-DD")


def chart(desk: Desk, symbol: str) -> ChartShown:
    """Of the position in `symbol`, or its last trade. Raises BrokerError, JournalError."""
    found = read_chart(desk, ChartWanted(symbol=symbol))
    picture = found.chart
    data: dict[str, Any] = drawn(picture) if picture.bars else {"digits": 2, "daily": False}
    return ChartShown(
        symbol=picture.symbol,
        frame=picture.frame,
        since=iso(picture.since),
        until=iso(picture.until),
        digits=data["digits"],
        daily=data["daily"],
        bars=data.get("bars", []),
        marks=data.get("marks", []),
        levels=[Level.model_validate(level) for level in data.get("levels", [])],
        rows=_rows(picture),
        stands=_stands(picture),
        warnings=list(found.warnings),
    )


def library_state() -> LibraryState:
    return LibraryState(version=VERSION, why_not=library().why_not)


def _rows(picture: Chart) -> list[ChartRow]:
    return [
        ChartRow(
            at=iso(mark.at),
            what=mark.word,
            side=mark.side.value,
            qty=text(mark.qty),
            price=text(mark.paid),
        )
        for mark in picture.marks
    ]


def _stands(picture: Chart) -> list[ChartRow]:
    return [
        ChartRow(
            at=iso(step.at),
            what=level.word,
            side="",
            qty="",
            price="off" if step.price is None else text(step.price),
        )
        for level in picture.levels
        for step in level.steps
    ]


def plain(value: Any) -> Any:
    """Decimals, times and enums as the text that every `--json` has."""
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(one) for one in value]
    return value
