"""Goal: what the page calls today's is of today, from the first seconds of New York's day on.

Method: the page's own following of a real account in sim mode, in one loop; its clock is put past
midnight while it runs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.desk import market
from support.processes import clean_environment
from support.waiting import eventually

from execbot.desk.account import Desk, open_desk
from execbot.model.times import eastern
from execbot.page.board import LiveBoard
from execbot.page.following import Following, is_quality_due
from execbot.page.reads import Fresh, Reads
from execbot.schemas.board import BoardShown, BoardSource

SOON_SECONDS = 20.0
"""Far below the minute after which quality is read again of itself."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An order was sent today."""
    found = open_desk(env=clean_environment(tmp_path, EXECBOT_MODE="sim"))
    found.oms.submit(market())
    yield found
    found.close()


async def until(holds: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.1)


def day_of(state: dict[str, Any]) -> date:
    return eastern(datetime.fromisoformat(state["now"])).date()


async def over_midnight(desk: Desk) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The board as it is soon after midnight, and each state of it since."""
    shifts, states = [timedelta(0)], list[dict[str, Any]]()

    def now() -> datetime:
        return desk.now() + shifts[0]

    moved = replace(desk, now=now, _closers=[])
    shown = BoardShown(
        mode="sim", account=desk.account, version="0", now=now(), actions=False,
        source=BoardSource(kind="journal", words=""),
    )  # fmt: skip

    def board_now() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(board.snapshot())["board"]
        return found

    board = LiveBoard(shown, lambda text: states.append(board_now()))
    reads = Reads(moved)
    running = asyncio.create_task(Following(moved, reads, board, lambda: True).run())
    try:
        await until(lambda: bool(board_now()["quality"]["sent"] and board_now()["orders"]), 60)
        shifts[0] = timedelta(days=1)
        states.clear()
        tomorrow = eastern(now()).date()
        await until(lambda: board_now()["quality"]["day"] == str(tomorrow), SOON_SECONDS)
        return board_now(), [one for one in states if day_of(one) == tomorrow]
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        reads.close()


def test_execution_quality_is_never_that_of_the_day_before(desk: Desk) -> None:
    board, states = asyncio.run(over_midnight(desk))
    assert board["quality"]["sent"] == 0
    assert {one["quality"]["day"] for one in states} <= {None, board["quality"]["day"]}


def test_the_journal_is_read_anew_with_the_day_though_nothing_was_written(desk: Desk) -> None:
    """Orders, confirmations and alarms are today's."""
    shifts = [timedelta(0)]
    reads = Reads(replace(desk, now=lambda: desk.now() + shifts[0], _closers=[]))
    assert eventually(lambda: desk.oms.gap_fill() and not desk.journal.orders("open"))
    try:
        today, again = asyncio.run(twice(reads))
        shifts[0] = timedelta(days=1)
        tomorrow = asyncio.run(reads.fresh())
    finally:
        reads.close()
    assert today is not None and len(today.orders) == 1 and again is None
    assert tomorrow is not None and not tomorrow.orders


async def twice(reads: Reads) -> tuple[Fresh | None, Fresh | None]:
    return await reads.fresh(), await reads.fresh()


DAY, NEXT = date(2026, 12, 1), date(2026, 12, 2)


@pytest.mark.parametrize(
    ("since", "today", "is_due"),
    [(59.0, DAY, False), (60.0, DAY, True), (1.0, NEXT, True)],
)
def test_quality_is_read_each_minute_and_with_the_day(
    since: float, today: date, is_due: bool
) -> None:
    assert is_quality_due(since, DAY, today) is is_due
