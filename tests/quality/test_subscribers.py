"""Goal: a program hears of each confirmation once, after it is durable.

Method: the OMS as programs open it, on the exchange in process.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.confirming import open_confirmed
from support.desk import market

from execbot import OrderManagementSystem
from execbot.journal.confirmation import Confirmation


def test_a_subscriber_is_called_with_what_the_execution_came_to(tmp_path: Path) -> None:
    account = open_confirmed(tmp_path)
    account.price("AAPL", "99.98", "100.02")
    desk = account.desk
    oms = OrderManagementSystem(desk.client, desk.journal, now=desk.now, timer=desk.timer)
    heard: list[Confirmation] = []
    kept: list[Confirmation | None] = []
    end = oms.subscribe("confirmation", heard.append)
    oms.subscribe("confirmation", lambda made: kept.append(desk.journal.confirmation("a")))
    oms.submit(market(client_order_id="a"), role="entry")
    desk.sleep(1)
    oms.apply_batch(desk.frames())
    assert [made.client_order_id for made in heard] == ["a"]
    assert kept == heard
    oms.gap_fill()
    assert len(heard) == 1
    end()
    oms.submit(market(client_order_id="b"), role="entry")
    desk.sleep(1)
    oms.apply_batch(desk.frames())
    assert len(heard) == 1
    assert [made.client_order_id for made in kept if made] == ["a", "a"]


def test_an_unknown_name_is_still_refused(tmp_path: Path) -> None:
    desk = open_confirmed(tmp_path).desk
    oms = OrderManagementSystem(desk.client, desk.journal, now=desk.now)
    with pytest.raises(ValueError, match="confirmed"):
        oms.subscribe("confirmed", print)
