"""Checks of the scenarios about option contracts: what users report of bots that trade them."""

from __future__ import annotations

from typing import Any

from support.scenario_checks import check
from support.scenario_checks.accounts import held

LOW, MIDDLE, HIGH = (f"AAPL261016C00{strike}000" for strike in (230, 240, 250))
PUT = "AAPL261016P00230000"
UNCOVERED = "account not eligible to trade uncovered option contracts"


def one(bench: Any, side: str, symbol: str, limit: str | None = "0.05", **fields: Any) -> Any:
    kind = {"type": "market"} if limit is None else {"type": "limit", "limit_price": limit}
    order = {"symbol": symbol, "qty": "1", "side": side, "time_in_force": "day", **kind, **fields}
    return bench.call("POST", "/v2/orders", order)


def several(bench: Any, limit: str, *legs: tuple[str, str], **fields: Any) -> Any:
    rows = [{"symbol": s, "ratio_qty": "1", "position_intent": intent} for intent, s in legs]
    order = {"order_class": "mleg", "type": "limit", "limit_price": limit, "qty": "1"}
    return bench.call(
        "POST", "/v2/orders", {**order, "time_in_force": "day", "legs": rows, **fields}
    )


def close_spread(bench: Any, limit: str) -> Any:
    return several(bench, limit, ("sell_to_close", LOW), ("buy_to_close", MIDDLE))


@check
def option_short_leg_closed_by_the_broker(bench: Any) -> None:
    bench.step(10)
    assert held(bench) == {LOW: "1", MIDDLE: "-1"}
    bench.post("/sim/clock", {"set": "2026-10-16 15:30:34"})
    assert held(bench) == {LOW: "1"}
    foreign = bench.get("/v2/orders?status=all&limit=1")[0]
    assert (foreign["symbol"], foreign["side"], foreign["order_class"]) == (MIDDLE, "buy", "")


@check
def option_closed_long_leg_first(bench: Any) -> None:
    bench.step(10)
    assert one(bench, "sell", LOW, "9.00").json["message"] == UNCOVERED
    refused = one(bench, "sell", "SPY261016P00530000", "5.00", qty="4").json["message"]
    assert refused.startswith("insufficient options buying power for cash-secured put (required: ")
    assert close_spread(bench, "-20").status == 200


@check
def option_close_repeated(bench: Any) -> None:
    bench.step(10)
    assert one(bench, "sell", PUT, None).status == 200
    bench.step(10)
    assert held(bench) == {}
    refused = one(bench, "sell", PUT, "0.05", position_intent="sell_to_close").json["message"]
    assert refused.startswith("position intent mismatch, inferred: sell_to_open")
    assert one(bench, "sell", PUT, "0.05").status == 200
    bench.step(10)
    assert held(bench) == {PUT: "-1"}  # a real short, because the cash was there


@check
def option_intent_crosses_zero(bench: Any) -> None:
    bench.step(10)
    assert one(bench, "sell", MIDDLE, "30").status == 200
    refused = one(bench, "sell", MIDDLE, "30", position_intent="sell_to_open").json["message"]
    assert refused == ("position intent mismatch, inferred: sell_to_close, specified: sell_to_open")


@check
def option_close_while_another_rests(bench: Any) -> None:
    bench.step(10)
    assert close_spread(bench, "-20").status == 200
    refused = close_spread(bench, "-19")
    assert refused.status == 403 and refused.json["symbol"] == ""
    assert refused.json["message"].startswith("insufficient qty available for order")


@check
def option_condor_by_single_legs(bench: Any) -> None:
    bench.step(10)
    assert one(bench, "buy", HIGH, None).status == 200
    bench.step(10)
    refused = one(bench, "sell", MIDDLE, None).json["message"]
    assert refused.startswith("insufficient underlying qty available for covered call")
    assert held(bench) == {HIGH: "1"}


@check
def option_trailing_stop_refused(bench: Any) -> None:
    bench.step(10)
    refused = one(bench, "sell", MIDDLE, None, type="trailing_stop", trail_percent="10")
    assert refused.json["message"] == "invalid order type for options trading"
    one(bench, "sell", MIDDLE, "0.50")
    bench.step(10)
    assert held(bench) == {}


