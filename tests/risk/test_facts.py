"""Facts: what counts as pending, what an order costs, what is already exposed.

Method: tables; one table for each way an order can stand between the journal and the broker.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from support import risk_facts as b

from execbot.market.sessions import Session
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.order import Order
from execbot.risk.facts import (
    Facts,
    broker_cost,
    buying_power,
    exposure_of,
    intent_key,
    market_price,
    order_value,
)
from execbot.risk.kill_switch import OFF, KillSwitch, Level, halt, read
from execbot.risk.pending import (
    PendingOrder,
    Purpose,
    counted_in_full,
    merge_pending,
    pending_from_order,
    purpose_of,
    purpose_of_order,
)

D = Decimal
S = OrderStatus


@pytest.mark.parametrize(
    ("ours", "changed", "listed", "counts"),
    [
        (None, False, True, True),  # foreign
        (S.NEW, False, True, True),
        (S.NEW, True, True, True),
        (S.NEW, False, False, False),  # done at the broker, our news are old
        (S.NEW, True, False, True),  # sent after the broker was asked
        (S.PENDING, False, False, True),  # being sent
        (S.IN_DOUBT, False, False, True),
        (S.QUEUED, False, False, True),
        (S.FILLED, True, False, True),  # filled since: positions may lack it
        (S.FILLED, True, True, True),
        (S.FILLED, False, False, False),
        (S.CANCELED, True, True, False),  # canceled since
        (S.CANCELED, False, False, False),
    ],
)
def test_order_between_journal_and_broker(
    ours: OrderStatus | None, changed: bool, listed: bool, counts: bool
) -> None:
    mine = b.pending(status=ours or S.NEW, reserved=False)
    filled = D(10) if ours is S.FILLED else D(0)
    if changed and ours:
        record = wire(status=ours.value, filled_qty=str(filled), side="buy")
        mine = counted_in_full(mine, record)
    merged = merge_pending([(mine, changed)] if ours else [], [b.pending()] if listed else [])
    assert bool(merged) is counts
    assert len(merged) <= 1
    if merged:
        assert merged[0].reserved is listed


def test_order_canceled_since_counts_with_what_it_filled() -> None:
    mine = counted_in_full(b.pending(status=S.CANCELED), wire(status="canceled", filled_qty="3"))
    (merged,) = merge_pending([(mine, True)], [b.pending()])
    assert merged.leaves_qty == D(3)


def test_our_purpose_is_kept_over_the_brokers_guess() -> None:
    mine = b.pending(purpose=Purpose.EXIT, protective=True)
    (merged,) = merge_pending([(mine, False)], [b.pending(purpose=Purpose.ENTRY)])
    assert merged.purpose is Purpose.EXIT and merged.protective and merged.reserved


@pytest.mark.parametrize(
    ("side", "held", "purpose"),
    [
        (Side.BUY, "0", Purpose.ENTRY), (Side.SELL, "0", Purpose.ENTRY),
        (Side.BUY, "5", Purpose.ENTRY), (Side.SELL, "5", Purpose.EXIT),
        (Side.BUY, "-5", Purpose.EXIT), (Side.SELL, "-5", Purpose.ENTRY),
    ],
)  # fmt: skip
def test_purpose_follows_the_position(side: Side, held: str, purpose: Purpose) -> None:
    assert purpose_of(side, D(held)) is purpose


def wire(**changes: Any) -> Order:
    return Order.from_wire(
        {"id": "o1", "client_order_id": "c1", "symbol": "AAPL", "side": "sell", "type": "limit",
         "time_in_force": "day", "status": "new", "qty": "10", "filled_qty": "4",
         "limit_price": "210", **changes}
    )  # fmt: skip


def test_position_intent_of_the_broker_beats_the_position() -> None:
    assert purpose_of_order(wire(position_intent="sell_to_close"), D(0)) is Purpose.EXIT
    assert purpose_of_order(wire(position_intent="sell_to_open"), D(10)) is Purpose.ENTRY
    assert purpose_of_order(wire(), D(10)) is Purpose.EXIT


def test_pending_order_counts_what_is_left() -> None:
    assert pending_from_order(wire(), held_qty=D(0)).leaves_qty == D(6)
    partly = wire(side="buy", type="market", qty=None, limit_price=None, notional="1000",
                  filled_avg_price="100")  # fmt: skip
    assert pending_from_order(partly, held_qty=D(0)).notional == D(600)


@pytest.mark.parametrize(
    ("session", "bid", "ask", "last", "side", "price"),
    [
        (Session.REGULAR, "99", "101", "100.5", Side.BUY, "101"),
        (Session.REGULAR, "99", "101", "100.5", Side.SELL, "99"),
        (Session.REGULAR, "99", "0", "100.5", Side.BUY, "100.5"),
        (Session.REGULAR, "99", "0", None, Side.BUY, None),
        (Session.PRE, "99", "101", "100.5", Side.BUY, "100"),
        (Session.CLOSED, "99", "101", "100.5", Side.BUY, "100.5"),
        (Session.CLOSED, "99", "101", None, Side.BUY, "101"),
    ],
)
def test_market_price_by_session(
    session: Session, bid: str, ask: str, last: str | None, side: Side, price: str | None
) -> None:
    facts = b.facts(quote=b.quote(bid, ask), last_price=D(last) if last else None)
    facts = replace(facts, market=replace(facts.market, session=session))
    assert market_price(facts, side) == (D(price) if price else None)


@pytest.mark.parametrize(
    ("changes", "value", "cost"),
    [
        ({}, "2000.50", "2000.50"),
        ({"limit_price": D(150)}, "1500", "1500"),
        ({"limit_price": D(230)}, "2300", "2300"),
        ({"notional": D("123.45")}, "123.45", "123.45"),
        ({"type": OrderType.STOP, "stop_price": D(210)}, "2152.5", "2152.5"),
        ({"type": OrderType.STOP, "stop_price": D(40)}, "416", "416"),
        ({"side": Side.SELL}, "1999.50", "2060.515"),
        ({"side": Side.SELL, "limit_price": D(190)}, "1999.50", "2060.515"),
        ({"side": Side.SELL, "limit_price": D(300)}, "3000", "3000"),
    ],
)
def test_order_value_and_brokers_cost(changes: Any, value: str, cost: str) -> None:
    intent = b.intent(**changes)
    assert order_value(intent.request, b.facts()) == D(value)
    assert broker_cost(intent, b.facts()) == D(cost)


def test_crypto_market_order_is_collared() -> None:
    intent = b.intent(symbol="BTC/USD", qty=D("0.1"))
    assert broker_cost(intent, b.crypto_facts()) == D("5101.02")


def test_exposure_counts_shorts_and_pending_entries_once() -> None:
    facts = b.facts(
        positions=[b.held("MSFT", "-10", "100"), b.held("BTCUSD", "0.1", "50000")],
        pending=(
            b.pending("MSFT", side=Side.SELL, limit_price=D(90), leaves_qty=D(5)),
            b.pending("BTC/USD", leaves_qty=D("0.1"), limit_price=D(40000), reserved=False),
            b.pending("KO", side=Side.SELL, purpose=Purpose.EXIT),
        ),
    )
    exposure = exposure_of(facts)
    assert exposure.by_symbol == {"MSFT": D(1500), "BTCUSD": D(9000)}
    assert exposure.unreserved == D(4000)
    assert buying_power(facts, exposure) == D(396000)


def test_pending_market_order_is_valued_by_the_best_price_known() -> None:
    order = b.pending("KO", type=OrderType.MARKET, limit_price=None)
    assert exposure_of(b.facts(pending=(order,))).unvalued == ("other-KO",)
    assert exposure_of(b.facts(pending=(order,), prices={"KO": D(60)})).gross == D(600)
    hinted = replace(order, price_hint=D(61))
    assert exposure_of(b.facts(pending=(hinted,))).gross == D(610)


def test_same_order_has_the_same_key_whatever_its_id() -> None:
    assert intent_key(b.request(client_order_id="1")) == intent_key(b.request(client_order_id="2"))
    assert intent_key(b.request()) != intent_key(b.request(side=Side.SELL))
    assert intent_key(b.request()) != intent_key(b.request(limit_price=D(1)))
    assert intent_key(b.request(limit_price=D("1.00"))) == intent_key(b.request(limit_price=D(1)))


# --- the kill switch -----------------------------------------------------------------------

NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("current", "level", "by", "result"),
    [
        (Level.OFF, Level.HALTED, "trader", Level.HALTED),
        (Level.OFF, Level.REDUCE_ONLY, "daily_loss", Level.REDUCE_ONLY),
        (Level.REDUCE_ONLY, Level.HALTED, "daily_loss", Level.HALTED),
        (Level.HALTED, Level.REDUCE_ONLY, "daily_loss", Level.HALTED),
        (Level.HALTED, Level.REDUCE_ONLY, "trader", Level.REDUCE_ONLY),
    ],
)
def test_switch_is_only_lowered_by_a_trader(
    current: Level, level: Level, by: str, result: Level
) -> None:
    before = KillSwitch(current, "before", "trader", NOON)
    assert halt(before, level, "why", by, NOON).level is result


def test_first_reason_is_kept_when_a_rule_trips_again() -> None:
    first = halt(OFF, Level.HALTED, "first", "daily_loss", NOON)
    assert halt(first, Level.HALTED, "second", "stream_lost", NOON) is first


def test_switch_survives_json_and_junk_counts_as_halted() -> None:
    switch = KillSwitch(Level.HALTED, "why", "trader", NOON)
    assert read(switch.to_json()) == switch
    assert read(None) is OFF
    for junk in ([], "off", {"level": "soft"}, {}, 7):
        assert read(junk).level is Level.HALTED


def test_facts_of_a_short_position_are_found_by_either_name() -> None:
    facts: Facts = b.facts(positions=[b.held("BTCUSD")])
    assert facts.position("BTC/USD") is not None and facts.position("btcusd") is not None
    assert isinstance(b.pending(), PendingOrder)
