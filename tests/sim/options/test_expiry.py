"""Goal: the last day of contracts goes by the clock, and cash, shares and rows come out exact.
Method: AAPL pinned at 240 on the morning of the last day; the clock is set to what matters.
"""

from __future__ import annotations

from typing import Any

import pytest

AFTER, NEXT_DAY = "2026-10-16 17:00", "2026-10-17 17:00"
ENDS = ("OPEXC", "OPASN", "OPEXP", "OPTRD")


def test_opening_stops_half_an_hour_before_the_close(expiring: Any) -> None:
    expiring.set_clock("2026-10-16 15:29")
    c = expiring.c("240")
    assert expiring.single("buy", c, "0.05").status == 200
    expiring.set_clock("2026-10-16 15:30")
    refused = expiring.single("buy", c, "0.05")
    words = f'contract "{c}" expires soon, unable to open new positions'
    assert (refused.status, refused.json["message"]) == (422, words)
    legs = (("buy_to_open", c), ("sell_to_open", expiring.c("245")))
    assert expiring.several("0.05", *legs).json["message"] == words


def test_what_is_in_the_money_is_exercised_and_the_rest_is_gone(expiring: Any) -> None:
    good, bad = expiring.c("230"), expiring.p("230")
    expiring.hold(good, 2, "10.00")
    expiring.hold(bad, 3, "0.10")
    before, seen = expiring.money(), len(expiring.events())
    expiring.set_clock(AFTER)
    assert expiring.held() == {"AAPL": "200"} and expiring.money() == before - 46_000
    assert expiring.rows(*ENDS) == [] and len(expiring.events()) == seen
    expiring.set_clock(NEXT_DAY)
    rows = [
        (r["activity_type"], r["symbol"], r["qty"], r["net_amount"]) for r in expiring.rows(*ENDS)
    ]
    assert sorted(rows) == [
        ("OPEXC", good, "-2", "0"),
        ("OPEXP", bad, "-3", "0"),
        ("OPTRD", "AAPL", "200", "-46000"),
    ]


def test_rows_come_at_once_where_they_are_told_to(make_options: Any) -> None:
    bench = make_options(at="2026-10-16 10:30", exchange={"option_row_delay": 0})
    bench.post("/sim/price", {"symbol": "AAPL", "price": 240})
    bench.hold(bench.p("250"), -1, "10.00")
    bench.set_clock(AFTER)
    assert bench.held() == {"AAPL": "100"}
    option, stock = bench.rows(*ENDS)
    assert (option["activity_type"], option["qty"]) == ("OPASN", "1")
    assert (stock["qty"], stock["price"], stock["net_amount"]) == ("100", "250", "-25000")
    assert option["group_id"] == stock["group_id"]


@pytest.mark.parametrize(("strike", "ends"), [("240.00", "OPEXP"), ("239", "OPASN")])
def test_a_covered_call_is_left_alone_and_assigned_from_a_cent_on(
    expiring: Any, strike: str, ends: str
) -> None:
    expiring.buy(qty="100")
    expiring.step(1)
    expiring.hold(expiring.c(strike), -1, "1.00")
    seen = len(expiring.events())
    expiring.set_clock(NEXT_DAY)
    assert len(expiring.events()) == seen
    assert expiring.rows(*ENDS)[0]["activity_type"] == ends
    assert expiring.held() == ({"AAPL": "100"} if ends == "OPEXP" else {})


def test_the_broker_closes_the_short_leg_alone_and_leaves_the_long_one(expiring: Any) -> None:
    """As reported of pin risk: an order nobody sent takes one leg of the spread."""
    expiring.hold(expiring.c("230"), 2, "10.00")
    expiring.hold(expiring.c("240"), -2, "1.00")
    mine = {order["id"] for order in expiring.get("/v2/orders?status=all")}
    expiring.set_clock("2026-10-16 15:31")
    assert expiring.held() == {expiring.c("230"): "2"}
    (foreign,) = [o for o in expiring.get("/v2/orders?status=all") if o["id"] not in mine]
    assert (foreign["symbol"], foreign["side"], foreign["type"]) == (
        expiring.c("240"), "buy", "market",
    )  # fmt: skip
    assert (foreign["order_class"], foreign["status"]) == ("", "filled")
    assert expiring.events()[-1]["order"]["id"] == foreign["id"]
    expiring.set_clock(AFTER)
    assert expiring.held() == {"AAPL": "200"}  # the orphan is exercised: the cash was there


def test_a_long_call_without_the_cash_for_its_shares_is_sold_before_the_close(
    expiring: Any,
) -> None:
    expiring.hold(expiring.c("230"), 40, "10.00")  # 920,000 dollars of shares
    expiring.set_clock("2026-10-16 15:31")
    assert expiring.held() == {}
    expiring.set_clock(AFTER)
    assert "AAPL" not in expiring.held()


def test_the_brokers_closing_can_be_switched_off(make_options: Any) -> None:
    bench = make_options(at="2026-10-16 10:30", exchange={"option_risk_close": False})
    bench.post("/sim/price", {"symbol": "AAPL", "price": 240})
    bench.hold(bench.c("230"), 1, "10.00")
    bench.hold(bench.c("235"), -1, "5.00")
    cash = bench.money()
    bench.set_clock(AFTER)
    assert bench.held() == {} and bench.money() == cash + 500  # width 5, both in the money