@check
def option_stops_accepted(bench: Any) -> None:
    bench.step(10)
    stop = {"stop_price": "0.50", "time_in_force": "gtc"}
    assert one(bench, "sell", MIDDLE, None, type="stop", **stop).status == 200
    assert one(bench, "sell", MIDDLE, "0.40", type="stop_limit", **stop).status == 200
    bench.step(10)
    assert held(bench) == {MIDDLE: "2"}
    legs = (("buy_to_open", LOW), ("sell_to_open", HIGH))
    refused = several(bench, "1", *legs, type="stop", stop_price="1")
    assert refused.json["message"] == "invalid order type for options trading"


@check
def option_times_in_force(bench: Any) -> None:
    bench.step(10)
    answers = {
        tif: one(bench, "buy", HIGH, time_in_force=tif).status
        for tif in ("day", "gtc", "ioc", "fok", "opg", "cls")
    }
    assert answers == {"day": 200, "gtc": 200, "ioc": 422, "fok": 422, "opg": 422, "cls": 422}
    legs = (("buy_to_open", LOW), ("sell_to_open", HIGH))
    assert several(bench, "1", *legs, time_in_force="gtc").json["message"] == (
        "invalid time in force"
    )


@check
def option_net_price_of_zero_or_less(bench: Any) -> None:
    bench.step(10)
    legs = (("buy_to_open", LOW), ("sell_to_open", MIDDLE))
    order = several(bench, "0", *legs)
    assert order.status == 200 and order.json["limit_price"] == "0"
    bench.step(10)
    path = f"/v2/orders/{order.json['id']}"
    assert bench.call("PATCH", path, {"limit_price": "-1.50"}).json["limit_price"] == "-1.5"
    assert several(bench, "1", *legs, legs='[{"symbol": "AAPL"}]').json["message"] == "invalid legs"


@check
def option_root_with_a_digit(bench: Any) -> None:
    bench.step(10)
    symbol = "MARA1261016C00012500"
    shown = bench.get(f"/v2/options/contracts/{symbol}")
    assert [shown[n] for n in ("root_symbol", "underlying_symbol", "strike_price", "size")] == [
        "MARA1", "MARA", "12.5", "50",
    ]  # fmt: skip
    other = "MARA1261016C00012000"
    assert one(bench, "buy", other).json["message"] == f'contract "{other}" is not tradable'
    assert one(bench, "sell", symbol, None).status == 200


@check
def option_spread_rejected(bench: Any) -> None:
    bench.step(10)
    legs = (("buy_to_open", LOW), ("sell_to_open", MIDDLE))
    order = several(bench, "12", *legs).json
    assert order["status"] == "pending_new"
    bench.step(10)
    assert [event["event"] for event in bench.events()] == ["pending_new", "rejected"]
    shown = bench.get(f"/v2/orders/{order['id']}?nested=true")
    assert [shown["status"], *(leg["status"] for leg in shown["legs"])] == ["rejected"] * 3


@check
def option_order_expires(bench: Any) -> None:
    bench.step(10)
    for tif in ("day", "gtc"):
        assert one(bench, "buy", LOW, "0.05", time_in_force=tif).status == 200
    bench.post("/sim/clock", {"set": "2026-10-16 16:00"})
    assert [order["status"] for order in bench.get("/v2/orders?status=all")] == ["expired"] * 2
    assert [event["event"] for event in bench.events()][-2:] == ["expired", "expired"]


@check
def option_shared_by_two_strategies(bench: Any) -> None:
    bench.step(10)
    assert one(bench, "sell", PUT, "20").status == 200  # the first one's exit rests
    refused = one(bench, "sell", PUT, "19").json["message"]
    assert refused.startswith("insufficient qty available for order (requested: 1, available: 0)")
    bench.call("DELETE", "/v2/orders")
    bench.step(10)
    one(bench, "sell", PUT, None)
    bench.step(10)
    one(bench, "sell", PUT, "0.05")
    bench.step(10)
    assert held(bench) == {PUT: "-1"}


@check
def option_replace_forgets_itself(bench: Any) -> None:
    bench.step(10)
    order = one(bench, "sell", MIDDLE, "30").json
    bench.step(10)
    refused = bench.call("PATCH", f"/v2/orders/{order['id']}", {"limit_price": "29"})
    assert refused.status == 403
    assert refused.json["message"].startswith("insufficient qty available for order")
