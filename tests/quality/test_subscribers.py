"""Goal: a program hears of each confirmation once, after it is durable.

Method: the OMS as programs open it, on the exchange in process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.confirming import open_confirmed
from support.desk import market

from execbot import OrderManagementSystem
from execbot.journal.confirmation import Confirmation
from execbot.quality import subscribers
from execbot.quality.telling import NewVersion, news_since


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


def test_what_another_process_confirms_meanwhile_is_told_with_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that was written while the last ones were read was never told."""
    account = open_confirmed(tmp_path)
    for symbol in ("AAPL", "KO"):
        account.price(symbol, "99.98", "100.02")
    desk = account.desk
    oms = OrderManagementSystem(desk.client, desk.journal, now=desk.now, timer=desk.timer)
    heard: list[str] = []
    oms.subscribe("confirmation", lambda made: heard.append(made.client_order_id))

    def read_while_another_writes(*args: Any, **more: Any) -> Iterator[NewVersion]:
        yield from news_since(*args, **more)
        monkeypatch.undo()
        account.submit(market("KO", client_order_id="b"), role="entry")
        desk.sleep(1)
        account.confirm()

    monkeypatch.setattr(subscribers, "news_since", read_while_another_writes)
    oms.submit(market(client_order_id="a"), role="entry")
    desk.sleep(1)
    oms.apply_batch(desk.frames())
    oms.gap_fill()
    oms.gap_fill()
    assert sorted(heard) == ["a", "b"]


def test_an_unknown_name_is_still_refused(tmp_path: Path) -> None:
    desk = open_confirmed(tmp_path).desk
    oms = OrderManagementSystem(desk.client, desk.journal, now=desk.now)
    with pytest.raises(ValueError, match="confirmed"):
        oms.subscribe("confirmed", print)
