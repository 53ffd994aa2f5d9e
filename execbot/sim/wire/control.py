"""The control plane under `/sim/`: what Alpaca does not have and a test needs.

Everything here is for the people who drive the exchange, so its JSON is plain and its errors
are `{"message": …}` with status 400, 404 or 422. No keys are needed; where an account is meant
and the request carries none, `key` in the body or query names it, else the only account is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from execbot.sim.clock import format_ns, parse_time
from execbot.sim.config import ConfigError, SimConfig
from execbot.sim.faults import KINDS, FaultError
from execbot.sim.records import ALL_DATA
from execbot.sim.types import SECOND, ApiError, Ns, Request, Response
from execbot.sim.wire.http import credentials, reply, segments

if TYPE_CHECKING:
    from execbot.sim.venue import Venue


class Ask:
    """One control request: the venue, the body, the query and the moment."""

    def __init__(self, venue: Venue, request: Request, now: Ns, args: tuple[str, ...]) -> None:
        self.venue, self.request, self.now, self.args = venue, request, now, args
        self.body = _object(request.body)

    def need(self, name: str) -> Any:
        if self.body.get(name) in (None, ""):
            raise _wrong(f"{name} is missing")
        return self.body[name]

    def number(self, name: str) -> Decimal:
        value = self.need(name)
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise _wrong(f"{name} was {value!r}, not a number")
        return number

    def account(self) -> tuple[str, str]:
        """Key and account id that the request means; opens the account of a new key."""
        found = credentials(self.request.headers, self.request.query)
        key = str(self.body.get("key") or self.request.query.get("key") or "")
        key = key or (found[0] if found else "")
        if not key:
            keys = list(self.venue.keys())
            if len(keys) != 1:
                raise _wrong(f"key is missing: there are {len(keys)} accounts")
            key = keys[0]
        account_id = self.venue.account_of(key)
        if account_id is None:
            raise _wrong("this key is refused")
        return key, account_id


Handler = Callable[[Ask], Any]


def _object(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a control request; an empty body is an empty one."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        raise ApiError(400, None, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise ApiError(400, None, "the body is not a JSON object")
    return value


def _wrong(message: str) -> ApiError:
    return ApiError(422, None, message)


def status(ask: Ask) -> Any:
    venue = ask.venue
    return {
        "time": format_ns(ask.now),
        "clock": _clock(venue, ask.now),
        "seed": venue.config.seed,
        "calendar": venue.config.calendar,
        "data": venue.config.data,
        "scenario": venue.config.scenario,
        "accounts": [
            {"key": key, "account_id": account_id, **_summary(venue, account_id)}
            for key, account_id in venue.keys().items()
        ],
        "faults": len(venue.faults.rules),
        "streams": list(venue.stream_status()),
        "last_seq": venue.outbox.seq,
        "down": ask.now < venue.down_until,
    }


def _summary(venue: Venue, account_id: str) -> dict[str, Any]:
    account = venue.exchange.account(account_id)
    return {
        "cash": account["cash"],
        "equity": account["equity"],
        "open_orders": len(venue.exchange.orders(account_id, {"limit": "500"})),
        "positions": len(venue.exchange.positions(account_id)),
    }


def _clock(venue: Venue, now: Ns) -> dict[str, Any]:
    clock = venue.clock
    return {
        "now": format_ns(now),
        "now_ns": now,
        "mode": "virtual" if clock.virtual else "wall",
        "speed": clock.speed,
    }


def read_clock(ask: Ask) -> Any:
    return _clock(ask.venue, ask.now)


def move_clock(ask: Ask) -> Any:
    """`set` a time, `step` seconds, change `speed`, or `jump` to the next event."""
    venue, body = ask.venue, ask.body
    unknown = set(body) - {"set", "step", "speed", "jump"}
    if unknown or not body:
        raise _wrong("give set, step, speed or jump")
    try:
        if "speed" in body:
            venue.clock.set_speed(float(ask.number("speed")))
        if "set" in body:
            venue.clock.set(parse_time(str(body["set"])))
        if "step" in body:
            venue.clock.step(int(ask.number("step") * SECOND))
    except ValueError as error:
        raise _wrong(str(error)) from None
    if body.get("jump"):
        following = venue.next_event()
        if following is not None:
            venue.clock.set(max(following, ask.now))
    return _clock(venue, venue.advance())


def set_price(ask: Ask) -> Any:
    """From now on the symbol trades at `price` (and `bid`, `ask`, `size` where given).

    With `"hold": false` the market jumps there and lives on around it.
    """
    symbol = str(ask.need("symbol")).upper()
    names = ("price", "bid", "ask", "size")
    prices = {name: ask.number(name) for name in names if name in ask.body}
    ask.venue.market.set_price(symbol, ask.now, prices, hold=bool(ask.body.get("hold", True)))
    ask.venue.exchange.market_changed(symbol)
    ask.venue.advance()
    return {"symbol": symbol, "quote": ask.venue.market.shown_quote(symbol, ask.now)}


def release_price(ask: Ask) -> Any:
    """The symbol has its own prices again."""
    symbol = ask.args[0].upper()
    ask.venue.market.release_price(symbol, ask.now)
    ask.venue.exchange.market_changed(symbol)
    ask.venue.advance()
    return {"symbol": symbol, "quote": ask.venue.market.shown_quote(symbol, ask.now)}


def show_price(ask: Ask) -> Any:
    symbol = ask.args[0].upper()
    return {"symbol": symbol, "quote": ask.venue.market.shown_quote(symbol, ask.now)}


def halt(ask: Ask) -> Any:
    """Trading in the symbol stops: the price stands still, orders wait."""
    symbol = str(ask.need("symbol")).upper()
    reason = str(ask.body.get("reason") or "T1")
    ask.venue.market.halt(ask.venue.exchange, symbol, reason)
    _announce_status(ask, symbol, halted=True, reason=reason)
    return {"symbol": symbol, "halted": True}


def resume(ask: Ask) -> Any:
    symbol = str(ask.need("symbol")).upper()
    ask.venue.market.resume(ask.venue.exchange, symbol)
    _announce_status(ask, symbol, halted=False, reason="T3")
    ask.venue.advance()
    return {"symbol": symbol, "halted": False}


def _announce_status(ask: Ask, symbol: str, *, halted: bool, reason: str) -> None:
    from execbot.sim.wire.data_feed import status_message

    asset = ask.venue.market.assets.get(symbol)
    message = status_message(symbol, asset, ask.now, halted=halted, reason=reason)
    ask.venue.announce(message, ask.now)


def price_band(ask: Ask) -> Any:
    """Limit-up and limit-down: nothing trades outside `low` and `high`; without both, no band."""
    symbol = str(ask.need("symbol")).upper()
    low = ask.number("low") if "low" in ask.body else None
    high = ask.number("high") if "high" in ask.body else None
    ask.venue.market.check_symbol(symbol)
    ask.venue.exchange.set_band(symbol, low, high)
    ask.venue.advance()
    if low is None or high is None:
        return {"symbol": symbol, "band": None}
    from execbot.sim.wire.data_feed import luld_message

    message = luld_message(symbol, ask.venue.market.assets.get(symbol), ask.now, high)
    ask.venue.announce({**message, "u": float(high), "d": float(low)}, ask.now)
    return {"symbol": symbol, "band": [str(low), str(high)]}


def deposit(ask: Ask) -> Any:
    key, account_id = ask.account()
    ask.venue.exchange.deposit(account_id, ask.number("amount"))
    return {"key": key, "cash": ask.venue.exchange.account(account_id)["cash"]}


def account_switches(ask: Ask) -> Any:
    """`blocked`, `trading_blocked`, `liquidation_only`, `suspended`, … of one account."""
    key, account_id = ask.account()
    switches = {name: bool(value) for name, value in ask.body.items() if name != "key"}
    ask.venue.exchange.set_switches(account_id, **switches)
    return {"key": key, "account": ask.venue.exchange.account(account_id)}


def reset(ask: Ask) -> Any:
    """A fresh exchange, with other settings where the body gives some."""
    settings = dict(ask.body)
    keep_log = bool(settings.pop("keep_log", False))
    config = None
    if settings:
        try:
            config = SimConfig.of({**ask.venue.config.plain(), **settings})
            ask.venue.reset(config)
        except (ConfigError, ValueError) as error:
            raise _wrong(str(error)) from None
    else:
        ask.venue.reset()
    if not keep_log:
        ask.venue.records.clear()
    return {"reset": True, "time": format_ns(ask.venue.clock.now())}


def read_log(ask: Ask) -> Any:
    """Requests that write, as they came, with what was answered. Filters: since, limit, …"""
    query = ask.request.query
    try:
        since, limit = int(query.get("since", 0)), int(query.get("limit", 10_000))
    except ValueError:
        raise _wrong("since and limit are numbers") from None
    rows = []
    for entry in ask.venue.records.entries(since, limit):
        if any(query.get(n) not in (None, entry[n]) for n in ("method", "path", "key")):
            continue
        shown = {**entry, "at": format_ns(entry["at"])}
        for name in ("body", "answer"):
            shown[name] = _json_or_text(entry[name])
        rows.append(shown)
    return rows


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def list_faults(ask: Ask) -> Any:
    return [rule.describe() for rule in ask.venue.faults.rules]


def add_faults(ask: Ask) -> Any:
    """One rule, or several under `faults`."""
    specs = ask.body.get("faults")
    try:
        rules = [ask.venue.faults.add(s) for s in (specs if specs is not None else [ask.body])]
    except (FaultError, TypeError, AttributeError) as error:
        raise _wrong(str(error)) from None
    shown = [rule.describe() for rule in rules]
    return shown if specs is not None else shown[0]


def clear_faults(ask: Ask) -> Any:
    ask.venue.faults.clear()
    return {"cleared": True}


def remove_fault(ask: Ask) -> Any:
    if not ask.venue.faults.remove(ask.args[0]):
        raise ApiError(404, None, f"no fault {ask.args[0]}")
    return {"removed": ask.args[0]}


def fault_kinds(ask: Ask) -> Any:
    return {
        kind.value: {"family": spec.family, "params": spec.params, "about": spec.about}
        for kind, spec in KINDS.items()
    }


def cut_streams(ask: Ask) -> Any:
    """Kills the trade-update connections of one account or of all; `"data": true` the others."""
    venue, keys = ask.venue, ask.venue.keys()
    key = str(ask.body.get("key") or "")
    accounts = [keys[key]] if key in keys else list(keys.values())
    if ask.body.get("data"):
        accounts = [ALL_DATA]
    venue.records.deliver(venue.outbox.cut(accounts, ask.now))
    return {"cut": len(accounts)}


def restart(ask: Ask) -> Any:
    seconds = float(ask.number("seconds")) if "seconds" in ask.body else 0.0
    ask.venue.restart(seconds, ask.now)
    return {"down_seconds": seconds}


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "status"): status,
    ("GET", ""): status,
    ("GET", "clock"): read_clock,
    ("POST", "clock"): move_clock,
    ("POST", "price"): set_price,
    ("POST", "halt"): halt,
    ("POST", "resume"): resume,
    ("POST", "band"): price_band,
    ("POST", "deposit"): deposit,
    ("POST", "account"): account_switches,
    ("POST", "reset"): reset,
    ("GET", "log"): read_log,
    ("GET", "faults"): list_faults,
    ("POST", "faults"): add_faults,
    ("DELETE", "faults"): clear_faults,
    ("GET", "faults/kinds"): fault_kinds,
    ("POST", "streams/cut"): cut_streams,
    ("POST", "restart"): restart,
}
ROUTES_WITH_ARGUMENT: dict[tuple[str, str], Handler] = {
    ("DELETE", "faults"): remove_fault,
    ("GET", "price"): show_price,
    ("DELETE", "price"): release_price,
}


def answer(venue: Venue, request: Request, now: Ns) -> Response:
    """Carries out one control request. Raises `ApiError` for a wrong one."""
    parts = segments(request.path)[1:]
    handler = ROUTES.get((request.method, "/".join(parts)))
    args: tuple[str, ...] = ()
    if handler is None and len(parts) == 2:
        handler, args = ROUTES_WITH_ARGUMENT.get((request.method, parts[0])), (parts[1],)
    if handler is None:
        known = sorted({f"{method} /sim/{path}".rstrip("/") for method, path in ROUTES})
        raise ApiError(404, None, f"unknown control request; known: {', '.join(known)}")
    return reply(handler(Ask(venue, request, now, args)))
