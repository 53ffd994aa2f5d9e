"""Goal: who owns a request that was handed over is decided once, in the journal.

Method: the OMS on an exchange in process, carrying a request as the watch and as the command.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from support.desk import Desk

from execbot.journal.records import Role
from execbot.model.enums import OrderStatus, Side
from execbot.model.order import OrderRequest
from execbot.oms.errors import HandedBack
from execbot.oms.send.hand_over import (
    By,
    HandOver,
    carrying,
    may_make,
    may_revoke,
    orders_of,
    stands,
    take_back,
    was_handed_back,
)

WATCH, COMMAND = HandOver("mine", By.WATCH), HandOver("mine", By.COMMAND)


def order(name: str = "mine", symbol: str = "AAPL") -> OrderRequest:
    return OrderRequest(symbol, Side.BUY, qty="1", client_order_id=name)


@pytest.mark.parametrize("status", [None, *OrderStatus])
def test_an_order_stands_unless_it_certainly_is_not_at_the_broker(
    status: OrderStatus | None,
) -> None:
    free = status in (None, OrderStatus.DENIED, OrderStatus.NEVER_SENT)
    assert stands(status) is not free
    assert may_revoke((status,)) is free
    assert may_revoke((OrderStatus.DENIED, status)) is free


def test_only_the_watch_is_bound_by_a_revocation() -> None:
    assert may_make(By.WATCH, is_revoked=False)
    assert not may_make(By.WATCH, is_revoked=True)
    assert may_make(By.COMMAND, is_revoked=True)


def test_the_watch_sends_what_was_not_taken_back_and_the_command_then_cannot_take_it(
    desk: Desk,
) -> None:
    with carrying(WATCH):
        desk.oms.submit(order())
    assert not take_back(desk.journal, "mine")
    assert not desk.journal.is_revoked("mine")
    assert [record.client_order_id for record in orders_of(desk.journal, "mine")] == ["mine"]


ACTS: dict[str, Callable[[Desk], object]] = {
    "submit": lambda desk: desk.oms.submit(order()),
    "another attempt": lambda desk: desk.oms.submit(order("mine.r1")),
    "queue": lambda desk: desk.oms.queue(order()),
    "cancel": lambda desk: desk.oms.cancel("before"),
    "replace": lambda desk: desk.oms.replace("before", desk_change()),
    "close": lambda desk: desk.oms.close("MSFT"),
}


def desk_change() -> object:
    from decimal import Decimal

    from execbot.broker.port import ReplaceRequest

    return ReplaceRequest(limit_price=Decimal("101"), client_order_id="mine")


@pytest.mark.parametrize("act", ACTS)
def test_the_watch_does_nothing_for_what_was_taken_back(desk: Desk, act: str) -> None:
    """E-JRN-2."""
    desk.oms.submit(
        OrderRequest(
            "AAPL", Side.BUY, qty="1", type="limit", limit_price="50", client_order_id="before"
        )
    )
    desk.oms.submit(order("held", "MSFT"))
    desk.sleep(2)
    asked = len(desk.sent)
    assert take_back(desk.journal, "mine")
    with carrying(WATCH), pytest.raises(HandedBack):
        ACTS[act](desk)
    assert all(line.startswith("GET ") for line in desk.sent[asked:])


def test_what_protects_is_placed_whatever_was_taken_back(desk: Desk) -> None:
    take_back(desk.journal, "mine")
    with carrying(WATCH):
        assert was_handed_back(desk.journal)
        desk.oms.submit(order("guard"), role=Role.STOP)


def test_the_commands_own_intent_revokes_whatever_becomes_of_it(desk: Desk) -> None:
    with carrying(COMMAND):
        desk.oms.submit(order())
    assert desk.journal.is_revoked("mine")


def test_a_request_of_another_name_says_which_order_was_made_of_it(desk: Desk) -> None:
    with carrying(HandOver("close:1", By.WATCH)):
        desk.oms.submit(order("made"))
    assert [record.client_order_id for record in orders_of(desk.journal, "close:1")] == ["made"]
    assert not take_back(desk.journal, "close:1")


def test_without_a_hand_over_nothing_is_noted(desk: Desk) -> None:
    desk.oms.submit(order())
    assert not desk.journal.is_revoked("mine")
    assert desk.journal.handed_orders("mine") == []


@pytest.mark.parametrize("statement", ["UPDATE hand_overs SET at = ''", "DELETE FROM hand_overs"])
def test_a_revocation_is_for_ever(desk: Desk, statement: str) -> None:
    take_back(desk.journal, "mine")
    with sqlite3.connect(desk.journal.path) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
