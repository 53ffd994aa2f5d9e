"""`/v2/watchlists`: named, ordered lists of assets, one set for each account.

The lists are values of the venue's state. A name is used once in an account; symbols are kept as
they were given and shown as assets. Alpaca publishes no text of its refusals; these are ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from execbot.sim.times import format_ns
from execbot.sim.types import ApiError, Response
from execbot.sim.wire.call import Call
from execbot.sim.wire.http import reply

NAME_MAX = 64
Watchlist = dict[str, Any]
"""`id`, `name`, `symbols`, `created_at` and `updated_at` in nanoseconds."""


def _lists(call: Call) -> dict[str, Watchlist]:
    return call.venue.watchlists.setdefault(call.account_id, {})


def _by_id(call: Call) -> Watchlist:
    return _found(_lists(call).get(call.args[0].lower()), call.args[0])


def _by_name(call: Call) -> Watchlist:
    name = call.query.get("name", "")
    if not name:
        raise ApiError(422, 40010001, "name is missing")
    return _found(next((row for row in _lists(call).values() if row["name"] == name), None), name)


def _found(row: Watchlist | None, name: str) -> Watchlist:
    if row is None:
        raise ApiError(404, 40410000, f"watchlist not found: {name}")
    return row


def _shown(call: Call, row: Watchlist, *, assets: bool = True) -> Watchlist:
    shown = {
        "id": row["id"],
        "account_id": call.account_id,
        "name": row["name"],
        "created_at": format_ns(row["created_at"]),
        "updated_at": format_ns(row["updated_at"]),
    }
    if assets:
        shown["assets"] = [call.exchange.asset(symbol) for symbol in row["symbols"]]
    return shown


def _symbols(call: Call, given: Any) -> list[str]:
    """Symbols that are listed, each once. Raises `ApiError` 422."""
    if not isinstance(given, list):
        raise ApiError(422, 40010001, "symbols is no list")
    return list(dict.fromkeys(_symbol(call, symbol) for symbol in given if symbol is not None))


def _symbol(call: Call, given: Any) -> str:
    symbol = str(given or "").upper()
    try:
        return str(call.exchange.asset(symbol)["symbol"])
    except ApiError:
        raise ApiError(422, 40010001, f"asset not found for {symbol}") from None


def _name(call: Call, given: Any, own: str = "") -> str:
    """A name that no other list of the account has. Raises `ApiError` 422."""
    if not isinstance(given, str) or not 0 < len(given) <= NAME_MAX:
        raise ApiError(422, 40010001, f"name is 1 to {NAME_MAX} characters")
    if any(row["name"] == given and row["id"] != own for row in _lists(call).values()):
        raise ApiError(422, 40010001, "watchlist name must be unique")
    return given


# --- endpoints -----------------------------------------------------------------------------------


def all_of_account(call: Call) -> Response:
    return reply([_shown(call, row, assets=False) for row in _lists(call).values()])


def create(call: Call) -> Response:
    body = call.body()
    name, symbols = _name(call, body.get("name")), _symbols(call, body.get("symbols") or [])
    text = f"{call.account_id}:{name}:{call.now}:{len(_lists(call))}"
    found = UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest(), version=4)
    row: Watchlist = {"id": str(found), "name": name, "symbols": symbols}
    row["created_at"] = row["updated_at"] = call.now
    _lists(call)[row["id"]] = row
    return reply(_shown(call, row))


def _show(call: Call, row: Watchlist) -> Response:
    return reply(_shown(call, row))


def _update(call: Call, row: Watchlist) -> Response:
    """Name and symbols anew; what the body leaves out stays."""
    body = call.body()
    name = _name(call, body["name"], row["id"]) if body.get("name") else row["name"]
    symbols = row["symbols"]
    if body.get("symbols") is not None:
        symbols = _symbols(call, body["symbols"])
    row.update(name=name, symbols=symbols, updated_at=call.now)
    return reply(_shown(call, row))


def _add(call: Call, row: Watchlist) -> Response:
    symbol = _symbol(call, call.body().get("symbol"))
    if symbol not in row["symbols"]:
        row.update(symbols=[*row["symbols"], symbol], updated_at=call.now)
    return reply(_shown(call, row))


def _delete(call: Call, row: Watchlist) -> Response:
    del _lists(call)[row["id"]]
    return Response(204)


def remove(call: Call) -> Response:
    row, symbol = _by_id(call), call.args[1].upper()
    if symbol not in row["symbols"]:
        raise ApiError(404, 40410000, f"asset not found in watchlist: {symbol}")
    row.update(symbols=[s for s in row["symbols"] if s != symbol], updated_at=call.now)
    return reply(_shown(call, row))


Of = Callable[[Call], Watchlist]
Action = Callable[[Call, Watchlist], Response]
_ACTIONS: Mapping[str, Action] = {"GET": _show, "PUT": _update, "POST": _add, "DELETE": _delete}


def _on(find: Of, act: Action) -> Callable[[Call], Response]:
    return lambda call: act(call, find(call))


ROUTES: tuple[tuple[str, str, Callable[[Call], Response]], ...] = (
    ("GET", "/v2/watchlists", all_of_account),
    ("POST", "/v2/watchlists", create),
    *((verb, "/v2/watchlists:by_name", _on(_by_name, act)) for verb, act in _ACTIONS.items()),
    *((verb, "/v2/watchlists/*", _on(_by_id, act)) for verb, act in _ACTIONS.items()),
    ("DELETE", "/v2/watchlists/*/*", remove),
)
