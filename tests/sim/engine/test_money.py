"""Goal: cash, buying power, margin and the record of both. Method: figures computed by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.scripted_market import Desk, refusal_of, refused

D = Decimal


def figures(desk: Desk, *names: str) -> tuple[str, ...]:
    account = desk.account()
    return tuple(account[name] for name in names)


def test_a_fresh_account_looks_like_a_fresh_paper_account() -> None:
    account = Desk().account()
    assert figures(Desk(), "cash", "equity", "buying_power", "regt_buying_power") == (
        "100000", "100000", "400000", "200000",
    )  # fmt: skip
    assert (account["status"], account["multiplier"], account["account_blocked"]) == (
        "ACTIVE", "4", False,
    )  # fmt: skip
    assert "daytrade_count" not in account and "pattern_day_trader" not in account


@pytest.mark.parametrize(
    ("opened", "day"),
    [("2026-10-08 10:00", "2026-10-07"), ("2026-10-11 06:00", "2026-10-10")],
    ids=["a Thursday", "a Sunday"],
)
def test_the_cash_of_a_fresh_account_came_before_today(opened: str, day: str) -> None:
    """`last_equity` has it: were its row of today as well, the day's loss would be all of it."""
    desk = Desk(opened)
    (row,) = desk.exchange.activities(desk.id, ["JNLC"], {})
    assert row["date"] == day


def test_a_position_uses_buying_power_and_margin() -> None:
    desk = Desk()
    desk.filled(qty="1000")
    assert figures(desk, "cash", "long_market_value", "equity") == ("-20", "100000", "99980")
    assert figures(desk, "initial_margin", "maintenance_margin") == ("50000", "30000")
    assert figures(desk, "buying_power", "regt_buying_power") == ("299920", "99960")


def test_an_open_entry_reserves_buying_power_until_it_is_canceled() -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="90", qty="1000")
    assert figures(desk, "buying_power") == ("310000",)
    desk.run()
    desk.cancel(order)
    desk.run()
    assert figures(desk, "buying_power") == ("400000",)


@pytest.mark.parametrize(
    ("given", "cost"),
    [
        ({"type": "market"}, "1000200"),
        ({"type": "limit", "limit_price": "95"}, "950000"),
        ({"type": "stop", "stop_price": "110"}, "1127500"),
        ({"side": "sell"}, "1030206"),
        ({"side": "sell", "type": "limit", "limit_price": "120"}, "1200000"),
        ({"side": "sell", "type": "limit", "limit_price": "99"}, "1030206"),
    ],
)
def test_what_an_order_is_valued_at(given: dict[str, Any], cost: str) -> None:
    error = refusal_of(lambda: Desk().place(qty="10000", **given))
    assert error.extra == {"buying_power": "400000", "cost_basis": cost}


def test_a_leveraged_fund_uses_three_times_the_buying_power() -> None:
    desk = Desk()
    desk.filled("TRIPLE", qty="500")
    assert figures(desk, "buying_power") == ("249960",)
    assert figures(desk, "maintenance_margin") == ("37500",)


def test_an_account_below_its_margin_opens_nothing_more() -> None:
    desk = Desk()
    for _ in range(4):
        desk.filled(qty="900")
        desk.market("ABC", "100.00", "100.02")
    desk.market("ABC", "88.00", "88.02", last="88.00")
    assert figures(desk, "buying_power") == ("0",)
    assert desk.refusal("XYZ", qty="1") == (403, 40310000, "insufficient buying power")
    assert desk.place(side="sell", qty="100")["status"] == "pending_new"


def test_a_position_beyond_six_times_equity_restricts_the_account_until_it_is_cleared() -> None:
    desk = Desk()
    for _ in range(4):
        desk.filled(qty="900")
        desk.market("ABC", "100.00", "100.02")
    desk.market("ABC", "80.00", "80.02", last="80.00")
    assert desk.refusal("XYZ", qty="1") == (
        403, 40310000, "account is restricted to liquidation only",
    )  # fmt: skip
    desk.exchange.deposit(desk.id, D(500_000))
    assert desk.refusal("XYZ", qty="1")[2] == "account is restricted to liquidation only"
    assert desk.place(side="sell", qty="100")["status"] == "pending_new"
    desk.exchange.set_switches(desk.id, liquidation_only=False)
    assert desk.place("XYZ", qty="1")["status"] == "pending_new"


def test_shorts_have_their_maintenance_margin_and_floor() -> None:
    desk = Desk()
    desk.filled("CHEAP", side="sell", qty="1000")
    assert figures(desk, "maintenance_margin") == ("2500",)
    desk.filled("ABC", side="sell", qty="10")
    assert figures(desk, "maintenance_margin") == ("2800",)
    assert figures(desk, "short_market_value", "cash") == ("-1500", "101500")


