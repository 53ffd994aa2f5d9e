"""Goal: nothing is entered, doubled or latched on one strange answer of the broker.

Method: the exchange leaves positions out, lags behind its fills or sends figures that cannot be;
the exchange's own positions are looked at afterwards.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.model.enums import OrderStatus, Outcome, Side
from execbot.oms.errors import Refused
from execbot.risk.halting import current

D = Decimal
ADDING = {"scale_in": {"enabled": True}}


def trader_with(path: Path, **more: Any) -> SignalTrader:
    return open_trader(path, risk={"duplicate_window_seconds": D(0), **more})


def refusal(trader: SignalTrader, qty: str, symbol: str = "AAPL", **more: Any) -> set[str]:
    """The checks that an order failed."""
    with pytest.raises(Refused) as refused:
        trader.placer.place(market(symbol, qty), **more)
    return {result.code for result in refused.value.verdict.results}


@pytest.mark.parametrize("rule", [{}, {"symbol": "AAPL"}], ids=["list empty", "one symbol missing"])
def test_an_entry_into_a_symbol_that_the_list_leaves_out_is_refused(
    tmp_path: Path, rule: dict[str, str]
) -> None:
    """E-POS-4, E-FLAT-1."""
    trader = trader_with(tmp_path)
    trader.placer.place(market("AAPL", "10"))
    trader.fill()
    trader.desk.fault("position_missing", count=None, for_seconds=30, **rule)
    assert "position_known" in refusal(trader, "10")
    trader.desk.sleep(31)
    assert trader.desk.positions_there() == {"AAPL": "10"}


def test_a_fill_that_nobody_here_has_heard_of_is_read_before_an_entry_is_refused(
    tmp_path: Path,
) -> None:
    """E-POS-3: one look at all fills; only what it leaves outside of the range is unknown."""
    trader = trader_with(tmp_path, scale_in=_scaling())
    trader.placer.place(market("AAPL", "10"))
    trader.fill()
    bought = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market"}
    trader.desk.call("POST", "/v2/orders", {**bought, "time_in_force": "day"})
    trader.desk.sleep(2)
    placed = trader.placer.place(market("AAPL", "3"))
    assert placed.record.order.is_open
    held = trader.desk.journal.position("AAPL")
    assert held is not None and held.qty == 20


def test_nothing_is_added_to_a_symbol_that_another_one_seems_to_have_become(tmp_path: Path) -> None:
    """E-CORP-2: books, plan and exits follow to it; what is bought meanwhile would have others."""
    trader = trader_with(tmp_path)
    trader.placer.place(market("AAPL", "10"))
    trader.fill()
    trader.desk.call("POST", "/sim/rename", {"symbol": "AAPL", "new_symbol": "MSFT"})
    assert "position_known" in refusal(trader, "5", "MSFT")
    checked = trader.executor.risk.check(market("NVDA", "5"))
    assert "position_known" not in {f.code for f in checked.verdict.failures}
    assert trader.desk.oms.reconcile().breaks == ()
    checked = trader.executor.risk.check(market("MSFT", "5"))
    assert "position_known" not in {f.code for f in checked.verdict.failures}


def test_a_signal_is_not_doubled_because_one_read_was_empty(tmp_path: Path) -> None:
    trader = trader_with(tmp_path)
    first = trader.signal("AAPL")
    trader.fill()
    held = trader.desk.positions_there()
    trader.desk.fault("position_missing", count=1)
    second = trader.signal("AAPL")
    trader.fill()
    assert first.outcome is not Outcome.NOT_SENT
    assert (second.outcome, second.code) == (Outcome.NOT_SENT, "signal.position_held")
    assert trader.desk.positions_there() == held


def test_orders_whose_fills_the_list_does_not_show_yet_count_for_the_limit(tmp_path: Path) -> None:
    """E-POS-2: three orders of 9 % of the account pass a cap of 10 % one by one, if none counts."""
    trader = trader_with(tmp_path, one_pending_per_symbol=False, scale_in=_scaling())
    trader.desk.fault("positions_late", count=None, seconds=60)
    trader.placer.place(market("AAPL", "30"))
    trader.desk.sleep(1)  # it fills; nobody here hears of it
    for qty in ("31", "32"):
        codes = refusal(trader, qty)
        assert codes & {"position_known", "max_position_size"}
    assert trader.desk.oms.gap_fill()
    trader.desk.sleep(61)
    assert trader.desk.positions_there() == {"AAPL": "30"}


def _scaling() -> Any:
    from execbot.config.schema import ScaleInSettings

    return ScaleInSettings(enabled=True, max_steps=9, min_profit_pct=D(-50))


def test_what_a_batch_has_just_sent_is_part_of_the_range(tmp_path: Path) -> None:
    """The facts of a batch are read once; the second order is no surprise to them."""
    trader = trader_with(tmp_path, facts_max_age_seconds=D(60), scale_in=_scaling())
    trader.placer.place(market("AAPL", "3"))
    trader.fill()
    checked = trader.executor.risk.check(market("AAPL", "3"))
    assert "position_known" not in {f.code for f in checked.verdict.failures}


def test_an_exit_goes_although_the_list_is_empty(tmp_path: Path) -> None:
    """I9, E-FLAT-3: what gets out waits for no list; the broker is told that it closes."""
    trader = trader_with(tmp_path)
    trader.placer.place(market("AAPL", "10"))
    trader.fill()
    trader.desk.fault("position_missing", count=None, for_seconds=5)
    closed = trader.desk.oms.close("AAPL")
    trader.desk.sleep(2)
    assert closed.record is not None
    assert closed.record.order.position_intent == "sell_to_close"
    assert trader.desk.positions_there() == {}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [("account_zero", {"fields": ["equity"]}), ("equity_off", {"factor": 1.5})],
    ids=["equity 0", "equity 50 % off"],
)
def test_equity_that_cannot_be_refuses_entries_and_latches_nothing(
    tmp_path: Path, kind: str, rule: dict[str, Any]
) -> None:
    """E-EQ-1, E-EQ-2."""
    trader = trader_with(tmp_path, max_daily_loss_pct=D(5))
    trader.desk.fault(kind, count=1, **rule)
    assert refusal(trader, "1") == {"equity_known"}
    assert not current(trader.desk.journal).stops_entries
    assert trader.placer.place(market("AAPL", "1")).record.order.is_working


# --- orders ------------------------------------------------------------------------------------


def test_an_id_that_is_taken_stays_in_doubt_until_the_order_is_found(tmp_path: Path) -> None:
    """E-ORD-1: the refusal of a re-send proves that the first one arrived."""
    from execbot.oms.errors import InDoubt

    trader = trader_with(tmp_path)
    desk = trader.desk
    desk.fault("reply_lost", method="POST", path="/v2/orders", how="reset")
    desk.fault("order_unknown", count=None, seconds=120)
    with pytest.raises(InDoubt):
        desk.oms.submit(market("AAPL", "10", client_order_id="TAKEN"))
    desk.sleep(60)
    settled = desk.oms.settle()
    assert [why for _, why in settled.open] and not settled.settled
    assert desk.oms.record("TAKEN").status is OrderStatus.IN_DOUBT
    desk.sleep(70)
    assert [record.client_order_id for record in desk.oms.settle().settled] == ["TAKEN"]
    assert desk.oms.record("TAKEN").order.id


def test_a_cancel_is_sent_although_its_end_was_reported(tmp_path: Path) -> None:
    """E-ORD-5: the emergency brake asks the broker, always."""
    trader = trader_with(tmp_path)
    desk = trader.desk
    record = desk.oms.submit(market("AAPL", "10", side=Side.BUY, **_resting()))
    _report_canceled(desk, record)
    assert desk.oms.record(record.client_order_id).status is OrderStatus.CANCELED
    desk.oms.cancel(record.client_order_id, wait_seconds=2)
    assert desk.orders_there()[record.client_order_id]["status"] == "canceled"


@pytest.mark.parametrize("scope", [{}, {"symbol": "AAPL"}, {"mine_only": True}])
def test_cancel_all_takes_what_the_broker_lists_whatever_the_journal_says(
    tmp_path: Path, scope: dict[str, Any]
) -> None:
    trader = trader_with(tmp_path)
    desk = trader.desk
    record = desk.oms.submit(market("AAPL", "10", side=Side.BUY, **_resting()))
    _report_canceled(desk, record)
    result = desk.oms.cancel_all(**scope)
    assert desk.orders_there()[record.client_order_id]["status"] == "canceled"
    assert not result.still_open and not result.failed


def _resting() -> dict[str, Any]:
    from execbot.model.enums import OrderType

    return {"type": OrderType.LIMIT, "limit_price": D("1.00")}


def _report_canceled(desk: Any, record: Any) -> None:
    """A report of an end that is not true."""
    from msgspec.structs import replace

    order = desk.client.get_order(record.order_id)
    desk.oms.apply_snapshot(replace(order, status=OrderStatus.CANCELED, raw={}))
