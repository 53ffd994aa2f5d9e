"""Events of signals on the page: any thread may publish them, the board's own puts them there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from execbot.schemas.board import BoardEvent

WAITING_MAX = 200

Put = Callable[[BoardEvent], None]

_VERBS = {
    "signal_taken": "came",
    "signal_repeated": "came again, nothing is done",
}


class SignalEvents:
    """`publish` from any thread; `run` beside the listeners, in the loop of the board."""

    def __init__(self, now: Callable[[], datetime], put: Put) -> None:
        self._now, self._put = now, put
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING_MAX)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._come = asyncio.Event()
        self._number = 0

    def publish(self, event: dict[str, Any]) -> None:
        self._waiting.append(event)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._come.set)

    async def run(self) -> None:
        """Ends by being canceled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._come.clear()
            while self._waiting:
                self._number -= 1  # those of the watch count upwards
                self._put(row_of(self._waiting.popleft(), self._number, self._now()))
            await self._come.wait()


def row_of(event: dict[str, Any], number: int, at: datetime) -> BoardEvent:
    """One line of the page's events."""
    kind = str(event["type"])
    is_alarm = kind == "alert"
    return BoardEvent(
        number=number,
        at=at,
        type="alarm" if is_alarm else "signal",
        text=str(event["message"]) if is_alarm else _words(kind, event),
        symbol=str(event.get("subject") or "") if is_alarm else str(event["signal"]["symbol"]),
        is_alarm=is_alarm,
        is_critical=False,
    )


def _words(kind: str, event: dict[str, Any]) -> str:
    signal = event["signal"]
    what = f"signal {signal['side']} {signal['symbol']} ({event['id']})"
    if kind in _VERBS:
        return f"{what} {_VERBS[kind]}"
    why = f": {event['message']} ({event['reason']})" if event.get("reason") else ""
    return f"{what}: {event['outcome']}{why}"
