"""Orders that wait, orders that fail: queued for the open, recovered, adjusted, decided by hand.

Method: the exchange keeps real hours or injects faults; its own record says what was ordered.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import limit, market
from support.trader import Trader, open_trader

from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest
from execbot.config.schema import ScaleInSettings
from execbot.exits.levels import parse_level
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.exits.store import open_plans
from execbot.journal.records import OrderRecord
from execbot.market.halts import HaltBook, apply_message, book_to_json
from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus, OrderType, Outcome, Side
from execbot.model.order import OrderRequest
from execbot.oms.errors import NotPossible, OmsError, Refused
from execbot.oms.place.entry_plans import ExitsAsked
from execbot.oms.place.placer import Purposeful
from execbot.oms.place.retry_by_hand import abandon, retry
from execbot.oms.release_queue import queue_decisions, release_due
from execbot.risk import halting
from execbot.risk.kill_switch import Level
from execbot.risk.reading import HALTS_KEY

D = Decimal
SATURDAY = {"calendar": "exchange", "at": "2026-10-10 12:00"}
FRIDAY = {"calendar": "exchange", "at": "2026-10-09 10:00"}


def weekend(path: Path, **changes: Any) -> Trader:
    return open_trader(path, sim=SATURDAY, **changes)


def test_signal_given_when_closed_is_queued_and_nothing_is_sent(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    result = trader.signal()
    assert result.outcome is Outcome.QUEUED and "closed" in result.message
    assert trader.desk.orders_there() == {}
    ((record, decision),) = queue_decisions(trader.executor.desk.reader)
    assert record.signal_id == result.signal.id
    assert decision.action is QueueAction.KEEP and "closed" in decision.reason


def test_queued_signal_is_sized_afresh_and_sent_at_the_open(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    result = trader.signal()
    assert result.record is not None
    old_qty = result.record.order.qty
    assert release_due(trader.executor)[0].action is QueueAction.KEEP
    trader.until("2026-10-12 09:31")
    trader.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100"})
    (released,) = release_due(trader.executor)
    assert (released.action, released.outcome) == (QueueAction.RELEASE, Outcome.ACCEPTED)
    trader.fill()
    (order,) = trader.desk.orders_there().values()
    assert order["status"] == "filled"
    assert D(order["qty"]) > (old_qty or 0), "the price fell, so more fits"
    assert release_due(trader.executor) == []


def test_plain_order_keeps_its_quantity_and_is_checked_afresh(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    placed = trader.placer.place(market("AAPL", "10", client_order_id="mine"))
    assert placed.record.status is OrderStatus.QUEUED
    second = trader.placer.place(market("MSFT", "5", client_order_id="later"))
    assert second.record.status is OrderStatus.QUEUED
    halting.raise_switch(trader.desk.journal, Level.HALTED, "x", "trader", trader.desk.now())
    trader.until("2026-10-12 09:31")
    denied = release_due(trader.executor, only="later")
    assert [d.error_kind for d in denied] == ["risk.kill_switch"]
    assert trader.desk.oms.record("later").status is OrderStatus.DENIED
    halting.resume(trader.desk.journal, "", trader.desk.now())
    (released,) = release_due(trader.executor)
    assert released.outcome is Outcome.ACCEPTED
    (order,) = trader.desk.orders_there().values()
    assert (order["client_order_id"], order["qty"]) == ("mine", "10")


def test_queued_order_is_canceled_or_expires(tmp_path: Path) -> None:
    trader = weekend(tmp_path, market_hours={"queue_expires_hours": D(10)})
    for name, symbol in (("drop", "AAPL"), ("old", "MSFT")):
        trader.placer.place(market(symbol, "1", client_order_id=name))
    assert trader.desk.oms.cancel("drop").status is OrderStatus.CANCELED
    trader.until("2026-10-12 09:31")
    (lapsed,) = release_due(trader.executor)
    assert (lapsed.action, lapsed.outcome) == (QueueAction.EXPIRE, Outcome.EXPIRED)
    assert trader.desk.orders_there() == {}


def test_two_releases_at_once_send_once(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    trader.placer.place(market("AAPL", "10", client_order_id="mine"))
    trader.until("2026-10-12 09:31")
    first = release_due(trader.executor)
    again = trader.desk.oms.release(market("AAPL", "10", client_order_id="mine"))
    assert first[0].outcome is Outcome.ACCEPTED and again.already
    assert len(trader.desk.orders_there()) == 1


def test_without_the_switch_a_closed_market_is_a_refusal(tmp_path: Path) -> None:
    trader = weekend(tmp_path, market_hours={"queue_when_closed": False})
    with pytest.raises(Refused) as caught:
        trader.placer.place(market())
    assert caught.value.kind == "risk.session"
    assert trader.desk.orders_there() == {}


def test_reduce_only_keeps_the_queue_waiting(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    trader.placer.place(market("AAPL", "10", client_order_id="mine"))
    trader.until("2026-10-12 09:31")
    halting.raise_switch(trader.desk.journal, Level.REDUCE_ONLY, "x", "trader", trader.desk.now())
    (kept,) = release_due(trader.executor)
    assert kept.action is QueueAction.KEEP and "reduce_only" in kept.reason
    halting.resume(trader.desk.journal, "", trader.desk.now())
    assert release_due(trader.executor)[0].outcome is Outcome.ACCEPTED


def test_early_close_counts_as_closed(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, sim={"calendar": "exchange", "at": "2026-11-27 13:05"})
    assert trader.signal().outcome is Outcome.QUEUED


@pytest.mark.parametrize("day", ["2026-03-09", "2026-11-02"])
def test_first_open_after_the_clocks_change(tmp_path: Path, day: str) -> None:
    trader = open_trader(tmp_path, sim={"calendar": "exchange", "at": f"{day} 09:29"})
    assert trader.signal("AAPL").outcome is Outcome.QUEUED
    trader.desk.sleep(90)
    assert trader.signal("MSFT").outcome is Outcome.ACCEPTED


def test_crypto_trades_on_a_saturday(tmp_path: Path) -> None:
    assert weekend(tmp_path).signal("BTC/USD").outcome is Outcome.ACCEPTED


def test_extended_session_sends_a_marked_limit_where_switched_on(tmp_path: Path) -> None:
    before = {"calendar": "exchange", "at": "2026-10-09 08:00"}
    off = open_trader(tmp_path / "off", sim=before)
    assert off.signal().outcome is Outcome.QUEUED
    on = open_trader(tmp_path / "on", sim=before, market_hours={"trade_premarket": True})
    assert on.signal().outcome is Outcome.ACCEPTED
    (order,) = on.desk.orders_there().values()
    assert (order["type"], order["extended_hours"]) == ("limit", True)


def test_halted_symbol_waits_and_goes_when_trading_resumes(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, sim=FRIDAY)
    at = trader.desk.now()
    halted = {"T": "s", "S": "AAPL", "sc": "H", "rc": "T1", "z": "C", "t": at.isoformat()}
    book = apply_message(HaltBook(), halted, at)
    trader.desk.journal.meta_set(HALTS_KEY, book_to_json(book))
    assert trader.signal().outcome is Outcome.QUEUED
    assert release_due(trader.executor)[0].reason == "halted: news pending (T1)"
    later = at + timedelta(minutes=5)
    book = apply_message(book, {**halted, "sc": "T", "t": later.isoformat()}, later)
    trader.desk.journal.meta_set(HALTS_KEY, book_to_json(book))
    assert release_due(trader.executor)[0].outcome is Outcome.ACCEPTED


# --- recovery ------------------------------------------------------------------------------

POST = {"path": "/v2/orders", "method": "POST"}


def refusal(message: str, code: int = 40310000, status: int = 403, **extra: Any) -> dict[str, Any]:
    return {**POST, "status": status, "body": {"code": code, "message": message, **extra}}


RECOVERABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("rate limit", "rate_limited", {**POST, "retry_after": 2}),
    ("rate limit without headers", "rate_limited", {**POST, "headers": False}),
    ("reset before", "reset_before", POST),
    ("reset after", "reset_after", POST),
    ("reply lost", "reply_lost", POST),
    ("server error", "server_error", {**POST, "status": 500}),
    ("gateway timeout, carried out", "server_error", {**POST, "status": 504, "handled": True}),
    ("html", "html_body", POST),
    ("half a body", "truncated_json", POST),
    ("restart", "broker_restart", POST),
    ("buying power", "canned_reply",
     refusal("insufficient buying power", buying_power="3000", cost_basis="4466")),
    ("not fractionable", "canned_reply", refusal('asset "AAPL" is not fractionable')),
    ("market order refused", "canned_reply",
     refusal("market orders are not allowed now", 42210000, 422)),
]  # fmt: skip


@pytest.mark.parametrize("case", RECOVERABLE, ids=lambda c: c[0])
def test_recoverable_failure_recovers_with_one_order(
    tmp_path: Path, case: tuple[str, str, dict[str, Any]]
) -> None:
    name, kind, rule = case
    changes = {"sizing": {"whole_shares": False}} if "fraction" in name else {}
    trader = open_trader(tmp_path, **changes)
    trader.desk.fault(kind, **rule)
    result = trader.signal()
    trader.fill()
    assert not result.is_failure, result.message
    ours = [o for o in trader.desk.orders_there().values() if o["status"] == "filled"]
    assert len(ours) == 1
    assert result.record is not None
    rows = trader.desk.journal.audit_of(result.record.client_order_id)
    kinds = {(row.kind, row.result) for row in rows}
    if name not in ("reply lost", "reset after", "html", "half a body", "restart"):
        assert ("recovery", "recovered") in kinds


FATAL: list[tuple[str, dict[str, Any]]] = [
    ("broker.short_not_allowed", refusal("account is not allowed to short")),
    ("broker.account_not_authorized", refusal("account is not authorized to trade")),
    ("broker.liquidation_only", refusal("account is restricted to liquidation only")),
    ("broker.day_trading_protection",
     refusal("trade denied due to pattern day trading protection", 40310100)),
    ("broker.not_tradable", refusal("asset AAPL is not tradable", 42210000, 422)),
    ("broker.wash_trade", refusal("potential wash trade detected. use complex orders")),
]  # fmt: skip


@pytest.mark.parametrize("case", FATAL, ids=lambda c: c[0])
def test_unrecoverable_failure_is_never_tried_again(
    tmp_path: Path, case: tuple[str, dict[str, Any]]
) -> None:
    kind, rule = case
    trader = open_trader(tmp_path)
    trader.desk.fault("canned_reply", **{**rule, "count": 100})
    result = trader.signal()
    assert result.is_failure and result.code == kind
    log = trader.desk.call("GET", "/sim/log")
    posts = [e for e in log if e["method"] == "POST" and e["path"] == "/v2/orders"]
    assert len(posts) == 1
    assert trader.desk.orders_there() == {}


def test_lost_keys_stop_everything_at_once(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("unauthorized", path="/v2/*", count=100)
    result = trader.signal()
    assert (result.code, result.outcome) == ("auth.rejected", Outcome.NOT_SENT)


def test_adjusting_is_bounded_when_nothing_helps(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    body = refusal("insufficient buying power", buying_power="4000", cost_basis="4466")
    trader.desk.fault("canned_reply", **{**body, "count": 100})
    result = trader.signal()
    assert result.is_failure and result.code == "broker.insufficient_buying_power"
    posts = [e for e in trader.desk.call("GET", "/sim/log") if e["method"] == "POST"]
    sent = [e for e in posts if e["path"] == "/v2/orders"]
    assert 1 < len(sent) <= trader.desk.settings.adjust_attempts + 1


def test_explicit_order_is_never_made_smaller(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    body = refusal("insufficient buying power", buying_power="1000", cost_basis="2233")
    trader.desk.fault("canned_reply", **{**body, "count": 100})
    with pytest.raises(BrokerError):
        trader.placer.place(market("AAPL", "10"))
    assert trader.desk.orders_there() == {}


def test_room_taken_by_another_process_means_a_smaller_order(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    placed = trader.placer.place(
        market("AAPL", "60", client_order_id="big"),
        Purposeful(origin="signal"),
        adjust=True,
        resize=lambda old: market("AAPL", "20", client_order_id=old.client_order_id),
    )
    assert placed.adjusted and placed.record.order.qty == D(20)
    assert list(trader.desk.orders_there()) == ["big"]


# --- by hand -------------------------------------------------------------------------------


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


def quoted(trader: Trader, price: str, size: str) -> None:
    prices = {"bid": D(price) - 1, "ask": D(price), "size": D(size)}
    trader.desk.venue.market.set_price("AAPL", trader.desk.venue.clock.now(), prices)


def filled_in_part(trader: Trader, name: str, **request: Any) -> OrderRecord:
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
    with pytest.raises(NotPossible, match="was retried"):
        retry(trader.placer, "rest")


def test_retry_of_a_name_with_a_dot_is_a_retry_of_that_name(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(limit("1.00", client_order_id="my.house"))
    trader.desk.oms.cancel("my.house", wait_seconds=1)
    assert retry(trader.placer, "my.house").record.client_order_id == "my.house.h1"


def planned_entry(trader: Trader, name: str, bid: str) -> OrderRecord:
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
    trader.desk.fault("reply_lost", **POST)
    trader.desk.fault("server_error", path="/v2/orders:by_client_order_id", count=100)
    with pytest.raises(OmsError):
        trader.placer.place(market("MSFT", "1", client_order_id="doubt"))
    with pytest.raises(NotPossible):
        retry(trader.placer, "doubt")
    record = abandon(trader.placer, "doubt", "asked the broker")
    assert record.order.is_terminal
    rows = trader.desk.journal.audit_of("doubt")
    assert [r.result for r in rows if r.kind == "by_hand"] == ["abandoned"]


def shares_are_held(trader: Trader) -> None:
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
    free = {"one_pending_per_symbol": False, "duplicate_window_seconds": D(0)}
    trader = open_trader(tmp_path, max_position_size_pct=D(100), risk=free)
    trader.placer.place(market(qty="100"))
    trader.fill()
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
