"""What each scenario about lost, refused and broken replies produces."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from support.scenario_checks import (
    check,
    found,
    order,
)


@check
def reply_lost_after_accept(bench: Any) -> None:
    with pytest.raises(TimeoutError):
        order(bench)
    assert found(bench).status == 200
    assert order(bench).json["message"] == "client_order_id must be unique"


@check
def gateway_timeout_after_accept(bench: Any) -> None:
    reply = order(bench)
    assert reply.status == 504 and b"<html>" in reply.body
    assert found(bench).status == 200


@check
def late_request_arrives_after_lookup(bench: Any) -> None:
    with pytest.raises(TimeoutError):
        bench.call(
            "POST",
            "/v2/orders",
            {
                "symbol": "AAPL",
                "qty": "1",
                "side": "buy",
                "type": "market",
                "time_in_force": "day",
                "client_order_id": "mine",
            },
            timeout=1,
        )
    assert found(bench).status == 404
    bench.step(3)
    assert found(bench).status == 200


@check
def rate_limit_exceeded(bench: Any) -> None:
    replies = [bench.call("GET", "/v2/clock") for _ in range(200)]
    assert {reply.status for reply in replies} == {200}
    assert replies[-1].headers["X-RateLimit-Remaining"] == "0"
    refused = order(bench)
    assert (refused.status, refused.json["message"]) == (429, "rate limit exceeded")
    bench.step(60)
    assert found(bench).status == 404


@check
def rate_limit_without_headers(bench: Any) -> None:
    reply = order(bench)
    assert reply.status == 429
    assert not {"X-RateLimit-Reset", "Retry-After"} & set(reply.headers)


@check
def rate_limit_with_retry_after(bench: Any) -> None:
    assert order(bench).headers["Retry-After"] == "7"
    assert order(bench).status == 200


@check
def unauthorized_mid_session(bench: Any) -> None:
    statuses = [bench.call("GET", "/v2/account").status for _ in range(5)]
    assert statuses == [200, 200, 401, 401, 200]


@check
def request_is_not_authorized(bench: Any) -> None:
    reply = bench.call("GET", "/v2/account")
    assert (reply.status, reply.json["code"]) == (401, 40110000)


@check
def forbidden_as_403(bench: Any) -> None:
    reply = bench.call("GET", "/v2/account")
    assert (reply.status, reply.json) == (403, {"message": "forbidden."})


@check
def html_error_pages(bench: Any) -> None:
    replies = [bench.call("GET", "/v2/account") for _ in range(3)]
    assert [reply.status for reply in replies] == [502, 503, 200]
    assert b"<html>" in replies[0].body and b"<html>" in replies[1].body


@check
def error_body_without_code(bench: Any) -> None:
    reply = order(bench)
    assert reply.status == 422 and set(reply.json) == {"message"}


@check
def half_a_json_body(bench: Any) -> None:
    with pytest.raises(ValueError):
        _ = order(bench).json
    assert found(bench).status == 200


@check
def account_without_day_trade_fields(bench: Any) -> None:
    account = bench.get("/v2/account")
    assert not {"pattern_day_trader", "daytrade_count", "daytrading_buying_power"} & set(account)


@check
def broker_restart(bench: Any) -> None:
    with pytest.raises(ConnectionResetError):
        order(bench)
    bench.step(2)
    assert found(bench).status == 200


@check
def clock_skew(bench: Any) -> None:
    told = datetime.fromisoformat(bench.get("/v2/clock")["timestamp"])
    true = datetime.fromisoformat(bench.get("/sim/clock")["now"])
    assert round((told - true).total_seconds()) == 45
