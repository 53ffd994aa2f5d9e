"""The control plane under `/sim/`: what Alpaca does not have and a test needs.

Everything here is for the people who drive the exchange, so its JSON is plain and its errors
are `{"message": …}` with status 400, 404 or 422. No keys are needed; where an account is meant
and the request carries none, `key` in the body or query names it, else the only account is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from execbot.sim.config import ConfigError, SimConfig
from execbot.sim.faults.faults import FaultError
from execbot.sim.faults.kinds import KINDS
from execbot.sim.records import ALL_DATA
from execbot.sim.times import format_ns, parse_time
from execbot.sim.types import DIGITS_MAX, SECOND, ApiError, Ns, Request, Response, whole_number
from execbot.sim.venue import Venue
from execbot.sim.wire import control_accounts as accounts
from execbot.sim.wire import control_market as market
from execbot.sim.wire import control_options as options
from execbot.sim.wire.fields import Fields, wrong
from execbot.sim.wire.http import decode, reply, segments

_PLAIN = json.JSONDecoder()
Handler = Callable[[Fields], Any]


def status(fields: Fields) -> Any:
    venue = fields.venue
    return {
        "time": format_ns(fields.now),
        "clock": _clock(venue, fields.now),
        "seed": venue.config.seed,
        "calendar": venue.config.calendar,
        "data": venue.config.data,
        "trade_through": venue.market.engine_config.trade_through,
        "scenario": venue.config.scenario,
        "accounts": [
            {"key": key, "account_id": account_id, **_summary(venue, account_id)}
            for key, account_id in venue.keys().items()
        ],
        "faults": len(venue.faults.rules),
        "streams": list(venue.stream_status()),
        "last_seq": venue.outbox.seq,
        "down": fields.now < venue.down_until,
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


def read_clock(fields: Fields) -> Any:
    return _clock(fields.venue, fields.now)


def move_clock(fields: Fields) -> Any:
    """`set` a time, `step` seconds, change `speed`, or `jump` to the next event."""
    venue, body = fields.venue, fields.body
    unknown = set(body) - {"set", "step", "speed", "jump"}
    if unknown or not body:
        raise wrong("give set, step, speed or jump")
    try:
        if "speed" in body:
            venue.clock.set_speed(float(fields.number("speed")))
        if "set" in body:
            venue.clock.set(parse_time(str(body["set"])))
        if "step" in body:
            venue.clock.step(int(fields.number("step") * SECOND))
    except ValueError as error:
        raise wrong(str(error)) from None
    if body.get("jump"):
        following = venue.next_event()
        if following is not None:
            venue.clock.set(max(following, fields.now))
    return _clock(venue, venue.advance())


def reset(fields: Fields) -> Any:
    """A fresh exchange, with other settings where the body gives some. Faults stay in force."""
    settings = dict(fields.body)
    keep_log = bool(settings.pop("keep_log", False))
    if settings.keys() & {"faults", "actions"}:
        raise wrong("faults are set with POST /sim/faults, actions by the scenario of the start")
    config = None
    if settings:
        try:
            config = SimConfig.of({**fields.venue.config.plain(), **settings})
            fields.venue.reset(config)
        except (ConfigError, ValueError) as error:
            raise wrong(str(error)) from None
    else:
        fields.venue.reset()
    if not keep_log:
        fields.venue.records.clear()
    return {"reset": True, "time": format_ns(fields.venue.clock.now())}


def read_log(fields: Fields) -> Any:
    """Requests that write, as they came, with what was answered. `since` (a `seq`) and `limit` say
    which, `method`, `path` and `key` of what kind.
    """
    query = fields.request.query
    since, limit = _whole(query, "since", 0), _whole(query, "limit", 10_000)
    rows = []
    for entry in fields.venue.records.entries(since, limit):
        if any(query.get(n) not in (None, entry[n]) for n in ("method", "path", "key")):
            continue
        shown = {**entry, "at": format_ns(entry["at"])}
        for name in ("body", "answer"):
            shown[name] = _json_or_text(entry[name])
        rows.append(shown)
    return rows


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    found = whole_number(query.get(name, str(default)), 0, 10**DIGITS_MAX)
    if found is None:
        raise wrong(f"{name} is a whole number of up to {DIGITS_MAX} digits")
    return found


def _json_or_text(text: str) -> Any:
    try:
        return decode(text.encode(), _PLAIN) if text else None
    except ValueError:
        return text


def list_faults(fields: Fields) -> Any:
    return [rule.describe() for rule in fields.venue.faults.rules]


def add_faults(fields: Fields) -> Any:
    """One rule, or several under `faults`."""
    specs = fields.body.get("faults")
    try:
        wanted = specs if specs is not None else [fields.body]
        rules = fields.venue.add_faults(wanted)
    except (FaultError, TypeError, AttributeError) as error:
        raise wrong(str(error)) from None
    shown = [rule.describe() for rule in rules]
    return shown if specs is not None else shown[0]


def clear_faults(fields: Fields) -> Any:
    fields.venue.drop_faults()
    return {"cleared": True}


def remove_fault(fields: Fields) -> Any:
    if not fields.venue.drop_faults(fields.args[0]):
        raise ApiError(404, None, f"no fault {fields.args[0]}")
    return {"removed": fields.args[0]}


def fault_kinds(fields: Fields) -> Any:
    return {
        kind.value: {"family": spec.family, "params": spec.params, "about": spec.about}
        for kind, spec in KINDS.items()
    }


def cut_streams(fields: Fields) -> Any:
    """Kills the trade-update connections of one account or of all; `"data": true` the others."""
    venue, keys = fields.venue, fields.venue.keys()
    key = str(fields.body.get("key") or "")
    accounts = [keys[key]] if key in keys else list(keys.values())
    if fields.body.get("data"):
        accounts = [ALL_DATA]
    venue.records.deliver(venue.outbox.cut(accounts, fields.now))
    return {"cut": len(accounts)}


def restart(fields: Fields) -> Any:
    seconds = float(fields.number("seconds")) if "seconds" in fields.body else 0.0
    fields.venue.restart(seconds, fields.now)
    return {"down_seconds": seconds}


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
    ("POST", "merger"): market.merger,
    ("POST", "spinoff"): market.spin_off,
    ("POST", "deposit"): accounts.deposit,
    ("POST", "interest"): accounts.interest,
    ("POST", "liquidate"): accounts.liquidate,
    ("POST", "flow"): accounts.flow,
    ("POST", "fee"): accounts.fee,
    ("POST", "options/position"): options.position,
    ("POST", "options/order"): options.order,
    ("POST", "options/fill"): options.fill,
    ("POST", "options/mark"): options.mark,
    ("POST", "options/expire"): options.expire,
    ("POST", "options/exercise"): options.exercise,
    ("POST", "options/assign"): options.assign,
    ("POST", "executions/correct"): accounts.correct_execution,
    ("POST", "executions/bust"): accounts.bust_execution,
    ("POST", "account"): accounts.account_switches,
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
    return reply(handler(Fields(venue, request, now, args)))
