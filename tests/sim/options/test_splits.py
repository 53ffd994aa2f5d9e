"""Goal: a split of the stock turns its contracts into others, of the same worth, as the clearing
house does; nobody loses a position, a cover, or a market.
Method: AAPL pinned at 240 and split by the control plane; strikes and numbers by hand.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

D = Decimal
SPLIT_AT = "2026-10-09 09:00"


def ready(bench: Any) -> Any:
    bench.post("/sim/price", {"symbol": "AAPL", "price": 240})
    return bench


def split(bench: Any, new: int, old: int = 1, at: str = SPLIT_AT) -> None:
    bench.set_clock(at)
    bench.post("/sim/split", {"symbol": "AAPL", "new": new, "old": old})
    bench.set_clock("2026-10-09 10:30")


def shown(bench: Any, *names: str) -> dict[str, tuple[str, ...]]:
    return {row["symbol"]: tuple(row[n] for n in names) for row in bench.get("/v2/positions")}


def middle(bench: Any, symbol: str) -> float:
    answer = bench.get(f"/v1beta1/options/quotes/latest?symbols={symbol}")
    quote = answer["quotes"][symbol]
    return float(quote["bp"] + quote["ap"]) / 2


def test_whole_split_divides_the_strike_and_multiplies_the_contracts(options: Any) -> None:
    bench = ready(options)
    bench.buy(qty="100")
    bench.step(1)
    bench.hold(bench.c("250"), -1, "4.00")
    bench.hold(bench.p("230"), 2, "3.00")
    before, cash = middle(bench, bench.c("250")), bench.money()
    split(bench, 4)
    held = shown(bench, "qty", "cost_basis", "avg_entry_price")
    assert held.pop("AAPL")[0] == "400"
    assert held == {
        bench.c("62.5"): ("-4", "-400", "1"),
        bench.p("57.5"): ("8", "600", "0.75"),
    }
    assert bench.money() == cash
    assert middle(bench, bench.c("62.5")) == pytest.approx(before / 4, abs=0.06)


def test_rows_are_pairs_out_and_in_and_come_as_late_as_those_of_an_expiry(options: Any) -> None:
    bench = ready(options)
    bench.hold(bench.c("250"), 1, "4.00")
    split(bench, 4)
    assert bench.rows("OPCA") == []
    bench.set_clock("2026-10-10 10:30")
    out, into = bench.rows("OPCA")
    assert (out["symbol"], out["qty"], out["net_amount"]) == (bench.c("250"), "-1", "0")
    assert (into["symbol"], into["qty"]) == (bench.c("62.5"), "4")
    assert out["activity_sub_type"] == into["activity_sub_type"] == "SPLIT.FSPLIT"
    assert out["group_id"] == into["group_id"] and out["date"] == "2026-10-09"


@pytest.mark.parametrize(("new", "old", "shares", "kind"), [(3, 2, "150", "F"), (1, 4, "25", "R")])
def test_other_splits_give_a_root_that_delivers_another_number(
    options: Any, new: int, old: int, shares: str, kind: str
) -> None:
    bench = ready(options)
    held = bench.c("240")
    bench.hold(held, 2, "6.00")
    before = middle(bench, held)
    split(bench, new, old)
    changed = bench.c("240", root="AAPL1")
    assert shown(bench, "qty", "cost_basis") == {changed: ("2", "1200")}
    row = bench.get(f"/v2/options/contracts/{changed}")
    assert (row["size"], row["multiplier"], row["strike_price"]) == (shares, "100", "240")
    assert row["underlying_symbol"] == "AAPL" and row["root_symbol"] == "AAPL1"
    assert middle(bench, changed) == pytest.approx(before, rel=0.35)
    assert bench.single("buy", changed, "6.00").status == 422  # to be closed only
    assert bench.single("sell", changed).status == 200
    bench.step(5)
    assert bench.held() == {changed: "1"}
    bench.set_clock("2026-10-10 10:30")
    assert {r["activity_sub_type"] for r in bench.rows("OPCA")} == {f"SPLIT.{kind}SPLIT"}


def test_orders_in_contracts_are_canceled_whole_ones_in_several_too(options: Any) -> None:
    bench = ready(options)
    bench.single("buy", bench.c("250"), "0.05", time_in_force="gtc")
    legs = ("buy_to_open", bench.c("240")), ("sell_to_open", bench.c("250"))
    bench.several("0.05", *legs)
    bench.step(1)
    assert {o["order_class"] for o in bench.get("/v2/orders")} == {"", "mleg"}
    bench.post("/sim/split", {"symbol": "AAPL", "new": 4})
    assert bench.get("/v2/orders") == []
    assert bench.money("options_buying_power") == bench.money()


def test_calls_stay_covered_by_the_shares_that_they_deliver(options: Any) -> None:
    bench = ready(options)
    bench.buy(qty="100")
    bench.step(1)
    bench.hold(bench.c("250"), -1, "4.00")
    split(bench, 3, 2)
    assert shown(bench, "qty_available")["AAPL"] == ("0",)
    assert bench.buy(qty="50", side="sell").status == 403
    bench.set_clock("2026-10-16 12:00")
    bench.post("/sim/price", {"symbol": "AAPL", "price": 200})
    cash = bench.money()
    bench.set_clock("2026-10-16 17:00")
    assert bench.held() == {} and bench.money() == cash + 25_000


def test_part_of_a_share_is_paid_in_cash(options: Any) -> None:
    bench = ready(options)
    bench.hold(bench.c("240"), 1, "6.00")
    split(bench, 1, 3)
    bench.set_clock("2026-10-16 12:00")
    bench.post("/sim/price", {"symbol": "AAPL", "price": 900})
    cash = bench.money()
    bench.set_clock("2026-10-17 17:00")
    assert bench.held() == {"AAPL": "33"}
    rows = {r["activity_type"]: r for r in bench.rows("OPEXC", "OPTRD", "OPCSH")}
    assert (rows["OPTRD"]["qty"], rows["OPCSH"]["group_id"]) == ("33", rows["OPEXC"]["group_id"])
    paid = D(rows["OPTRD"]["net_amount"]) + D(rows["OPCSH"]["net_amount"])
    assert bench.money() == cash + paid
    # All 33 1/3 at the strike, and the third sold at 900.
    assert paid == D(-24_000) + D(300)


def test_chain_lists_divided_strikes_beside_new_ones_and_adjusted_roots(options: Any) -> None:
    bench = ready(options)
    query = "underlying_symbols=AAPL&type=call&expiration_date=2026-10-16&limit=1000"
    split(bench, 4)
    listed = {D(r["strike_price"]) for r in bench.get(f"/v2/options/contracts?{query}")
              ["option_contracts"]}  # fmt: skip
    assert {D("62.5"), D("61.25"), D(60), D(61)} <= listed and max(listed) < 80
    bench.hold(bench.c("62.5"), 1, "1.00")
    bench.post("/sim/split", {"symbol": "AAPL", "new": 3, "old": 2})
    rows = bench.get(f"/v2/options/contracts?{query}")["option_contracts"]
    assert {r["root_symbol"] for r in rows} == {"AAPL", "AAPL1"}


def test_two_contracts_of_which_one_becomes_what_the_other_was(options: Any) -> None:
    bench = ready(options)
    bench.hold(bench.c("240"), 1, "6.00")
    bench.hold(bench.c("120"), 3, "120.00")
    split(bench, 2)
    assert shown(bench, "qty", "cost_basis") == {
        bench.c("120"): ("2", "600"),
        bench.c("60"): ("6", "36000"),
    }


def test_changed_contracts_survive_a_restart(make_options: Any) -> None:
    bench = ready(make_options())
    bench.hold(bench.c("240"), 1, "6.00")
    split(bench, 3, 2)
    state = json.loads(json.dumps(bench.venue.dump()))
    fresh = make_options()
    fresh.venue.load(state)
    changed = bench.c("240", root="AAPL1")
    assert fresh.get("/v2/positions") == bench.get("/v2/positions")
    assert fresh.get(f"/v2/options/contracts/{changed}")["size"] == "150"


def test_day_of_the_split_is_no_profit_and_no_loss(options: Any) -> None:
    bench = ready(options)
    bench.hold(bench.c("240"), 10, "6.00")
    bench.post("/sim/options/mark", {"symbol": bench.c("240"), "price": 6})
    split(bench, 4)
    (row,) = bench.get("/v2/positions")
    assert (row["qty"], row["current_price"], row["lastday_price"]) == ("40", "1.5", "1.5")
    assert D(row["unrealized_intraday_pl"]) == 0
