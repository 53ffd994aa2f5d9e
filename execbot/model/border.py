"""Turns the broker's rows and frames into values, or says why a row cannot be read. Pure.

A field that is booked or goes into a path must be plausible, else the whole row is unknown, never
half of it (docs/evidence.md, E-ALL-3). A field that is only shown (a price, a margin) is then
unknown alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from execbot.model.account import Activity, Position
from execbot.model.order import Order
from execbot.model.plausible import symbol_trouble
from execbot.model.row_checks import activity_trouble, order_trouble, position_trouble
from execbot.model.symbols import pair_symbol
from execbot.model.unread import POSITION, Rows, Unread

Row = Mapping[str, Any]


def read_order(row: Row, now: datetime) -> Order | Unread:
    trouble = order_trouble(row)
    return unread("order", row, trouble) if trouble else Order.from_wire(row, now)


def read_position(row: Row) -> Position | Unread:
    """Positions spell a pair without its slash; inside, a pair has one name."""
    trouble = position_trouble(row)
    if trouble:
        return unread(POSITION, row, trouble)
    if row.get("asset_class") == "crypto":
        row = {**row, "symbol": pair_symbol(str(row["symbol"]))}
    return Position.from_wire(row)


def read_activity(row: Row, now: datetime) -> Activity | Unread:
    trouble = activity_trouble(row, now)
    return unread("activity", row, trouble) if trouble else Activity.from_wire(row)


def read_orders(rows: Iterable[Row], now: datetime) -> Rows[Order]:
    found = [read_order(row, now) for row in rows]
    return Rows(
        (item for item in found if isinstance(item, Order)),
        (item for item in found if isinstance(item, Unread)),
    )


def read_positions(rows: Iterable[Row]) -> Rows[Position]:
    found = [read_position(row) for row in rows]
    return Rows(
        (item for item in found if isinstance(item, Position)),
        (item for item in found if isinstance(item, Unread)),
    )


def read_activities(rows: Iterable[Row], now: datetime) -> Rows[Activity]:
    found = [read_activity(row, now) for row in rows]
    return Rows(
        (item for item in found if isinstance(item, Activity)),
        (item for item in found if isinstance(item, Unread)),
    )


def unread(what: str, row: object, why: str) -> Unread:
    """The symbol and id of a row that cannot be read, where those are plausible."""
    symbol, name = "", ""
    if isinstance(row, Mapping):
        order = row.get("order")
        body = order if isinstance(order, Mapping) else row
        symbol, name = _symbol_in(body), str(body.get("id") or "")[:200]
    return Unread(what, symbol, why, row, name)


def _symbol_in(row: Row) -> str:
    found = row.get("symbol")
    if not isinstance(found, str) or not found or symbol_trouble(found):
        return ""
    return pair_symbol(found) if row.get("asset_class") == "crypto" else found
