"""Goal: whatever is sent, a request is answered or refused, and the exchange lives on.
Method: absurd values by name, then random bodies and queries over every route.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sim.conftest import Bench

from execbot.sim.config import ConfigError, SimConfig
from execbot.sim.faults.kinds import KINDS
from execbot.sim.wire import control


@pytest.mark.parametrize(
    "body",
    [
        {"step": 1e18},
        {"step": "1e30"},
        {"step": "1e400"},
        {"step": -1},
        {"set": "2101-01-01"},
        {"set": "9999-12-31"},
        {"set": "0001-01-01"},
        {"speed": 1e9},
        {"speed": "NaN"},
    ],
)
def test_a_clock_that_cannot_be_is_refused_and_stands_where_it_was(
    bench: Any, body: dict[str, Any]
) -> None:
    assert bench.call("POST", "/sim/clock", body).status == 422
    assert bench.get("/sim/clock")["now"] == "2026-10-08T14:30:00Z"
    assert bench.buy().status == 200


def test_a_long_step_is_a_step_like_any_other(bench: Any) -> None:
    bench.buy(qty="10")
    bench.buy(type="limit", limit_price="1", time_in_force="gtc", client_order_id="old")
    bench.step(60 * 86_400 * 365)
    assert bench.get("/sim/clock")["now"].startswith("2086-")
    assert bench.get("/v2/account")["status"] == "ACTIVE"
    old = bench.get("/v2/orders:by_client_order_id?client_order_id=old")
    assert old["status"] == "canceled"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reply_delayed", "seconds": "soon"},
        {"kind": "reply_delayed", "seconds": 1e300},
        {"kind": "reply_delayed", "seconds": -1},
        {"kind": "server_error", "status": 99},
        {"kind": "server_error", "status": "x"},
        {"kind": "reply_lost", "how": 7},
        {"kind": "account_zero", "fields": "equity"},
        {"kind": "wrong_filled_price", "factor": "NaN"},
        {"kind": "event_duplicated", "times": []},
        {"kind": "reset_before", "for_seconds": 1e300},
        {"kind": "reset_before", "count": 1e400},
        {"kind": "reset_before", "probability": "NaN"},
    ],
)
def test_a_fault_that_could_not_strike_is_refused(bench: Any, fault: dict[str, Any]) -> None:
    assert bench.call("POST", "/sim/faults", fault).status == 422
    assert bench.get("/sim/faults") == []


@pytest.mark.parametrize(
    "given_settings",
    [
        {"speed": []},
        {"seed": 1.5},
        {"log_size": 0},
        {"bad_keys": "x"},
        {"faults": ["x"]},
        {"single_stream": "yes"},
        {"data": 7},
        {"exchange": 5},
        {"exchange": {"starting_cash": "NaN"}},
        {"exchange": {"multiplier": "9"}},
        {"exchange": {"fill_latency_seconds": "x"}},
        {"exchange": {"trade_through": 1}},
        {"market": {"regimes": 5}},
    ],
)
def test_settings_of_the_wrong_kind_are_refused(bench: Any, given_settings: dict[str, Any]) -> None:
    refusal = bench.call("POST", "/sim/reset", given_settings)
    assert refusal.status == 422, refusal.body
    assert bench.get("/v2/account")["status"] == "ACTIVE"
    with pytest.raises(ConfigError):
        Bench(SimConfig.of(given_settings))


@pytest.mark.parametrize(
    "path",
    [
        "/v2/account/portfolio/history?start=0001-01-01",
        "/v2/account/activities?date=9999-12-31",
        "/v2/account/activities?after=0001-01-01&until=9999-12-31",
        "/v2/calendar?start=0001-01-01&end=9999-12-31",
        "/v3/calendar/NYSE?start=0001-01-01&end=9999-12-31",
        "/v3/clock?time=9999-12-31",
        "/v2/stocks/AAPL/bars?timeframe=1Month&start=0001-01-01&limit=1",
        "/v2/orders?status=all&after=0001-01-01T00:00:00Z",
    ],
)
def test_years_beyond_reason_are_answered(bench: Any, path: str) -> None:
    assert bench.call("GET", path).status in (200, 422)


# --- anything ----------------------------------------------------------------------------------

JUNK = st.sampled_from(
    [
        *("null", "true", "1e999", "-1e999", "1e18", "-5", "0", "0.5", '""', '"x"', "[]", "{}"),
        *("[1]", '{"a":1}', '"\\ud800"', "9" * 400, '"1e400"', '"NaN"', '"0001-01-01"', "1e-400"),
        *('"AAPL"', '"BTC/USD"', '"AAPL261218C00190000"', '"9999-12-31"', "[[[[]]]]", '"\\u0000"'),
    ]
)
NAMES = st.sampled_from(
    [
        *("symbol", "new_symbol", "price", "bid", "ask", "size", "hold", "amount", "key", "qty"),
        *("type", "rate", "cash", "cost_share", "row_after", "sub_type", "order_id", "step", "set"),
        *("speed", "jump", "seconds", "at", "seconds_ago", "low", "high", "stale", "new", "old"),
        *("faults", "kind", "count", "after", "probability", "for_seconds", "params", "field"),
        *("json", "text", "status", "body", "order_class", "legs", "limit_price", "stop_price"),
        *("side", "client_order_id", "extended_hours", "take_profit", "stop_loss", "notional"),
        *("position_intent", "mark", "error", "factor", "delay_seconds"),
    ]
)
BODIES = st.dictionaries(NAMES, JUNK, max_size=6)
PATHS = [
    *((method, f"/sim/{path}") for method, path in control.ROUTES if path != "reset"),
    *((method, f"/sim/{path}/x") for method, path in control.ROUTES_WITH_ARGUMENT),
    *[("POST", "/v2/orders")] * 5,
    ("PATCH", "/v2/account/configurations"),
]
STEPS = st.lists(
    st.tuples(st.sampled_from(PATHS), BODIES, st.sampled_from(list(KINDS))), max_size=20
)
WHOLE = {"symbol": '"AAPL"', "qty": '"1"', "side": '"buy"', "type": '"market"'}


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_no_request_breaks_the_exchange(steps: list[Any]) -> None:
    bench = Bench(SimConfig(at="2026-10-08 10:30", speed=0))
    bench.buy(qty="10")
    bench.step(1)
    for (method, path), fields, kind in steps:
        if path == "/v2/orders":
            fields = {**WHOLE, "time_in_force": '"day"', **fields}
        if path == "/sim/faults":
            fields = {**fields, "kind": json.dumps(kind)}
        body = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
        try:
            bench.call(method, path, body.encode(), timeout=1)
        except (TimeoutError, ConnectionResetError):
            continue  # a fault that was asked for
    bench.call("DELETE", "/sim/faults")
    bench.step(3)
    assert bench.get("/v2/account")["status"] == "ACTIVE"
