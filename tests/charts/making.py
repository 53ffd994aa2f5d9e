"""A chart by hand: 60 one-minute bars, a long trade with a stop that moves and two targets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execbot.charts.model import Chart, Kind, Level, LevelStep, Mark
from execbot.model.enums import Side
from execbot.model.quote import Bar

D = Decimal
T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)
"""10:00 in New York."""


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def bar(number: int, price: str) -> Bar:
    close = D(price)
    return Bar("AAPL", at(number), close - 1, close + 2, close - 2, close, D(100))


def mark(minute: float, side: Side, qty: str, price: str, *, opens: bool) -> Mark:
    return Mark(at(minute), side, D(qty), D(price), D(price), opens, "AAPL-1", f"x{minute}", "one")


def way(kind: Kind, *steps: tuple[float, str | None], number: int | None = None) -> Level:
    told = tuple(LevelStep(at(m), None if price is None else D(price)) for m, price in steps)
    return Level(kind, "AAPL-1", "plan-1", told, number)


def chart(**changed: Any) -> Chart:
    fields: dict[str, Any] = {
        "symbol": "AAPL",
        "frame": "1Min",
        "since": T0,
        "until": at(60),
        "bars": [bar(number, str(200 + number % 10)) for number in range(60)],
        "marks": [
            mark(10.4, Side.BUY, "10", "200", opens=True),
            mark(30.9, Side.SELL, "4", "208", opens=False),
            mark(50.1, Side.SELL, "6", "196", opens=False),
        ],
        "levels": [
            way(Kind.STOP, (10.4, "190"), (20.2, "194"), (40, "196"), (50.1, None)),
            way(Kind.TARGET, (10.4, "208"), (30.9, None), number=1),
            way(Kind.TARGET, (10.4, "216"), (50.1, None), number=2),
        ],
    }
    return Chart(**{**fields, **changed})
