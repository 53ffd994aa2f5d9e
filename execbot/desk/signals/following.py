"""What became of signals later: their orders, followed to their ends.

A signal's order may be replaced, or be tried again under another id after a rejection; followed is
what stands for the signal now. While a `watch` runs it writes what happens into the journal, and
that is read; without one the broker is asked, less and less often while nothing happens.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.following import successor_of
from execbot.journal.errors import JournalError
from execbot.model.numbers import maybe_text, text
from execbot.model.order_words import price_format

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.journal.records import OrderRecord

LOOK_SECONDS = 1.0
LOOK_SECONDS_MAX = 5.0
"""Two or three requests a look: 36 of 200 a minute while nothing happens."""

LOOK_FACTOR = 1.3
WATCH_LOOK_SECONDS = 10.0
"""How often the run looks whether a `watch` runs."""


class Became(Struct, frozen=True):
    """What a signal's order has become; `is_final` when nothing more is to be expected."""

    signal_id: str
    line: int
    record: OrderRecord
    is_final: bool

    def to_dict(self) -> dict[str, Any]:
        record, order = self.record, self.record.order
        return {
            "line": self.line,
            "signal_id": self.signal_id,
            "symbol": order.symbol,
            "side": order.side.value,
            "outcome": record.outcome.value,
            "status": order.status.value,
            "final": self.is_final,
            "message": _words(record),
            "client_order_id": record.client_order_id,
            "order_id": order.id or None,
            "qty": maybe_text(order.qty),
            "notional": maybe_text(order.notional),
            "filled_qty": text(order.filled_qty),
            "filled_avg_price": maybe_text(order.filled_avg_price),
        }


def _words(record: OrderRecord) -> str | None:
    order = record.order
    if not order.filled_qty:
        return record.note
    price = f" at {price_format(order)(order.filled_avg_price)}" if order.filled_avg_price else ""
    return f"filled {text(order.filled_qty)}{price}"


@dataclass
class _Followed:
    signal_id: str
    line: int
    record: OrderRecord


class SignalFollowing:
    """Add orders from any thread; `look` from one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open: list[_Followed] = []
        self._lock = threading.Lock()
        self._watched_at = float("-inf")
        self._is_watched = False
        self.trouble = ""
        """Why the last look brought nothing new; empty when it could be made."""
        self.pause_seconds = LOOK_SECONDS
        """How long to wait before the next look."""

    def add(self, signal_id: str, line: int, record: OrderRecord) -> None:
        """Follow an order as it was when its signal was acted on."""
        with self._lock:
            self._open.append(_Followed(signal_id, line, record))
        self.pause_seconds = LOOK_SECONDS

    @property
    def open_count(self) -> int:
        with self._lock:
            return len(self._open)

    def look(self) -> list[Became]:
        """What has changed since the last look, in the order in which the signals came."""
        if not self.open_count:
            return []
        self._learn()
        with self._lock:
            followed = list(self._open)
        found: list[Became] = []
        ended: list[_Followed] = []
        for item in followed:
            try:
                record = self._stands_now(item)
            except JournalError as error:
                self.trouble = error.message
                break
            is_final = record.order.is_terminal and successor_of(record) is None
            if is_final:
                ended.append(item)
            if is_final or _differs(item.record, record):
                found.append(Became(item.signal_id, item.line, record, is_final))
            item.record = record
        with self._lock:
            self._open = [item for item in self._open if item not in ended]
        longer = min(self.pause_seconds * LOOK_FACTOR, LOOK_SECONDS_MAX)
        self.pause_seconds = LOOK_SECONDS if found else longer
        return found

    def _learn(self) -> None:
        """Take in what happened at the broker, unless a `watch` does."""
        self.trouble = ""
        if self._has_watch():
            return
        try:
            self._desk.oms.settle()
            self._desk.oms.gap_fill()
        except (BrokerError, JournalError) as error:
            self.trouble = error.message

    def _has_watch(self) -> bool:
        from execbot.desk.protect import watched_by

        if time.monotonic() - self._watched_at >= WATCH_LOOK_SECONDS:
            self._watched_at = time.monotonic()
            self._is_watched = watched_by(self._desk) is not None
        return self._is_watched

    def _stands_now(self, item: _Followed) -> OrderRecord:
        """The order that stands for the signal: the latest try, and what that was replaced by."""
        journal = self._desk.journal
        signal = journal.signal(item.signal_id)
        latest = signal.client_order_id if signal is not None else None
        name = latest or item.record.client_order_id
        record = journal.order_by_client_id(name) or item.record
        while new := successor_of(record):
            after = journal.order_by_broker_id(new)
            if after is None:
                break
            record = after
        return record


def _differs(before: OrderRecord, now: OrderRecord) -> bool:
    """Whether it is something that a strategy would want to know."""
    return (
        before.client_order_id != now.client_order_id
        or before.outcome is not now.outcome
        or before.order.filled_qty != now.order.filled_qty
    )
