"""The control plane, options: positions and orders placed elsewhere, and how they end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.engine.back_office import BackOffice
from execbot.sim.types import Ns
from execbot.sim.wire.control_accounts import row_after
from execbot.sim.wire.fields import Fields


def _office(fields: Fields) -> BackOffice:
    return fields.venue.exchange.back_office


def _contract(fields: Fields) -> str:
    return str(fields.need("symbol")).upper()


def position(fields: Fields) -> Any:
    """`qty` contracts (below zero: sold) at `price` a share, with an order and a fill."""
    key, account_id = fields.account()
    qty, price = fields.number("qty"), fields.number("price")
    order_id = _office(fields).hold_option(account_id, _contract(fields), qty, price)
    return {"key": key, "order_id": order_id}


def order(fields: Fields) -> Any:
    """An order as in `POST /v2/orders`, in one contract or (`order_class` mleg) in several."""
    _, account_id = fields.account()
    return _office(fields).order_option(account_id, fields.body)


def fill(fields: Fields) -> Any:
    """The open order `order_id` is filled at `price` (its limit, else the mark)."""
    _, account_id = fields.account()
    price = fields.number("price") if "price" in fields.body else None
    return _office(fields).fill_option(account_id, str(fields.need("order_id")), price)


def mark(fields: Fields) -> Any:
    """From now on the contract trades at `price`; null gives it back to its chain."""
    released = "price" in fields.body and fields.body["price"] is None
    symbol, price = _contract(fields), None if released else fields.number("price")
    _office(fields).mark_option(symbol, price)
    fields.venue.advance()
    return {"symbol": symbol, "price": None if price is None else str(price)}


def expire(fields: Fields) -> Any:
    """The contracts held are gone, worthless (OPEXP)."""
    key, account_id = fields.account()
    _office(fields).expire_option(account_id, _contract(fields), row_after(fields))
    return {"key": key}


def exercise(fields: Fields) -> Any:
    """Bought contracts (all, or `qty`) become shares at the strike (OPEXC, OPTRD)."""
    key, account_id = fields.account()
    _office(fields).exercise_option(account_id, _contract(fields), *_how_many(fields))
    return {"key": key}


def assign(fields: Fields) -> Any:
    """Sold contracts (all, or `qty`) become shares at the strike (OPASN, OPTRD)."""
    key, account_id = fields.account()
    _office(fields).assign_option(account_id, _contract(fields), *_how_many(fields))
    return {"key": key}


def _how_many(fields: Fields) -> tuple[Decimal | None, Ns]:
    return fields.number("qty") if "qty" in fields.body else None, row_after(fields)
