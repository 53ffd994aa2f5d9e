"""Goal: a split of the stock between an exercise and its rows makes no break, and books every cent
(E-OPT-8).
Method: a desk in virtual time over both at the exchange; the exchange's list and rows judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from report.option_books import is_contract
from support.contracts import near
from support.desk import KEY
from support.signal_trader import SignalTrader, open_trader

from execbot.journal.records import FillState
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.oms.sync.adjustments import book_split
from execbot.oms.sync.held_before import take_over
from execbot.oms.sync.options.pending_events import pending_events
from execbot.oms.sync.split_evidence import SPLIT_ROWS, by_record

D = Decimal
WIDE = {"max_position_size_pct": D(90), "max_account_exposure_pct": D(90)}
SPLITS = [(4, 1), (3, 2), (1, 4)]


def opened(path: Path, shares: int = 0) -> SignalTrader:
    trader = open_trader(path, sim={"at": "2026-10-08 10:00"}, **WIDE)
    trader.desk.oms.reconcile()
    if shares:
        trader.placer.place(OrderRequest("AAPL", Side.BUY, qty=D(shares)))
        trader.fill(5)
    return trader


def held(trader: SignalTrader, symbol: str, qty: int) -> None:
    body = {"symbol": symbol, "qty": qty, "price": "3.00", "key": KEY}
    trader.desk.call("POST", "/sim/options/position", body)
    trader.fill(1)
    trader.desk.oms.reconcile()


def split(trader: SignalTrader, new: int, old: int, at: str = "2026-10-09 09:00") -> None:
    trader.until(at)
    trader.desk.call("POST", "/sim/split", {"symbol": "AAPL", "new": new, "old": old})
    trader.fill(1)


def books(trader: SignalTrader) -> dict[str, str]:
    return {p.symbol: str(p.qty) for p in trader.desk.journal.positions() if p.qty}


def brought(trader: SignalTrader) -> Mapping[str, Decimal]:
    found: dict[str, Decimal] = {}
    for item in trader.desk.journal.executions():
        if item.state is not FillState.ADJUSTMENT:
            each = 100 if is_contract(item.symbol) else 1
            found[item.symbol] = (
                found.get(item.symbol, D(0)) - item.signed_qty * item.net_price * each
            )
    return found


def pending(trader: SignalTrader) -> set[str]:
    desk = trader.desk
    return set(pending_events(desk.journal, desk.client.get_positions(), desk.now()))


def judge(trader: SignalTrader) -> None:
    """Books, money and cost against the exchange's own."""
    there = trader.desk.positions_there()
    result = trader.desk.oms.reconcile()
    assert result.breaks == () and books(trader) == there
    rows = trader.desk.call("GET", "/v2/account/activities?page_size=100")
    theirs: dict[str, Decimal] = {}
    for row in rows:
        symbol = row.get("symbol") or ""
        each = 100 if is_contract(symbol) else 1
        worth = D(row.get("net_amount") or 0)
        if row["activity_type"] == "FILL":
            worth = D(row["qty"]) * D(row["price"]) * each
            worth = -worth if row["side"].startswith("buy") else worth
        theirs[symbol] = theirs.get(symbol, D(0)) + worth
    mine = brought(trader)
    assert mine.get("AAPL", D(0)) == theirs.get("AAPL", D(0))
    for position in trader.desk.client.get_positions():
        ours = trader.desk.journal.position(position.symbol)
        assert ours is not None and ours.avg_entry_price == pytest.approx(
            position.avg_entry_price, abs=D("0.0001")
        )
    again = trader.desk.oms.reconcile()
    assert again.adjusted_positions == () and again.breaks == ()