def test_crypto_takes_cash_only() -> None:
    desk = Desk()
    desk.filled(qty="900")
    error = refusal_of(lambda: desk.place("BTC/USD", qty="1"))
    assert error.message == "insufficient balance for USD (requested: 51010.2, available: 9982)"
    assert error.extra["symbol"] == "USD"


def test_the_multiplier_can_be_lowered() -> None:
    desk = Desk()
    desk.exchange.set_configurations(desk.id, {"max_margin_multiplier": 1})
    assert figures(desk, "buying_power", "multiplier") == ("100000", "1")
    assert refused(
        lambda: desk.exchange.set_configurations(desk.id, {"max_margin_multiplier": "3"})
    ) == (422, 40010001, "invalid max_margin_multiplier")


def test_the_day_turns_at_the_close() -> None:
    desk = Desk("2026-10-07 15:00")
    desk.filled(qty="100")
    desk.market("ABC", "105.00", "105.02", last="105.00")
    desk.until("2026-10-08 10:00")
    desk.market("ABC", "110.00", "110.02", last="110.00")
    assert figures(desk, "last_equity", "equity", "balance_asof", "last_maintenance_margin") == (
        "100498", "100998", "2026-10-07", "3150",
    )  # fmt: skip


def test_money_put_in_and_taken_out_is_an_activity() -> None:
    desk = Desk()
    desk.exchange.deposit(desk.id, D("500.50"))
    desk.exchange.deposit(desk.id, D("-100"))
    assert figures(desk, "cash") == ("100400.5",)
    rows = desk.exchange.activities(desk.id, ["TRANS"], {})
    assert [(row["activity_type"], row["net_amount"]) for row in rows] == [
        ("CSW", "-100"),
        ("CSD", "500.5"),
    ]
    assert refused(lambda: desk.exchange.deposit(desk.id, D("-200000")))[0] == 422


def test_regulatory_fees_are_charged_by_day_and_type_where_they_are_set() -> None:
    """Three sales of a day make one row of each type, rounded up once: 0.0504 is 0.06."""
    rates = {"taf_per_share": D("0.000168"), "sec_per_dollar": D("0.0000278")}
    desk = Desk(**rates, cat_per_share=D("1e-5"))
    desk.filled(qty="300")
    for _ in range(3):
        desk.filled(qty="100", side="sell")
    assert desk.exchange.activities(desk.id, ["FEE"], {}) == []
    before, accrued = figures(desk, "cash", "accrued_fees")
    assert accrued == "0.91"
    desk.run(86_400)
    rows = desk.exchange.activities(desk.id, ["FEE"], {})
    assert {(row["activity_sub_type"], row["net_amount"]) for row in rows} == {
        ("REG", "-0.84"),  # 3 x 100 x 99.99 x 0.0000278 = 0.8339
        ("TAF", "-0.06"),
        ("CAT", "-0.01"),
    }
    assert {row["date"] for row in rows} == {"2026-10-08"}
    assert all("order_id" not in row and "symbol" not in row for row in rows)
    assert D(before) - D(figures(desk, "cash")[0]) == D("0.91")
    assert figures(desk, "accrued_fees") == ("0",)


def test_a_fee_of_coins_is_dated_by_the_day_of_its_trade_also_on_a_sunday() -> None:
    desk = Desk("2026-10-11 10:00")
    desk.filled("BTC/USD", qty="0.1", time_in_force="gtc")
    (row,) = desk.exchange.activities(desk.id, ["CFEE"], {})
    assert row["date"] == "2026-10-11"


def test_fees_of_coins_may_come_as_one_row_a_day_and_pair() -> None:
    desk = Desk(crypto_fees_daily=True)
    for _ in range(2):
        desk.filled("BTC/USD", qty="0.1", time_in_force="gtc")
    assert desk.exchange.position(desk.id, "BTCUSD")["qty"] == "0.1995"
    assert desk.exchange.activities(desk.id, ["CFEE"], {}) == []
    desk.run(86_400)
    (row,) = desk.exchange.activities(desk.id, ["CFEE"], {})
    assert (row["symbol"], row["qty"], row["net_amount"]) == ("BTCUSD", "-0.0005", "0")


# --- the day-trading rule of before June 2026 --------------------------------------------------


def day_traded(desk: Desk, times: int) -> None:
    for _ in range(times):
        desk.filled(qty="1")
        desk.filled(qty="1", side="sell")


PDT = (403, 40310100, "trade denied due to pattern day trading protection")


