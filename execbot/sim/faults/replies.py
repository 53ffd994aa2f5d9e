"""Changes a reply as a request fault says.

A reply carries in `fault` what the door must do beyond sending it:

    {"do": "abort"}                 kill the connection, send nothing
    {"do": "hang", "seconds": s}    send nothing for s seconds, then kill the connection
    {"do": "delay", "seconds": s}   send after s seconds
    {"do": "later", "seconds": s, "ticket": n}   redeem the ticket after s seconds and send that
    {"do": "cut"}                   promise the whole body, send half of it, kill the connection
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from execbot.sim.faults.faults import Rule
from execbot.sim.faults.kinds import Kind
from execbot.sim.times import format_ns, http_date, parse_time
from execbot.sim.types import SECOND, Ns, Response
from execbot.sim.wire.http import encode, gateway_page, reply

_TOO_MANY = {"code": 42910000, "message": "rate limit exceeded"}
_BROKEN = {"code": 50010000, "message": "internal server error occurred"}

# Kinds that can strike before or after the request is carried out (parameter `handled`).
_EITHER = {
    Kind.RATE_LIMITED,
    Kind.SERVER_ERROR,
    Kind.HTML_BODY,
    Kind.TRUNCATED_JSON,
    Kind.CANNED_REPLY,
}


def too_many_requests(headers: Mapping[str, str]) -> Response:
    return replace(reply(_TOO_MANY, 429), headers=dict(headers))


def unauthorized() -> Response:
    """What a bad key gets in 2026: a message and no code."""
    return reply({"message": "unauthorized."}, 401)


def aborted() -> Response:
    return Response(0, fault={"do": "abort"})


def before(rules: Iterable[Rule], now: Ns) -> Response | None:
    """The reply of a request that is not carried out, or None when it is."""
    for rule in rules:
        if rule.kind is Kind.RESET_BEFORE:
            return aborted()
        if rule.kind is Kind.REQUEST_LOST:
            return Response(0, fault={"do": "hang", "seconds": float(rule.params["seconds"])})
        if rule.kind is Kind.BROKER_RESTART and not rule.params["handled"]:
            return aborted()
        if rule.kind is Kind.UNAUTHORIZED:
            return unauthorized()
        if rule.kind in _EITHER and not rule.params["handled"]:
            return _instead(rule, Response(200, encode({})), now)
    return None


def after(rules: Iterable[Rule], response: Response, now: Ns) -> Response:
    """The reply of a request that was carried out, as the client is to see it."""
    for rule in rules:
        seconds = float(rule.params.get("seconds", 0))
        if rule.kind in (Kind.RESET_AFTER, Kind.BROKER_RESTART):
            response = replace(response, fault={"do": "abort"})
        elif rule.kind is Kind.REPLY_LOST:
            how = "abort" if rule.params["how"] == "reset" else "hang"
            response = replace(response, fault={"do": how, "seconds": seconds})
        elif rule.kind is Kind.REPLY_DELAYED:
            response = replace(response, fault={"do": "delay", "seconds": seconds})
        elif rule.kind is Kind.CLOCK_SKEW:
            response = _skewed(response, int(seconds * SECOND), now)
        elif rule.kind in _EITHER and rule.params["handled"]:
            response = _instead(rule, response, now)
    return response


def _instead(rule: Rule, response: Response, now: Ns) -> Response:
    match rule.kind:
        case Kind.RATE_LIMITED:
            return too_many_requests(_limit_headers(rule.params, now))
        case Kind.SERVER_ERROR:
            status = int(rule.params["status"])
            html = rule.params["html"]
            if html or (html is None and status != 500):
                return gateway_page(status)
            return reply(_BROKEN, status)
        case Kind.HTML_BODY:
            return gateway_page(int(rule.params["status"]))
        case Kind.CANNED_REPLY:
            status, body = int(rule.params["status"]), rule.params["body"]
            return Response(status) if body is None else reply(body, status)
        case _:
            if rule.params["how"] == "connection":
                return replace(response, fault={"do": "cut"})
            return replace(response, body=response.body[: len(response.body) // 2])


def _limit_headers(params: Mapping[str, Any], now: Ns) -> dict[str, str]:
    headers: dict[str, str] = {}
    if params["headers"]:
        reset = now // SECOND + 60
        headers = {
            "X-RateLimit-Limit": "200",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(reset),
        }
    if params["retry_after"] is not None:
        headers["Retry-After"] = str(params["retry_after"])
    return headers


def _skewed(response: Response, by: Ns, now: Ns) -> Response:
    """The clock endpoint and the Date header tell a time that is off by `by`."""
    headers = {**response.headers, "Date": http_date(now + by)}
    body = response.body
    try:
        shown = json.loads(body)
        shown["timestamp"] = format_ns(parse_time(shown["timestamp"]) + by)
        body = encode(shown)
    except (ValueError, TypeError, KeyError):
        pass  # not the clock: only the header tells the time
    return replace(response, body=body, headers=headers)
