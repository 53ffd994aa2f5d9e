"""Goal: an order that failed is sent again by hand with what it has left, and only then.

Method: the exchange keeps real hours or injects faults; its own record says what was ordered.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import limit, market
from support.signal_trader import SignalTrader, open_trader

from execbot.broker.port import ReplaceRequest
from execbot.config.schema import ScaleInSettings
from execbot.exits.levels import parse_level
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.exits.store import every_plan, open_plans
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.order import OrderRequest
from execbot.model.timer import Timer
from execbot.oms.errors import NotPossible, OmsError, Refused
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.place.entry_plans import ExitsAsked
from execbot.oms.place.placer import Placer
from execbot.oms.place.retry_by_hand import abandon, retry
from execbot.oms.send.intent import intent_details
from execbot.risk import halting
from execbot.risk.kill_switch import Level

D = Decimal


def test_retry_sends_a_new_order_that_passes_the_checks_afresh(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(limit("1.00", client_order_id="rest"))
    trader.desk.oms.cancel("rest", wait_seconds=1)
    placed = retry(trader.placer, "rest")
    assert placed.record.client_order_id == "rest.h1"
    assert trader.desk.orders_there()["rest.h1"]["limit_price"] == "1"
    trader.desk.oms.cancel("rest.h1", wait_seconds=1)
    assert retry(trader.placer, "rest.h1").record.client_order_id == "rest.h2"
    for name in ("rest", "rest.h1"):
        assert "by_hand" in {row.kind for row in trader.desk.journal.audit_of(name)}


def test_retry_of_a_changed_order_sells_only_what_all_of_it_has_left(tmp_path: Path) -> None:
    """The broker counts in the quantity of a replacement what the replaced order had filled."""
    trader = open_trader(tmp_path)
    desk = trader.desk

    def quote(bid: str) -> None:
        prices = {"bid": D(bid), "ask": D("101"), "size": D(4)}
        desk.venue.market.set_price("AAPL", desk.venue.clock.now(), prices)

    trader.placer.place(market("AAPL", "10"))
    desk.sleep(1)
    quote("100")
    trader.placer.place(limit("100", "AAPL", "10", side=Side.SELL, client_order_id="part"))
    desk.sleep(0.3)
    quote("90")
    desk.oms.gap_fill()
    assert desk.oms.record("part").order.filled_qty == 4
    desk.oms.replace("part", ReplaceRequest(limit_price=D("100.5"), client_order_id="changed"))
    desk.sleep(1)
    assert desk.oms.cancel("changed", wait_seconds=5).leaves_qty == 6
    desk.sleep(1)
    assert retry(trader.placer, "changed").record.order.qty == 6


def planned_entry(trader: SignalTrader, name: str, bid: str) -> OrderRecord:
    """A limit entry with its stop, whose two targets are spread after the fill."""
    levels = in_equal_parts([parse_level("1R"), parse_level("2R")])
    asked = ExitsAsked(Wishes(parse_level("90"), None, levels), must_go_along=True)
    prepared = trader.placer.prepare(limit(bid, "AAPL", "10", client_order_id=name), asked)
    return trader.placer.place(prepared.entry, checked=prepared.checked).record


def test_retry_of_an_entry_that_never_filled_comes_with_a_plan_of_its_own(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    journal = trader.desk.journal
    planned_entry(trader, "far", "95")
    trader.desk.oms.cancel("far", wait_seconds=1)
    again = retry(trader.placer, "far").record
    assert again.plan_id == "plan-far.h1"
    (plan,) = open_plans(journal)
    assert (plan.plan_id, plan.entry_client_order_id) == ("plan-far.h1", "far.h1")
    assert (plan.stop.price, [str(t.spec) for t in plan.targets]) == (D(90), ["1R", "2R"])
    assert trader.desk.orders_there()["far.h1"]["order_class"] == "oto"


def test_retry_of_what_an_entry_has_left_comes_under_the_plan_of_what_it_got(
    tmp_path: Path,
) -> None:
    trader = open_trader(
        tmp_path, risk={"scale_in": ScaleInSettings(enabled=True, min_profit_pct=D(-100))}
    )
    desk = trader.desk

    def quote(price: str) -> None:
        prices = {"bid": D(price) - 1, "ask": D(price), "size": D(4)}
        desk.venue.market.set_price("AAPL", desk.venue.clock.now(), prices)

    quote("100")
    planned_entry(trader, "part", "100")
    desk.sleep(0.3)
    quote("101")
    desk.oms.gap_fill()
    assert desk.oms.record("part").order.filled_qty == 4
    assert desk.oms.cancel("part", wait_seconds=5).leaves_qty == 6
    quote("100")
    desk.sleep(1)
    desk.oms.gap_fill()
    again = retry(trader.placer, "part").record
    assert (again.order.qty, again.order.order_class, again.plan_id) == (6, "", "plan-part")
    (plan,) = open_plans(desk.journal)
    assert (plan.plan_id, plan.entry_client_order_id) == ("plan-part", "part")


def test_retry_that_is_refused_leaves_no_plan_behind(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    planned_entry(trader, "far", "95")
    trader.desk.oms.cancel("far", wait_seconds=1)
    halting.raise_switch(trader.desk.journal, Level.HALTED, "x", "trader", trader.desk.now())
    with pytest.raises(Refused):
        retry(trader.placer, "far")
    assert open_plans(trader.desk.journal) == []


def denied_entry(trader: SignalTrader, name: str) -> None:
    halting.raise_switch(trader.desk.journal, Level.HALTED, "x", "trader", trader.desk.now())
    with pytest.raises(Refused):
        planned_entry(trader, name, "95")


def test_retry_of_a_denied_entry_comes_with_the_exits_that_were_asked_for(tmp_path: Path) -> None:
    """Denied again meanwhile, too. They were nobody's plan until then."""
    trader = open_trader(tmp_path)
    journal = trader.desk.journal
    denied_entry(trader, "no")
    with pytest.raises(Refused):
        retry(trader.placer, "no")
    assert open_plans(journal) == every_plan(journal, "AAPL") == []
    halting.resume(journal, "looked into", trader.desk.now())
    again = retry(trader.placer, "no.h1").record
    (plan,) = open_plans(journal)
    assert (again.plan_id, plan.plan_id) == ("plan-no.h2", "plan-no.h2")
    assert (plan.stop.price, [str(t.spec) for t in plan.targets]) == (D(90), ["1R", "2R"])
    assert trader.desk.orders_there()["no.h2"]["order_class"] == "oto"