def test_without_the_old_rule_day_trades_are_not_counted() -> None:
    desk = Desk(starting_cash=D(5000))
    day_traded(desk, 5)


def test_with_the_old_rule_the_fourth_day_trade_is_denied() -> None:
    desk = Desk(starting_cash=D(5000), day_trading_rule=True)
    day_traded(desk, 3)
    assert desk.account()["daytrade_count"] == 3
    assert desk.refusal(qty="1") == PDT


def test_the_old_rule_can_guard_the_exit_instead() -> None:
    desk = Desk(starting_cash=D(5000), day_trading_rule=True)
    desk.exchange.set_configurations(desk.id, {"pdt_check": "exit"})
    day_traded(desk, 3)
    desk.filled(qty="1")
    assert desk.refusal(qty="1", side="sell") == PDT


def test_the_old_rule_spares_rich_accounts_and_forgets_after_a_week() -> None:
    desk = Desk(day_trading_rule=True)
    day_traded(desk, 4)
    poor = Desk("2026-10-01 10:00", starting_cash=D(5000), day_trading_rule=True)
    day_traded(poor, 3)
    poor.until("2026-10-09 10:00")
    assert poor.account()["daytrade_count"] == 0
    poor.filled(qty="1")


# --- lists -------------------------------------------------------------------------------------


def test_fill_activities_have_alpacas_fields() -> None:
    desk = Desk()
    order = desk.place(qty="1500")
    desk.run()
    desk.market("ABC", "100.00", "100.04")
    first, second = desk.fills()
    assert first == {
        "id": first["id"], "activity_type": "FILL", "type": "partial_fill",
        "transaction_time": "2026-10-08T14:00:00.053Z", "price": "100.02", "qty": "1000",
        "side": "buy", "symbol": "ABC", "leaves_qty": "500", "order_id": order["id"],
        "cum_qty": "1000", "order_status": "partially_filled",
    }  # fmt: skip
    assert (second["type"], second["leaves_qty"], second["cum_qty"]) == ("fill", "0", "1500")
    assert first["id"].startswith("20261008100000053::"), "New York time, not UTC"


def test_activities_are_paged_by_the_last_id() -> None:
    desk = Desk()
    for _ in range(7):
        desk.filled(qty="1")
    everything = [row["id"] for row in desk.exchange.activities(desk.id, None, {})]
    assert len(everything) == 8
    for direction in ("asc", "desc"):
        seen: list[str] = []
        query = {"page_size": "3", "direction": direction}
        while page := desk.exchange.activities(desk.id, None, query):
            seen += [row["id"] for row in page]
            query["page_token"] = seen[-1]
        assert seen == (everything if direction == "desc" else everything[::-1])


def test_activities_are_filtered() -> None:
    desk = Desk("2026-10-07 10:00")
    first = desk.filled(qty="1")
    desk.until("2026-10-08 10:00")
    second = desk.filled(qty="1")

    def orders_of(**query: str) -> list[str]:
        return [row["order_id"] for row in desk.exchange.activities(desk.id, ["FILL"], query)]

    when = desk.fills()[0]["transaction_time"]
    assert orders_of() == [second["id"], first["id"]]
    assert orders_of(after=when) == [second["id"]], "after is exclusive"
    assert orders_of(until="2026-10-08T00:00:00Z") == [first["id"]]
    assert orders_of(date="2026-10-08") == [second["id"]]
    assert orders_of(order_id=first["id"]) == [first["id"]]
    assert desk.exchange.activities(desk.id, None, {"category": "non_trade_activity"})[0][
        "activity_type"
    ] == ("JNLC")


@pytest.mark.parametrize(
    ("types", "query", "message"),
    [
        (["FFFFF"], {}, "invalid activity type: FFFFF"),
        (None, {"page_size": "101"}, "page_size must be between 1 and 100"),
        (None, {"page_token": "nope"}, "invalid page_token"),
        (None, {"direction": "up"}, "invalid direction: up"),
        (None, {"date": "2026-10-08", "after": "2026-10-08"},
         "date cannot be used with after or until"),
        (["FILL"], {"category": "trade_activity"},
         "only one of category or activity_types is accepted"),
        (None, {"after": "yesterday"}, "invalid after"),
    ],
)  # fmt: skip
def test_what_the_list_of_activities_refuses(
    types: list[str] | None, query: dict[str, str], message: str
) -> None:
    desk = Desk()
    assert refused(lambda: desk.exchange.activities(desk.id, types, query)) == (
        422, 40010001, message,
    )  # fmt: skip


