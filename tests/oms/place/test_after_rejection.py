"""Goal: an entry that is taken and rejected later is tried again, altered, and never doubled.

Method: the exchange rejects what it has taken; its own record says what was ordered. The last test
lets a running `watch` see it.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import limit, market
from support.harness.killed import Killed
from support.signal_trader import Heard, SignalTrader, open_trader
from support.world import open_world

from execbot.exits.store import open_plans
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, Side
from execbot.oms.errors import NotPossible
from execbot.oms.place.after_rejection import Followed, follow_up
from execbot.oms.place.retry_by_hand import retry
from execbot.oms.release_queue import release_due
from execbot.oms.signals.executor import Executor
from execbot.report.recoveries import count_recoveries

D = Decimal


@pytest.fixture
def trader(tmp_path: Path, heard: Heard) -> SignalTrader:
    return open_trader(tmp_path, heard=heard)


def rejects_next(trader: SignalTrader, count: int = 1) -> None:
    trader.desk.fault("accepted_then_rejected", count=count)


def rejected_signal(trader: SignalTrader) -> OrderRecord:
    rejects_next(trader)
    result = trader.signal()
    assert result.record is not None and not result.is_failure
    trader.fill()
    record = trader.desk.oms.record(result.record.client_order_id)
    assert record.status is OrderStatus.REJECTED
    return record


def entries_there(trader: SignalTrader) -> list[str]:
    return [name for name, o in trader.desk.orders_there().items() if o["side"] == "buy"]


def filled_there(trader: SignalTrader) -> list[str]:
    orders = trader.desk.orders_there()
    return [name for name, order in orders.items() if order["status"] == "filled"]


def test_entry_of_a_signal_goes_out_once_more_as_a_marketable_limit(
    trader: SignalTrader, heard: Heard
) -> None:
    record = rejected_signal(trader)
    (done,) = follow_up(trader.placer)
    trader.fill()
    name = f"{record.client_order_id}.2"
    there = trader.desk.orders_there()[name]
    assert (there["type"], there["qty"]) == ("limit", str(record.order.qty))
    assert filled_there(trader) == [name]
    assert f"tried again as {name}" in str(done)
    signal = trader.desk.journal.signal("s1")
    assert signal is not None and signal.client_order_id == name
    (plan,) = open_plans(trader.desk.journal)
    assert plan.entry_client_order_id == name
    hour_ago = trader.desk.now() - timedelta(hours=1)
    counts = count_recoveries(trader.desk.journal.recoveries(hour_ago))
    assert [(c.category, c.recovered, c.lost) for c in counts] == [("adjustable", 1, 0)]
    assert follow_up(trader.placer) == []
    assert heard.titles() == []


def test_what_is_rejected_again_ends_and_is_told(trader: SignalTrader, heard: Heard) -> None:
    rejected_signal(trader)
    rejects_next(trader)
    follow_up(trader.placer)
    trader.fill()
    (done,) = follow_up(trader.placer)
    assert done.record is None
    assert entries_there(trader) == ["execbot-signal-s1", "execbot-signal-s1.2"]
    assert filled_there(trader) == []
    assert heard.titles() == ["order_rejected AAPL"]
    assert follow_up(trader.placer) == []


def test_entry_that_was_submitted_is_only_told(trader: SignalTrader, heard: Heard) -> None:
    rejects_next(trader)
    trader.placer.place(market(client_order_id="mine"))
    trader.fill()
    (done,) = follow_up(trader.placer)
    assert done.record is None and "orders retry mine" in done.reason
    assert list(trader.desk.orders_there()) == ["mine"]
    assert heard.titles() == ["order_rejected AAPL"]


def test_entry_that_came_from_the_queue_is_tried_again(tmp_path: Path, heard: Heard) -> None:
    trader = open_trader(
        tmp_path, heard=heard, sim={"calendar": "exchange", "at": "2026-10-10 12:00"}
    )
    trader.placer.place(market("AAPL", "10", client_order_id="mine"))
    trader.until("2026-10-12 09:31")
    rejects_next(trader)
    release_due(trader.executor)
    trader.fill()
    follow_up(trader.placer)
    trader.fill()
    assert filled_there(trader) == ["mine.2"]


def test_nothing_is_tried_where_it_is_switched_off(tmp_path: Path, heard: Heard) -> None:
    trader = open_trader(tmp_path, heard=heard)
    trader.desk.settings = trader.placer.oms.settings = type(trader.desk.settings)(
        reject_attempts=0
    )
    rejected_signal(trader)
    (done,) = follow_up(trader.placer)
    assert done.record is None
    assert entries_there(trader) == ["execbot-signal-s1"]
    assert heard.titles() == ["order_rejected AAPL"]


def test_what_the_trader_has_retried_is_left_to_the_trader(trader: SignalTrader) -> None:
    record = rejected_signal(trader)
    retry(trader.placer, record.client_order_id)
    trader.fill()
    (done,) = follow_up(trader.placer)
    assert done.record is None
    assert filled_there(trader) == [f"{record.client_order_id}.h1"]
    with pytest.raises(NotPossible):
        retry(trader.placer, record.client_order_id)


def test_a_rejection_older_than_a_signal_lives_is_left_alone(trader: SignalTrader) -> None:
    rejected_signal(trader)
    trader.desk.sleep(400)
    assert follow_up(trader.placer) == []


def test_limits_and_exits_are_not_altered(trader: SignalTrader) -> None:
    trader.placer.place(market(qty="10"))
    trader.fill()
    rejects_next(trader)
    trader.desk.oms.submit(market(qty="10", side=Side.SELL, client_order_id="out"), role="exit")
    trader.fill()
    assert follow_up(trader.placer) == []
    rejects_next(trader)
    trader.placer.place(limit("1.00", "MSFT", client_order_id="low"))
    trader.fill()
    (done,) = follow_up(trader.placer)
    assert done.record is None


@pytest.mark.parametrize("step", ["before_intent", "intent_written", "before_post", "after_post"])
def test_process_that_dies_on_the_way_is_followed_by_one_that_sends_once(
    trader: SignalTrader, step: str
) -> None:
    record = rejected_signal(trader)

    def die(at: str) -> None:
        if at == step:
            raise Killed

    trader.placer.oms._pipeline._step = die
    with pytest.raises(Killed):
        follow_up(trader.placer)
    next_one = Executor(trader.desk.oms, trader.executor.risk)
    trader.desk.sleep(20)
    trader.desk.oms.reconcile()
    follow_up(next_one.placer)
    trader.fill()
    done = filled_there(trader)
    # What was written and not sent has ended as such: `watch` gives nothing up that may be there.
    assert done == (
        [] if step in ("intent_written", "before_post") else [f"{record.client_order_id}.2"]
    )


def test_a_running_watch_sees_it_and_the_next_attempt_is_protected(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    executor = Executor(world.desk.oms, world.trader.risk_gate())
    done: list[Followed] = []

    def follow() -> list[str]:
        found = follow_up(executor.placer)
        done.extend(found)
        world.journal_changed = True
        return [str(one) for one in found]

    assert world.hands is not None
    world.hands.follow_rejections = follow
    world.run(1)
    world.desk.fault("accepted_then_rejected")
    trader = SignalTrader(world.desk, world.settings, executor)
    with world.trader.acts():
        result = executor.execute_signal(trader.make(stop=D(90)))
    assert result.record is not None
    world.run(5)
    (one,) = done
    assert one.record is not None
    assert world.witness.qty() == one.record.order.qty
    assert world.witness.covered() == world.witness.qty()
    assert [note.text for note in world.notes if note.type == "rejected"] == [str(one)]
