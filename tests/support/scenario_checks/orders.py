"""Checks of the scenarios in which an order's own record is strange."""

from __future__ import annotations

from typing import Any

from support.scenario_checks import check, event_names, found, order


@check
def filled_without_quantity(bench: Any) -> None:
    order(bench, qty="10")
    bench.step(1)
    shown = found(bench).json
    assert (shown["status"], shown["filled_qty"], shown["filled_avg_price"]) == (
        "filled",
        "0",
        None,
    )
    assert bench.get("/v2/positions") == []
    assert bench.get("/v2/account/activities/FILL") == []
    assert event_names(bench) == ["pending_new", "new", "fill"]
    bench.buy(qty="2")
    bench.step(1)
    assert bench.get("/v2/positions")[0]["qty"] == "2"


@check
def quantity_reduced_below_filled(bench: Any) -> None:
    order(bench, qty="10")
    bench.step(1)
    shown = found(bench).json
    assert (shown["status"], shown["qty"], shown["filled_qty"]) == ("filled", "5", "10")
    assert bench.get("/v2/positions")[0]["qty"] == "10"


@check
def legs_stay_with_the_replaced_entry(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    entry = order(
        bench,
        type="limit",
        limit_price="90",
        time_in_force="gtc",
        order_class="oto",
        stop_loss={"stop_price": "80"},
    ).json
    bench.step(1)
    leg = entry["legs"][0]["id"]
    moved = bench.call("PATCH", f"/v2/orders/{entry['id']}", {"limit_price": "100"}).json
    bench.step(1)
    old = bench.get(f"/v2/orders/{entry['id']}?nested=true")
    new = bench.get(f"/v2/orders/{moved['id']}?nested=true")
    assert (old["status"], [row["id"] for row in old["legs"]]) == ("replaced", [leg])
    assert (new["status"], new["legs"]) == ("filled", None)
    assert bench.get(f"/v2/orders/{leg}")["status"] == "new"
    raised = bench.call("PATCH", f"/v2/orders/{leg}", {"stop_price": "85"}).json
    bench.step(1)
    old = bench.get(f"/v2/orders/{entry['id']}?nested=true")
    assert [row["id"] for row in old["legs"]] == [raised["id"]]


@check
def fill_corrected_and_busted(bench: Any) -> None:
    order(bench, qty="10")
    bench.step(11)
    assert (found(bench).json["filled_qty"], bench.get("/v2/positions")[0]["qty"]) == ("12", "12")
    bench.step(10)
    assert found(bench).json["filled_qty"] == "0"
    assert bench.get("/v2/positions") == []
    assert event_names(bench) == ["pending_new", "new", "fill", "trade_correct", "trade_bust"]
