"""Keeps the board: by the running watch, and by journal and broker where none runs.

It hears the watch through its socket. When the watch goes, the page says so and asks by itself; it
knocks again every second. A page that reads too slowly there gets `lost` and begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from execbot.desk.account import Desk
from execbot.desk.door.address import announced
from execbot.desk.door.messages import Declined, LookOn, Request
from execbot.desk.door.peer import PROTOCOL, is_own_user
from execbot.desk.door.wire import Garbled, read, to_line
from execbot.journal.errors import JournalError
from execbot.model.printable import harmless_line
from execbot.model.timer import boot_seconds
from execbot.model.times import eastern
from execbot.page import rows
from execbot.page.board import LiveBoard
from execbot.page.neighbours import neighbours
from execbot.page.reads import Asked, Reads, ask_broker, read_quality
from execbot.schemas.board import BoardOrder, BoardPosition, BoardSource
from execbot.version import __version__
from execbot.watch.lock import holder_of
from execbot.watch.show.frames import Frame, Lost, Picture

log = logging.getLogger("execbot.page")

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""A whole frame of hundreds of positions and orders."""

SILENCE_SECONDS = 5.0
"""The watch says every second how it is doing: one that says nothing for so long is stuck."""

KNOCK_SECONDS = 1.0
JOURNAL_SECONDS = 0.5
"""How often the page looks whether another process has written to the journal; costs next to
nothing."""

ACCOUNT_SECONDS = 15.0
"""Four or five requests, of 200 a minute, and only while somebody looks."""

MOVED_SECONDS = 5.0
"""How soon the account is asked for again while orders move: more often, and a busy hour's looks
would take the requests that orders need."""

WITHOUT_WATCH_SECONDS = 5.0
FIRST_LOOK_SECONDS = 10.0
"""How long a program's first question waits for the first look at the broker."""

QUALITY_SECONDS = 60.0
NO_WATCH = "No watch runs: nobody keeps stops and targets. What is shown is read every few seconds."


