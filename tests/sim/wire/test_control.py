"""Goal: the control plane steers the exchange as told. Method: a venue in process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.paths import market_data

from execbot.sim.config import ConfigError, SimConfig


def test_stepping_lets_happen_what_is_due_and_nothing_more(bench: Any) -> None:
    order = bench.buy().json
    status = f"/v2/orders/{order['id']}"
    assert bench.get(status)["status"] == "pending_new"
    bench.step(0.01)
    assert bench.get(status)["status"] == "new"
    bench.step(1)
    assert bench.get(status)["status"] == "filled"


def test_jump_goes_to_the_next_event(bench: Any) -> None:
    order = bench.buy().json
    seen = []
    for _ in range(2):
        bench.post("/sim/clock", {"jump": True})
        seen.append(bench.get(f"/v2/orders/{order['id']}")["status"])
    assert seen == ["new", "filled"]


def test_clock_is_set_forward_only_and_runs_at_a_speed(bench: Any) -> None:
    shown = bench.post("/sim/clock", {"set": "2026-10-08 15:59"})
    assert shown["now"] == "2026-10-08T19:59:00Z" and shown["mode"] == "virtual"
    assert bench.call("POST", "/sim/clock", {"set": "2026-10-08 10:00"}).status == 422
    assert bench.post("/sim/clock", {"speed": 1000})["speed"] == 1000
    assert bench.get("/sim/clock")["now_ns"] > shown["now_ns"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {}),
        ("clock", {"set": "soon"}),
        ("clock", {"step": "long"}),
        ("clock", {"step": -1}),
        ("clock", {"nonsense": 1}),
        ("price", {"symbol": "AAPL"}),
        ("price", {"symbol": "AAPL", "price": 0}),
        ("price", {"symbol": "AAPL", "bid": 10, "ask": 9}),
        ("price", {"price": 10}),
        ("deposit", {"key": "k"}),
        ("deposit", {"key": "k", "amount": "much"}),
        ("deposit", {"key": "k", "amount": "NaN"}),
        ("account", {"key": "k", "nonsense": True}),
        ("options/order", {"key": "k", "order_class": "mleg", "qty": 1, "legs": [1, 2]}),
        ("options/order", {"key": "k", "order_class": "mleg", "qty": 1, "legs": "ab"}),
        (
            "options/order",
            {
                "key": "k",
                "order_class": "mleg",
                "qty": 1,
                "legs": [
                    {"symbol": "AAPL261218C00190000", "position_intent": "buy_to_open"},
                    {
                        "symbol": "AAPL261218C00200000",
                        "position_intent": "sell_to_open",
                        "ratio_qty": "-1",
                    },
                ],
            },
        ),
        ("reset", {"nonsense": 1}),
        ("reset", {"faults": [{"kind": "reset_before"}]}),
        ("reset", {"actions": []}),
        ("reset", {"data": "/no/such/folder"}),
        ("faults", {"kind": "nonsense"}),
        ("faults", {"faults": 7}),
    ],
)
def test_wrong_control_requests_are_refused_with_a_reason(
    bench: Any, path: str, body: dict[str, Any]
) -> None:
    reply = bench.call("POST", f"/sim/{path}", body)
    assert reply.status == 422, reply.body
    assert reply.json["message"]


@pytest.mark.parametrize("value", ["-1", "soon", "9" * 30])
@pytest.mark.parametrize("name", ["since", "limit"])
def test_a_log_is_read_from_and_up_to_a_number(bench: Any, name: str, value: str) -> None:
    reply = bench.call("GET", f"/sim/log?{name}={value}")
    assert (reply.status, reply.json["message"][: len(name)]) == (422, name)


def test_a_fresh_exchange_hears_nothing_of_what_the_old_one_held_back(bench: Any) -> None:
    bench.fault("event_late", seconds=5, event="new", count=1)
    bench.fault("stream_muted", seconds=60, event="fill", count=1)
    bench.buy()
    bench.step(1)
    bench.post("/sim/reset")
    before = bench.get("/sim/status")["last_seq"]
    bench.step(10)
    assert bench.events(before) == []
    bench.buy()
    bench.step(1)
    assert [event["event"] for event in bench.events(before)] == ["pending_new", "new", "fill"]


def test_control_requests_that_are_no_json_or_do_not_exist(bench: Any) -> None:
    assert bench.call("POST", "/sim/clock", b"{").status == 400
    assert bench.call("POST", "/sim/clock", b"[]").status == 400
    unknown = bench.call("GET", "/sim/nonsense")
    assert unknown.status == 404 and "/sim/clock" in unknown.json["message"]
    assert bench.call("POST", "/sim/price", {"symbol": "NOSUCH", "price": 1}).status == 404
    assert bench.call("POST", "/sim/halt", {"symbol": "NOSUCH"}).status == 404


def test_price_is_forced_held_and_released(bench: Any) -> None:
    before = bench.get("/sim/price/AAPL")["quote"]
    bench.post("/sim/price", {"symbol": "AAPL", "bid": "99.5", "ask": "100.5"})
    order = bench.buy().json
    bench.step(1)
    assert bench.get(f"/v2/orders/{order['id']}")["filled_avg_price"] == "100.5"
    bench.step(3600)
    assert bench.get("/v2/stocks/AAPL/quotes/latest")["quote"]["bp"] == 99.5
    bench.call("DELETE", "/sim/price/AAPL")
    after = bench.get("/sim/price/AAPL")["quote"]
    assert abs(float(after["bid"]) - float(before["bid"])) < 30


def test_forced_price_triggers_what_waits(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    order = bench.buy(type="limit", limit_price="90", time_in_force="gtc").json
    bench.step(60)
    assert bench.get(f"/v2/orders/{order['id']}")["status"] == "new"
    bench.post("/sim/price", {"symbol": "AAPL", "price": 89})
    bench.step(1)
    done = bench.get(f"/v2/orders/{order['id']}")
    assert (done["status"], done["filled_avg_price"]) == ("filled", "89")


def test_halted_symbol_does_not_trade_until_it_is_resumed(bench: Any) -> None:
    bench.post("/sim/halt", {"symbol": "AAPL"})
    order = bench.buy().json
    bench.step(60)
    assert bench.get(f"/v2/orders/{order['id']}")["filled_qty"] == "0"
    bench.post("/sim/resume", {"symbol": "AAPL"})
    bench.step(5)
    assert bench.get(f"/v2/orders/{order['id']}")["status"] == "filled"


def test_nothing_trades_outside_its_price_band(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    bench.post("/sim/band", {"symbol": "AAPL", "low": 101, "high": 110})
    order = bench.buy().json
    bench.step(5)
    assert bench.get(f"/v2/orders/{order['id']}")["status"] == "new"
    bench.post("/sim/band", {"symbol": "AAPL"})
    bench.step(5)
    assert bench.get(f"/v2/orders/{order['id']}")["status"] == "filled"


def test_deposit_is_cash_and_an_activity(bench: Any) -> None:
    bench.get("/v2/account")
    assert bench.post("/sim/deposit", {"amount": "2500.50"})["cash"] == "102500.5"
    assert bench.get("/v2/account/activities/CSD")[0]["net_amount"] == "2500.5"
    assert bench.call("POST", "/sim/deposit", {"amount": "-1000000"}).status == 422


def test_switches_stop_an_account_and_only_that_one(bench: Any) -> None:
    bench.get("/v2/account")
    bench.post("/sim/account", {"blocked": True})
    assert bench.buy().status == 403
    other = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    assert bench.call("POST", "/v2/orders", other, key="other").status == 200
    bench.post("/sim/account", {"blocked": False})
    assert bench.buy().status == 200
    bench.post("/sim/account", {"suspended": True})
    assert bench.get("/v2/account")["trade_suspended_by_user"] is True


def test_account_must_be_named_where_there_are_several_and_no_key_says_it(bench: Any) -> None:
    for key in ("a", "b"):
        bench.call("GET", "/v2/account", key=key)
    nameless = bench.call("POST", "/sim/deposit", {"amount": 1}, key=None)
    assert nameless.status == 422 and "2 accounts" in nameless.json["message"]
    named = bench.call("POST", "/sim/deposit", {"amount": 1, "key": "a"}, key=None)
    assert named.status == 200


def test_reset_forgets_accounts_orders_prices_and_log(bench: Any) -> None:
    bench.buy()
    bench.post("/sim/price", {"symbol": "AAPL", "price": 1})
    bench.step(1)
    bench.post("/sim/reset")
    assert bench.get("/v2/orders?status=all") == []
    assert bench.get("/v2/account")["cash"] == "100000"
    assert bench.log() == []
    assert float(bench.get("/sim/price/AAPL")["quote"]["bid"]) > 10


def test_reset_takes_up_recorded_data(bench: Any) -> None:
    folder = str(market_data())
    bench.post("/sim/reset", {"data": folder, "at": "2013-10-08 09:45", "speed": 0})
    assert bench.get("/sim/clock")["now"] == "2013-10-08T13:45:00Z"
    assert bench.get("/sim/status")["data"] == folder


def session(make_bench: Callable[..., Any], steps: float) -> list[bytes]:
    """Everything a busy day answers and sends, as bytes."""
    bench = make_bench(seed=11, exchange={"participation": "0.5"})
    said: list[bytes] = []
    for number in range(30):
        symbol = ("AAPL", "MSFT", "F")[number % 3]
        fields: dict[str, Any] = {"type": "market"}
        if number % 4 == 1:
            fields = {"type": "limit", "limit_price": "5", "time_in_force": "gtc"}
        if number % 4 == 2:
            fields = {"type": "trailing_stop", "trail_percent": "1", "time_in_force": "gtc"}
        said.append(bench.buy(symbol, str(number + 1), **fields).body)
        for _ in range(int(6 / steps)):
            bench.step(steps)
    said.append(bench.call("DELETE", "/v2/orders").body)
    bench.step(60)
    for path in ("orders?status=all&limit=500", "positions", "account", "account/activities"):
        said.append(bench.call("GET", f"/v2/{path}").body)
    frames = [frame for _, frame in bench.door.trade_updates_since("test-key", 0)]
    return said + frames


def test_same_seed_same_requests_same_bytes(make_bench: Callable[..., Any]) -> None:
    first, second = session(make_bench, 2), session(make_bench, 2)
    assert first == second
    assert len(first) > 100


def test_how_often_one_looks_changes_nothing(make_bench: Callable[..., Any]) -> None:
    assert session(make_bench, 6) == session(make_bench, 0.5)


def test_state_survives_dump_and_load_in_the_middle(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(seed=3)
    bench.buy(type="limit", limit_price="5", time_in_force="gtc")
    bench.fault("event_late", seconds=100, count=1)
    bench.fault("request_delayed", method="POST", path="/v2/orders", seconds=50, count=1)
    bench.step(1)
    with pytest.raises(TimeoutError):
        bench.buy("MSFT", client_order_id="late")
    state = json.loads(json.dumps(bench.venue.dump()))
    bench.venue.load(state)
    bench.step(200)
    orders = bench.get("/v2/orders?status=all")
    assert {order["client_order_id"] for order in orders} >= {"late"}
    assert {event["event"] for event in bench.events()} >= {"pending_new", "new", "fill"}


@pytest.mark.parametrize(
    "settings",
    [
        {"nonsense": 1},
        {"calendar": "moon"},
        {"frames": "pigeon"},
        {"plan": "huge"},
        {"exchange": {"nonsense": 1}},
        {"exchange": {"starting_cash": "much"}},
        {"market": {"regimes": {"AAPL": "nonsense"}}},
        {"at": "soon"},
        {"data": "/no/such/folder"},
    ],
)
def test_wrong_settings_are_refused(
    make_bench: Callable[..., Any], settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        make_bench(**settings)


def test_settings_survive_as_json() -> None:
    config = SimConfig.of(
        {
            "seed": 5,
            "bad_keys": ["a"],
            "faults": [{"kind": "reset_before"}],
            "exchange": {"ack_latency_seconds": 0.5},
        }
    )
    again = SimConfig.of(json.loads(json.dumps(config.plain())))
    assert again.plain() == config.plain()


def test_free_plan_sees_no_recent_consolidated_data(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(plan="basic")
    refused = bench.call("GET", "/v2/stocks/AAPL/quotes/latest?feed=sip")
    assert refused.status == 403
    assert bench.call("GET", "/v2/stocks/AAPL/quotes/latest?feed=iex").status == 200
