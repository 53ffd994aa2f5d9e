"""Deliveries by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from execbot.config.schema import TradingSettings
from execbot.page.signals.intake import Delivered, delivered
from execbot.page.signals.rows import Delivery, Row, State

NOW = datetime(2026, 11, 20, 14, 31, tzinfo=UTC)


def what(now: datetime = NOW, *, new_id: str = "web-1", **fields: Any) -> Delivered:
    body = {"symbol": "AAPL", "side": "buy", "strength": 82, **fields}
    return delivered(body, TradingSettings(), now=now, new_id=new_id)


def delivery(
    now: datetime = NOW,
    *,
    repeat_seconds: float = 60,
    waiting_max: int = 1000,
    new_id: str = "web-1",
    **fields: Any,
) -> Delivery:
    return Delivery(what(now, new_id=new_id, **fields), now, repeat_seconds, waiting_max)


def row(number: int, symbol: str = "AAPL", side: str = "buy") -> Row:
    signal = what(symbol=symbol, side=side, id=f"s-{number}").signal
    return Row(number, signal, "json", None, State.WAITING, NOW)


def body(**fields: Any) -> bytes:
    return json.dumps({"symbol": "AAPL", "side": "buy", "strength": 82, **fields}).encode()
