"""Goal: orders in contracts are taken, refused, filled and ended as Alpaca documents it.
Method: one bench a test; what is refused is a table; contracts are marked where prices matter.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

EXPIRES_SOON = "2026-10-09"


# --- one contract ----------------------------------------------------------------------------


def test_a_contract_is_bought_at_its_ask_and_paid_a_hundred_times(options: Any) -> None:
    c = options.c("240")
    ask = options.get(f"/v1beta1/options/quotes/latest?symbols={c}")["quotes"][c]["ap"]
    order = options.single("buy", c, str(ask)).json
    assert (order["position_intent"], order["asset_class"]) == ("buy_to_open", "us_option")
    options.step(1)
    assert options.held() == {c: "1"}
    assert options.money() == 100_000 - Decimal(str(ask)) * 100
    (row,) = options.rows("FILL")
    assert (row["symbol"], row["qty"], row["price"]) == (c, "1", str(ask).rstrip("0").rstrip("."))
    frame = options.events()[-1]
    assert (frame["event"], frame["position_qty"]) == ("fill", "1")


REFUSED: list[tuple[dict[str, Any], int, int, str]] = [
    ({"symbol": "AAPL261016C00240300"}, 422, 42210000, 'contract "AAPL261016C00240300" not found'),
    ({"symbol": "AAPL261015C00240000"}, 422, 42210000, "not found"),
    ({"symbol": "AAPL261002C00240000"}, 422, 42210000, "is expired"),
    ({"symbol": "MARA1261016C00010000"}, 422, 42210000, "is not tradable"),
    ({"type": "trailing_stop", "trail_price": "1", "limit_price": None}, 422, 42210000,
     "invalid order type for options trading"),
    ({"time_in_force": "ioc"}, 422, 42210000, "order_time_in_force provided not supported"),
    ({"time_in_force": "fok"}, 422, 42210000, "order_time_in_force provided not supported"),
    ({"time_in_force": "opg"}, 422, 42210000, "order_time_in_force provided not supported"),
    ({"extended_hours": True}, 422, 42210000, "extended hours is not supported"),
    ({"qty": None, "notional": "100"}, 422, 42210000, "notional orders are not supported"),
    ({"order_class": "bracket", "take_profit": {"limit_price": "9"},
      "stop_loss": {"stop_price": "1"}}, 422, 42210000, "complex orders not supported"),
    ({"order_class": "oco", "take_profit": {"limit_price": "9"}}, 422, 42210000, "complex orders"),
    ({"qty": "1.5"}, 422, 42210000, "qty must be integer for options trading"),
    ({"limit_price": None}, 422, 42210000, "limit price is required for limit orders"),
    ({"type": "market"}, 422, 42210000, "limit price is only valid for limit orders"),
    ({"limit_price": "1.005"}, 422, 42210000, "invalid limit price"),
    ({"limit_price": "-1"}, 422, 42210000, "invalid limit price"),
    ({"position_intent": "buy_to_close"}, 422, 42210000,
     "position intent mismatch, inferred: buy_to_open, specified: buy_to_close"),
    ({"qty": "1000", "limit_price": "4"}, 403, 40310000, "insufficient options buying power"),
    ({"side": "sell"}, 403, 40310000,
     "insufficient underlying qty available for covered call (required: 100, available: 0)"),
    ({"side": "sell", "symbol": "AAPL261016P00240000", "qty": "9"}, 403, 40310000,
     "insufficient options buying power for cash-secured put (required: "),
    ({"side": "sell", "type": "stop", "stop_price": "1", "limit_price": None}, 500, 50010000,
     "internal server error occurred"),
    ({"side": "sell", "type": "stop_limit", "stop_price": "1"}, 403, 40310000, "covered call"),
]  # fmt: skip


def test_what_is_refused_is_refused_in_alpacas_words(options: Any) -> None:
    for fields, status, code, words in REFUSED:
        order = {"side": "buy", "symbol": options.c("240"), "limit": "4.40", **fields}
        reply = options.single(**order)
        said = reply.json
        assert (reply.status, said.get("code")) == (status, code), (fields, said)
        assert words in said["message"], (fields, said)
    assert options.held() == {} and options.get("/v2/orders?status=all") == []


def test_refusals_for_lack_of_cover_carry_numbers(options: Any) -> None:
    call = options.single("sell", options.c("240"), "4.40").json
    assert (call["required_qty"], call["available_qty"], call["symbol"]) == ("100", "0", "AAPL")
    put = options.single("sell", options.p("240"), "3.50", qty="5").json
    assert put["required_options_buying_power"] == "118250" and put["buying_power"] == "100000"


@pytest.mark.parametrize(
    ("level", "body", "words"),
    [
        (0, ("buy", "C", "1"), "account not authorized to trade options"),
        (1, ("buy", "C", "1"), "account not eligible to trade long option contracts"),
        (1, ("sell", "P", "1"), None),
        (2, ("buy", "C", "1"), None),
        (2, "several", "account not eligible to trade spreads or uncovered contracts"),
    ],
)
def test_levels_allow_more_and_more(options: Any, level: int, body: Any, words: str | None) -> None:
    options.call("PATCH", "/v2/account/configurations", {"max_options_trading_level": level})
    assert options.get("/v2/account")["options_trading_level"] == level
    if body == "several":
        legs = (("buy_to_open", options.c("240")), ("sell_to_open", options.c("245")))
        reply = options.several("2", *legs)
    else:
        side, kind, _ = body
        reply = options.single(side, options.c("240") if kind == "C" else options.p("240"), "1.00")
    assert reply.json.get("message") == words, reply.json


def test_limits_of_alpacas_are_settings(make_options: Any) -> None:
    bench = make_options(exchange={"option_qty_max": 5, "option_notional_max": 1000})
    words = bench.single("buy", bench.c("240"), "1", qty="6").json["message"]
    assert words == "options order qty must be <= 5"
    words = bench.single("buy", bench.c("240"), "4", qty="3").json["message"]
    assert words == "options order notional is 1200 must be <= 1000"


def test_a_price_off_the_grid_is_rejected_after_the_reply(options: Any) -> None:
    assert options.single("buy", options.c("240"), "4.41").status == 200
    options.step(1)
    assert options.events()[-1]["event"] == "rejected"


def test_hours_market_orders_wait_for_none_and_others_wait(make_options: Any) -> None:
    bench = make_options(at="2026-10-08 16:05")
    assert bench.single("buy", bench.c("240")).json["message"] == (
        "options market orders are only allowed during market hours"
    )
    assert bench.single("buy", bench.c("240"), "4.40").json["status"] == "accepted"
    spy = bench.c("560", root="SPY")
    assert bench.single("buy", spy).json["expires_at"] == "2026-10-08T20:15:00Z"


def test_an_order_for_ninety_days_ends_with_its_contract(options: Any) -> None:
    order = options.single("buy", options.c("210", EXPIRES_SOON), "0.05", time_in_force="gtc").json
    assert order["expires_at"] == "2026-10-09T20:00:00Z"
    options.set_clock("2026-10-09 16:01")
    assert options.get(f"/v2/orders/{order['id']}")["status"] == "expired"


def test_a_stop_of_a_long_contract_sells_it_once_it_trades_there(options: Any) -> None:
    c = options.c("240")
    options.hold(c, 1, "4.40")
    stop = {"type": "stop", "stop_price": "3.00", "time_in_force": "gtc"}
    assert options.single("sell", c, None, **stop).status == 200
    options.step(5)
    options.mark(c, "2.90")
    options.step(1)
    assert options.held() == {} and options.money() == 100_000 - 440 + 290


def test_a_replaced_order_pays_the_new_price_and_finds_its_own_contracts(options: Any) -> None:
    c = options.c("240")
    options.hold(c, 2, "4.40")
    order = options.single("sell", c, "9.00", qty="2").json
    options.step(1)
    path = f"/v2/orders/{order['id']}"
    refused = options.call("PATCH", path, {"limit_price": "8.555"})
    assert refused.json["message"] == "invalid limit price"
    assert options.call("PATCH", path, {"limit_price": "8.50", "qty": "1"}).status == 200
    options.step(1)
    options.mark(c, "8.60")
    options.step(1)
    assert options.held() == {c: "1"}


def test_orders_are_found_by_their_underlying(options: Any) -> None:
    options.single("buy", options.c("240"), "0.05")
    options.single("buy", options.c("560", root="SPY"), "0.05")
    found = options.get("/v2/orders?asset_class=us_option&symbols=AAPL")
    assert [order["symbol"] for order in found] == [options.c("240")]


# --- cover and collateral --------------------------------------------------------------------


def test_shares_behind_a_sold_call_cannot_be_sold(options: Any) -> None:
    options.buy(qty="150")
    options.step(1)
    assert (
        options.single("sell", options.c("245"), "0.05", position_intent="sell_to_open").status
        == 200
    )
    options.step(1)
    assert options.held()[options.c("245")] == "-1"
    assert options.get("/v2/positions/AAPL")["qty_available"] == "50"
    assert options.buy(qty="51", side="sell").status == 403
    assert options.single("sell", options.c("250"), "0.05").status == 403


def test_a_cash_secured_put_locks_its_strike(options: Any) -> None:
    options.mark(options.p("240"), "3.50")
    options.single("sell", options.p("240"), "3.50")
    options.step(1)
    account = options.get("/v2/account")
    assert (account["cash"], account["options_buying_power"]) == ("100350", "76350")
    assert options.single("sell", options.p("240"), "3.50", qty="4").status == 403


def test_a_credit_spread_locks_its_width_less_its_credit(options: Any) -> None:
    options.mark(options.c("240"), "5")
    options.mark(options.c("250"), "2")
    legs = (("sell_to_open", options.c("240")), ("buy_to_open", options.c("250")))
    options.several("-3.00", *legs, qty="2")
    assert options.money("options_buying_power") == 100_000 - 2 * (1000 - 300)
    options.step(1)
    assert (options.money(), options.money("options_buying_power")) == (100_600, 98_600)


def test_a_calendar_is_covered_by_the_later_date_and_not_by_the_earlier(options: Any) -> None:
    near, far = options.c("240"), options.c("240", "2026-10-23")
    good = (("sell_to_open", near), ("buy_to_open", far))
    bad = (("buy_to_open", near), ("sell_to_open", far))
    assert options.several("3.00", *good).status == 200
    refused = options.several("-1.00", *bad)
    assert (refused.status, refused.json["message"]) == (
        403, "account not eligible to trade uncovered option contracts",
    )  # fmt: skip


# --- several contracts -----------------------------------------------------------------------


def several_refused(b: Any) -> list[tuple[Any, int, str]]:
    a, z = ("buy_to_open", b.c("240")), ("sell_to_open", b.c("245"))
    rows = [{"symbol": b.c("240"), "ratio_qty": "1", "side": "buy"}]
    other = ("sell_to_open", b.c("245", "2026-10-23"))
    stranger = ("sell_to_open", b.c("560", root="SPY"))
    twice = [
        {"symbol": s, "ratio_qty": "2", "side": i.split("_")[0], "position_intent": i}
        for i, s in (a, z)
    ]
    more = [{**twice[0], "ratio_qty": "1"}, twice[1]]
    return [
        (b.several("2", a, z, time_in_force="gtc"), 422, "invalid time in force"),
        (b.several("2", a, z, type="stop"), 422, "invalid order type for options trading"),
        (b.several(None, a, z, type="limit"), 422, "limit price is required for limit orders"),
        (b.several("2", a, z, type="market"), 422, "limit price is only valid for limit orders"),
        (b.several("2.001", a, z), 422, "invalid limit price"),
        (b.several("2", a, z, qty="1.5"), 422, "qty must be integer for options trading"),
        (b.several("2", a), 422, "mleg orders require 2 to 4 legs"),
        (b.several("2", a, z, legs=rows * 2), 422, "leg.0 position intent is required"),
        (b.several("2", a, z, legs='[{"symbol": "A"}]'), 422, "invalid legs"),
        (b.several("2", a, ("buy_to_open", "AAPL261016C00240300")), 422, "asset not found for "),
        (b.several("2", a, stranger), 422, "underlying asset mismatch: AAPL != SPY"),
        (b.several("2", a, z, legs=twice), 422, "leg ratios must be relatively prime"),
        (b.several("2", a, z, legs=more), 403, "uncovered option contracts"),
        (b.several("2", a, a), 422, "legs must have different symbols"),
        (b.several("-2", ("buy_to_open", b.p("240")), z), 403, "uncovered option contracts"),
        (b.several("2", ("sell_to_open", b.c("240")), ("sell_to_open", b.p("240"))), 403,
         "uncovered option contracts"),
        (b.several("2", ("sell_to_close", b.c("240")), ("buy_to_open", b.c("245"))), 422,
         "position intent mismatch, inferred: sell_to_open, specified: sell_to_close"),
        (b.several("2", ("buy_to_open", b.c("240")), other, qty="900"), 403,
         "uncovered option contracts"),
        (b.several("4", a, z, qty="900"), 403, "insufficient options buying power (required: "),
    ]  # fmt: skip


def test_several_are_refused_in_alpacas_words(options: Any) -> None:
    for reply, status, words in several_refused(options):
        assert reply.status == status and words in reply.json["message"], (words, reply.json)
    assert options.get("/v2/orders?status=all") == []


def test_a_wrong_sign_offers_to_pay_and_nothing_warns(options: Any) -> None:
    """A credit sent as a positive number fills at once, at the market's better price."""
    legs = (("sell_to_open", options.c("240")), ("buy_to_open", options.c("245")))
    parent = options.several("1.50", *legs).json
    options.step(1)
    shown = options.get(f"/v2/orders/{parent['id']}")
    assert shown["status"] == "filled" and Decimal(shown["filled_avg_price"]) < 0


