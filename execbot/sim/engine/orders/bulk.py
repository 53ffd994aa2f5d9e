"""Canceling everything, and closing positions by request: many orders in one answer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.answers import views
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order, Status
from execbot.sim.engine.orders import amend
from execbot.sim.engine.orders.place import place
from execbot.sim.engine.parse import malformed, number
from execbot.sim.engine.render import NANO, text
from execbot.sim.types import ApiError, Asset, AssetClass


def cancel_all(core: ExchangeCore, account: Account) -> list[dict[str, Any]]:
    """One item per open order; for a leg the body is its parent."""
    items = []
    for order in list(account.live.values()):
        if order.parent_id is not None and _waits_on_live(core, order):
            continue
        try:
            amend.request_cancel(core, order)
        except ApiError as error:
            items.append({"id": order.id, "status": error.status, "body": _refusal(error)})
            continue
        shown = core.find(order.parent_id) or order
        body = views.rest_order(core, shown, legs=True)
        items.append({"id": order.id, "status": 200, "body": body})
    return items


def held_asset(core: ExchangeCore, account: Account, symbol_or_asset_id: str) -> Asset:
    """The asset of a position. Raises `ApiError` 404."""
    asset = core.assets.get(symbol_or_asset_id)
    if asset is None:
        raise ApiError(404, 40410000, f"symbol not found: {symbol_or_asset_id}")
    if asset.symbol not in account.positions:
        raise ApiError(404, 40410000, "position does not exist")
    return asset


def close_position(
    core: ExchangeCore, account: Account, symbol_or_asset_id: str, query: Mapping[str, str]
) -> dict[str, Any]:
    """A plain market order of the other side."""
    asset = held_asset(core, account, symbol_or_asset_id)
    held = account.qty(asset.symbol)
    body = {
        "symbol": asset.symbol,
        "qty": text(_closing_qty(abs(held), query)),
        "side": "sell" if held > 0 else "buy",
        "type": "market",
        "time_in_force": "gtc" if asset.asset_class is AssetClass.CRYPTO else "day",
    }
    return views.rest_order(core, place(core, account, body), legs=True)


def close_all(core: ExchangeCore, account: Account, cancel_orders: bool) -> list[dict[str, Any]]:
    """Canceled orders first (their id as `symbol`), then one item per position."""
    items = []
    if cancel_orders:
        for item in cancel_all(core, account):
            items.append({"symbol": item["id"], **{k: item[k] for k in ("status", "body")}})
    for symbol in sorted(account.positions):
        try:
            body = close_position(core, account, symbol, {})
        except ApiError as error:
            shown = {"symbol": symbol.replace("/", ""), "status": error.status}
            items.append({**shown, "body": _refusal(error)})
            continue
        items.append({"symbol": symbol.replace("/", ""), "status": 200, "body": body})
    return items


def _waits_on_live(core: ExchangeCore, leg: Order) -> bool:
    """A leg whose parent or sibling is canceled in its own right needs no item of its own."""
    parent = core.orders.get(leg.parent_id or "")
    return parent is not None or (leg.status is Status.HELD and leg.sibling_id in core.orders)


def _closing_qty(held: Decimal, query: Mapping[str, str]) -> Decimal:
    """What `qty` or `percentage` asks for; whole shares of a whole position."""
    qty, percentage = number(query, "qty"), number(query, "percentage")
    if qty is not None and percentage is not None:
        raise malformed("only one of qty or percentage is accepted")
    if qty is not None:
        if qty <= 0:
            raise malformed("qty must be > 0")
        return qty
    if percentage is None:
        return held
    if not 0 < percentage <= 100:
        raise malformed("percentage must be between 0 and 100")
    step = Decimal(1) if held == held.to_integral_value() else NANO
    part = (held * percentage / 100).quantize(step, "ROUND_DOWN")
    if not part:
        raise malformed("qty must be > 0")
    return part


def _refusal(error: ApiError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, **error.extra}
