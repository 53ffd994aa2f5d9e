"""Goal: each named scenario produces what it says. Method: its file, a venue, one check each.

The files are in `tests/scenarios/`; a file without a check, or a check without a file, fails.
Scenarios about connections are checked over sockets in `test_stream_faults.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.paths import SCENARIOS
from support.scenario_checks import (
    CHECKS,
    accounts,
    answers,
    bracket,
    check,
    event_names,
    found,
    order,
    orders,
    refused,
    resting,
)

from execbot.sim.config import SimConfig
from execbot.sim.faults.scenario import Scenario, ScenarioError
from execbot.sim.records import ALL_DATA

FILES = sorted(SCENARIOS.glob("*.yaml"))
OVER_SOCKETS = {"second-stream-refused", "dropped-stream-holds-its-slot"}
MORE_CHECKS = (accounts, answers, orders)  # being imported, they register their checks


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
def muted_stream(bench: Any) -> None:
    order(bench)
    bench.step(30)
    assert event_names(bench) == [] and found(bench).json["status"] == "filled"
    bench.step(31)
    bench.buy()
    bench.step(1)
    assert event_names(bench) == ["pending_new", "new", "fill"]


@check
def new_event_comes_late(bench: Any) -> None:
    order(bench)
    bench.step(2)
    assert event_names(bench) == ["pending_new", "fill", "new"]


@check
def sibling_canceled_without_event(bench: Any) -> None:
    parent = bracket(bench)
    bench.post("/sim/price", {"symbol": "AAPL", "price": 111})
    bench.step(5)
    target, stop = _legs(bench, parent)
    assert (target["status"], stop["status"]) == ("filled", "canceled")
    told = {event["order"]["id"] for event in bench.events() if event["event"] == "canceled"}
    assert stop["id"] not in told


@check
def target_replaced_by_stop(bench: Any) -> None:
    parent = bracket(bench)
    bench.post("/sim/price", {"symbol": "AAPL", "price": 89})
    bench.step(5)
    target, stop = _legs(bench, parent)
    assert (target["status"], stop["status"]) == ("replaced", "filled")


def _legs(bench: Any, parent: Any) -> tuple[Any, Any]:
    legs = bench.get(f"/v2/orders/{parent['id']}?nested=true")["legs"]
    by_type = {leg["type"]: leg for leg in legs}
    return by_type["limit"], by_type["stop"]


@check
def held_leg_not_listed(bench: Any) -> None:
    parent = bracket(bench)
    stop = next(leg for leg in parent["legs"] if leg["status"] == "held")
    for query in ("", "&nested=true"):
        listed = bench.get(f"/v2/orders?status=open{query}")
        assert stop["id"] not in str(listed)
    assert stop["id"] in str(bench.get("/v2/orders?status=all&nested=true"))


@check
def stuck_pending_cancel(bench: Any) -> None:
    made = resting(bench)
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 204
    bench.step(3600)
    assert found(bench).json["status"] == "pending_cancel"
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 422


@check
def cancel_of_filled_order_says_204(bench: Any) -> None:
    made = order(bench).json
    bench.step(1)
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 204
    assert found(bench).json["status"] == "filled"


@check
def cancel_lost(bench: Any) -> None:
    made = resting(bench)
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 204
    bench.step(60)
    assert found(bench).json["status"] == "new"
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 204
    bench.step(1)
    assert found(bench).json["status"] == "canceled"


@check
def replace_loses_against_fill(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    made = order(bench, type="limit", limit_price="90").json
    bench.step(1)
    changed = bench.call("PATCH", f"/v2/orders/{made['id']}", {"limit_price": "91"})
    assert changed.status == 200
    bench.step(5)
    assert found(bench).json["status"] == "filled"
    assert bench.get(f"/v2/orders/{changed.json['id']}")["status"] == "rejected"


@check
def replacement_starts_at_zero(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "bid": 99, "ask": 100, "size": 3})
    made = order(bench, qty="10", type="limit", limit_price="100").json
    bench.step(0.5)
    before = found(bench).json
    assert before["status"] == "partially_filled", before
    bench.post("/sim/price", {"symbol": "AAPL", "bid": 109, "ask": 110})
    changed = bench.call("PATCH", f"/v2/orders/{made['id']}", {"limit_price": "99.5"})
    assert changed.status == 200, changed.body
    bench.step(1)
    assert bench.get(f"/v2/orders/{changed.json['id']}")["filled_qty"] == "0"


@check
def replace_refused_for_own_shares(bench: Any) -> None:
    made = resting(bench)
    reply = bench.call("PATCH", f"/v2/orders/{made['id']}", {"limit_price": "2"})
    assert reply.status == 403 and reply.json["held_for_orders"] == "1"
    assert found(bench).json["status"] == "new"


@check
def liquidation_only_before_the_open(bench: Any) -> None:
    replies = [order(bench) for _ in range(3)]
    assert [reply.status for reply in replies] == [403, 403, 200]
    assert "liquidation only" in replies[0].json["message"]


@check
def account_not_authorized_to_trade(bench: Any) -> None:
    reply = order(bench)
    assert (reply.status, reply.json["code"]) == (403, 40310000)
    assert found(bench).status == 404


@check
def wash_trade_as_422(bench: Any) -> None:
    reply = order(bench)
    assert (reply.status, reply.json["code"]) == (422, 42210000)


@check
def canceled_by_the_venue(bench: Any) -> None:
    order(bench, qty="10")
    bench.step(10)
    done = found(bench).json
    assert done["status"] == "canceled" and 0 < float(done["filled_qty"]) < 10
    assert event_names(bench)[-1] == "canceled" and "partial_fill" in event_names(bench)


@check
def crypto_price_band(bench: Any) -> None:
    bench.step(2)
    order(bench, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
    bench.step(2)
    done = found(bench).json
    assert (done["status"], done["filled_qty"]) == ("canceled", "0")
    last = bench.events()[-1]
    assert last["event"] == "canceled"
    assert last["reason"].startswith("canceled due to price band protection. Index price: 1050")


@check
def crypto_reference_price_stale(bench: Any) -> None:
    bench.step(2)
    order(bench, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
    bench.step(2)
    assert found(bench).json["status"] == "canceled"
    assert bench.events()[-1]["reason"] == "canceled due to reference price stale"


@check
def corporate_action_cancels_orders(bench: Any) -> None:
    bench.buy(qty="10")
    bench.step(5)
    stop = bench.buy(
        side="sell", qty="10", type="stop", stop_price="1", time_in_force="gtc",
        client_order_id="mine",
    ).json  # fmt: skip
    bench.step(10)
    assert bench.get(f"/v2/orders/{stop['id']}")["status"] == "canceled"
    assert bench.events()[-1]["reason"] == "CORPORATE_ACTION"
    assert bench.get("/v2/positions/AAPL")["qty"] == "40"
    assert bench.get("/v2/orders") == []


@check
def broker_liquidates(bench: Any) -> None:
    bench.buy(qty="10")
    stop = bench.buy(
        "MSFT", qty="1", type="limit", limit_price="1", client_order_id="mine"
    ).json  # fmt: skip
    bench.step(15)
    assert bench.get("/v2/positions") == []
    sold = [row for row in bench.get("/v2/orders?status=closed") if row["side"] == "sell"]
    assert len(sold) == 1 and sold[0]["status"] == "filled"
    assert bench.get(f"/v2/orders/{stop['id']}")["status"] == "new"


@check
def late_trade_updates_a_bar(bench: Any) -> None:
    bench.step(125)
    told = [json.loads(row.frame) for row in bench.venue.records.deliveries(ALL_DATA, 0)]
    assert [message["T"] for message in told] == ["t", "u", "x"]
    assert told[1]["h"] == 1000


@check
def accepted_then_rejected(bench: Any) -> None:
    assert order(bench).status == 200
    bench.step(5)
    assert found(bench).json["status"] == "rejected"
    assert event_names(bench)[-1] == "rejected"
    assert bench.get("/v2/positions") == []


@check
def filled_price_misreported(bench: Any) -> None:
    order(bench)
    bench.step(5)
    fills = bench.get("/v2/account/activities/FILL")
    assert float(found(bench).json["filled_avg_price"]) != float(fills[0]["price"])
    assert bench.get("/v2/positions/AAPL")["avg_entry_price"] == fills[0]["price"]


@check
def bracket_price_race(bench: Any) -> None:
    bench.step(2)
    levels = {
        "order_class": "bracket",
        "take_profit": {"limit_price": "110"},
        "stop_loss": {"stop_price": "95"},
    }
    assert order(bench, **levels).status == 200
    bench.step(4)
    refused = bench.buy(**levels)
    assert refused.status == 422 and "base_price" in refused.json, refused.body


@check
def account_without_day_trade_fields(bench: Any) -> None:
    account = bench.get("/v2/account")
    assert not {"pattern_day_trader", "daytrade_count", "daytrading_buying_power"} & set(account)


@check
def fills_while_the_stream_is_away(bench: Any) -> None:
    for _ in range(20):
        bench.buy()
        bench.step(1)
    rows = bench.venue.records.deliveries(None, 0)
    assert any(row.what == "cut" for row in rows)
    assert len(bench.events()) < 60
    assert bench.get("/v2/positions/AAPL")["qty"] == "20"


@check
def duplicate_and_reordered_fills(bench: Any) -> None:
    for _ in range(20):
        bench.buy()
        bench.step(1)
    fills = [event["execution_id"] for event in bench.events() if event["event"] == "fill"]
    assert len(fills) > len(set(fills)) >= 19
    names = event_names(bench)
    assert any(a == "pending_new" and b == "fill" for a, b in pairwise(names))


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


@check
def sub_penny_price_refused(bench: Any) -> None:
    refused(order(bench, type="limit", limit_price="11.055"), 422, "sub-penny increment")
    assert found(bench).status == 404


@check
def short_refused_while_a_buy_is_open(bench: Any) -> None:
    resting(bench)
    words = "cannot open a short sell while a long buy order is open"
    refused(bench.buy(side="sell"), 403, words)


@check
def no_crossing_of_zero(bench: Any) -> None:
    order(bench)
    bench.step(5)
    refused(bench.buy(side="sell", qty="2"), 403, "insufficient qty available for order")


@check
def position_intent_mismatch(bench: Any) -> None:
    refused(order(bench, position_intent="buy_to_close"), 422, "position intent mismatch")


@check
def bracket_with_one_leg_refused(bench: Any) -> None:
    reply = order(bench, order_class="bracket", stop_loss={"stop_price": "1"})
    refused(reply, 422, "bracket orders require take_profit.limit_price")
    assert found(bench).status == 404


@check
def bracket_must_be_an_entry(bench: Any) -> None:
    order(bench)
    bench.step(5)
    levels = {"take_profit": {"limit_price": "10"}, "stop_loss": {"stop_price": "9000"}}
    refused(bench.buy(side="sell", order_class="bracket", **levels), 422, "entry orders")


@check
def unchanged_replace_refused(bench: Any) -> None:
    made = resting(bench)
    path = f"/v2/orders/{made['id']}"
    refused(bench.call("PATCH", path, {"limit_price": "1"}), 422, "not changed")
    assert found(bench).json["status"] == "new"


@check
def leg_ids_are_the_brokers(bench: Any) -> None:
    parent = bracket(bench)
    ids = {leg["client_order_id"] for leg in parent["legs"]}
    assert len(ids) == 2 and parent["client_order_id"] == "mine" and "mine" not in ids


@check
def leg_takes_only_its_own_price(bench: Any) -> None:
    target, _ = _legs(bench, bracket(bench))
    reply = bench.call("PATCH", f"/v2/orders/{target['id']}", {"stop_price": "95"})
    refused(reply, 422, "limit orders must not have stop_price")


@check
def cancel_outside_hours(bench: Any) -> None:
    made = order(bench).json
    assert made["status"] == "accepted"
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 204
    bench.step(1)
    assert found(bench).json["status"] == "canceled"


@check
def auction_order_outside_its_window(bench: Any) -> None:
    words = "opg orders must be submitted after 7:00pm and before 9:28am"
    refused(order(bench, time_in_force="opg"), 403, words)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_produces_what_it_says(path: Path, make_bench: Callable[..., Any]) -> None:
    scenario = Scenario.read(path)
    assert scenario.name == path.stem
    assert scenario.about and scenario.source
    if scenario.name in OVER_SOCKETS:
        SimConfig.of(scenario.settings)
        return
    CHECKS[scenario.name](make_bench(**scenario.settings))


def test_every_check_has_its_file() -> None:
    assert set(CHECKS) | OVER_SOCKETS == {path.stem for path in FILES}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a list", "mapping"),
        ("faults: [{kind: nonsense}]", "nonsense"),
        ("nonsense: 1", "nonsense"),
        ("actions: [{after: 1}]", "request"),
        ("actions: [{after: 1, request: POST /v2/orders}]", "/sim/"),
        ("actions: [{after: soon, request: POST /sim/halt}]", "soon"),
        ("{", "yaml"),
    ],
)
def test_broken_scenario_is_refused_with_file_and_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as refusal:
        Scenario.read(path)
    assert reason in str(refusal.value) and "broken.yaml" in str(refusal.value)


def test_command_line_settings_rule_over_those_of_the_scenario() -> None:
    scenario = Scenario.of({"settings": {"seed": 1, "calendar": "exchange"}}, Path("x.yaml"))
    config = replace(SimConfig.of(scenario.settings), seed=2)
    assert (config.seed, config.calendar, config.scenario) == (2, "exchange", "x")
