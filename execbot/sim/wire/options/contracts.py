"""`/v2/options/contracts`: the list of contracts with its filters and pages, and one of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice

from execbot.sim.calendar import new_york_date
from execbot.sim.chains import listing
from execbot.sim.chains.contract import TAIL, symbol_of_id
from execbot.sim.types import ApiError, Response, whole_number
from execbot.sim.wire.call import Call
from execbot.sim.wire.http import reply

LIMIT_DEFAULT, LIMIT_MAX = 100, 10_000
SUNDAY = 6


def contracts(call: Call) -> Response:
    """One page, by symbol. Without a last date it ends with the coming weekend."""
    query, book = call.query, call.exchange.options
    wanted = _wanted(call)
    after = _token(query.get("page_token", ""))
    limit = _limit(query.get("limit", ""))
    details = call.flag("show_deliverables")
    rows = list(islice(listing.listed(book.chains, wanted, call.now, after), limit + 1))
    token = None
    if len(rows) > limit:
        rows.pop()
        token = base64.b64encode(rows[-1].symbol.encode()).decode()
    assets = call.exchange.core.assets
    shown = [
        listing.shown(book.chains, assets, contract, call.now, deliverables=details)
        for contract in rows
    ]
    return reply({"option_contracts": shown, "next_page_token": token})


def contract(call: Call) -> Response:
    """One contract by symbol or id. Raises `ApiError` 404."""
    name, book = call.args[0], call.exchange.options
    symbol = symbol_of_id(name, book.seed) or name
    found = book.contract(symbol) if len(symbol) > TAIL else None
    known = found is not None and (
        symbol in book.marks or listing.in_reach(book.chains, found, call.now)
    )
    if found is None or not known:
        raise ApiError(404, 40410000, f"option contract {name} not found")
    assets = call.exchange.core.assets
    return reply(listing.shown(book.chains, assets, found, call.now, deliverables=True))


def _wanted(call: Call) -> listing.Wanted:
    query, today = call.query, new_york_date(call.now)
    expired = _choice(query, "status", ("active", "inactive")) == "inactive"
    exact = _date(query, "expiration_date")
    first = exact or _date(query, "expiration_date_gte")
    last = exact or _date(query, "expiration_date_lte")
    if last is None and not expired:
        last = _weekend(today)
    return listing.Wanted(
        underlyings=tuple(
            sorted({s.strip() for s in query.get("underlying_symbols", "").split(",") if s})
        ),
        first=first,
        last=last,
        kind=_choice(query, "type", ("call", "put")),
        low=_number(query, "strike_price_gte"),
        high=_number(query, "strike_price_lte"),
        root=query.get("root_symbol") or None,
        style=_choice(query, "style", ("american", "european")),
        penny=call.flag("ppind") if query.get("ppind") else None,
        expired=expired,
    )


def _weekend(day: str) -> str:
    """The Sunday that a date's week ends with."""
    found = date.fromisoformat(day)
    return (found + timedelta(days=SUNDAY - found.weekday())).isoformat()


def _bad(name: str) -> ApiError:
    return ApiError(422, 42210000, f"invalid {name}")


def _choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    value = query.get(name) or None
    if value is not None and value not in allowed:
        raise _bad(name)
    return value


def _date(query: Mapping[str, str], name: str) -> str | None:
    value = query.get(name) or None
    if value is None:
        return None
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        raise _bad(name) from None


def _number(query: Mapping[str, str], name: str) -> Decimal | None:
    value = query.get(name) or None
    if value is None:
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        raise _bad(name) from None
    if not found.is_finite():
        raise _bad(name)
    return found


def _limit(text: str) -> int:
    limit = whole_number(text or str(LIMIT_DEFAULT), 1, LIMIT_MAX)
    if limit is None:
        raise _bad("limit")
    return limit


def _token(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode() if text else ""
    except (binascii.Error, ValueError):
        raise _bad("page_token") from None
