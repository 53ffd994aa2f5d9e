"""Goal: options placed elsewhere are in the books as at the broker, from purchase to end.

Method: the built-in exchange, where another program buys, sells and ends contracts on the same
account; the journal is reconciled and compared with the exchange's own positions and rows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import KEY, Desk, open_desk

from execbot.broker.port import TradeUpdate
from execbot.journal.records import PositionRecord
from execbot.market.calendar_cache import load_table
from execbot.model.symbols import option_contract
from execbot.oms.results import CloseResult
from execbot.oms.sync.differences import PositionDifference
from execbot.oms.sync.intake import apply_batch
from execbot.oms.sync.options.option_ends import awaited, delivered_early, has_just_ended
from execbot.oms.sync.rebuild import rebuild
from execbot.oms.sync.reconcile import ReconcileResult

D = Decimal
CALL, PUT, FAR_PUT = "AAPL261218C00190000", "AAPL261218P00170000", "AAPL261218P00160000"
TODAY = "AAPL261007C00190000"
"""Expires on the day on which these tests begin, a Wednesday."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    opened = open_desk(tmp_path)
    opened.oms.reconcile()
    return opened


def elsewhere(desk: Desk, what: str, **body: Any) -> Any:
    answer = desk.call("POST", f"/sim/options/{what}", {"key": KEY, **body})
    assert "message" not in (answer or {}), answer
    return answer


def hold(desk: Desk, symbol: str, qty: int, price: str) -> None:
    elsewhere(desk, "position", symbol=symbol, qty=qty, price=price)
    assert not desk.oms.reconcile().breaks
    desk.sleep(1)


def book(desk: Desk, symbol: str) -> PositionRecord:
    found = desk.journal.position(symbol)
    assert found is not None
    return found


def agreed(desk: Desk) -> ReconcileResult:
    """Reconciled without a break, and the books hold what the exchange shows."""
    result = desk.oms.reconcile()
    assert not result.breaks
    ours = {item.symbol: item.qty for item in desk.journal.positions()}
    assert ours == {symbol: D(qty) for symbol, qty in desk.positions_there().items()}
    return result


def test_cost_and_profit_of_a_contract_are_a_hundred_times_its_price(desk: Desk) -> None:
    hold(desk, CALL, 2, "6.05")
    assert (book(desk, CALL).cost, book(desk, CALL).avg_entry_price) == (1210, D("6.05"))
    elsewhere(desk, "mark", symbol=CALL, price="7")
    closed: CloseResult = desk.oms.close(CALL, qty=D(1))
    assert closed.record is not None
    assert closed.record.order.position_intent == "sell_to_close"
    desk.sleep(2)
    agreed(desk)
    assert (book(desk, CALL).realized_pl, book(desk, CALL).cost) == (95, 605)


def test_a_contract_that_was_sold_is_bought_back(desk: Desk) -> None:
    hold(desk, PUT, -3, "2")
    elsewhere(desk, "mark", symbol=PUT, price="1.50")
    closed = desk.oms.close(PUT)
    assert closed.record is not None and closed.record.order.position_intent == "buy_to_close"
    desk.sleep(2)
    agreed(desk)
    assert book(desk, PUT).realized_pl == 150


@pytest.mark.parametrize(("qty", "realized"), [(2, -1210), (-2, 1210)])
def test_a_contract_that_expired_is_booked_by_its_row(desk: Desk, qty: int, realized: int) -> None:
    """E-OPT-3: the premium is lost, or earned."""
    hold(desk, CALL, qty, "6.05")
    elsewhere(desk, "expire", symbol=CALL)
    result = agreed(desk)
    assert any("OPEXP" in note for note in result.notes)
    assert book(desk, CALL).realized_pl == realized
    assert not agreed(desk).notes


def test_an_exercised_call_is_shares_at_the_strike(desk: Desk) -> None:
    hold(desk, CALL, 2, "6.05")
    elsewhere(desk, "exercise", symbol=CALL)
    agreed(desk)
    assert (book(desk, CALL).qty, book(desk, CALL).realized_pl) == (0, -1210)
    shares = book(desk, "AAPL")
    assert (shares.qty, shares.avg_entry_price, shares.cost) == (200, 190, 38000)