def test_an_entry_whose_exits_nobody_knows_is_not_tried_again(tmp_path: Path) -> None:
    """As one that an earlier version has denied."""
    trader = open_trader(tmp_path)
    denied_entry(trader, "no")
    halting.resume(trader.desk.journal, "looked into", trader.desk.now())
    trader.desk.journal._run("DELETE FROM audit WHERE kind = 'exits_denied'")
    with pytest.raises(NotPossible, match="the exits that were given with no are not known"):
        retry(trader.placer, "no")
    assert not trader.desk.orders_there()


def test_retry_of_a_refused_order_is_refused_again_while_the_reason_holds(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    with pytest.raises(Refused):
        trader.placer.place(market("AAPL", "1000", client_order_id="big"))
    with pytest.raises(Refused) as caught:
        retry(trader.placer, "big")
    assert caught.value.kind == "risk.max_position_size"


def test_working_filled_and_doubtful_orders_are_not_retried(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(limit("1.00", client_order_id="rest"))
    with pytest.raises(NotPossible):
        retry(trader.placer, "rest")
    with pytest.raises(NotPossible):
        abandon(trader.placer, "rest", "no")
    trader.desk.fault("reply_lost", path="/v2/orders", method="POST")
    trader.desk.fault("server_error", path="/v2/orders:by_client_order_id", count=100)
    with pytest.raises(OmsError):
        trader.placer.place(market("MSFT", "1", client_order_id="doubt"))
    with pytest.raises(NotPossible):
        retry(trader.placer, "doubt")
    record = abandon(trader.placer, "doubt", "asked the broker")
    assert record.order.is_terminal
    rows = trader.desk.journal.audit_of("doubt")
    assert [r.result for r in rows if r.kind == "by_hand"] == ["abandoned"]


def shares_are_held(trader: SignalTrader) -> None:
    """The next order is refused once, as one whose shares are still reserved."""
    body = {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 10, available: 0)",
        "available": "0",
        "existing_qty": "100",
        "held_for_orders": "100",
        "symbol": "AAPL",
    }
    params = {"status": 403, "body": body}
    trader.desk.fault("canned_reply", method="POST", path="/v2/orders", params=params)


def test_retries_of_orders_with_like_ids_are_orders_of_their_own(tmp_path: Path) -> None:
    trader = free_to_sell(tmp_path)
    trader.placer.place(market(qty="10", side=Side.SELL, client_order_id="taken.r1"))
    trader.fill()
    sent = []
    for name in ("mean.reversion-1", "mean.reversion-2", "taken"):
        shares_are_held(trader)
        order = market(qty="10", side=Side.SELL, client_order_id=name)
        sent.append(trader.placer.place(order).record.client_order_id)
        trader.fill()
    assert sent == ["mean.reversion-1.r1", "mean.reversion-2.r1", "taken.r1.2"]
    assert trader.desk.positions_there() == {"AAPL": "60"}


def quoted(trader: SignalTrader, price: str, size: str) -> None:
    prices = {"bid": D(price) - 1, "ask": D(price), "size": D(size)}
    trader.desk.venue.market.set_price("AAPL", trader.desk.venue.clock.now(), prices)


def filled_in_part(trader: SignalTrader, name: str, **request: Any) -> OrderRecord:
    """An order of which six shares at 100 filled before it was canceled."""
    quoted(trader, "100", "6")
    given = {"type": OrderType.LIMIT, "limit_price": D(100), **request}
    trader.placer.place(OrderRequest("AAPL", Side.BUY, client_order_id=name, **given))
    trader.desk.sleep(0.3)
    quoted(trader, "105", "1000")
    trader.desk.oms.gap_fill()
    assert trader.desk.oms.record(name).order.filled_qty == 6
    record = trader.desk.oms.cancel(name, wait_seconds=5)
    quoted(trader, "100", "1000")
    trader.desk.sleep(1)
    trader.desk.oms.gap_fill()
    return record


def test_retry_of_a_dollar_order_sends_the_dollars_that_are_left(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    filled_in_part(trader, "dollars", notional=D(1000))
    again = retry(trader.placer, "dollars").record
    assert (again.order.notional, again.order.qty) == (D(400), None)
    trader.fill()
    assert sum(D(qty) for qty in trader.desk.positions_there().values()) == 10
    with pytest.raises(NotPossible, match="nothing of dollars is left"):
        retry(trader.placer, "dollars")
    with pytest.raises(NotPossible):
        retry(trader.placer, "dollars.h1")


def test_retry_of_an_order_whose_retry_filled_sends_nothing(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    filled_in_part(trader, "shares", qty=D(10))
    assert retry(trader.placer, "shares").record.order.qty == 4
    trader.fill()
    posts = trader.desk.sent.count("POST /v2/orders")
    with pytest.raises(NotPossible, match="nothing of shares is left"):
        retry(trader.placer, "shares")
    assert trader.desk.sent.count("POST /v2/orders") == posts


def test_retry_waits_for_an_earlier_retry_that_may_still_fill(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(limit("1.00", client_order_id="rest"))
    trader.desk.oms.cancel("rest", wait_seconds=1)
    retry(trader.placer, "rest")
    with pytest.raises(NotPossible, match="was tried again"):
        retry(trader.placer, "rest")


def test_retry_of_a_name_with_a_dot_is_a_retry_of_that_name(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(limit("1.00", client_order_id="my.house"))
    trader.desk.oms.cancel("my.house", wait_seconds=1)
    assert retry(trader.placer, "my.house").record.client_order_id == "my.house.h1"


def free_to_sell(tmp_path: Path) -> SignalTrader:
    """A trader with 100 shares whose sales no check holds back."""
    free = {"one_pending_per_symbol": False, "duplicate_window_seconds": D(0)}
    trader = open_trader(tmp_path, max_position_size_pct=D(100), risk=free)
    trader.placer.place(market(qty="100"))
    trader.fill()
    return trader


def test_retry_of_an_order_that_execbot_has_tried_again_sends_nothing(tmp_path: Path) -> None:
    trader = free_to_sell(tmp_path)
    shares_are_held(trader)
    trader.placer.place(market(qty="10", side=Side.SELL, client_order_id="sale"))
    trader.fill()
    posts = trader.desk.sent.count("POST /v2/orders")
    with pytest.raises(NotPossible, match="nothing of sale is left to retry: 10 AAPL"):
        retry(trader.placer, "sale")
    assert trader.desk.sent.count("POST /v2/orders") == posts
    assert trader.desk.positions_there() == {"AAPL": "90"}


def test_retry_counts_no_order_that_only_has_a_like_id(tmp_path: Path) -> None:
    trader = free_to_sell(tmp_path)
    trader.placer.place(market(qty="10", side=Side.SELL, client_order_id="sale.r1"))
    trader.fill()
    trader.placer.place(limit("500", "AAPL", "10", side=Side.SELL, client_order_id="sale"))
    trader.desk.oms.cancel("sale", wait_seconds=1)
    assert retry(trader.placer, "sale").record.order.qty == 10


def test_retry_reads_the_attempts_of_an_older_history_by_their_ids(tmp_path: Path) -> None:
    trader = free_to_sell(tmp_path)
    for name, price in (("sale", "500"), ("sale.2", "200")):
        request = limit(price, "AAPL", "10", side=Side.SELL, client_order_id=name)
        with recording(trader.desk.journal) as ledger:
            ledger.act(Act.INTENT, name, trader.desk.now(), **intent_details(request, {}))
        trader.desk.client.place_order(request)
        trader.desk.oms.refresh(name)
    trader.fill()
    trader.desk.oms.cancel("sale", wait_seconds=1)
    with pytest.raises(NotPossible, match="nothing of sale is left"):
        retry(trader.placer, "sale")


def test_retry_of_dollars_that_two_attempts_have_spent_sends_the_rest(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    refusal = {"code": 42210000, "message": "market orders are not allowed now"}
    params = {"status": 422, "body": refusal}
    trader.desk.fault("canned_reply", method="POST", path="/v2/orders", params=params)

    def sent(given: OrderRequest) -> OrderRecord:
        return trader.placer.place(given, adjust=True).record

    for send in (
        lambda: sent(OrderRequest("AAPL", Side.BUY, notional=D(1000), client_order_id="dollars")),
        lambda: retry(trader.placer, "dollars").record,
    ):
        quoted(trader, "100", "3")
        name = send().client_order_id
        trader.desk.sleep(0.3)
        quoted(trader, "105", "1000")
        trader.desk.oms.gap_fill()
        assert trader.desk.oms.record(name).order.filled_qty == 3, name
        trader.desk.oms.cancel(name, wait_seconds=5)
    assert name == "dollars.h1"
    quoted(trader, "100", "1000")
    trader.desk.sleep(1)
    again = retry(trader.placer, "dollars").record
    assert (again.client_order_id, again.order.notional) == ("dollars.h2", D(400))


def test_retry_waits_for_what_the_broker_sent_back_to_the_queue(tmp_path: Path) -> None:
    trader = free_to_sell(tmp_path)
    closed = {"status": 403, "body": {"code": 40310000, "message": "market is closed"}}
    trader.desk.fault("canned_reply", method="POST", path="/v2/orders", params=closed)
    sale = market(qty="10", side=Side.SELL, client_order_id="sale")
    assert trader.placer.place(sale).record.client_order_id == "sale.q"
    with pytest.raises(NotPossible, match=r"sale\.q is queued"):
        retry(trader.placer, "sale")


def test_retry_by_hand_in_the_pause_before_execbot_tries_again_is_the_only_one(
    tmp_path: Path,
) -> None:
    trader = free_to_sell(tmp_path)
    desk, by_hand = trader.desk, []
    shares_are_held(trader)

    def sleep(seconds: float) -> None:
        desk.sleep(seconds)
        if not by_hand:
            by_hand.append(retry(Placer(desk.oms, trader.placer.risk), "sale").record)

    oms = trader.placer.oms
    oms.timer = Timer(desk.monotonic, sleep)
    with pytest.raises(NotPossible, match=r"sale was tried again meanwhile: sale\.h1"):
        trader.placer.place(market(qty="10", side=Side.SELL, client_order_id="sale"))
    trader.fill()
    assert desk.positions_there() == {"AAPL": "90"}


def test_retry_of_an_order_whose_retry_was_changed_counts_the_changed_one(tmp_path: Path) -> None:
    trader = free_to_sell(tmp_path)
    desk = trader.desk
    trader.placer.place(limit("500", qty="10", side=Side.SELL, client_order_id="sale"))
    desk.oms.cancel("sale", wait_seconds=1)
    retry(trader.placer, "sale")
    desk.sleep(1)
    desk.oms.replace("sale.h1", ReplaceRequest(limit_price=D("1"), client_order_id="changed"))
    trader.fill()
    assert desk.positions_there() == {"AAPL": "90"}
    with pytest.raises(NotPossible, match="nothing of sale is left"):
        retry(trader.placer, "sale")


def test_an_id_given_again_tells_of_the_try_that_stands(tmp_path: Path) -> None:
    """The first try was refused for what passed, the second one works, under an id of its own."""
    trader = free_to_sell(tmp_path)
    shares_are_held(trader)
    order = market(qty="10", side=Side.SELL, client_order_id="mine")
    first = trader.placer.place(order).record
    trader.fill()
    assert first.client_order_id == "mine.r1"
    prepared = trader.placer.prepare(order)
    assert prepared.given is not None
    assert prepared.given.record.client_order_id == "mine.r1"
    again = trader.placer.place(prepared.entry, checked=prepared.checked)
    assert (again.record.client_order_id, again.record.already) == ("mine.r1", True)
    assert again.record.status is OrderStatus.FILLED
    assert trader.desk.positions_there() == {"AAPL": "90"}
