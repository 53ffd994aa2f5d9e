"""Goal: journal and broker agree after a reconcile, and what does not is explained.

Method: the built-in exchange in process; other programs trade on the same account over its wire,
events are lost, journals deleted; both sides are compared from the exchange's own lists.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.desk import Desk, VenueTransport, limit, market, open_desk

from execbot.journal import FillState, Journal, OrderRecord
from execbot.model.enums import OrderStatus, Side, TimeInForce
from execbot.oms.sync.breaks import BREAKS
from execbot.oms.sync.rebuild import rebuild


def buy(symbol: str = "AAPL", qty: str = "10", **more: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "qty": qty,
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        **more,
    }


def assert_equal_to_the_exchange(desk: Desk, journal: Journal | None = None) -> None:
    """Orders, executions and positions, from the exchange's own lists."""
    kept = journal or desk.journal
    for row in desk.orders_there().values():
        record = kept.order_by_broker_id(row["id"])
        assert record is not None, row["client_order_id"]
        assert record.status.value == row["status"]
        own = record.order.filled_qty + record.progress.chain_qty
        assert Decimal(row["filled_qty"]) in (own, record.order.filled_qty)
    theirs = sorted(
        (row["order_id"], Decimal(row["qty"]), Decimal(row["price"]))
        for row in desk.call("GET", "/v2/account/activities/FILL?page_size=100&direction=asc")
    )
    ours = sorted((fill.order_id, fill.qty, fill.price) for fill in kept.fills())
    assert ours == theirs
    positions = {item.symbol.replace("/", ""): item.qty for item in kept.positions()}
    assert positions == {name: Decimal(qty) for name, qty in desk.positions_there().items()}


def test_nothing_happened_nothing_is_reported(desk: Desk) -> None:
    result = desk.oms.reconcile()
    assert not result.has_breaks
    assert result.orders_checked == 0


