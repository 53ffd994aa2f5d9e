"""Goal: each request fault does what it says. Method: a venue in process, virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ORDER = {
    "symbol": "AAPL",
    "qty": "1",
    "side": "buy",
    "type": "market",
    "time_in_force": "day",
    "client_order_id": "mine",
}


def known(bench: Any) -> bool:
    """Whether the exchange has the order."""
    reply = bench.call("GET", "/v2/orders:by_client_order_id?client_order_id=mine")
    assert reply.status in (200, 404)
    return bool(reply.status == 200)


def post(bench: Any, timeout: float | None = None) -> Any:
    return bench.call("POST", "/v2/orders", ORDER, timeout=timeout)


def arm(bench: Any, kind: str, **fields: Any) -> None:
    bench.fault(kind, method="POST", path="/v2/orders", count=1, **fields)


@pytest.mark.parametrize(
    ("how", "error"), [("hang", TimeoutError), ("reset", ConnectionResetError)]
)
def test_reply_lost_leaves_the_order_at_the_exchange(
    bench: Any, how: str, error: type[Exception]
) -> None:
    arm(bench, "reply_lost", how=how)
    with pytest.raises(error):
        post(bench, timeout=5)
    assert known(bench)
    again = post(bench)
    assert (again.status, again.json["message"]) == (422, "client_order_id must be unique")


def test_reply_delayed_past_the_timeout_is_a_timeout_and_the_order_is_there(bench: Any) -> None:
    arm(bench, "reply_delayed", seconds=5)
    with pytest.raises(TimeoutError):
        post(bench, timeout=2)
    assert known(bench)


def test_reply_delayed_within_the_timeout_is_the_reply(bench: Any) -> None:
    arm(bench, "reply_delayed", seconds=1)
    assert post(bench, timeout=2).json["client_order_id"] == "mine"


def test_request_delayed_arrives_after_the_look_up_found_nothing(bench: Any) -> None:
    arm(bench, "request_delayed", seconds=5)
    with pytest.raises(TimeoutError):
        post(bench, timeout=2)
    assert not known(bench)
    bench.step(4)
    assert known(bench)


def test_request_delayed_within_the_timeout_gets_its_reply_late(bench: Any) -> None:
    arm(bench, "request_delayed", seconds=1)
    reply = post(bench, timeout=2)
    assert (reply.status, reply.json["client_order_id"]) == (200, "mine")


@pytest.mark.parametrize(("kind", "arrived"), [("reset_before", False), ("reset_after", True)])
def test_reset_comes_before_or_after(bench: Any, kind: str, arrived: bool) -> None:
    arm(bench, kind)
    with pytest.raises(ConnectionResetError):
        post(bench)
    assert known(bench) is arrived


@pytest.mark.parametrize("handled", [False, True])
@pytest.mark.parametrize("retry_after", [None, 7])
@pytest.mark.parametrize("headers", [False, True])
def test_rate_limited_with_and_without_its_headers(
    bench: Any, handled: bool, retry_after: int | None, headers: bool
) -> None:
    arm(bench, "rate_limited", handled=handled, retry_after=retry_after, headers=headers)
    reply = post(bench)
    assert (reply.status, reply.json["code"]) == (429, 42910000)
    assert reply.headers.get("Retry-After") == (None if retry_after is None else "7")
    assert ("X-RateLimit-Reset" in reply.headers) is headers
    assert known(bench) is handled


@pytest.mark.parametrize("handled", [False, True])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_is_json_or_a_page_and_may_have_been_carried_out(
    bench: Any, status: int, handled: bool
) -> None:
    arm(bench, "server_error", status=status, handled=handled)
    reply = post(bench)
    assert reply.status == status
    if status == 500:
        assert reply.json == {"code": 50010000, "message": "internal server error occurred"}
    else:
        assert reply.headers["Content-Type"] == "text/html" and b"<html>" in reply.body
    assert known(bench) is handled


def test_html_body_stands_where_json_is_due(bench: Any) -> None:
    arm(bench, "html_body")
    reply = post(bench)
    assert reply.status == 200 and reply.body.startswith(b"<html>")
    assert known(bench)


def test_truncated_json_ends_in_the_middle(bench: Any) -> None:
    arm(bench, "truncated_json")
    reply = post(bench)
    assert reply.status == 200 and reply.body.startswith(b'{"id"')
    with pytest.raises(ValueError):
        _ = reply.json
    assert known(bench)


def test_truncated_connection_breaks_in_the_middle(bench: Any) -> None:
    arm(bench, "truncated_json", how="connection")
    with pytest.raises(ConnectionResetError):
        post(bench)
    assert known(bench)


def test_unauthorized_strikes_keys_that_were_good(bench: Any) -> None:
    bench.fault("unauthorized", after=1, count=1)
    assert bench.call("GET", "/v2/account").status == 200
    refused = bench.call("GET", "/v2/account")
    assert (refused.status, refused.json) == (401, {"message": "unauthorized."})
    assert bench.call("GET", "/v2/account").status == 200


def test_canned_reply_is_what_was_given(bench: Any) -> None:
    body = {"code": 40310000, "message": "account is restricted to liquidation only"}
    arm(bench, "canned_reply", status=403, body=body)
    reply = post(bench)
    assert (reply.status, reply.json) == (403, body)
    assert not known(bench)


def test_clock_skew_moves_the_clock_endpoint_and_the_date_header(bench: Any) -> None:
    from datetime import datetime

    honest = bench.get("/v2/clock")
    bench.fault("clock_skew", seconds=45)
    skewed = bench.call("GET", "/v2/clock")
    gap = datetime.fromisoformat(skewed.json["timestamp"]) - datetime.fromisoformat(
        honest["timestamp"]
    )
    assert gap.total_seconds() == 45
    assert "Date" in skewed.headers


def test_broker_restart_keeps_the_state(bench: Any) -> None:
    bench.buy("MSFT", "2")
    bench.step(1)
    arm(bench, "broker_restart", seconds=2)
    with pytest.raises(ConnectionResetError):
        post(bench)
    with pytest.raises(ConnectionResetError):
        bench.get("/v2/account")
    bench.step(2)
    assert known(bench)
    assert bench.get("/v2/positions/MSFT")["qty"] == "2"


def test_fault_of_one_symbol_spares_the_others(bench: Any) -> None:
    bench.fault("reset_before", method="POST", symbol="AAPL")
    assert bench.buy("MSFT").status == 200
    with pytest.raises(ConnectionResetError):
        bench.buy("AAPL")


def test_fault_finds_the_symbol_of_an_order_that_is_cancelled(bench: Any) -> None:
    order = bench.buy("AAPL", type="limit", limit_price="1").json
    bench.step(1)
    bench.fault("server_error", method="DELETE", symbol="AAPL", count=1)
    assert bench.call("DELETE", f"/v2/orders/{order['id']}").status == 500
    assert bench.call("DELETE", f"/v2/orders/{order['id']}").status == 204


def test_same_seed_makes_the_same_mischief(make_bench: Callable[..., Any]) -> None:
    def run(seed: int) -> list[int]:
        bench = make_bench(seed=seed)
        bench.fault("server_error", method="POST", probability=0.5)
        return [bench.buy(qty="1").status for _ in range(30)]

    assert run(3) == run(3) != run(4)
    assert {200, 500} == set(run(3))


def test_log_tells_what_was_received_and_what_was_answered(bench: Any) -> None:
    arm(bench, "reset_after")
    with pytest.raises(ConnectionResetError):
        post(bench)
    post(bench)
    bench.get("/v2/orders")
    first, second = (row for row in bench.log() if row["path"] == "/v2/orders")
    assert first["body"] == ORDER and first["faults"] == ["reset_after"]
    assert first["status"] == 200 and not first["delivered"]
    assert first["answer"]["client_order_id"] == "mine"
    assert second["status"] == 422 and second["delivered"] and second["faults"] == []


def test_bad_fault_is_refused_with_the_reason(bench: Any) -> None:
    reply = bench.call("POST", "/sim/faults", {"kind": "nonsense"})
    assert reply.status == 422 and "reply_lost" in reply.json["message"]


def test_faults_are_listed_removed_and_cleared(bench: Any) -> None:
    first = bench.fault("reset_before", path="/v2/nowhere")
    bench.fault("reset_after", path="/v2/nowhere")
    assert [row["kind"] for row in bench.get("/sim/faults")] == ["reset_before", "reset_after"]
    assert bench.call("DELETE", f"/sim/faults/{first['id']}").status == 200
    assert bench.call("DELETE", f"/sim/faults/{first['id']}").status == 404
    bench.call("DELETE", "/sim/faults")
    assert bench.get("/sim/faults") == []


# --- for a time, by path -----------------------------------------------------------------------


def test_one_path_hangs_for_a_time_and_others_answer(bench: Any) -> None:
    bench.fault("request_lost", path="/v2/positions*", seconds=30, for_seconds=10)
    with pytest.raises(TimeoutError):
        bench.call("GET", "/v2/positions", timeout=4)
    assert bench.call("GET", "/v2/account").status == 200
    bench.step(6)
    assert bench.call("GET", "/v2/positions").status == 200


@pytest.mark.parametrize(("kind", "status"), [("server_error", 500), ("rate_limited", 429)])
def test_one_path_fails_for_a_time(bench: Any, kind: str, status: int) -> None:
    bench.fault(kind, path="/v2/orders", method="GET", for_seconds=5)
    assert bench.call("GET", "/v2/orders").status == status
    bench.step(4)
    assert bench.call("GET", "/v2/orders").status == status
    assert post(bench).status == 200
    bench.step(1)
    assert bench.call("GET", "/v2/orders").status == 200


def test_a_lost_request_is_not_carried_out(bench: Any) -> None:
    arm(bench, "request_lost")
    with pytest.raises(TimeoutError):
        post(bench, timeout=5)
    assert not known(bench)