def test_legs_fill_together_with_one_frame_and_a_row_each(options: Any) -> None:
    options.mark(options.c("240"), "4.39")
    options.mark(options.c("245"), "2.25")
    legs = (("buy_to_open", options.c("240")), ("sell_to_open", options.c("245")))
    parent = options.several("2.30", *legs, qty="3").json
    options.step(1)
    frame = options.events()[-1]
    assert [e["event"] for e in options.events()] == ["pending_new", "new", "fill"]
    assert (frame["price"], frame["qty"]) == ("2.14", "3") and "position_qty" not in frame
    assert frame["position_qtys"] == {options.c("240"): "3", options.c("245"): "-3"}
    assert [leg["qty"] for leg in frame["legs"]] == ["3", "3"]
    assert {row["order_id"] for row in options.rows("FILL")} == {x["id"] for x in parent["legs"]}
    shown = options.get(f"/v2/orders/{parent['id']}?nested=true")
    assert [shown["status"], *(leg["status"] for leg in shown["legs"])] == ["filled"] * 3


def test_a_resting_parent_is_replaced_by_one_with_legs_of_its_own(options: Any) -> None:
    options.mark(options.c("240"), "4")
    options.mark(options.c("245"), "2")
    legs = (("sell_to_open", options.c("240")), ("buy_to_open", options.c("245")))
    old = options.several("-3.00", *legs).json
    options.step(1)
    new = options.call("PATCH", f"/v2/orders/{old['id']}", {"limit_price": "-1.90", "qty": "2"})
    assert new.status == 200 and new.json["replaces"] == old["id"]
    options.step(1)
    assert [e["event"] for e in options.events()][2:] == ["replaced", "new", "fill"]
    assert options.held() == {options.c("240"): "-2", options.c("245"): "2"}
    shown = options.get(f"/v2/orders/{old['id']}?nested=true")
    assert [shown["status"], *(leg["status"] for leg in shown["legs"])] == ["replaced"] * 3