def test_fills_that_the_stream_never_told_are_found(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.oms.submit(market("MSFT", "3"))
    desk.sleep(1)
    result = desk.oms.reconcile()
    assert not result.has_breaks
    assert result.fills_added == 2
    assert not result.inferred
    assert_equal_to_the_exchange(desk)


def test_reconciling_again_changes_nothing_and_records_nothing(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    desk.oms.reconcile()
    before, seq = desk.journal.derived_tables(), desk.journal.last_seq()
    for _ in range(3):
        desk.sleep(60)
        assert not desk.oms.reconcile().changes
    assert desk.journal.derived_tables() == before
    assert desk.journal.last_seq() == seq


def test_stream_after_reconcile_counts_nothing_twice(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.sleep(1)
    desk.oms.reconcile()
    assert desk.journal.fills()[0].execution_id.startswith("activity:")
    desk.oms.apply_batch(desk.frames())
    assert_equal_to_the_exchange(desk)
    assert not desk.journal.fills()[0].execution_id.startswith("activity:")


def test_orders_of_other_programs_are_adopted_as_foreign(desk: Desk) -> None:
    desk.call("POST", "/v2/orders", buy(client_order_id="theirs"))
    desk.sleep(1)
    result = desk.oms.reconcile()
    assert [record.client_order_id for record in result.adopted_orders] == ["theirs"]
    assert not result.has_breaks
    record = desk.journal.order_by_client_id("theirs")
    assert record is not None and record.origin == "foreign" and not record.is_ours
    assert_equal_to_the_exchange(desk)
    assert not desk.oms.reconcile().adopted_orders


def test_position_older_than_the_journal_is_adopted(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    desk.call("POST", "/v2/orders", buy())
    desk.sleep(9 * 86_400)
    result = desk.oms.reconcile()
    assert [str(item) for item in result.adopted_positions] == ["AAPL: 0 here, 10 at the broker"]
    assert not result.has_breaks
    position = desk.journal.position("AAPL")
    assert position is not None and position.qty == 10 and position.realized_pl == 0
    assert desk.journal.fills() == []
    assert [fill.qty for fill in desk.journal.fills(adjustments=True)] == [10]
    desk.oms.submit(market(side=Side.SELL, qty="4"))
    desk.sleep(1)
    again = desk.oms.reconcile()
    assert not again.has_breaks and not again.adopted_positions
    desk.journal.close()


def test_older_position_that_was_sold_from_lately_is_adopted_whole(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    desk.call("POST", "/v2/orders", buy())
    desk.sleep(9 * 86_400)
    desk.call("POST", "/v2/orders", buy(qty="4", side="sell"))
    desk.sleep(1)
    assert not desk.oms.reconcile().has_breaks
    position = desk.journal.position("AAPL")
    assert position is not None and position.qty == 6
    assert not desk.oms.reconcile().has_breaks
    desk.journal.close()


def test_lost_journal_is_read_back_from_the_broker(desk: Desk, tmp_path: Path) -> None:
    for qty in ("1", "2", "3"):
        desk.oms.submit(market(qty=qty))
    desk.sleep(1)
    with Journal.open(tmp_path / "fresh.db") as fresh:
        result = desk.open_oms(fresh).reconcile()
        assert not result.has_breaks
        assert len(result.adopted_orders) == 3
        assert_equal_to_the_exchange(desk, fresh)


def test_position_that_differs_is_a_break_until_somebody_accepts_it(desk: Desk) -> None:
    """E-ALL-9, E-POS-1."""
    desk.oms.submit(market())
    desk.sleep(1)
    desk.oms.reconcile()
    with desk.journal.transaction():
        desk.journal._run("UPDATE positions SET qty = '7', cost = '1697.22'")
    result = desk.oms.reconcile()
    (found,) = result.breaks
    assert (found.kind, found.subject, found.ours, found.theirs) == (
        "position.qty",
        "AAPL",
        "7",
        "10",
    )
    assert found.cause and found.hint
    assert desk.oms.reconcile().has_breaks
    accepted = desk.oms.reconcile(accept_positions=True)
    assert not accepted.has_breaks and accepted.adjusted_positions
    [booked] = [event for event in desk.journal.changes_since(0) if "reason" in event.details]
    assert (booked.details["reason"], booked.details["qty"]) == ("accepted", "3")
    assert booked.recorded_at <= desk.now()
    assert not desk.oms.reconcile().has_breaks


def test_average_price_alone_is_no_break(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.sleep(1)
    desk.oms.reconcile()
    with desk.journal.transaction():
        desk.journal._run("UPDATE positions SET avg_entry_price = '1', cost = '10'")
    assert not desk.oms.reconcile().has_breaks


def test_intent_in_doubt_is_a_break_while_young_and_settled_when_waited_for(desk: Desk) -> None:
    def die(step: str) -> None:
        if step == "before_post":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.open_oms(desk.journal, on_step=die).submit(market(client_order_id="lost"))
    (found,) = desk.oms.reconcile().breaks
    assert found.kind == "order.in_doubt" and found.subject == "lost"
    waited = desk.oms.reconcile(wait=True)
    assert not waited.has_breaks
    assert [record.status for record in waited.settled] == [OrderStatus.NEVER_SENT]


def test_order_that_the_broker_forgot_is_a_break_and_can_be_abandoned(desk: Desk) -> None:
    """E-ORD-4."""
    record = desk.oms.submit(limit("1.00"))
    desk.oms.reconcile()
    desk.call("POST", "/sim/reset", {})
    (found,) = desk.oms.reconcile().breaks
    assert found.kind == "order.missing"
    abandoned = desk.oms.abandon(record.client_order_id, reason="account was reset")
    assert abandoned.status is OrderStatus.CANCELED
    assert not desk.oms.reconcile().has_breaks


def test_wrong_price_on_the_order_does_not_change_the_executions(desk: Desk) -> None:
    desk.fault("wrong_filled_price", params={})
    desk.oms.submit(market())
    desk.sleep(1)
    assert not desk.oms.reconcile().has_breaks
    assert_equal_to_the_exchange(desk)


def test_missing_activity_leaves_an_inferred_fill_that_the_real_one_replaces(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.sleep(1)
    desk.fault(
        "canned_reply",
        params={"status": 200, "body": []},
        method="GET",
        path="/v2/account/activities*",
    )
    oms = desk.oms
    oms.gap_fill()
    (execution,) = desk.journal.executions()
    assert execution.state is FillState.INFERRED
    position = desk.journal.position("AAPL")
    assert position is not None and position.qty == 10
    result = oms.reconcile()
    assert not result.has_breaks and not result.inferred
    assert_equal_to_the_exchange(desk)
    oms.apply_batch(desk.frames())
    assert_equal_to_the_exchange(desk)


def test_crypto_fee_taken_in_coins_is_no_break(desk: Desk) -> None:
    desk.oms.submit(market("BTC/USD", "0.1", time_in_force=TimeInForce.GTC))
    desk.sleep(1)
    result = desk.oms.reconcile()
    assert not result.has_breaks
    there = Decimal(desk.positions_there()["BTCUSD"])
    assert there < Decimal("0.1")
    position = desk.journal.position("BTC/USD")
    assert position is not None and position.qty == there
    assert result.notes
    assert not desk.oms.reconcile().notes


def bracket(symbol: str = "AAPL", qty: str = "10") -> dict[str, Any]:
    return buy(
        symbol,
        qty,
        order_class="bracket",
        time_in_force="gtc",
        take_profit={"limit_price": "400"},
        stop_loss={"stop_price": "100"},
        client_order_id="parent",
    )


def legs_of(journal: Journal, name: str) -> dict[str | None, OrderRecord]:
    return {record.role: record for record in journal.legs_of(name)}


def test_legs_of_a_bracket_are_known_by_their_parent(desk: Desk) -> None:
    from execbot.model.enums import OrderClass
    from execbot.model.order import StopLoss, TakeProfit

    record = desk.oms.submit(
        market(
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfit(Decimal(400)),
            stop_loss=StopLoss(Decimal(100)),
            strategy_id="s1",
        )
    )
    legs = legs_of(desk.journal, record.client_order_id)
    assert set(legs) == {"stop", "target"}
    assert all(leg.status is OrderStatus.HELD for leg in legs.values())
    assert all(leg.strategy_id == "s1" and leg.is_ours for leg in legs.values())
    assert len(record.order.legs) == 2
    desk.sleep(2)
    desk.oms.apply_batch(desk.frames())
    desk.oms.reconcile()
    assert_equal_to_the_exchange(desk)
    woken = legs_of(desk.journal, record.client_order_id)
    assert woken["target"].status is OrderStatus.NEW
    assert woken["stop"].status is OrderStatus.HELD


def test_leg_seen_on_the_stream_before_its_parent_is_claimed_by_it(desk: Desk) -> None:
    desk.call("POST", "/v2/orders", bracket())
    desk.sleep(2)
    parent = desk.orders_there()["parent"]["id"]
    frames = [update for update in desk.frames() if update.order.id != parent]
    desk.oms.apply_batch(frames)
    assert all(record.parent_id is None for record in desk.journal.orders("all"))
    desk.oms.reconcile()
    assert set(legs_of(desk.journal, "parent")) == {"stop", "target"}
    assert_equal_to_the_exchange(desk)


def test_every_table_is_the_same_after_a_rebuild(desk: Desk) -> None:
    desk.oms.submit(market(), arrival_price=Decimal("242.5"))
    desk.call("POST", "/v2/orders", buy("MSFT", "2"))
    desk.oms.submit(market("BTC/USD", "0.1", time_in_force=TimeInForce.GTC))
    resting = desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames()[:5])
    desk.oms.reconcile()
    desk.oms.annotate(resting.client_order_id, note="watch this", plan_id="p1")
    desk.oms.cancel(resting.client_order_id, wait_seconds=2)
    desk.oms.close("AAPL")
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())
    desk.oms.reconcile()
    before = desk.journal.derived_tables()
    assert rebuild(desk.journal) == desk.journal.last_seq()
    assert desk.journal.derived_tables() == before


def test_the_catalogue_of_breaks_says_cause_and_hint() -> None:
    for kind, words in BREAKS.items():
        assert kind.count(".") == 1
        assert words.cause.endswith(".") and words.hint.endswith(".")


def test_reconcile_only_reads_at_the_broker(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.oms.submit(limit("1.00"))
    desk.call("POST", "/v2/orders", buy("MSFT", "2"))
    desk.sleep(1)
    before = len(desk.sent)
    desk.oms.reconcile(accept_positions=True, wait=True)
    assert desk.sent[before:]
    assert all(request.startswith("GET ") for request in desk.sent[before:])


def test_reconcile_costs_few_requests_however_many_orders_there_are(desk: Desk) -> None:
    for _ in range(30):
        desk.oms.submit(limit("1.00", qty="1"))
    desk.sleep(1)
    desk.oms.reconcile()
    before = len(desk.sent)
    desk.oms.reconcile()
    assert len(desk.sent) - before <= 5


# --- positions from before the journal (E-POS-8) -----------------------------------------------


def old_position(path: Path, side: str = "buy", price: str = "151") -> Desk:
    """10 shares that another program traded at `price`, longer ago than a new journal looks."""
    desk = open_desk(path)
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": price, "hold": True})
    desk.call("POST", "/v2/orders", buy(side=side))
    desk.sleep(9 * 86_400)
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "160", "hold": True})
    return desk


def realized(desk: Desk) -> tuple[Decimal, Decimal]:
    """What is held of AAPL, and what it has made, in whole dollars: the spread aside."""
    position = desk.journal.position("AAPL")
    assert position is not None
    return position.qty, position.realized_pl.quantize(Decimal(1))


@pytest.mark.parametrize(("side", "made"), [("buy", 90), ("sell", -90)])
@pytest.mark.parametrize("part", [None, Decimal(4)])
def test_a_position_from_before_the_journal_that_is_closed_first_thing_keeps_its_cost(
    tmp_path: Path, side: str, made: int, part: Decimal | None
) -> None:
    desk = old_position(tmp_path, side)
    desk.oms.close("AAPL", qty=part)
    desk.sleep(2)
    result = desk.oms.reconcile()
    assert not result.has_breaks
    left = Decimal(0) if part is None else (6 if side == "buy" else -6)
    sold = part or Decimal(10)
    qty, profit = realized(desk)
    assert (qty, abs(profit - made * sold / 10) <= 1) == (left, True)
    desk.journal.close()


def test_a_position_that_another_program_closed_before_the_first_look_is_no_short(
    tmp_path: Path,
) -> None:
    """Its sale says `sell_to_close`: so it was there. What it had cost nobody can tell."""
    desk = old_position(tmp_path)
    desk.call("DELETE", "/v2/positions/AAPL")
    desk.sleep(2)
    result = desk.oms.reconcile()
    assert not result.has_breaks
    assert [item.symbol for item in result.adopted_positions] == ["AAPL"]
    assert "cost is not known" in " ".join(result.notes)
    assert realized(desk) == (0, 0)
    assert not desk.oms.reconcile().has_breaks
    desk.journal.close()


def test_a_short_opened_first_thing_is_a_short(desk: Desk) -> None:
    desk.oms.submit(market(side=Side.SELL))
    desk.sleep(1)
    assert not desk.oms.reconcile().has_breaks
    assert realized(desk)[0] == -10


@pytest.mark.parametrize("second", [Side.BUY, Side.SELL])
def test_a_first_look_at_a_list_that_lags_takes_nothing_over(desk: Desk, second: Side) -> None:
    """E-ALL-1: what the list shows is what was held before the second fill."""
    desk.oms.submit(market(qty="6"))
    desk.sleep(2)
    desk.fault("positions_late", count=None, seconds=60)
    desk.oms.submit(market(qty="4", side=second))
    desk.sleep(2)
    desk.oms.apply_batch(desk.frames())
    made = Decimal(10 if second is Side.BUY else 2)
    assert desk.positions_there() == {"AAPL": "6"}
    late = desk.oms.reconcile()
    assert [item.subject for item in late.breaks] == ["AAPL"] and "may lag" in late.breaks[0].cause
    assert not late.adopted_positions and realized(desk)[0] == made
    desk.sleep(100)
    result = desk.oms.reconcile()
    assert not result.breaks and not result.adopted_positions and realized(desk)[0] == made


def test_after_a_list_that_lagged_what_was_there_before_is_still_taken_over(
    tmp_path: Path,
) -> None:
    desk = old_position(tmp_path)
    desk.oms.submit(market("MSFT", qty="6"))
    desk.sleep(2)
    desk.fault("positions_late", count=None, seconds=60, symbol="MSFT")
    desk.oms.submit(market("MSFT", qty="4"))
    desk.sleep(2)
    late = desk.oms.reconcile()
    assert [item.subject for item in late.breaks] == ["MSFT"]
    desk.sleep(100)
    result = desk.oms.reconcile()
    assert not result.breaks
    assert (realized(desk)[0], desk.positions_there()["MSFT"]) == (10, "10")
    desk.journal.close()


def test_a_first_look_that_shows_less_than_the_fills_make_is_a_break(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E-ALL-1: nothing was executed lately, and nothing was sold."""
    desk.oms.submit(market())
    desk.sleep(60)
    shown = [replace(item, qty=Decimal(6)) for item in desk.client.get_positions()]
    monkeypatch.setattr(desk.client, "get_positions", lambda: shown)
    result = desk.oms.reconcile()
    assert [item.subject for item in result.breaks] == ["AAPL"] and not result.adopted_positions
    assert realized(desk)[0] == 10


def test_what_a_new_journal_reads_back_is_not_taken_over_twice(tmp_path: Path) -> None:
    """Bought yesterday with another journal: the fills tell, and they tell the cost."""
    desk = open_desk(tmp_path)
    desk.call("POST", "/v2/orders", buy())
    desk.sleep(86_400)
    desk.oms.close("AAPL")
    desk.sleep(2)
    assert not desk.oms.reconcile().has_breaks
    assert [fill.qty for fill in desk.journal.fills(adjustments=True)] == [10, 10]
    desk.journal.close()


# --- what an accepted difference has cost (E-COST-1) -------------------------------------------


def come(desk: Desk, qty: str = "5", price: str = "120") -> None:
    """Shares that no order and no row tell of."""
    core = desk.venue.exchange.core
    (account,) = core.accounts.values()
    account.position("AAPL").trade(Decimal(qty), Decimal(price))


def without_average(desk: Desk, monkeypatch: pytest.MonkeyPatch, said: str | None) -> None:
    """As Alpaca shows transferred shares until their cost arrives."""
    read = desk.client.get_positions

    def positions() -> list[Any]:
        average = None if said is None else Decimal(said)
        return [replace(held, avg_entry_price=average) for held in read()]

    monkeypatch.setattr(desk.client, "get_positions", positions)


def held_at_cost(desk: Desk) -> None:
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100", "hold": True})
    desk.oms.submit(market())
    desk.sleep(2)
    assert not desk.oms.reconcile().has_breaks


def test_an_accepted_difference_has_the_brokers_average(desk: Desk) -> None:
    held_at_cost(desk)
    before = desk.journal.position("AAPL")
    come(desk)
    result = desk.oms.reconcile(accept_positions=True)
    assert not result.has_breaks and not result.costs_wanted
    after, theirs = desk.journal.position("AAPL"), desk.client.get_position("AAPL")
    assert before is not None and after is not None and theirs is not None
    assert theirs.avg_entry_price is not None
    assert after.cost == before.cost + 5 * theirs.avg_entry_price


def test_nothing_is_asked_while_the_journal_is_being_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that answers slowly keeps no other process from the journal."""
    held_at_cost(desk)
    come(desk)
    asked, send = [], VenueTransport.send

    def seen(*args: Any, **more: Any) -> Any:
        asked.append(desk.journal.in_transaction)
        return send(*args, **more)

    monkeypatch.setattr(VenueTransport, "send", seen)
    assert desk.oms.reconcile(accept_positions=True).adjusted_positions
    assert asked and not any(asked)


@pytest.mark.parametrize("said", [None, "0"])
def test_where_the_broker_does_not_say_it_the_trader_is_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    held_at_cost(desk)
    before = desk.journal.position("AAPL")
    come(desk)
    without_average(desk, monkeypatch, said)
    asked = desk.oms.reconcile(accept_positions=True)
    assert asked.costs_wanted == ("AAPL",)
    assert "--cost AAPL=PRICE" in asked.breaks[0].hint
    assert desk.journal.position("AAPL") == before
    done = desk.oms.reconcile(accept_positions=True, costs={"AAPL": Decimal("120.5")})
    assert not done.has_breaks and not done.costs_wanted
    after = desk.journal.position("AAPL")
    assert before is not None and after is not None
    assert after.cost == before.cost + 5 * Decimal("120.5")


def test_what_went_is_accepted_without_a_price(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    held_at_cost(desk)
    come(desk, "-5")
    without_average(desk, monkeypatch, None)
    assert not desk.oms.reconcile(accept_positions=True).has_breaks
    position = desk.journal.position("AAPL")
    assert position is not None and (position.qty, position.realized_pl) == (5, 0)


def test_a_cancel_that_does_not_end_is_a_note(desk: Desk) -> None:
    """E-ORD-8: `reconcile` tells it as `watch` does, once it is older than a cancel can be."""
    desk.oms.submit(limit("1", qty="1", client_order_id="mine"))
    desk.fault("stuck_pending_cancel", count=99)
    desk.oms.cancel("mine")
    desk.sleep(5)
    assert not [note for note in desk.oms.reconcile().notes if "pending_cancel" in note]
    desk.sleep(20 * 60)
    (note,) = [note for note in desk.oms.reconcile().notes if "mine" in note]
    assert "it is pending_cancel since" in note and "cancel it again" in note
