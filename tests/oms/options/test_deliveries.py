"""Goal: what exercise and assignment buy and sell is booked at the strike, however it nets out.

Method: a desk in virtual time at the exchange, whose rows come a day late; money by the exchange's
rows and positions as judge.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from report.option_books import is_contract, strike_of
from support.contracts import near
from support.signal_trader import SignalTrader, open_trader

from execbot.journal.records import FillState
from execbot.model.account import Activity
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.oms.ledger import recording
from execbot.oms.sync.options.deliveries import due_deliveries, explained
from execbot.oms.sync.options.owed_deliveries import is_owed
from execbot.oms.sync.options.pending_events import pending_events
from execbot.oms.sync.row_bookings import book_moved
from execbot.oms.sync.row_evidence import MovedShares, explaining, rows_by_symbol

D = Decimal
WIDE = {"max_position_size_pct": D(90), "max_account_exposure_pct": D(90)}


def opened(path: Path, at: str = "2026-10-08 10:00", **exchange: Any) -> SignalTrader:
    trader = open_trader(path, sim={"at": at, "exchange": exchange}, **WIDE)
    trader.desk.oms.reconcile()
    return trader


def held(trader: SignalTrader, symbol: str, qty: int, price: str = "3.00") -> None:
    """Bought or sold elsewhere, and taken in."""
    body = {"symbol": symbol, "qty": qty, "price": price}
    trader.desk.call("POST", "/sim/options/position", body)
    trader.fill(1)
    trader.desk.oms.reconcile()


def brought(trader: SignalTrader) -> dict[str, Decimal]:
    """What trades of each symbol brought in, by the journal."""
    found: dict[str, Decimal] = {}
    for item in trader.desk.journal.executions():
        if item.state is not FillState.ADJUSTMENT:
            each = 100 if is_contract(item.symbol) else 1
            money = -item.signed_qty * item.net_price * each
            found[item.symbol] = found.get(item.symbol, D(0)) + money
    return found


def test_both_legs_of_a_spread_in_the_money_bring_the_difference_of_their_strikes(
    tmp_path: Path,
) -> None:
    """E-OPT-5: the same shares come and go: no share differs at any time, and the money does."""
    trader = opened(tmp_path, option_risk_close=False)
    low, high = (near(trader.desk, steps=-n, days=1).symbol for n in (4, 2))
    held(trader, low, 2)
    held(trader, high, -2)
    trader.until("2026-10-09 19:00")
    assert trader.desk.positions_there() == {}
    assert trader.desk.oms.reconcile().breaks == ()
    trader.until("2026-10-12 10:00")
    assert trader.desk.oms.reconcile().breaks == ()
    assert brought(trader)["AAPL"] == 200 * (strike_of(high) - strike_of(low))
    position = trader.desk.journal.position("AAPL")
    assert position is not None and position.realized_pl == brought(trader)["AAPL"]
    again = trader.desk.oms.reconcile()
    assert again.adjusted_positions == () and again.notes == ()


def test_shares_that_cancel_out_are_booked_though_their_rows_come_after_the_contracts(
    tmp_path: Path,
) -> None:
    """Nothing differs any more when they come: it is kept that they are owed."""
    trader = opened(tmp_path, option_risk_close=False)
    low, high = (near(trader.desk, steps=-n, days=1).symbol for n in (4, 2))
    held(trader, low, 2)
    held(trader, high, -2)
    trader.until("2026-10-09 19:00")
    core = trader.desk.venue.exchange.core
    day = 86_400 * 10**9
    core.late_rows[:] = [
        (at + 2 * day if kind == "OPTRD" else at, who, kind, body)
        for at, who, kind, body in core.late_rows
    ]
    trader.until("2026-10-12 10:00")
    assert trader.desk.oms.reconcile().breaks == ()
    assert {p.symbol for p in trader.desk.journal.positions() if p.qty} == set()
    assert "AAPL" not in brought(trader)
    trader.until("2026-10-12 19:00")
    assert trader.desk.oms.reconcile().breaks == ()
    assert brought(trader)["AAPL"] == 200 * (strike_of(high) - strike_of(low))
    assert trader.desk.oms.reconcile().notes == ()
    assert not is_owed(trader.desk.journal, trader.desk.now())


def test_shares_that_are_sold_before_the_row_of_their_exercise_count_at_the_strike(
    tmp_path: Path,
) -> None:
    """They are taken over meanwhile, or the next exercise would be booked at this strike."""
    trader = opened(tmp_path)
    first, second = (near(trader.desk, steps=-n, days=8).symbol for n in (3, 4))
    held(trader, first, 1)
    held(trader, second, 1)
    desk = trader.desk
    desk.client.exercise(first)
    trader.fill(1)
    pending = pending_events(desk.journal, desk.client.get_positions(), desk.now())
    assert set(pending) == {first, "AAPL"}
    assert desk.oms.reconcile().breaks == ()
    sold = desk.oms.close("AAPL")
    trader.fill(5)
    assert sold.record is not None and desk.positions_there() == {second: "1"}
    assert desk.oms.reconcile().breaks == ()
    trader.until("2026-10-09 11:00")
    desk.client.exercise(second)
    trader.fill(1)
    assert desk.oms.reconcile().breaks == ()
    trader.until("2026-10-12 11:00")
    assert desk.oms.reconcile().breaks == ()
    [sale] = desk.journal.executions_of(sold.record.client_order_id)
    paid = 100 * (strike_of(first) + strike_of(second))
    assert brought(trader)["AAPL"] == 100 * sale.net_price - paid
    position = desk.journal.position("AAPL")
    assert position is not None
    assert (position.qty, position.cost) == (100, 100 * strike_of(second))


def test_a_call_and_a_put_assigned_in_one_night_are_a_pending_event(tmp_path: Path) -> None:
    """The shares of the one are those of the other: only the contracts are gone."""
    trader = opened(tmp_path)
    call = near(trader.desk, steps=-1, days=8).symbol
    put = near(trader.desk, steps=1, is_call=False, days=8).symbol
    trader.placer.place(OrderRequest("AAPL", Side.BUY, qty=D(100)))
    trader.fill(5)
    held(trader, call, -1)
    held(trader, put, -1)
    for symbol in (call, put):
        body = {"symbol": symbol, "row_after": 3600}
        assert trader.desk.call("POST", "/sim/options/assign", body)["key"]
    assert trader.desk.positions_there() == {"AAPL": "100"}
    first = trader.desk.oms.reconcile()
    assert first.breaks == () and any("pending event" in note for note in first.notes)
    trader.fill(3700)
    assert trader.desk.oms.reconcile().breaks == ()
    assert brought(trader)["AAPL"] == (trader.desk.client.get_account().cash - 100_000 - 300 - 300)


def row(kind: str, symbol: str, qty: int, price: str | None = None, **more: Any) -> Activity:
    data = {"activity_type": kind, "symbol": symbol, "qty": str(qty), "date": "2026-10-09"}
    return Activity.from_wire({"id": f"{kind}-{symbol}", **data, "price": price, **more})


@pytest.mark.parametrize("group", [None, "g-1"])
def test_deliveries_are_matched_with_their_contracts_with_and_without_a_group(
    group: str | None,
) -> None:
    call = "AAPL261009C00235000"
    ended = row("OPEXC", call, -2, group_id=group)
    mine = row("OPTRD", "AAPL", 200, "235", group_id=group)
    other = row("OPTRD", "AAPL", 100, "240", group_id="g-2")
    due = due_deliveries([other, mine], [ended], {})
    assert due == {"AAPL": (mine,)}
    assert due_deliveries([other, mine], [ended], {"AAPL": frozenset({mine.id})}) == {}
    assert due_deliveries([other, mine], [], {}) == {}
    moved = explained("AAPL", D(200), due["AAPL"], None)
    assert moved is not None and moved.rows == (mine,)
    assert explained("AAPL", D(100), due["AAPL"], None) is None


def test_a_spread_that_a_list_leaves_out_is_no_pending_event(tmp_path: Path) -> None:
    """Its legs would bring and take the same shares: that alone proves nothing."""
    trader = opened(tmp_path)
    low, high = (near(trader.desk, steps=n, days=8).symbol for n in (0, 1))
    held(trader, low, 1)
    held(trader, high, -1)
    assert pending_events(trader.desk.journal, [], trader.desk.now()) == {}


def test_an_exercise_and_an_assignment_of_one_day_are_a_pending_event(tmp_path: Path) -> None:
    """The shares of the first have been seen to move before the second takes them away."""
    trader = opened(tmp_path)
    low, high = (near(trader.desk, steps=n, days=8).symbol for n in (-3, -1))
    held(trader, low, 1)
    held(trader, high, -1)
    trader.desk.client.exercise(low)
    trader.fill(1)
    assert trader.desk.oms.reconcile().breaks == ()
    trader.desk.call("POST", "/sim/options/assign", {"symbol": high, "row_after": 86_400})
    assert trader.desk.positions_there() == {}
    assert trader.desk.oms.reconcile().breaks == ()
    trader.until("2026-10-09 11:00")
    assert trader.desk.oms.reconcile().breaks == ()
    assert brought(trader)["AAPL"] == 100 * (strike_of(high) - strike_of(low))


@pytest.mark.parametrize(("qty", "cash"), [(2, "2468"), (-2, "-2468")])
def test_cash_settlement_ends_a_contract_at_its_cash(tmp_path: Path, qty: int, cash: str) -> None:
    """An index contract delivers no shares: its row carries the money, whatever sign its quantity
    has."""
    trader = opened(tmp_path)
    desk, symbol = trader.desk, "SPXW261009C06700000"
    with recording(desk.journal) as ledger:
        ledger.adjust(
            symbol, D(qty), D("5.00"), reason="adopted", asset_class="us_option",
            at=desk.now(), now=desk.now(),
        )  # fmt: skip
    settled = row("OPCSH", symbol, -qty, net_amount=cash)
    moving = rows_by_symbol([settled])
    rows = explaining(D(-qty), moving[symbol], desk.journal.executions(symbol=symbol))
    assert rows == (settled,)
    at = datetime(2026, 10, 12, 14, tzinfo=UTC)
    assert book_moved(desk.journal, MovedShares(symbol, D(-qty), rows), None, at)
    position = desk.journal.position(symbol)
    assert position is not None and position.qty == 0
    assert position.realized_pl == D(cash) - 500 * qty
    [_, end] = desk.journal.executions(symbol=symbol)
    assert end.at == datetime(2026, 10, 9, 20, tzinfo=UTC)
