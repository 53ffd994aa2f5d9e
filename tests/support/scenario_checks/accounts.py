"""Checks of the scenarios in which an account changes without an order of the client's."""

from __future__ import annotations

from typing import Any

from support.scenario_checks import check, found, order


def rows(bench: Any, kind: str) -> list[Any]:
    listed: list[Any] = bench.get(f"/v2/account/activities/{kind}?direction=asc")
    return listed


def held(bench: Any) -> dict[str, str]:
    return {row["symbol"]: row["qty"] for row in bench.get("/v2/positions")}


@check
def cash_withdrawn_row_next_day(bench: Any) -> None:
    bench.step(11)
    assert bench.get("/v2/account")["cash"] == "94000"
    assert rows(bench, "CSW") == []
    bench.step(86_400)
    assert [row["net_amount"] for row in rows(bench, "CSW")] == ["-6000"]


@check
def shares_arrive_by_transfer(bench: Any) -> None:
    bench.step(11)
    (row,) = bench.get("/v2/positions")
    assert (row["symbol"], row["qty"], row["avg_entry_price"]) == ("AAPL", "10", "80")
    assert [(r["symbol"], r["qty"]) for r in rows(bench, "ACATS")] == [("AAPL", "10")]
    assert bench.get("/v2/orders?status=all") == []


@check
def fees_by_day_and_type(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    for side, count in (("buy", 1), ("sell", 3)):
        for _ in range(count):
            bench.buy(qty="300" if side == "buy" else "100", side=side)
            bench.step(1)
    assert rows(bench, "FEE") == []
    bench.step(86_400)
    charged = {row["activity_sub_type"]: row["net_amount"] for row in rows(bench, "FEE")}
    assert charged == {"REG": "-0.84", "TAF": "-0.05"}


def _held_intc(bench: Any) -> None:
    order(bench, symbol="INTC", qty="50")
    bench.step(1)
    bench.buy("INTC", type="limit", limit_price="1", client_order_id="resting")
    assert held(bench) == {"INTC": "50"}
    bench.step(10)


@check
def held_symbol_renamed(bench: Any) -> None:
    _held_intc(bench)
    assert held(bench) == {"CSCO": "50"}
    found_rows = rows(bench, "NC")
    assert [(row["symbol"], row["qty"]) for row in found_rows] == [("INTC", "-50"), ("CSCO", "50")]
    assert len({row["group_id"] for row in found_rows}) == 1
    assert found(bench, "resting").json["status"] == "canceled"


@check
def held_symbol_merged(bench: Any) -> None:
    _held_intc(bench)
    assert held(bench) == {"CSCO": "25"}
    told = [(row["symbol"], row["qty"], row["net_amount"]) for row in rows(bench, "MA")]
    assert told == [("INTC", "-50", "150"), ("CSCO", "25", "0")]


@check
def held_symbol_spins_off(bench: Any) -> None:
    _held_intc(bench)
    assert held(bench) == {"CSCO": "10", "INTC": "50"}
    assert [(row["symbol"], row["qty"]) for row in rows(bench, "SPIN")] == [("CSCO", "10")]


@check
def option_expires_worthless(bench: Any) -> None:
    bench.step(6)
    (row,) = bench.get("/v2/positions")
    assert (row["asset_class"], row["qty"], row["market_value"]) == ("us_option", "2", "1210")
    bench.step(60)
    assert held(bench) == {} and rows(bench, "OPEXP") == []
    bench.step(86_400)
    assert [row["qty"] for row in rows(bench, "OPEXP")] == ["-2"]


@check
def option_assigned(bench: Any) -> None:
    bench.step(66)
    assert held(bench) == {"AAPL": "100"}
    assert [row["qty"] for row in rows(bench, "OPASN")] == ["1"]
    assert [row["net_amount"] for row in rows(bench, "OPTRD")] == ["-17000"]


@check
def option_spread_without_a_symbol(bench: Any) -> None:
    bench.step(6)
    (parent,) = bench.get("/v2/orders?nested=true")
    assert (parent["symbol"], parent["order_class"], len(parent["legs"])) == ("", "mleg", 2)
    symbols = {row["symbol"] for row in bench.get("/v2/orders")}
    assert symbols == {"", "AAPL261218C00190000", "AAPL261218C00200000"}
