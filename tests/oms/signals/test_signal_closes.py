"""Goal: a sell signal closes, whatever stands in the way, and leaves nothing uncovered unsaid.

Method: signals through the real client, journal and in-process exchange under a virtual clock;
results are checked against the exchange's own list of orders and positions.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import market
from support.harness.killed import Killed
from support.signal_trader import SignalTrader, dies_before_its_result_is_kept, open_trader

from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import OrderType, Outcome, Side
from execbot.model.order import OrderRequest
from execbot.oms.signals.executor import Executor

D = Decimal


def holding(path: Path, qty: str = "100") -> SignalTrader:
    trader = open_trader(path, max_position_size_pct=D(100))
    trader.placer.place(market(qty=qty))
    trader.fill()
    return trader


def stop_of(trader: SignalTrader, qty: str) -> str:
    """A stop on AAPL at the broker; its client_order_id."""
    request = OrderRequest("AAPL", Side.SELL, qty=D(qty), type=OrderType.STOP, stop_price=D(100))
    record = trader.desk.oms.submit(request, role=Role.STOP)
    trader.fill()
    return record.client_order_id


def test_sell_of_a_part_has_the_rest_covered_again(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    stop_of(trader, "100")
    covered: list[tuple[str, str]] = []

    def cover(symbol: str, record: OrderRecord | None) -> None:
        assert record is not None
        trader.fill()
        covered.append((symbol, stop_of(trader, "50")))

    executor = Executor(trader.desk.oms, trader.executor.risk, protect=cover)
    result = executor.execute_signal(trader.make(side="sell", qty=D(50)))
    ((symbol, name),) = covered
    assert symbol == "AAPL" and trader.desk.orders_there()[name]["status"] == "new"
    assert result.notes[-1] == "50 stay open, covered by a stop again"


def test_sell_of_a_part_says_when_nobody_covers_the_rest(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    stop_of(trader, "100")
    result = trader.signal(side="sell", qty=D(50))
    assert "50 of 50 stay open without a stop" in result.notes[-1]


def test_sell_that_fails_after_lifting_has_the_whole_covered_again(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    stop_of(trader, "100")
    trader.desk.fault("server_error", method="GET", path="/v2/positions/*", after=2, count=9)

    def cover(symbol: str, record: OrderRecord | None) -> None:
        assert (symbol, record) == ("AAPL", None)
        stop_of(trader, "100")

    executor = Executor(trader.desk.oms, trader.executor.risk, protect=cover)
    result = executor.execute_signal(trader.make(side="sell"))
    assert result.is_failure and "protected again" in result.message
    working = [o for o in trader.desk.orders_there().values() if o["status"] == "new"]
    assert [o["qty"] for o in working] == ["100"]


def test_sell_that_fails_while_the_stop_is_being_canceled_does_not_call_it_protected(
    tmp_path: Path,
) -> None:
    """E-PROT-1: a stop in `pending_cancel` is on its way out, and nobody has put one back."""
    trader = holding(tmp_path)
    name = stop_of(trader, "100")
    trader.desk.fault("stuck_pending_cancel")
    executor = Executor(trader.desk.oms, trader.executor.risk, protect=lambda symbol, record: None)
    result = executor.execute_signal(trader.make(side="sell"))
    assert trader.desk.orders_there()[name]["status"] == "pending_cancel"
    assert result.is_failure and "unprotected" in result.message
    assert "protected again" not in result.message


def test_sell_whose_process_died_after_sending_lifts_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = holding(tmp_path)
    signal = trader.make(side="sell", qty=D(50))
    dies_before_its_result_is_kept(trader, signal, monkeypatch)
    name = stop_of(trader, "50")
    trader.desk.sleep(31)
    again = trader.executor.execute_signal(signal)
    assert again.outcome is Outcome.FILLED and again.record is not None and again.record.already
    assert trader.desk.orders_there()[name]["status"] == "new"
    assert trader.desk.positions_there() == {"AAPL": "50"}


def test_sell_closes_although_an_addition_is_in_doubt_and_says_so(tmp_path: Path) -> None:
    def die(step: str) -> None:
        if step == "before_post":
            raise Killed

    trader = holding(tmp_path)
    dying = trader.desk.open_oms(trader.desk.journal, on_step=die)
    with pytest.raises(Killed):
        dying.submit(market(), role=Role.ENTRY)
    result = trader.signal(side="sell")
    trader.fill()
    assert result.outcome is Outcome.ACCEPTED
    assert "an entry may still fill" in result.notes[0]
    assert trader.desk.positions_there() == {}


@pytest.mark.parametrize("path", ["/v2/account", "/v2/clock"])
def test_sell_needs_neither_account_nor_clock(tmp_path: Path, path: str) -> None:
    trader = holding(tmp_path)
    trader.desk.fault("server_error", method="GET", path=path, count=9)
    assert trader.signal(side="sell").outcome is Outcome.ACCEPTED
    trader.fill()
    assert trader.desk.positions_there() == {}


def test_sell_for_which_nothing_was_sent_may_be_given_again_once(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    trader.desk.fault("server_error", method="GET", path="/v2/positions/*", count=3)
    signal = trader.make(side="sell")
    first = trader.executor.execute_signal(signal)
    assert first.is_failure and first.category == "retryable"
    assert trader.executor.execute_signal(signal).outcome is Outcome.ACCEPTED
    trader.fill()
    assert trader.executor.execute_signal(signal).code == "signal.repeated"
    assert trader.desk.positions_there() == {}
