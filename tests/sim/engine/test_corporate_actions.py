"""Goal: corporate actions, interest and liquidations leave the right shares, money and record.
Method: a scripted market; figures computed by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.scripted_market import Desk, refusal_of

from execbot.sim.engine import Exchange, MemoryArchive
from execbot.sim.types import ApiError

D = Decimal


def split(desk: Desk, new: str, old: str, bid: str, ask: str, symbol: str = "ABC") -> None:
    """The market moves and the exchange is told, as the control plane does both."""
    desk.prices.tick(symbol, desk.now, bid, ask)
    desk.exchange.split(symbol, D(new), D(old))
    desk.run(0.001)


def rows(desk: Desk, kind: str) -> list[dict[str, Any]]:
    return desk.exchange.activities(desk.id, [kind], {"direction": "asc"})


def shown(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_a_forward_split_multiplies_shares_and_keeps_the_cost() -> None:
    desk = Desk()
    desk.filled(qty="10")
    before = desk.account()
    split(desk, "4", "1", "25.00", "25.01")
    held = desk.position()
    assert shown(held, "qty", "qty_available", "avg_entry_price", "cost_basis") == (
        "40", "40", "25.005", "1000.2",
    )  # fmt: skip
    assert desk.account()["cash"] == before["cash"]
    taken, given = rows(desk, "SPLIT")
    assert shown(taken, "activity_sub_type", "qty", "symbol", "net_amount") == (
        "FSPLIT", "-10", "ABC", "0",
    )  # fmt: skip
    assert given["qty"] == "40" and given["group_id"] == taken["group_id"]


def test_a_split_does_not_look_like_a_loss_of_the_day() -> None:
    desk = Desk()
    desk.filled(qty="10")
    desk.until("2026-10-09 10:00")
    split(desk, "4", "1", "25.00", "25.01")
    held = desk.position()
    assert shown(held, "lastday_price", "change_today", "unrealized_intraday_pl") == (
        "25",
        "0",
        "0",
    )
    desk.until("2026-10-12 10:00")
    assert desk.position()["lastday_price"] == "25"


@pytest.mark.parametrize(
    ("symbol", "qty", "left", "paid"),
    [("ABC", "25", "2.5", "0"), ("WHOLE", "25", "2", "500"), ("WHOLE", "5", None, "500")],
)
def test_a_reverse_split_pays_out_what_makes_no_share(
    symbol: str, qty: str, left: str | None, paid: str
) -> None:
    desk = Desk()
    desk.filled(symbol, qty=qty)
    cash = D(desk.account()["cash"])
    split(desk, "1", "10", "1000.00", "1000.20", symbol)
    if left is None:
        with pytest.raises(ApiError):
            desk.position(symbol)
    else:
        assert desk.position(symbol)["qty"] == left
    assert D(desk.account()["cash"]) - cash == D(paid)
    assert rows(desk, "SPLIT")[1]["net_amount"] == paid
    assert rows(desk, "SPLIT")[0]["activity_sub_type"] == "RSPLIT"


def test_a_split_of_a_short_owes_more_shares() -> None:
    desk = Desk()
    desk.filled(side="sell", qty="10")
    split(desk, "2", "1", "50.00", "50.01")
    assert shown(desk.position(), "qty", "side", "cost_basis") == ("-20", "short", "-1000")


def test_what_is_left_of_a_split_can_be_sold_to_the_last_share() -> None:
    desk = Desk()
    desk.filled(qty="7")
    desk.filled(qty="6")
    desk.until("2026-10-09 10:00")
    desk.filled(qty="3")
    split(desk, "1", "3", "300.00", "300.06")
    qty = desk.position()["qty"]
    assert D(qty) == D("5.333333333")
    desk.filled(side="sell", qty=qty)
    assert desk.exchange.positions(desk.id) == []
    desk.until("2026-10-12 10:00")
    assert desk.account()["equity"] == desk.account()["cash"]


def test_orders_of_the_symbol_are_canceled_and_say_why_where_asked_to() -> None:
    for reasons in (False, True):
        desk = Desk(event_reasons=reasons)
        entry = desk.place(
            order_class="bracket",
            take_profit={"limit_price": "110"},
            stop_loss={"stop_price": "90"},
        )
        other = desk.place("XYZ", type="limit", limit_price="50", time_in_force="gtc")
        desk.run()
        split(desk, "2", "1", "50.00", "50.01")
        legs = desk.order(entry, nested=True)["legs"]
        assert [leg["status"] for leg in legs] == ["canceled", "canceled"]
        assert desk.status(other) == "new"
        canceled = [e.data for e in desk.exchange.events if e.data["event"] == "canceled"]
        assert len(canceled) == 2
        assert {data.get("reason") for data in canceled} == (
            {"CORPORATE_ACTION"} if reasons else {None}
        )
        desk.run()
        assert desk.position()["qty_available"] == "20"


def test_a_dividend_pays_holders_and_is_paid_by_shorts() -> None:
    desk = Desk()
    desk.filled(qty="10")
    desk.filled("XYZ", side="sell", qty="4")
    cash = D(desk.account()["cash"])
    desk.exchange.dividend("ABC", D("0.51"))
    desk.exchange.dividend("XYZ", D("0.25"))
    assert D(desk.account()["cash"]) - cash == D("4.10")
    names = "activity_sub_type", "symbol", "qty", "per_share_amount", "net_amount"
    assert [shown(row, *names) for row in rows(desk, "DIV")] == [
        ("CDIV", "ABC", "10", "0.51", "5.1"),
        ("SPD", "XYZ", "-4", "0.25", "-1"),
    ]


def test_a_new_symbol_takes_over_the_position_and_the_old_one_is_gone() -> None:
    desk = Desk()
    desk.filled(qty="10")
    resting = desk.place(type="limit", limit_price="50", time_in_force="gtc")
    desk.run()
    desk.exchange.rename("ABC", "XYZ")
    assert [p["symbol"] for p in desk.exchange.positions(desk.id)] == ["XYZ"]
    assert desk.position("XYZ")["avg_entry_price"] == "100.02"
    assert desk.status(resting) == "canceled"
    old = desk.exchange.asset("ABC")
    assert (old["status"], old["tradable"]) == ("inactive", False)
    assert desk.refusal("ABC") == (422, 42210000, 'asset "ABC" is not active')
    names = "activity_sub_type", "symbol", "qty"
    assert [shown(row, *names) for row in rows(desk, "NC")] == [
        ("SNC", "ABC", "-10"), ("SNC", "XYZ", "10"),
    ]  # fmt: skip
    desk.filled("XYZ", side="sell", qty="10")


def test_a_rename_of_two_symbols_that_are_both_held_is_refused() -> None:
    desk = Desk()
    desk.filled("ABC")
    desk.filled("XYZ")
    assert refusal_of(lambda: desk.exchange.rename("ABC", "XYZ")).status == 422
    assert len(desk.exchange.positions(desk.id)) == 2


@pytest.mark.parametrize("symbol", ["BTC/USD", "NOSUCH"])
def test_only_stocks_have_corporate_actions(symbol: str) -> None:
    desk = Desk()
    for call in (
        lambda: desk.exchange.split(symbol, D(2), D(1)),
        lambda: desk.exchange.dividend(symbol, D(1)),
        lambda: desk.exchange.rename(symbol, "XYZ"),
    ):
        assert refusal_of(call).message == f"{symbol} is no stock"


def test_history_values_the_account_through_a_split_and_a_rename() -> None:
    desk = Desk("2026-10-08 10:00")
    desk.filled(qty="10")
    desk.until("2026-10-09 10:00")
    split(desk, "4", "1", "25.00", "25.01")
    desk.exchange.rename("ABC", "XYZ")
    desk.prices.tick("XYZ", desk.now, "25.00", "25.01")
    desk.until("2026-10-12 17:00")
    query = {"timeframe": "1D", "start": "2026-10-08T05:00:00Z", "end": "2026-10-12T21:00:00Z"}
    history = desk.exchange.portfolio_history(desk.id, query)
    assert history["equity"] == [99999.8, 99999.8, 99999.8]


def test_interest_is_charged_and_paid() -> None:
    desk = Desk()
    for amount in ("-1.25", "0.5"):
        desk.exchange.interest(desk.id, D(amount))
    assert desk.account()["cash"] == "99999.25"
    assert [shown(row, "activity_sub_type", "net_amount") for row in rows(desk, "INT")] == [
        ("MGN", "-1.25"), ("CDT", "0.5"),
    ]  # fmt: skip


def test_a_liquidation_cancels_exits_and_sells_whatever_the_account_may_do() -> None:
    desk = Desk()
    desk.filled(qty="10")
    exit_ = desk.place(side="sell", type="stop", stop_price="90", time_in_force="gtc")
    desk.run()
    desk.exchange.set_switches(desk.id, trading_blocked=True)
    (order,) = desk.exchange.liquidate(desk.id, "ABC")
    assert shown(order, "symbol", "side", "qty", "type") == ("ABC", "sell", "10", "market")
    desk.run()
    assert (desk.status(exit_), desk.status(order)) == ("canceled", "filled")
    assert desk.exchange.positions(desk.id) == []
    assert refusal_of(lambda: desk.exchange.liquidate(desk.id)).status == 422


def test_what_corporate_actions_changed_is_kept() -> None:
    desk = Desk()
    desk.filled(qty="10")
    desk.until("2026-10-09 10:00")
    split(desk, "4", "1", "25.00", "25.01")
    desk.exchange.rename("XYZ", "CHEAP")
    desk.exchange.set_stale("BTC/USD", True)
    core = desk.exchange.core
    archive = core.archive
    assert isinstance(archive, MemoryArchive)
    loaded = Exchange.load(
        desk.exchange.dump(), prices=desk.prices, assets=core.assets,
        calendar=desk.calendar, archive=archive,
    )  # fmt: skip
    assert loaded.dump() == desk.exchange.dump()
    assert loaded.position(desk.id, "ABC") == desk.position("ABC")
    assert loaded.asset("XYZ")["status"] == "inactive"
    assert loaded.core.stale == {"BTC/USD"}
