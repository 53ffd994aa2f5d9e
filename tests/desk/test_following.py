"""An order that is waited for: looked at until it ends, through what takes its place, or until the
time is up.

Method: the built-in exchange in virtual time; pauses and looks are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.desk import Desk, limit, market, open_desk

from execbot.broker.port import ReplaceRequest
from execbot.desk.following import follow
from execbot.model.enums import OrderStatus
from execbot.model.timer import Timer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path)


def context(desk: Desk) -> Any:
    """All of an opened account that following needs."""
    return SimpleNamespace(oms=desk.oms)


def test_order_is_followed_to_its_end_with_pauses_that_grow(desk: Desk) -> None:
    record = desk.oms.submit(market())
    desk.slept.clear()
    ended, warnings = follow(context(desk), record, 30, timer=desk.timer)
    assert (ended.status, warnings) == (OrderStatus.FILLED, [])
    assert desk.slept == sorted(desk.slept) and desk.slept[0] == pytest.approx(0.2)


def test_order_that_does_not_end_is_looked_at_less_and_less_until_the_time_is_up(
    desk: Desk,
) -> None:
    record = desk.oms.submit(limit("1.00"))
    began, asked = desk.monotonic(), len(desk.sent)
    left, warnings = follow(context(desk), record, 30, timer=desk.timer)
    assert desk.monotonic() - began == pytest.approx(30, abs=0.01)
    assert len(desk.sent) - asked < 25
    assert left.order.is_working
    assert warnings == ["Not ended within 30 seconds; it stays working."]


def test_no_time_is_no_look(desk: Desk) -> None:
    record = desk.oms.submit(market())
    asked = len(desk.sent)
    left, warnings = follow(context(desk), record, 0, timer=desk.timer)
    assert (left, len(desk.sent)) == (record, asked)
    assert warnings == ["Not ended within 0 seconds; it stays working."]


def in_the_first_pause(desk: Desk, do: Callable[[], None]) -> Timer:
    todo = [do]

    def sleep(seconds: float) -> None:
        desk.sleep(seconds)
        if todo:
            todo.pop()()

    return Timer(desk.monotonic, sleep)


def test_order_that_is_replaced_is_followed_into_what_it_became(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00", client_order_id="old"))
    desk.sleep(1)

    def replace() -> None:
        desk.client.replace_order(record.order_id, ReplaceRequest(limit_price=Decimal(900)))
        desk.sleep(1)

    timer = in_the_first_pause(desk, replace)
    ended, warnings = follow(context(desk), record, 30, timer=timer)
    assert ended.status is OrderStatus.FILLED
    assert ended.order.limit_price == 900
    assert warnings == ["old was replaced: shown is what it became."]


def test_look_that_is_not_answered_is_repeated_and_the_last_one_told(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00"))
    desk.fault("unauthorized", method="GET", path="/v2/orders/*", count=999)
    left, warnings = follow(context(desk), record, 5, timer=desk.timer)
    assert left == record
    (said,) = warnings
    assert said.startswith("Not ended within 5 seconds; it stays working. Last look: ")


def test_ctrl_c_ends_the_waiting_and_not_the_order(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00", client_order_id="mine"))

    def interrupt() -> None:
        raise KeyboardInterrupt

    timer = in_the_first_pause(desk, interrupt)
    left, warnings = follow(context(desk), record, 30, timer=timer)
    assert left.order.is_working
    assert warnings[0].startswith("Stopped waiting. The order lives on at the broker")
    assert "execbot cancel mine" in warnings[1]