def test_shares_that_are_called_away_realise_what_the_strike_makes(desk: Desk) -> None:
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "180"})
    order = {
        "symbol": "AAPL",
        "qty": "100",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
    }
    desk.call("POST", "/v2/orders", order)
    desk.sleep(2)
    hold(desk, CALL, -1, "3")
    paid = book(desk, "AAPL").cost
    elsewhere(desk, "assign", symbol=CALL)
    agreed(desk)
    assert book(desk, CALL).realized_pl == 300
    assert (book(desk, "AAPL").qty, book(desk, "AAPL").realized_pl) == (0, 19000 - paid)


def test_a_row_is_booked_once_and_a_rebuild_knows_it(desk: Desk) -> None:
    hold(desk, CALL, 2, "6.05")
    elsewhere(desk, "exercise", symbol=CALL, qty=1)
    agreed(desk)
    agreed(desk)
    before = desk.journal.derived_tables()
    rebuild(desk.journal)
    assert desk.journal.derived_tables() == before


# --- rows that come late -----------------------------------------------------------------------


def test_an_expired_contract_waits_for_its_row_and_is_no_break(tmp_path: Path) -> None:
    """On paper positions change at once and the row comes a day later."""
    desk = open_desk(tmp_path, at="2026-10-07 16:30", calendar="exchange")
    desk.oms.reconcile()
    hold(desk, TODAY, 2, "6.05")
    elsewhere(desk, "exercise", symbol=TODAY, row_after=20 * 3600)
    result = desk.oms.reconcile()
    assert not result.breaks
    assert sum("not there yet" in note for note in result.notes) == 2  # the contract, its shares
    assert book(desk, TODAY).qty == 2
    desk.sleep(21 * 3600)
    agreed(desk)


def test_what_nobody_explains_by_the_next_evening_is_a_break(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, at="2026-10-07 16:30", calendar="exchange")
    desk.oms.reconcile()
    hold(desk, TODAY, 2, "6.05")
    elsewhere(desk, "expire", symbol=TODAY, row_after=10 * 86400)
    assert not desk.oms.reconcile().breaks
    desk.sleep(32 * 3600)
    (found,) = desk.oms.reconcile().breaks
    assert (found.kind, found.subject) == ("position.qty", TODAY)


def test_an_early_assignment_is_pending_until_its_rows_come(desk: Desk) -> None:
    """An assignment may come any night, and its rows a day late."""
    hold(desk, PUT, -1, "2")
    elsewhere(desk, "assign", symbol=PUT, row_after=86400)
    for _ in range(2):
        result = desk.oms.reconcile()
        assert not result.breaks and not result.adopted_positions
        assert sum("pending event" in note for note in result.notes) == 2
    desk.sleep(86500)
    agreed(desk)
    assert (book(desk, "AAPL").qty, book(desk, "AAPL").avg_entry_price) == (100, 170)


def test_an_early_end_whose_rows_do_not_come_is_a_break(desk: Desk) -> None:
    hold(desk, PUT, -1, "2")
    elsewhere(desk, "assign", symbol=PUT, row_after=30 * 86400)
    assert not desk.oms.reconcile().breaks
    desk.sleep(3 * 86400)
    assert PUT in {item.subject for item in desk.oms.reconcile().breaks}


@pytest.mark.parametrize(
    ("contract", "ours", "theirs", "shares", "waits"),
    [
        (PUT, "-2", "-1", "100", True),
        (PUT, "-2", "0", "200", True),
        (PUT, "2", "1", "-100", True),
        (CALL, "-1", "0", "-100", True),
        (CALL, "1", "0", "100", True),
        (CALL, "-1", "0", "100", False),
        (CALL, "-1", "0", "-200", False),
        (CALL, "-1", "-2", "-100", False),
        (CALL, "-1", "0", None, False),
    ],
)
def test_an_early_end_is_known_by_just_the_shares_that_it_delivers(
    contract: str, ours: str, theirs: str, shares: str | None, waits: bool
) -> None:
    before = datetime(2026, 10, 5, 15, tzinfo=UTC)
    found = [PositionDifference(contract, D(ours), D(theirs))]
    if shares is not None:
        found.append(PositionDifference("AAPL", D(0), D(shares)))
    early = delivered_early(found, before, load_table())
    assert set(early) == ({contract, "AAPL"} if waits else set())
    seen = dict.fromkeys(early, before)
    assert set(awaited(found, before, load_table(), seen)) == set(early)
    later = datetime(2026, 10, 7, 4, tzinfo=UTC)  # the end of Tuesday in New York
    assert not awaited(found, later, load_table(), seen)


