"""How the loop itself is doing, and what of it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from execbot.broker.port import BrokerClient
from execbot.watch.watcher import Watcher


@dataclass
class Health:
    """What the screen shows of the loop itself."""

    stream_up: bool = False
    last_frame_at: datetime | None = None
    frames: int = 0
    lag_ms: float = 0.0
    waiting: int = 0
    requests_left: int | None = None


class Watched(Protocol):
    """A running loop as whoever shows it sees it. `stop` may be called from any thread."""

    watcher: Watcher
    client: BrokerClient
    health: Health

    @property
    def halted_words(self) -> Callable[[], str]: ...

    def stop(self) -> None: ...