@pytest.mark.parametrize("shares", [0, 40])
@pytest.mark.parametrize(("new", "old"), SPLITS)
def test_an_exercise_is_pending_and_then_booked_before_the_split(
    tmp_path: Path, new: int, old: int, shares: int
) -> None:
    trader = opened(tmp_path, shares)
    call = near(trader.desk, steps=-3, days=8).symbol
    held(trader, call, 1)
    trader.desk.client.exercise(call)
    trader.fill(1)
    assert trader.desk.oms.reconcile().breaks == ()
    before = books(trader)
    split(trader, new, old)
    assert pending(trader) == {call, "AAPL"}
    result = trader.desk.oms.reconcile()
    assert result.breaks == () and result.adopted_positions == ()
    assert books(trader) == before
    trader.until("2026-10-12 11:00")
    trader.fill(1)
    judge(trader)
    assert trader.desk.positions_there() == {"AAPL": str((100 + shares) * new // old)}


@pytest.mark.parametrize(("new", "old"), SPLITS)
def test_other_contracts_change_meanwhile(tmp_path: Path, new: int, old: int) -> None:
    trader = opened(tmp_path)
    call, other, put = (
        near(trader.desk, steps=n, is_call=is_call, days=8).symbol
        for n, is_call in ((-3, True), (2, True), (-4, False))
    )
    for symbol, qty in ((call, 2), (other, 1), (put, -1)):
        held(trader, symbol, qty)
    trader.desk.client.exercise(call)
    trader.fill(1)
    assert trader.desk.oms.reconcile().breaks == ()
    split(trader, new, old)
    assert pending(trader) >= {call, other, put, "AAPL"}
    assert trader.desk.oms.reconcile().breaks == ()
    trader.until("2026-10-12 11:00")
    trader.fill(1)
    judge(trader)


def test_a_call_that_was_assigned_on_shares(tmp_path: Path) -> None:
    trader = opened(tmp_path, 300)
    call = near(trader.desk, steps=-1, days=8).symbol
    held(trader, call, -1)
    trader.until("2026-10-08 15:59")
    trader.desk.call("POST", "/sim/options/assign", {"symbol": call, "row_after": 86_400})
    trader.fill(1)
    split(trader, 3, 1)
    assert trader.desk.positions_there() == {"AAPL": "600"}
    assert pending(trader) == {call, "AAPL"}
    assert trader.desk.oms.reconcile().breaks == ()
    trader.until("2026-10-12 11:00")
    trader.fill(1)
    judge(trader)


@pytest.mark.parametrize("on", ["2026-10-08 11:00", "2026-10-09 09:40"])
@pytest.mark.parametrize("part", [50, None])
def test_shares_that_are_sold_before_the_rows(tmp_path: Path, part: int | None, on: str) -> None:
    """E-OPT-8: they are taken over for that, before the split or after it, until the rows come."""
    trader = opened(tmp_path)
    call = near(trader.desk, steps=-3, days=8).symbol
    held(trader, call, 1)
    trader.desk.client.exercise(call)
    trader.fill(1)
    if on < "2026-10-09":
        trader.until(on)
    else:
        split(trader, 4, 1)
        trader.until(on)
    trader.desk.oms.close("AAPL", qty=None if part is None else D(part))
    trader.fill(5)
    assert trader.desk.oms.reconcile().breaks == ()
    if on < "2026-10-09":
        split(trader, 4, 1)
        assert trader.desk.oms.reconcile().breaks == ()
    trader.until("2026-10-12 11:00")
    trader.fill(1)
    judge(trader)


def test_contracts_that_changed_beside_shares_that_were_taken_over(tmp_path: Path) -> None:
    """The split of the shares is in the books by its record, before any row of the contracts."""
    trader = opened(tmp_path)
    call, other = (near(trader.desk, steps=n, days=8).symbol for n in (-3, 2))
    held(trader, call, 1)
    held(trader, other, 2)
    trader.desk.client.exercise(call)
    trader.fill(1)
    [shares] = [p for p in trader.desk.client.get_positions() if p.symbol == "AAPL"]
    take_over(trader.desk.journal, trader.desk.client, shares, trader.desk.now)
    split(trader, 2, 1)
    # As a `watch` does that follows the shares alone.
    journal, rows = trader.desk.journal, trader.desk.client.get_activities(SPLIT_ROWS)
    theirs = next(p for p in trader.desk.client.get_positions() if p.symbol == "AAPL")
    executions = journal.executions(symbol="AAPL")
    found = by_record("AAPL", executions, rows, theirs.qty, theirs.avg_entry_price)
    assert found is not None and book_split(journal, found, trader.desk.now())
    assert books(trader) == {call: "1", other: "2", "AAPL": "200"}
    assert pending(trader) >= {call, other}
    result = trader.desk.oms.reconcile()
    assert result.breaks == () and result.adopted_positions == ()
    trader.until("2026-10-12 11:00")
    trader.fill(1)
    judge(trader)


def test_shares_that_nothing_explains_are_a_break(tmp_path: Path) -> None:
    """A hundred more than the contract delivers and the split makes of it."""
    trader = opened(tmp_path, 40)
    call = near(trader.desk, steps=-3, days=8).symbol
    held(trader, call, 1)
    trader.desk.client.exercise(call)
    trader.fill(1)
    split(trader, 4, 1)
    body = {"type": "JNLS", "symbol": "AAPL", "qty": 100, "price": "58.00", "row_after": 10**6}
    trader.desk.call("POST", "/sim/flow", body)
    trader.fill(1)
    assert trader.desk.positions_there() == {"AAPL": "660"}
    assert pending(trader) == set()
    assert {item.subject for item in trader.desk.oms.reconcile().breaks} == {call, "AAPL"}


def test_a_call_that_took_the_last_shares_beside_one_that_changed(tmp_path: Path) -> None:
    """E-OPT-8: no share is left that a split could show; the other contract shows it."""
    trader = opened(tmp_path, 100)
    call, other = (near(trader.desk, steps=n, days=8).symbol for n in (-1, 3))
    held(trader, call, -1)
    held(trader, other, 1)
    trader.until("2026-10-08 15:59")
    trader.desk.call("POST", "/sim/options/assign", {"symbol": call, "row_after": 86_400})
    trader.fill(1)
    split(trader, 4, 1)
    assert pending(trader) >= {call, other, "AAPL"}
    assert trader.desk.oms.reconcile().breaks == ()
    trader.until("2026-10-12 11:00")
    trader.fill(1)
    judge(trader)
