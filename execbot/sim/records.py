"""Keeps the request log and the sent frames, for the users of the exchange.

Both are bounded. `MemoryRecords` keeps them in the process; the shared store has a version of
its own in SQLite.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from execbot.sim.types import Ns

ALL_DATA = "*data"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing put on the streams of an account, or with `ALL_DATA` on every data stream.

    `event`: `frame` is the JSON text to send. `error`: send `frame`, then close. `cut`: the
    connections die without a word. `notice`: a market-data message (a halt, a price band).
    """

    seq: int
    account_id: str
    at: Ns
    what: Literal["event", "error", "cut", "notice"]
    frame: bytes = b""


class Records(Protocol):
    """A place for log entries and deliveries, each with its own ascending `seq`."""

    def log(self, entry: Mapping[str, Any]) -> None:
        """Adds one entry; it gets the next `seq`."""

    def entries(self, since: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """Log entries after `since`, ascending, at most `limit`."""

    def deliver(self, rows: Iterable[Delivery]) -> None: ...

    def deliveries(self, account_id: str | None, since: int) -> Sequence[Delivery]:
        """Deliveries after `since`, ascending, of one account or of all."""

    def clear(self) -> None: ...


class MemoryRecords:
    """Records in two bounded queues."""

    def __init__(self, limit: int = 10_000) -> None:
        self._log: deque[Mapping[str, Any]] = deque(maxlen=limit)
        self._sent: deque[Delivery] = deque(maxlen=limit)
        self._log_seq = 0

    def log(self, entry: Mapping[str, Any]) -> None:
        self._log_seq += 1
        self._log.append({"seq": self._log_seq, **entry})

    def entries(self, since: int, limit: int) -> Sequence[Mapping[str, Any]]:
        return [entry for entry in self._log if entry["seq"] > since][:limit]

    def deliver(self, rows: Iterable[Delivery]) -> None:
        self._sent.extend(rows)

    def deliveries(self, account_id: str | None, since: int) -> Sequence[Delivery]:
        found: list[Delivery] = []
        for row in reversed(self._sent):
            if row.seq <= since:
                break
            if account_id is None or row.account_id == account_id:
                found.append(row)
        found.reverse()
        return found

    def clear(self) -> None:
        self._log.clear()
        self._sent.clear()
