"""What a bot has ordered, from the exchange's own books: counts, fills, positions, refusals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from execbot.sim.venue import Venue

_PAGE = 500
_REFUSALS_SHOWN = 20


def summary(venue: Venue) -> list[dict[str, Any]]:
    """One row for each account that traded or asked, in the order they came.

    Money and quantities are decimal strings. `orders`: status to count, legs included; `traded`:
    symbol to what was bought and sold; `refused`: what was said to orders that were not taken.
    """
    venue.advance()
    log = _refusals(venue)
    return [
        _account(venue, account_id, log.get(key, [])) for key, account_id in venue.keys().items()
    ]


def _account(venue: Venue, account_id: str, refused: Sequence[dict[str, Any]]) -> dict[str, Any]:
    exchange = venue.exchange
    account = exchange.account(account_id)
    orders = list(_orders(venue, account_id))
    return {
        "account": account["account_number"],
        "orders": dict(Counter(str(order["status"]) for order in orders)),
        "traded": _traded(orders),
        "refused": list(refused[:_REFUSALS_SHOWN]),
        "refused_count": len(refused),
        "positions": _positions(venue, account_id),
        "equity": account["equity"],
        "cash": account["cash"],
        "profit": str(Decimal(account["equity"]) - venue.market.engine_config.starting_cash),
    }


def _positions(venue: Venue, account_id: str) -> dict[str, str]:
    """Symbol, as in orders, to quantity: a position in BTC/USD is listed as BTCUSD."""
    rows = venue.exchange.positions(account_id)
    names = {asset.symbol.replace("/", ""): asset.symbol for asset in venue.market.assets.all()}
    return {names.get(row["symbol"], row["symbol"]): row["qty"] for row in rows}


def _orders(venue: Venue, account_id: str) -> Iterator[Mapping[str, Any]]:
    """Every order of an account, newest first."""
    query = {"status": "all", "limit": str(_PAGE), "direction": "desc"}
    while True:
        page = venue.exchange.orders(account_id, query)
        yield from page
        if len(page) < _PAGE:
            return
        query = {**query, "before_order_id": page[-1]["id"]}


def _traded(orders: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, Decimal]] = {}
    for order in orders:
        filled = Decimal(order["filled_qty"] or 0)
        if filled and order["symbol"]:
            row = found.setdefault(order["symbol"], {"bought": Decimal(0), "sold": Decimal(0)})
            row["bought" if order["side"] == "buy" else "sold"] += filled
    return {
        symbol: {side: f"{qty:f}" for side, qty in row.items()}
        for symbol, row in sorted(found.items())
    }


def _refusals(venue: Venue) -> dict[str, list[dict[str, Any]]]:
    """Key to the orders that were answered with an error, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in venue.records.entries(0, venue.config.log_size):
        if entry["status"] < 400 or entry["method"] != "POST" or entry["path"] != "/v2/orders":
            continue
        row = {"status": entry["status"], "message": _message(entry["answer"])}
        found.setdefault(entry["key"], []).append(row)
    return found


def _message(answer: str) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer[:200]
