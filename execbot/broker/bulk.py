"""Reads a 207 reply: many orders or positions, each item with its own outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from execbot.broker.errors import classify
from execbot.broker.port import BulkResult
from execbot.model.border import read_order
from execbot.model.order import Order


def bulk_result(item: Mapping[str, Any], now: datetime) -> BulkResult:
    """Read one item of `DELETE /v2/orders` or `DELETE /v2/positions`. Pure.

    For the leg of a bracket the body is its parent, so the order meant is looked for inside. In a
    close-all reply a canceled order has its id where the symbol of a position would be.
    """
    status = _status(item.get("status"))
    body = item.get("body")
    body = body if isinstance(body, Mapping) else {}
    symbol = _text(item.get("symbol"))
    name = _text(item.get("id")) or symbol or ""
    if not 200 <= status < 300:
        failure = classify(status, json.dumps(body, default=str), {}, method="DELETE", path="")
        symbol = _text(body.get("symbol")) or symbol
        return BulkResult(name, status, None, symbol, failure.message, failure)
    order = read_order(body, now) if body.get("id") else None
    if not isinstance(order, Order):
        return BulkResult(name, status, None, symbol)  # what became of it is asked for
    order = next((leg for leg in order.legs if leg.id == name), order)
    return BulkResult(_text(item.get("id")) or order.id, status, order, order.symbol or symbol)


def _status(value: object) -> int:
    text = str(value)
    return int(text) if len(text) == 3 and text.isdecimal() else 0


def _text(value: object) -> str | None:
    return str(value) if value else None
