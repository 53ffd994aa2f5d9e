"""Goal: a changed entry passes the checks in the place of the order before it; exits are free.

Method: the command's own way against the built-in exchange, and the exchange's record of what was
changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import limit, market
from support.signal_trader import SignalTrader, open_trader

from execbot.broker.port import ReplaceRequest
from execbot.journal import Role
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.oms.errors import Refused
from execbot.oms.place.replacing import replace_checked
from execbot.oms.place.risk_gate import Checked
from execbot.risk import halting
from execbot.risk.kill_switch import Level

D = Decimal


def change(trader: SignalTrader, name: str, **wanted: Any) -> OrderRecord:
    return replace_checked(trader.placer, name, ReplaceRequest(**wanted))


def resting(trader: SignalTrader, qty: str = "10", price: str = "240.00", **more: Any) -> str:
    placed = trader.placer.place(limit(price, qty=qty, **more))
    trader.fill(1)
    return placed.record.client_order_id


def test_halted_account_changes_no_entry(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    name = resting(trader)
    halting.raise_switch(trader.desk.journal, Level.HALTED, "x", "trader", trader.desk.now())
    with pytest.raises(Refused) as caught:
        change(trader, name, limit_price=D("239.00"))
    assert caught.value.kind == "risk.kill_switch"
    trader.fill(1)
    assert trader.desk.oms.record(name).status is OrderStatus.NEW
    assert len(trader.desk.orders_there()) == 1
    denied = trader.desk.oms.record(caught.value.client_order_id or "")
    assert (denied.status, denied.order.replaces) == (
        OrderStatus.DENIED,
        trader.desk.oms.record(name).order_id,
    )


@pytest.mark.parametrize(
    ("limits", "wanted", "kind"),
    [
        ({"risk": {"max_order_notional": D(3000)}}, {"qty": D(13)}, "risk.max_order_notional"),
        ({"risk": {"max_order_qty": D(10)}}, {"qty": D(11)}, "risk.max_order_qty"),
        ({"max_position_size_pct": D(3)}, {"qty": D(20)}, "risk.max_position_size"),
        ({"max_account_exposure_pct": D(3)}, {"qty": D(20)}, "risk.max_exposure"),
        ({}, {"limit_price": D(400)}, "risk.limit_price_band"),
    ],
)
def test_change_beyond_a_limit_is_refused_and_the_old_order_stands(
    tmp_path: Path, limits: dict[str, Any], wanted: dict[str, Any], kind: str
) -> None:
    trader = open_trader(tmp_path, **limits)
    name = resting(trader)
    with pytest.raises(Refused) as caught:
        change(trader, name, **wanted)
    assert caught.value.kind == kind
    assert trader.desk.oms.record(name).order.is_working
    assert not trader.desk.oms.reconcile().has_breaks


def test_old_order_does_not_count_beside_the_one_that_takes_its_place(tmp_path: Path) -> None:
    """Twice its size would break the position, the exposure and the buying power."""
    trader = open_trader(
        tmp_path, max_position_size_pct=D(100), max_account_exposure_pct=D(100), max_positions=1
    )
    name = resting(trader, qty="380")
    new = change(trader, name, limit_price=D("241.00"))
    trader.fill(1)
    assert trader.desk.oms.record(new.client_order_id).status is OrderStatus.NEW
    back = change(trader, new.client_order_id, limit_price=D("240.00"))
    trader.fill(1)
    assert trader.desk.oms.record(back.client_order_id).status is OrderStatus.NEW


@contextmanager
def other_is_faster(trader: SignalTrader, *sides: Side) -> Iterator[list[str]]:
    """Another process trades MSFT after each look at the account, before the intent's transaction;
    the words are those looks."""
    risk, looks = trader.placer.risk, list[str]()
    look = risk.check_replacement

    def looked(old: OrderRecord, request: OrderRequest) -> Checked | None:
        found = look(old, request)
        looks.append(request.client_order_id)
        for side in sides if len(looks) == 1 else ():
            trader.desk.oms.submit(market("MSFT", "10", side=side))
            trader.fill()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(risk, "check_replacement", looked)
        yield looks


def test_nobody_is_refused_a_change_for_an_order_that_ended_meanwhile(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_positions=1)
    name = resting(trader)
    agreed: list[str] = []
    with other_is_faster(trader, Side.BUY, Side.SELL) as looks:
        wanted = ReplaceRequest(limit_price=D("239.00"))
        new = replace_checked(
            trader.placer, name, wanted, lambda old, _: agreed.append(old.client_order_id)
        )
    trader.fill(1)
    assert trader.desk.oms.record(new.client_order_id).order.is_working
    assert (len(looks), agreed) == (2, [name])
    orders = [o.client_order_id for o in trader.desk.journal.orders() if o.symbol == "AAPL"]
    assert sorted(orders) == sorted((name, new.client_order_id))


def test_what_the_other_one_still_holds_counts_against_a_change(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_positions=1)
    name = resting(trader)
    with other_is_faster(trader, Side.BUY), pytest.raises(Refused) as caught:
        change(trader, name, limit_price=D("239.00"))
    assert caught.value.kind == "risk.max_positions"
    assert trader.desk.oms.record(name).order.is_working


def test_partly_filled_entry_is_judged_whole_and_its_fill_is_no_position_of_another(
    tmp_path: Path,
) -> None:
    trader = open_trader(
        tmp_path,
        sim={"exchange": {"partial_fill_share": "1"}},
        risk={"max_order_qty": D(100)},
        max_position_size_pct=D(30),
    )
    ask = trader.desk.client.latest_quotes(["AAPL"])["AAPL"].ask
    name = resting(trader, qty="100", price=str(ask))
    filled = trader.desk.oms.record(name).order.filled_qty
    assert 0 < filled < 100
    with pytest.raises(Refused) as caught:
        change(trader, name, qty=D(101))
    assert caught.value.kind == "risk.max_order_qty"
    new = change(trader, name, limit_price=D("200.00"))
    assert new.order.limit_price == D(200)


def test_change_at_night_of_an_order_that_waits_at_the_broker_passes(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, sim={"calendar": "exchange", "at": "2026-10-06 15:00"})
    name = resting(trader, time_in_force=TimeInForce.GTC)
    trader.desk.call("POST", "/sim/clock", {"set": "2026-10-06 22:00"})
    trader.desk.venue.advance()
    new = change(trader, name, limit_price=D("239.00"))
    assert new.order.limit_price == D(239)


def test_exits_change_freely_on_a_halted_account(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(market(qty="10"))
    trader.fill()
    stop = OrderRequest("AAPL", Side.SELL, D(4), type=OrderType.STOP, stop_price=D(100))
    kept = trader.desk.oms.submit(stop, role=Role.STOP)
    by_hand = resting(trader, qty="4", price="900.00", side=Side.SELL)
    halting.raise_switch(trader.desk.journal, Level.HALTED, "x", "trader", trader.desk.now())
    moved = change(trader, kept.client_order_id, stop_price=D(101))
    lower = change(trader, by_hand, limit_price=D("890.00"))
    trader.fill(1)
    for record in (moved, lower):
        assert trader.desk.oms.record(record.client_order_id).status is OrderStatus.NEW