def test_a_parent_fills_in_parts_when_quotes_show_less(options: Any) -> None:
    legs = (("buy_to_open", options.c("240")), ("sell_to_open", options.c("245")))
    options.several("2.60", *legs, qty="380")
    options.step(30)
    frames = [e for e in options.events() if "legs" in e]
    assert frames[0]["event"] == "partial_fill" and len(frames) > 1
    assert sum(int(f["qty"]) for f in frames) == int(frames[-1]["order"]["filled_qty"])
    assert set(options.held().values()) <= {"380", "-380"} | {
        sign + frames[-1]["order"]["filled_qty"] for sign in ("", "-")
    }


def test_switches_of_alpacas_turn_several_off(make_options: Any) -> None:
    bench = make_options(exchange={"mleg_replace_disabled": True, "mleg_cancel_disabled": True})
    legs = (("buy_to_open", bench.c("240")), ("sell_to_open", bench.c("245")))
    parent = bench.several("0.10", *legs).json
    bench.step(1)
    path = f"/v2/orders/{parent['id']}"
    assert bench.call("PATCH", path, {"limit_price": "0.2"}).json["message"] == (
        "replace mleg order is disabled"
    )
    assert bench.call("DELETE", path).json["message"] == "cancel mleg order is disabled"
    bench = make_options(exchange={"mleg_submit_disabled": True})
    assert bench.several("2", *legs).json["message"] == "submit mleg order is disabled"