@pytest.mark.parametrize(
    ("moment", "ended"),
    [
        ("2026-10-09T19:59", False),  # Friday, a minute before the close
        ("2026-10-09T20:00", True),
        ("2026-10-12T15:00", True),  # the weekend passed
        ("2026-10-13T03:59", True),
        ("2026-10-13T04:00", False),  # Tuesday in New York
    ],
)
def test_rows_are_waited_for_until_the_end_of_the_next_trading_day(
    moment: str, ended: bool
) -> None:
    contract = option_contract("AAPL261009C00190000")
    assert contract is not None
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert has_just_ended(contract, at, load_table()) is ended


@pytest.mark.parametrize(
    ("ours", "theirs", "waits"),
    [
        ("2", "0", True),
        ("-2", "-1", True),
        ("2", "3", False),
        ("2", "-1", False),
        ("0", "1", False),
    ],
)
def test_an_end_only_takes_contracts_away(ours: str, theirs: str, waits: bool) -> None:
    evening = datetime(2026, 10, 7, 21, tzinfo=UTC)
    item = PositionDifference(TODAY, D(ours), D(theirs))
    assert bool(awaited([item], evening, load_table())) is waits


@pytest.mark.parametrize(
    ("shares", "waits"), [("200", True), ("-100", True), ("300", False), ("50", False)]
)
def test_shares_wait_only_where_the_contracts_could_have_delivered_them(
    shares: str, waits: bool
) -> None:
    evening = datetime(2026, 10, 7, 21, tzinfo=UTC)
    gone = PositionDifference(TODAY, D(2), D(0))
    found = awaited([gone, PositionDifference("AAPL", D(0), D(shares))], evening, load_table())
    assert ("AAPL" in found) is waits


# --- orders of several contracts ---------------------------------------------------------------


def spread(desk: Desk) -> dict[str, Any]:
    legs = [
        {"symbol": PUT, "ratio_qty": 1, "position_intent": "sell_to_open", "mark": "2"},
        {"symbol": FAR_PUT, "ratio_qty": 1, "position_intent": "buy_to_open", "mark": "0.80"},
    ]
    body = {"order_class": "mleg", "qty": 2, "limit_price": "-1.20", "legs": legs}
    order: dict[str, Any] = elsewhere(desk, "order", **body)
    return order


def take_frames(desk: Desk) -> None:
    frames: list[TradeUpdate] = desk.frames()
    apply_batch(desk.journal, frames, desk.now())


@pytest.mark.parametrize("by_stream", [True, False])
def test_a_spread_is_its_legs_and_no_position_without_a_symbol(desk: Desk, by_stream: bool) -> None:
    """By frames alone, by REST alone: the same two positions, and a parent that holds nothing."""
    desk.frames()
    order = spread(desk)
    if by_stream:
        take_frames(desk)
    else:
        agreed(desk)
    elsewhere(desk, "fill", order_id=order["id"])
    if by_stream:
        take_frames(desk)
    agreed(desk)
    assert {item.symbol: item.qty for item in desk.journal.positions()} == {PUT: -2, FAR_PUT: 2}
    parent = desk.journal.order_by_broker_id(order["id"])
    assert parent is not None
    assert (parent.symbol, parent.status, parent.order.filled_qty) == ("", "filled", 2)
    assert parent.alarm is None
    assert not desk.journal.executions(symbol="")
    assert book(desk, PUT).cost == -400 and book(desk, FAR_PUT).cost == 160
    assert not desk.journal.inferred_executions()


def test_frames_and_rows_of_a_spread_are_the_same_fills(desk: Desk) -> None:
    desk.frames()
    order = spread(desk)
    take_frames(desk)
    elsewhere(desk, "fill", order_id=order["id"])
    take_frames(desk)
    agreed(desk)
    agreed(desk)
    assert len(desk.journal.executions(symbol=PUT)) == 1
    assert len(desk.journal.executions(symbol=FAR_PUT)) == 1


def test_an_open_spread_leaves_no_break_and_ends_with_its_cancel(desk: Desk) -> None:
    order = spread(desk)
    agreed(desk)
    desk.oms.cancel(order["id"], wait_seconds=5)
    desk.sleep(1)
    agreed(desk)
    assert desk.journal.orders("open") == []


def test_a_day_is_over_before_the_wait_is(desk: Desk) -> None:
    """The wait needs a calendar that knows the days after the expiry."""
    contract = option_contract(TODAY)
    assert contract is not None
    begins = desk.now()
    assert not has_just_ended(contract, begins, load_table())
    assert has_just_ended(contract, begins + timedelta(hours=7), load_table())
