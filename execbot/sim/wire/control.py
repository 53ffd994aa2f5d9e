"""The control plane under `/sim/`: what Alpaca does not have and a test needs.

Everything here is for the people who drive the exchange, so its JSON is plain and its errors
are `{"message": …}` with status 400, 404 or 422. No keys are needed; where an account is meant
and the request carries none, `key` in the body or query names it, else the only account is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from execbot.sim.clock import format_ns, parse_time
from execbot.sim.config import ConfigError, SimConfig
from execbot.sim.faults.faults import KINDS, FaultError
from execbot.sim.records import ALL_DATA
from execbot.sim.types import SECOND, ApiError, Ns, Request, Response
from execbot.sim.wire import control_market as market
from execbot.sim.wire.ask import Ask, wrong
from execbot.sim.wire.http import reply, segments

if TYPE_CHECKING:
    from execbot.sim.venue import Venue


Handler = Callable[[Ask], Any]


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
        **venue.exchange.margin(account_id),
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
        raise wrong("give set, step, speed or jump")
    try:
        if "speed" in body:
            venue.clock.set_speed(float(ask.number("speed")))
        if "set" in body:
            venue.clock.set(parse_time(str(body["set"])))
        if "step" in body:
            venue.clock.step(int(ask.number("step") * SECOND))
    except ValueError as error:
        raise wrong(str(error)) from None
    if body.get("jump"):
        following = venue.next_event()
        if following is not None:
            venue.clock.set(max(following, ask.now))
    return _clock(venue, venue.advance())


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
            raise wrong(str(error)) from None
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
        raise wrong("since and limit are numbers") from None
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
        raise wrong(str(error)) from None
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


def interest(ask: Ask) -> Any:
    """Margin interest that is charged (a negative `amount`), or credit interest that is paid."""
    key, account_id = ask.account()
    amount = ask.number("amount")
    if not amount:
        raise wrong("amount is not zero")
    ask.venue.exchange.interest(account_id, amount)
    return {"key": key, "cash": ask.venue.exchange.account(account_id)["cash"]}


def liquidate(ask: Ask) -> Any:
    """The broker closes positions by itself: of one `symbol`, or all."""
    key, account_id = ask.account()
    symbol = ask.symbol() if ask.body.get("symbol") else None
    return {"key": key, "orders": ask.venue.exchange.liquidate(account_id, symbol)}


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "status"): status,
    ("GET", ""): status,
    ("GET", "clock"): read_clock,
    ("POST", "clock"): move_clock,
    ("POST", "price"): market.set_price,
    ("POST", "halt"): market.halt,
    ("POST", "resume"): market.resume,
    ("POST", "band"): market.price_band,
    ("POST", "stale"): market.stale,
    ("POST", "tape/late_trade"): market.late_trade,
    ("POST", "tape/correction"): market.correction,
    ("POST", "tape/cancel"): market.trade_cancel,
    ("POST", "tape/imbalance"): market.imbalance,
    ("POST", "split"): market.split,
    ("POST", "dividend"): market.dividend,
    ("POST", "rename"): market.rename,
    ("POST", "deposit"): deposit,
    ("POST", "interest"): interest,
    ("POST", "liquidate"): liquidate,
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
    ("GET", "price"): market.show_price,
    ("DELETE", "price"): market.release_price,
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