# --- fees ------------------------------------------------------------------------------------


def test_fees_gather_and_are_charged_with_the_day(make_options: Any) -> None:
    rates = {"orf_per_contract": "0.02685", "occ_per_contract": "0.02"}
    rates |= {"option_taf_per_contract": "0.00279", "option_cat_per_contract": "0.0046"}
    bench = make_options(exchange=rates)
    bench.mark(bench.c("240"), "4")
    bench.single("buy", bench.c("240"), "4", qty="10")
    bench.step(1)
    bench.single("sell", bench.c("240"), "4", qty="10")
    bench.step(1)
    assert bench.get("/v2/account")["accrued_fees"] == "1.07"
    bench.set_clock("2026-10-09 09:00")
    bench.get("/v2/account")
    charged = {row["activity_sub_type"]: row["net_amount"] for row in bench.rows("FEE")}
    assert charged == {"ORF": "-0.54", "OCC": "-0.4", "TAF": "-0.03", "CAT": "-0.1"}


def test_a_mark_that_is_taken_back_gives_the_contract_to_its_chain(options: Any) -> None:
    c = options.c("240")
    path = f"/v1beta1/options/quotes/latest?symbols={c}"
    before = options.get(path)
    options.mark(c, "99")
    options.step(1)
    assert options.get(path)["quotes"][c]["bp"] == 99
    options.post("/sim/options/mark", {"symbol": c, "price": None})
    options.step(1)
    assert abs(options.get(path)["quotes"][c]["bp"] - before["quotes"][c]["bp"]) < 1
