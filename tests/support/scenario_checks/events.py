"""What each scenario about orders, their events and the broker's own acts produces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from execbot.sim.records import ALL_DATA
from support.scenario_checks import (
    bracket,
    check,
    event_names,
    found,
    legs_of,
    order,
    resting,
)


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
    target, stop = legs_of(bench, parent)
    assert (target["status"], stop["status"]) == ("filled", "canceled")
    told = {event["order"]["id"] for event in bench.events() if event["event"] == "canceled"}
    assert stop["id"] not in told


@check
def target_replaced_by_stop(bench: Any) -> None:
    parent = bracket(bench)
    bench.post("/sim/price", {"symbol": "AAPL", "price": 89})
    bench.step(5)
    target, stop = legs_of(bench, parent)
    assert (target["status"], stop["status"]) == ("replaced", "filled")


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
