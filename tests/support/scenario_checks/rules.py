"""What each scenario about a rule of Alpaca's produces: the refusal, word for word."""

from __future__ import annotations

from typing import Any

from support.scenario_checks import (
    bracket,
    check,
    found,
    legs_of,
    order,
    refused,
    resting,
)


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
    target, _ = legs_of(bench, bracket(bench))
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