class Following:
    """Everything but the reads runs in the event loop's thread."""

    def __init__(
        self, desk: Desk, reads: Reads, board: LiveBoard, is_watched: Callable[[], bool]
    ) -> None:
        """`is_watched`: whether somebody looks at the page."""
        self._desk = desk
        self._reads = reads
        self._board = board
        self._is_watched = is_watched
        self._picture = Picture()
        self._follows = False
        self._orders: set[str] = set()
        """Orders that the watch has shown: it knows them better than a look at the journal."""
        exits = desk.settings.trading.exits
        alarm = timedelta(seconds=float(exits.unprotected_alarm_seconds))
        self._bare_for = alarm if exits.every_position else None
        self._has_asked = asyncio.Event()
        self._journal_trouble = ""
        self._wake = asyncio.Event()
        self._has_moved = False
        self._wake_journal = asyncio.Event()

    def look_soon(self) -> None:
        """Somebody has come, or something was done: read what may have changed."""
        self._wake.set()

    async def until_asked(self) -> None:
        """Wait until it is known what is held, or why it is not; or until that takes long."""
        self.look_soon()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self._has_asked.wait()

    async def run(self) -> None:
        """Until it is canceled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_watch())
            group.create_task(self._follow_journal())
            group.create_task(self._follow_broker())
            group.create_task(self._follow_quality())
            group.create_task(self._follow_neighbours())

    # --- the watch -------------------------------------------------------------------------

    async def _follow_watch(self) -> None:
        while True:
            words = NO_WATCH
            try:
                words = await self._hear()
            except (OSError, Garbled, TimeoutError, asyncio.IncompleteReadError) as error:
                log.info("the watch cannot be heard: %s", error)
            if self._follows:
                self._follows = False
                self._picture = Picture()
                self._orders.clear()
                self.look_soon()
            self._say("journal", words, watch=None)
            await asyncio.sleep(KNOCK_SECONDS)

    async def _hear(self) -> str:
        """Follow the watch as long as it speaks; why it does not any more, in words."""
        path = announced(self._desk.directory)
        if path is None or not _is_ours(path):
            return self._why_not()
        reader, writer = await asyncio.open_unix_connection(str(path), limit=FRAME_BYTES_MAX)
        try:
            if not is_own_user(writer.get_extra_info("socket")):
                return NO_WATCH
            request = Request(PROTOCOL, __version__, "", "page", boot_seconds(), LookOn())
            writer.write(to_line(request))
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    line = await reader.readline()
                if not line:
                    return self._why_not()
                said: Frame | Lost | Declined = read(line, Frame | Lost | Declined)
                if isinstance(said, Declined):
                    return f"The watch tells nothing. {said.words}".strip()
                if isinstance(said, Frame):
                    self._take(said)
        except TimeoutError:
            return "The watch says nothing: it is stuck, and may protect nothing."
        finally:
            writer.close()

    def _why_not(self) -> str:
        pid = holder_of(self._desk.directory)
        if pid is None:
            return NO_WATCH
        return f"A watch runs (process {pid}), and its door is closed: what is shown is read."

    def _take(self, frame: Frame) -> None:
        before = set(self._picture.held)
        self._picture.take(frame)
        picture = self._picture
        changed = set(picture.held) if frame.whole else {*frame.held, *frame.prices} | {
            one.order.symbol for one in frame.orders.values() if one is not None}  # fmt: skip
        orders = {
            name: rows.order_row(one)
            for name, one in (picture.orders if frame.whole else frame.orders).items()
            if one is not None
        }
        self._orders = set(picture.orders)
        sections: dict[str, Any] = {}
        if not self._follows:
            self._follows = True
            before |= set(self._board.positions)
        if frame.shape is not None:
            sections["watch"] = rows.watch_line(frame.shape)
        events = tuple(map(rows.event_row, frame.told))
        self._board.change(
            frame.at,
            positions=self._positions(changed, before, frame.at),
            orders={name: self._kept(name, row) for name, row in orders.items()},
            events=() if frame.whole else events,
            all_events=events if frame.whole else None,
            beats=frame.shape is not None,
            source=BoardSource(kind="watch", words="", at=None),
            positions_known=True,
            **sections,
        )
        self._has_asked.set()
        if any(one is None for one in frame.orders.values()):
            self._wake_journal.set()  # how it ended is there
        if frame.orders and not frame.whole:
            self._has_moved = True  # money has, or it is bound otherwise

    def _kept(self, name: str, row: BoardOrder) -> BoardOrder:
        """The order with the moment of its decision, which only the journal knows."""
        before = self._board.orders.get(name)
        return row if before is None else row.model_copy(update={"at": before.at or row.at})

    def _positions(
        self, changed: set[str], before: set[str], now: datetime
    ) -> dict[str, BoardPosition | None]:
        picture, found = self._picture, dict[str, BoardPosition | None]()
        by_symbol: dict[str, list[Any]] = {}
        for one in picture.orders.values():
            by_symbol.setdefault(one.order.symbol, []).append(one.order)
        for symbol in changed:
            held = picture.held.get(symbol)
            if held is not None:
                found[symbol] = rows.held_row(
                    held,
                    picture.prices.get(symbol),
                    by_symbol.get(symbol, []),
                    now,
                    differs=symbol in picture.shape.differing,
                    bare_for=self._bare_for,
                )
        found.update(dict.fromkeys(before - set(picture.held)))
        return found

    # --- journal and broker ----------------------------------------------------------------

    async def _follow_journal(self) -> None:
        while True:
            try:
                fresh = await self._reads.fresh()
            except JournalError as error:
                self._journal_trouble = f"The journal cannot be read: {error.message}"
                self._trouble(self._journal_trouble)
                await asyncio.sleep(KNOCK_SECONDS)
                continue
            self._journal_trouble = ""
            if fresh is not None:
                orders = {n: row for n, row in fresh.orders.items() if n not in self._orders}
                gone = set(self._board.orders) - set(fresh.orders) - self._orders
                self._board.change(
                    self._desk.now(),
                    orders={**orders, **dict.fromkeys(gone)},
                    confirmations=fresh.confirmations,
                    alerts=fresh.alerts,
                    all_events=None if self._follows else fresh.events,
                    halt=fresh.halt,
                )
            with suppress(TimeoutError):
                async with asyncio.timeout(JOURNAL_SECONDS):
                    await self._wake_journal.wait()
            self._wake_journal.clear()

    async def _follow_broker(self) -> None:
        """Only while somebody looks: each look costs requests of the account's budget."""
        asked_at = float("-inf")
        while True:
            is_due = is_to_be_asked(
                time.monotonic() - asked_at,
                follows=self._follows,
                is_called=self._wake.is_set(),
                has_moved=self._has_moved,
            )
            if self._is_watched() and is_due:
                self._wake.clear()
                self._has_moved = False
                asked_at = time.monotonic()
                await self._ask()
            with suppress(TimeoutError):
                async with asyncio.timeout(KNOCK_SECONDS):
                    await self._wake.wait()
            await asyncio.sleep(0.1)

    async def _ask(self) -> None:
        alone = not self._follows
        try:
            asked: Asked = await self._reads.call(
                lambda desk: ask_broker(desk, with_positions=alone)
            )
        except JournalError as error:
            return self._trouble(f"The journal cannot be read: {error.message}")
        finally:
            self._has_asked.set()
        trouble = asked.account.trouble or self._journal_trouble
        if trouble:
            return self._trouble(trouble)
        sections: dict[str, Any] = {"account_line": asked.account}
        if asked.market is not None:
            sections["market"] = asked.market
        if asked.queue is not None:
            sections["queue"] = asked.queue
        positions: dict[str, BoardPosition | None] = {}
        if asked.positions is not None and not self._follows:
            positions = {**dict.fromkeys(self._board.positions), **asked.positions}
            sections["positions_known"] = True
        self._board.change(self._desk.now(), positions=positions, **sections)

    async def _follow_quality(self) -> None:
        read_at, read_on = float("-inf"), date.min
        while True:
            now = self._desk.now()
            since, today = time.monotonic() - read_at, eastern(now).date()
            if self._is_watched() and is_quality_due(since, read_on, today):
                read_at, read_on = time.monotonic(), today
                with suppress(JournalError):
                    quality = await self._reads.call(partial(read_quality, on=now))
                    self._board.change(self._desk.now(), quality=quality)
            await asyncio.sleep(KNOCK_SECONDS)

    async def _follow_neighbours(self) -> None:
        while True:
            if self._is_watched():
                beside = await asyncio.to_thread(neighbours, self._desk.directory)
                self._board.change(self._desk.now(), profiles=beside)
            await asyncio.sleep(WITHOUT_WATCH_SECONDS)

    def _trouble(self, words: str) -> None:
        """Say why the figures grow old. They stay as they were, with their age."""
        account = self._board.account_line.model_copy(update={"trouble": harmless_line(words)})
        self._board.change(self._desk.now(), account_line=account)

    def _say(self, kind: Any, words: str, **sections: Any) -> None:
        source = BoardSource(kind=kind, words=words)
        self._board.change(self._desk.now(), source=source, beats=True, **sections)


def is_to_be_asked(since: float, *, follows: bool, is_called: bool, has_moved: bool) -> bool:
    """Whether to ask the broker, so many seconds after the last time. `is_called`: somebody has
    come, or has done something here; `has_moved`: the watch has told of an order."""
    every = ACCOUNT_SECONDS if follows else WITHOUT_WATCH_SECONDS
    if has_moved:
        every = min(every, MOVED_SECONDS)
    return since >= (KNOCK_SECONDS if is_called else every)


def is_quality_due(since: float, read_on: date, today: date) -> bool:
    """Whether to read today's quality, so many seconds after it was read on the day `read_on`."""
    return since >= QUALITY_SECONDS or read_on != today


def _is_ours(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.getuid()
    except OSError:
        return False
