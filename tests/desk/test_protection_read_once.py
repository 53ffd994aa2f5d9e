"""Goal: how positions are protected is read once: one coverage, and one look at the clock.

Method: an account of the built-in exchange in this process; what the adapter asks for is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from execbot.desk import exit_plans
from execbot.desk.account import Desk, open_desk
from execbot.desk.following import follow
from execbot.desk.look.protection import protection_of
from execbot.desk.opening.exchange import control
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.watch.lock import WatchLock


@pytest.fixture
def desk(sim_env: dict[str, str]) -> Iterator[Desk]:
    """Three positions, of which two have a plan."""
    for symbol in ("AAPL", "KO", "MSFT"):
        control("POST", "price", {"symbol": symbol, "price": "100", "hold": True}, env=sim_env)
    opened = open_desk(env=sim_env)
    for symbol in ("AAPL", "KO", "MSFT"):
        record = opened.placer.place(OrderRequest(symbol, Side.BUY, qty=Decimal(2))).record
        follow(opened, record, 20)
    for symbol in ("AAPL", "KO"):
        exit_plans.protect(opened, symbol)
    opened.close()
    again = open_desk(env=sim_env)
    yield again
    again.close()


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of reads of the broker's clock and positions, as they happen."""
    reads: list[str] = []
    for name in ("get_clock", "get_positions"):
        real = getattr(desk.client, name)

        def counted(*args: Any, real: Any = real, name: str = name, **more: Any) -> Any:
            reads.append(name)
            return real(*args, **more)

        monkeypatch.setattr(desk.client, name, counted)
    return reads


def test_the_plans_of_all_positions_are_shown_with_one_look_at_clock_and_positions(
    desk: Desk, asked: list[str]
) -> None:
    views = exit_plans.plans(desk).views
    assert [view.coverage.state.value for view in views] == ["protected", "protected", "no_plan"]
    assert sorted(asked) == ["get_clock", "get_positions"]


def test_a_position_is_protected_with_one_look_at_the_clock(desk: Desk, asked: list[str]) -> None:
    done = exit_plans.protect(desk, "MSFT")
    assert done.view is not None and done.uncovered == 0
    assert asked.count("get_clock") == 1
    [same] = [found for found in protection_of(desk) if found.symbol == "MSFT"]
    assert done.view.coverage == same.coverage


def test_waiting_for_the_watch_asks_for_the_clock_once_however_long_it_takes(
    desk: Desk, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execbot.desk.protect.WAIT_SECONDS", 1.0)
    lock = WatchLock(desk.directory)
    lock.acquire()  # a `watch` that does nothing
    try:
        done = exit_plans.protect(desk, "MSFT")
    finally:
        lock.release()
    assert done.uncovered == 2
    assert asked.count("get_clock") == 1
    assert asked.count("get_positions") <= 3