def test_a_put_without_shares_is_not_exercised(expiring: Any) -> None:
    expiring.hold(expiring.p("250"), 1, "10.00")
    expiring.set_clock("2026-10-16 15:31")
    assert expiring.held() == {}


def test_an_adjusted_contract_delivers_its_own_number_of_shares(make_options: Any) -> None:
    bench = make_options(at="2026-10-16 10:30")
    bench.post("/sim/price", {"symbol": "MARA", "price": 30})
    c = bench.c("10", root="MARA1")
    bench.hold(c, 1, "5.00")
    cash = bench.money()
    bench.set_clock(NEXT_DAY)
    assert bench.held() == {"MARA": "50"} and bench.money() == cash - 1000
    assert [(r["qty"], r["price"]) for r in bench.rows("OPTRD")] == [("50", "20")]


# --- instructions ----------------------------------------------------------------------------


def ask(bench: Any, what: str, symbol: str) -> Any:
    return bench.call("POST", f"/v2/positions/{symbol}/{what}")


def test_a_holder_exercises_all_at_once(options: Any) -> None:
    c = options.c("200", "2026-12-18")
    options.hold(c, 2, "41.00")
    cash = options.money()
    assert ask(options, "exercise", options.get(f"/v2/positions/{c}")["asset_id"]).status == 200
    assert options.held() == {"AAPL": "200"} and options.money() == cash - 40_000
    assert ask(options, "exercise", c).json["code"] == 40410000


def test_exercise_is_refused_with_its_reason(options: Any) -> None:
    put, far, short = options.p("260"), options.c("260"), options.p("200")
    for symbol, qty in ((put, 1), (far, 1), (short, -1), (options.c("200"), 30)):
        options.hold(symbol, qty, "1.00")
    words = {
        put: "insufficient underlying qty available for deliverable: AAPL",
        far: "is out of the money",
        short: "long position not found",
        options.c("200"): "insufficient regt buying power",
        "AAPL": "invalid symbol",
    }
    for symbol, expected in words.items():
        assert expected in ask(options, "exercise", symbol).json["message"], symbol
    options.set_clock("2026-10-08 16:30")
    words_late = ask(options, "exercise", put).json["message"]
    assert words_late == "exercise requests are not accepted after market close"


def test_a_holder_abandons_what_would_be_exercised(expiring: Any) -> None:
    c = expiring.c("230")
    expiring.hold(c, 1, "10.00")
    cash = expiring.money()
    assert ask(expiring, "do-not-exercise", c).status == 200
    assert "do not exercise" in ask(expiring, "exercise", c).json["message"]
    expiring.set_clock(NEXT_DAY)
    assert expiring.held() == {} and expiring.money() == cash
    assert [row["activity_type"] for row in expiring.rows(*ENDS)] == ["OPEXP"]


def test_abandoning_is_for_long_contracts_of_the_last_day(expiring: Any) -> None:
    short, later = expiring.p("230"), expiring.c("230", "2026-12-18")
    expiring.hold(short, -1, "1.00")
    expiring.hold(later, 1, "10.00")
    assert ask(expiring, "do-not-exercise", short).json["code"] == 40310001
    assert "expiration date" in ask(expiring, "do-not-exercise", later).json["message"]
    assert (
        "no available position"
        in ask(expiring, "do-not-exercise", expiring.c("240")).json["message"]
    )
    expiring.hold(expiring.c("230"), 1, "10.00")
    expiring.set_clock("2026-10-16 16:30")
    late = ask(expiring, "do-not-exercise", expiring.c("230")).json["message"]
    assert late == "dne requests are not accepted after 16:30"


# --- in the night ----------------------------------------------------------------------------


def test_sold_contracts_in_the_money_may_be_assigned_any_night(make_options: Any) -> None:
    bench = make_options(exchange={"early_assignment_share": 1})
    bench.post("/sim/price", {"symbol": "AAPL", "price": 240})
    bench.hold(bench.p("250", "2026-12-18"), -1, "12.00")
    bench.hold(bench.p("200", "2026-12-18"), -1, "1.00")
    bench.set_clock("2026-10-08 17:00")
    assert bench.held() == {bench.p("200", "2026-12-18"): "-1", "AAPL": "100"}


def test_a_day_in_small_steps_ends_like_one_in_a_single_step(make_options: Any) -> None:
    def play(moments: list[str]) -> Any:
        bench = make_options(at="2026-10-16 10:30")
        bench.post("/sim/price", {"symbol": "AAPL", "price": 240})
        bench.hold(bench.c("230"), 1, "10.00")
        bench.hold(bench.c("240"), -1, "1.00")
        for moment in moments:
            bench.set_clock(f"2026-10-16 {moment}")
        return bench.held(), bench.money(), [e["event_id"] for e in bench.events()]

    assert play(["17:00"]) == play(["12:00", "15:30", "15:45:30", "16:00", "16:44", "17:00"])
