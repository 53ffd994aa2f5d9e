"""Goal: shares that were taken over before their fill was told do not count twice (E-POS-12).

Method: a desk at the built-in exchange, whose lists of orders and rows lag behind its positions:
another program trades, the journal takes over what it sees, and then hears of the fill.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import KEY, Desk, market, open_desk

from execbot.oms.sync.late_fills import LIST_SETTLES
from execbot.oms.sync.rebuild import rebuild

D = Decimal
CALL = "AAPL261218C00190000"
SETTLED = LIST_SETTLES.total_seconds() + 4


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    opened = open_desk(tmp_path)
    opened.oms.reconcile()
    return opened


def trade(desk: Desk, symbol: str, side: str, qty: str) -> None:
    """By another program; a contract at 6.05."""
    if symbol == CALL:
        body = {"key": KEY, "symbol": symbol, "qty": qty, "price": "6.05"}
        desk.call("POST", "/sim/options/position", body)
    else:
        body = {"symbol": symbol, "qty": qty, "side": side, "type": "market"}
        desk.call("POST", "/v2/orders", {**body, "time_in_force": "gtc"})
    desk.sleep(1)


def hide(desk: Desk) -> None:
    """Orders of the last minute are in no answer, and nobody knows whose the rows are."""
    desk.fault("order_unknown", params={"seconds": 60}, count=1000)


def show(desk: Desk) -> None:
    desk.call("DELETE", "/sim/faults")


def held(desk: Desk, symbol: str) -> Decimal:
    position = desk.journal.position(symbol)
    return D(0) if position is None else position.qty


def same_when_rebuilt(desk: Desk) -> bool:
    before = desk.journal.executions(), desk.journal.positions()
    rebuild(desk.journal)
    return before == (desk.journal.executions(), desk.journal.positions())


@pytest.mark.parametrize(
    ("symbol", "side", "qty"),
    [("AAPL", "buy", "10"), ("AAPL", "sell", "10"), ("BTC/USD", "buy", "0.5"), (CALL, "buy", "2")],
)
def test_a_fill_that_is_told_late_takes_the_place_of_what_was_taken_over(
    desk: Desk, symbol: str, side: str, qty: str
) -> None:
    hide(desk)
    trade(desk, symbol, side, qty)
    assert [item.symbol for item in desk.oms.reconcile().adopted_positions]
    show(desk)
    assert desk.oms.reconcile().has_breaks, "the list may lag as well: one answer proves nothing"
    desk.sleep(SETTLED)
    result = desk.oms.reconcile()
    assert not result.has_breaks and "before their fills were told" in " ".join(result.notes)
    assert [item.qty for item in desk.journal.fills()] == [D(qty)]
    there = D(next(iter(desk.positions_there().values())))
    assert abs(held(desk, symbol) - there) <= D(qty) / 100
    assert not desk.oms.reconcile().has_breaks
    assert same_when_rebuilt(desk)


def test_a_part_that_was_there_before_stays_at_its_cost(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    for price, qty in (("150", "10"), ("160", "5")):
        desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": price, "hold": True})
        if price == "160":
            hide(desk)
        trade(desk, "AAPL", "buy", qty)
        desk.sleep(9 * 86_400 if price == "150" else 1)
    assert held(desk, "AAPL") == 0
    assert [str(item) for item in desk.oms.reconcile().adopted_positions]
    assert held(desk, "AAPL") == 15
    show(desk)
    desk.sleep(SETTLED)
    assert not desk.oms.reconcile().has_breaks
    left = desk.journal.position("AAPL")
    assert left is not None and left.qty == 15
    assert left.cost.quantize(D(1)) == 2300
    [taken] = [e for e in desk.journal.executions() if not e.client_order_id]
    assert (taken.net_qty, taken.net_price.quantize(D(1)), taken.qty) == (10, 150, 15)
    assert same_when_rebuilt(desk)


def test_several_fills_bought_and_sold_again(desk: Desk) -> None:
    hide(desk)
    for side, qty in (("buy", "6"), ("buy", "5"), ("sell", "3")):
        trade(desk, "AAPL", side, qty)
    desk.oms.reconcile()
    assert held(desk, "AAPL") == 8
    show(desk)
    desk.sleep(SETTLED)
    assert not desk.oms.reconcile().has_breaks
    assert held(desk, "AAPL") == 8
    assert len(desk.journal.fills()) == 3


def test_what_the_trader_accepted_stands_for_a_fill_too(desk: Desk) -> None:
    trade(desk, "AAPL", "buy", "10")
    assert not desk.oms.reconcile().has_breaks
    hide(desk)
    trade(desk, "AAPL", "buy", "4")
    assert not desk.oms.reconcile(accept_positions=True).has_breaks
    show(desk)
    desk.sleep(SETTLED)
    assert not desk.oms.reconcile().has_breaks
    assert held(desk, "AAPL") == 14


def test_a_fill_after_it_was_taken_over_changes_nothing_of_that(desk: Desk) -> None:
    """Shares that came from elsewhere and a purchase after them: both count."""
    trade(desk, "AAPL", "buy", "10")
    desk.oms.reconcile()
    hide(desk)
    trade(desk, "MSFT", "buy", "10")
    desk.oms.reconcile()
    desk.sleep(SETTLED)
    desk.oms.submit(market("MSFT", "3", client_order_id="mine"))
    desk.sleep(SETTLED)
    desk.oms.reconcile()
    assert held(desk, "MSFT") == 13
    show(desk)
    desk.sleep(SETTLED)
    assert not desk.oms.reconcile().has_breaks
    assert held(desk, "MSFT") == 13


def test_what_the_position_does_not_bear_out_is_a_break(desk: Desk) -> None:
    """Ten count twice, and the broker shows none of them: that is more than the fill explains."""
    hide(desk)
    trade(desk, "AAPL", "buy", "10")
    desk.oms.reconcile()
    show(desk)
    desk.sleep(SETTLED)
    desk.fault("position_missing", count=1000)
    result = desk.oms.reconcile()
    assert [item.kind for item in result.breaks] == ["position.qty"]
    assert held(desk, "AAPL") == 20


def test_contracts_that_ended_since_are_told_apart_from_it(desk: Desk) -> None:
    """One bought, taken over and told late, then expired: of two here none is there, and the row
    is of one."""
    hide(desk)
    trade(desk, CALL, "buy", "1")
    desk.oms.reconcile()
    show(desk)
    desk.oms.reconcile()
    desk.call("POST", "/sim/options/expire", {"key": KEY, "symbol": CALL})
    desk.sleep(SETTLED)
    result = desk.oms.reconcile()
    assert not result.has_breaks
    assert held(desk, CALL) == 0
    assert same_when_rebuilt(desk)


def test_what_was_accepted_for_a_bust_is_taken_back_when_its_report_comes(desk: Desk) -> None:
    desk.oms.submit(market(client_order_id="mine"))
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())
    desk.call("POST", "/sim/executions/correct", {"key": KEY, "symbol": "AAPL", "qty": "6"})
    report = desk.frames()
    result = desk.oms.reconcile(accept_positions=True)
    assert [item.kind for item in result.breaks] == ["order.filled_qty"]
    assert held(desk, "AAPL") == 6
    desk.oms.apply_batch(report)
    assert held(desk, "AAPL") == 2
    desk.sleep(SETTLED)
    assert not desk.oms.reconcile().has_breaks
    assert held(desk, "AAPL") == 6
    assert same_when_rebuilt(desk)