def test_orders_are_listed_filtered_and_paged() -> None:
    desk = Desk()
    made = []
    for number in range(12):
        symbol = "ABC" if number % 2 else "XYZ"
        made.append(desk.place(symbol, type="limit", limit_price="90", qty="1")["id"])
        desk.run(0.5)
    for order_id in made[:4]:
        desk.cancel(order_id)
    desk.run()

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in desk.exchange.orders(desk.id, query)]

    assert ids() == made[:3:-1]
    assert ids(status="closed", direction="asc") == made[:4]
    assert ids(status="all", limit="3") == made[:8:-1]
    assert ids(status="all", symbols="ABC") == made[11:0:-2]
    assert ids(status="all", side="sell") == []
    assert ids(asset_class="crypto") == []
    cut = desk.order(made[5])["submitted_at"]
    assert ids(status="all", after=cut, direction="asc") == made[6:]
    assert ids(status="all", until=cut, direction="asc") == made[:5]
    seen: list[str] = []
    query = {"status": "all", "limit": "5"}
    while page := ids(**query):
        seen += page
        query["before_order_id"] = seen[-1]
    assert seen == made[::-1]
    assert ids(status="all", after_order_id=made[9], direction="asc") == made[10:]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"status": "odd"}, "invalid status: odd"),
        ({"limit": "501"}, "limit must be between 1 and 500"),
        ({"limit": "0"}, "limit must be between 1 and 500"),
        ({"direction": "up"}, "invalid direction: up"),
        ({"until": "soon"}, "invalid until"),
        ({"before_order_id": "a", "after_order_id": "b"},
         "only one of before_order_id or after_order_id is accepted"),
    ],
)  # fmt: skip
def test_what_the_list_of_orders_refuses(query: dict[str, str], message: str) -> None:
    desk = Desk()
    assert refused(lambda: desk.exchange.orders(desk.id, query)) == (422, 40010001, message)


# --- portfolio history -------------------------------------------------------------------------


def test_history_by_day_follows_cash_and_prices() -> None:
    desk = Desk("2026-10-06 10:00")
    desk.filled(qty="100")
    desk.until("2026-10-07 15:00")
    desk.market("ABC", "110.00", "110.02", last="110.00")
    desk.until("2026-10-08 12:00")
    body = desk.exchange.portfolio_history(desk.id, {"period": "3D", "timeframe": "1D"})
    assert body["equity"] == [0.0, 99998.0, 100998.0, 100998.0]
    assert body["profit_loss"][1:] == [-2.0, 998.0, 998.0]
    assert body["base_value"] == 100000.0 and body["timeframe"] == "1D"
    assert all(isinstance(value, int) for value in body["timestamp"])


def test_history_within_a_day_counts_from_the_close_before() -> None:
    desk = Desk("2026-10-06 10:00")
    desk.filled(qty="100")
    desk.until("2026-10-07 10:00")
    desk.market("ABC", "110.00", "110.02", last="110.00")
    desk.until("2026-10-07 11:00")
    query = {"period": "1D", "timeframe": "15Min", "start": "2026-10-07T13:30:00Z"}
    body = desk.exchange.portfolio_history(desk.id, query)
    assert body["equity"] == [99998.0, 100998.0, 100998.0, 100998.0, 100998.0, 100998.0]
    assert body["profit_loss"][0] == 0.0 and body["profit_loss"][-1] == 1000.0
    assert body["base_value_asof"] == "2026-10-06"
    wide = {**query, "intraday_reporting": "extended_hours", "start": "2026-10-07T08:00:00Z"}
    assert len(desk.exchange.portfolio_history(desk.id, wide)["timestamp"]) == 28


def test_history_shows_cash_flows_and_refuses_nonsense() -> None:
    desk = Desk("2026-10-06 10:00")
    desk.until("2026-10-07 12:00")
    desk.exchange.deposit(desk.id, D(500))
    desk.until("2026-10-07 18:00")
    query = {"period": "2D", "timeframe": "1D", "cashflow_types": "CSD"}
    assert desk.exchange.portfolio_history(desk.id, query)["cashflow"] == {"CSD": [0.0, 0.0, 500.0]}

    def wrong(**query: str) -> str:
        return refused(lambda: desk.exchange.portfolio_history(desk.id, query))[2]

    assert wrong(period="1X") == "invalid period: 1X"
    assert wrong(period="9" * 5000 + "D") == f"invalid period: {'9' * 5000}D"
    assert wrong(period="9" * 18 + "A", timeframe="15Min") == (
        "intraday timeframes are limited to 30 days"
    )
    assert wrong(timeframe="2Min") == "invalid timeframe: 2Min"
    assert wrong(period="2M", timeframe="1Min") == "intraday timeframes are limited to 30 days"
