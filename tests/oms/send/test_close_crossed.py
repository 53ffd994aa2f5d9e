"""Goal: a close ends flat although an exit crosses it between the look and the order.

Method: the real adapter against the built-in exchange in process; in the moment in which the
closing order leaves, an exit comes to hold the shares, or sells them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from oms.send.held_orders import D, hold, stop
from support.desk import Desk, limit, market
from support.harness.killed import Killed
from support.signal_trader import SignalTrader, open_trader

from execbot.journal import Role
from execbot.model.enums import OrderStatus, Outcome, Side
from execbot.model.signal import Signal
from execbot.oms.errors import CloseFailed, NotPossible
from execbot.oms.results import CloseResult
from execbot.oms.send.close import OWN_EXIT
from execbot.oms.service import OrderManagementSystem
from execbot.oms.signals.executor import Executor

Crossing = Callable[[Desk], None]
IDS = ["", "mine"]


def before_it_leaves(desk: Desk, crossing: Crossing, times: int = 1) -> None:
    """Just before each of the next `times` market orders that sell is sent."""
    place, left = desk.client.place_order, [None] * times

    def crossed(request: Any, **more: Any) -> Any:
        if request.side is Side.SELL and request.type == "market" and left:
            left.pop()
            crossing(desk)
        return place(request, **more)

    desk.client.place_order = crossed  # type: ignore[method-assign]


def exits_come(desk: Desk) -> None:
    """The first exits of the position, which were on their way when its plan was lifted."""
    desk.oms.submit(stop(), role=Role.STOP)


def exit_sells(desk: Desk, qty: str = "10") -> None:
    """An exit of another program, so that this one has not heard of it."""
    desk.sleep(1)  # until nothing holds the shares any more
    order = replace(market(qty=qty), side=Side.SELL, client_order_id=f"their-{desk.seen}")
    desk.call("POST", "/v2/orders", order.to_wire())
    desk.sleep(1)


@pytest.mark.parametrize("own_id", IDS)
def test_exits_that_come_meanwhile_are_lifted_and_it_ends_flat(desk: Desk, own_id: str) -> None:
    hold(desk)
    before_it_leaves(desk, exits_come)
    result = desk.oms.close("AAPL", client_order_id=own_id)
    desk.sleep(1)
    desk.oms.reconcile()
    assert [record.role for record in result.lifted] == ["stop"]
    assert (desk.positions_there(), desk.journal.positions()) == ({}, [])
    assert result.record is not None
    if own_id:
        assert result.record.client_order_id == "mine.r1"
        again = desk.oms.close("AAPL", client_order_id=own_id)
        assert again.record is not None and again.record.already
        assert again.record.client_order_id == "mine.r1"


def test_what_every_try_has_lifted_is_told(desk: Desk) -> None:
    hold(desk)
    exits_come(desk)
    desk.sleep(1)
    before_it_leaves(desk, exits_come, times=2)
    result = desk.oms.close("AAPL")
    desk.sleep(1)
    assert (len(result.lifted), desk.positions_there()) == (3, {})


@pytest.mark.parametrize("own_id", IDS)
def test_exits_that_never_end_coming_are_told(desk: Desk, own_id: str) -> None:
    hold(desk)
    before_it_leaves(desk, exits_come, times=9)
    with pytest.raises(CloseFailed, match="AAPL was not closed") as caught:
        desk.oms.close("AAPL", client_order_id=own_id)
    assert caught.value.kind == "broker.qty_held_for_orders"
    assert len(caught.value.result.lifted) == 2
    assert desk.positions_there() == {"AAPL": "10"}


@pytest.mark.parametrize("own_id", IDS)
def test_a_position_that_its_exit_sells_meanwhile_is_closed(desk: Desk, own_id: str) -> None:
    """The broker infers that the order would open a short, and refuses it."""
    hold(desk)
    before_it_leaves(desk, exit_sells)
    result = desk.oms.close("AAPL", client_order_id=own_id)
    assert (result.record, result.note, result.unprotected_qty) == (None, OWN_EXIT, 0)
    assert desk.positions_there() == {}


def test_of_a_position_that_its_exit_sells_in_part_the_rest_is_sold(desk: Desk) -> None:
    hold(desk)
    before_it_leaves(desk, lambda desk: exit_sells(desk, "6"))
    result = desk.oms.close("AAPL", client_order_id="mine")
    desk.sleep(1)
    assert result.record is not None and result.record.order.qty == D(4)
    assert desk.positions_there() == {}


def test_nothing_is_sent_when_its_exit_sells_while_the_shares_are_waited_for(desk: Desk) -> None:
    hold(desk)
    desk.oms.submit(stop("4"), role=Role.STOP)
    desk.sleep(1)
    get, looks = desk.client.get_position, [0]

    def sold_meanwhile(symbol: str) -> Any:
        looks[0] += 1
        if looks[0] == 3:
            exit_sells(desk)
        return get(symbol)

    desk.client.get_position = sold_meanwhile  # type: ignore[method-assign]
    result = desk.oms.close("AAPL", client_order_id="mine")
    assert (result.record, result.note) == (None, OWN_EXIT)
    assert desk.positions_there() == {} and "mine" not in desk.orders_there()


def test_another_refusal_is_not_tried_again(desk: Desk) -> None:
    hold(desk)
    body = {"code": 40310000, "message": "account is not authorized to trade"}
    desk.fault("canned_reply", method="POST", path="/v2/orders",
               params={"status": 403, "body": body})  # fmt: skip
    with pytest.raises(Exception, match="authorized"):
        desk.oms.close("AAPL", client_order_id="mine")
    assert desk.positions_there() == {"AAPL": "10"}


def test_an_id_that_looks_like_a_try_is_none(desk: Desk) -> None:
    """A trader chose `mine.r1` for another order; `mine` was refused."""
    desk.oms.submit(limit("1.00", symbol="KO", client_order_id="mine.r1"))
    hold(desk)
    before_it_leaves(desk, exits_come, times=9)
    with pytest.raises(CloseFailed):
        desk.oms.close("AAPL", client_order_id="mine")
    again = desk.oms.close("AAPL", client_order_id="mine")
    assert again.record is not None and again.record.client_order_id == "mine.r3"


# --- ended between two tries ----------------------------------------------------------------------


def dying_between_tries(desk: Desk, name: str) -> OrderManagementSystem:
    """An OMS whose process is killed once the order `name` was refused, before the next try."""
    before_it_leaves(desk, exits_come)
    sleep, oms = desk.sleep, desk.open_oms(desk.journal)

    def dies(seconds: float) -> None:
        last = desk.journal.order_by_client_id(name)
        if last is not None and last.status is OrderStatus.REJECTED:
            raise Killed
        sleep(seconds)

    oms.timer = replace(oms.timer, sleep=dies)
    return oms


def test_a_close_that_was_killed_between_two_tries_goes_on_when_given_again(desk: Desk) -> None:
    hold(desk)
    with pytest.raises(Killed):
        dying_between_tries(desk, "mine").close("AAPL", client_order_id="mine")
    assert desk.positions_there() == {"AAPL": "10"}
    result = desk.oms.close("AAPL", client_order_id="mine")
    desk.sleep(1)
    assert result.record is not None and result.record.client_order_id == "mine.r1"
    assert desk.positions_there() == {}
    again = desk.oms.close("AAPL", client_order_id="mine")
    assert again.record is not None and again.record.already


def test_a_close_given_again_while_its_process_still_tries_sells_once(desk: Desk) -> None:
    """Nobody was killed: the first process waits for its second try, and finds that made."""
    hold(desk)
    before_it_leaves(desk, exits_come)
    sleep, oms, done = desk.sleep, desk.open_oms(desk.journal), list[CloseResult]()

    def meanwhile(seconds: float) -> None:
        last = desk.journal.order_by_client_id("mine")
        if last is not None and last.status is OrderStatus.REJECTED and not done:
            done.append(desk.oms.close("AAPL", qty=D(4), client_order_id="mine"))
        sleep(seconds)

    oms.timer = replace(oms.timer, sleep=meanwhile)
    first = oms.close("AAPL", qty=D(4), client_order_id="mine")
    desk.sleep(1)
    assert desk.positions_there() == {"AAPL": "6"}
    assert first.record is not None and done[0].record is not None
    assert first.record.client_order_id == done[0].record.client_order_id == "mine.r1"


@pytest.mark.parametrize("qty", [4, 7])
def test_a_close_given_twice_at_once_sells_once(desk: Desk, qty: int) -> None:
    """Both lift the exits first; the second one is done while the first waits for that. What is
    left then may be less than what was asked for."""
    hold(desk)
    exits_come(desk)
    desk.sleep(1)
    sleep, oms, done = desk.sleep, desk.open_oms(desk.journal), list[CloseResult]()

    def meanwhile(seconds: float) -> None:
        if not done:
            done.append(CloseResult("AAPL", None))
            done[0] = desk.oms.close("AAPL", qty=D(qty), client_order_id="mine")
        sleep(seconds)

    oms.timer = replace(oms.timer, sleep=meanwhile)
    first = oms.close("AAPL", qty=D(qty), client_order_id="mine")
    desk.sleep(1)
    assert desk.positions_there() == {"AAPL": str(10 - qty)}
    assert first.record is not None and first.record.already
    assert first.record.client_order_id == "mine"


def test_what_its_own_exit_closed_is_not_closed_once_more_under_the_same_id(desk: Desk) -> None:
    hold(desk)
    before_it_leaves(desk, exit_sells)
    assert desk.oms.close("AAPL", client_order_id="mine").note == OWN_EXIT
    hold(desk)
    again = desk.oms.close("AAPL", client_order_id="mine")
    assert again.record is not None and again.record.already
    assert desk.positions_there() == {"AAPL": "10"}


# --- by a signal ---------------------------------------------------------------------------------


def test_a_signal_ends_flat_and_its_row_names_the_order(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=D(100))
    trader.placer.place(market(qty="10"))
    trader.fill()
    before_it_leaves(trader.desk, exits_come)
    result = trader.signal(side="sell")
    trader.fill()
    assert result.record is not None and not result.is_failure
    assert trader.desk.positions_there() == {}
    kept = trader.desk.journal.signal(result.signal.id)
    assert kept is not None and kept.client_order_id == result.record.client_order_id


def test_a_signal_for_what_its_exit_sells_meanwhile_is_no_failure(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=D(100))
    trader.placer.place(market(qty="10"))
    trader.fill()
    before_it_leaves(trader.desk, exit_sells)
    result = trader.signal(side="sell")
    assert (result.outcome, result.message, result.record) == (Outcome.FILLED, OWN_EXIT, None)


@pytest.mark.parametrize("step", ["intent_written", "before_post", "after_post"])
def test_a_signal_whose_process_dies_in_the_second_try_sells_once(
    tmp_path: Path, step: str
) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=D(100))
    trader.placer.place(market(qty="10"))
    trader.fill()
    desk, signal, tries = trader.desk, trader.make(side="sell"), [0]
    before_it_leaves(desk, exits_come)

    def dies(at: str) -> None:
        tries[0] += at == step
        if at == step and tries[0] == 2:
            raise Killed

    oms = desk.open_oms(desk.journal, on_step=dies)
    with pytest.raises(Killed):
        Executor(oms, trader.executor.risk).execute_signal(signal)
    desk.sleep(60)
    result = trader.executor.execute_signal(signal)
    trader.fill()
    assert result.record is not None and result.record.client_order_id.endswith("s1.r1")
    sold = [o for o in desk.orders_there().values() if o["side"] == "sell" and o["filled_at"]]
    assert len(sold) == 1 if step == "after_post" else len(sold) <= 1


def killed_signal(tmp_path: Path) -> tuple[SignalTrader, Signal]:
    """A `sell` whose first try exits crossed, and whose process died before the next one."""
    trader = open_trader(tmp_path, max_position_size_pct=D(100))
    trader.placer.place(market(qty="10"))
    trader.fill()
    signal = trader.make(side="sell")
    oms = dying_between_tries(trader.desk, "execbot-signal-s1")
    with pytest.raises(Killed):
        Executor(oms, trader.executor.risk).execute_signal(signal)
    return trader, signal


def test_a_signal_that_was_killed_between_two_tries_goes_on_when_given_again(
    tmp_path: Path,
) -> None:
    trader, signal = killed_signal(tmp_path)
    trader.desk.sleep(60)
    result = trader.executor.execute_signal(signal)
    trader.fill()
    assert result.record is not None and result.record.client_order_id == "execbot-signal-s1.r1"
    assert not result.is_failure and trader.desk.positions_there() == {}
    assert trader.executor.execute_signal(signal).code == "signal.repeated"


def test_one_whose_time_is_over_is_told_as_not_done_and_what_to_do(tmp_path: Path) -> None:
    trader, signal = killed_signal(tmp_path)
    trader.desk.sleep(400)
    result = trader.executor.execute_signal(signal)
    assert (result.outcome, result.is_failure) == (Outcome.REJECTED, True)
    assert "AAPL was not closed" in result.message and "time to live" in result.message
    assert isinstance(result.error, NotPossible)
    assert result.error.next_step == "execbot close AAPL"
    assert trader.desk.positions_there() == {"AAPL": "10"}
