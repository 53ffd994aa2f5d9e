"""What breaks under commands and `watch` in the process-level proof, and the exchange's witness.

Faults: a lock in the middle, a full disk, silent streams, absurd frames and answers, clock steps,
replies lost, an output that nobody reads.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.error import HTTPError

from support.harness.small_disk import SmallDisk
from support.processes import Server

LIVE = {"new", "accepted", "partially_filled", "held", "pending_new", "pending_replace",
        "pending_cancel"}  # fmt: skip
STOPS = {"stop", "stop_limit", "trailing_stop"}
SYMBOLS = ("AAPL", "MSFT", "KO")
D = Decimal

ABSURD = ("7", "1e999", "9" * 3000, r'"\ud800"', '"../../x"', '"0001-01-01T00:00:00Z"', "null")
FIELDS = ("data.order.legs", "data.qty", "data.position_qty", "data.order.symbol", "data.order.id",
          "data.timestamp", "data.order")  # fmt: skip

RULES: tuple[Mapping[str, Any], ...] = (
    {"kind": "reply_lost", "method": "POST", "path": "/v2/orders", "count": 1,
     "params": {"seconds": 3.0}},
    {"kind": "reset_after", "method": "POST", "path": "/v2/orders", "count": 1},
    {"kind": "reset_before", "method": "POST", "path": "/v2/orders", "count": 1},
    {"kind": "reset_after", "method": "DELETE", "path": "/v2/orders/*", "count": 1},
    {"kind": "server_error", "probability": 0.5, "for_seconds": 4, "path": "/v2/*"},
    {"kind": "rate_limited", "count": 3, "path": "/v2/orders"},
    {"kind": "stream_muted", "for_seconds": 15},
    {"kind": "stream_cut", "count": 1},
    {"kind": "data_muted", "for_seconds": 15},
    {"kind": "event_duplicated", "count": 4},
    {"kind": "event_missing", "count": 2},
    {"kind": "event_late", "count": 2, "params": {"seconds": 3.0}},
)  # fmt: skip


_LOCK = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
other.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
other.execute("ROLLBACK")
"""


@dataclass
class Breaker:
    """Breaks one thing at a time for an account; everything is whole again after `mend`."""

    server: Server
    disk: SmallDisk
    journal: Callable[[], Any]
    count: Callable[[], int]
    """How many orders the exchange has."""
    chance: random.Random
    pace_seconds: float = 1.0
    broken: list[str] = field(default_factory=list)
    locks: int = 0
    """How often the journal was locked indeed."""
    _lock: threading.Thread | None = None
    _let_go: threading.Event = field(default_factory=threading.Event)

    def break_something(self) -> str:
        ways = (self.lock, self.full, self.rule, self.absurd, self.step_clock, self.in_the_middle)
        what = self.chance.choice(ways)
        name = what()
        self.broken.append(name)
        return name

    def lock(self) -> str:
        """From a moment on another process keeps the journal locked for some seconds."""
        delay = self.chance.uniform(0, 1) * self.pace_seconds
        seconds = self.chance.uniform(0.3, 6)

        def hold() -> None:
            self._let_go.wait(delay)
            self._keep_locked(seconds)

        self._run(hold)
        return f"locked after {delay:.2f} for {seconds:.1f} s"

    def in_the_middle(self) -> str:
        """The next order is there, its answer is not: now the journal is locked, or the disk full,
        for longer than a command waits."""
        rule = {"kind": "reply_delayed", "method": "POST", "path": "/v2/orders", "count": 1}
        self.server.call("POST", "/sim/faults", {**rule, "params": {"seconds": 1.5}})
        before, is_lock = self.count(), self.chance.random() < 0.5

        def strike() -> None:
            for _ in range(200):
                with suppress(OSError, ValueError):
                    if self.count() > before:
                        act = partial(self._keep_locked, 14) if is_lock else self.disk.fill
                        act()
                        return
                if self._let_go.wait(0.1):
                    return

        self._run(strike)
        return f"{'locked' if is_lock else 'full'} as the order passes"

    def _run(self, act: Callable[[], object]) -> None:
        self._let_go.clear()
        self._lock = threading.Thread(target=act)
        self._lock.start()

    def _keep_locked(self, seconds: float) -> None:
        """By a process inside: SQLite resolves every link of a path, and would look outside."""
        inside = self.disk.inside / self.journal().relative_to(self.disk.outside)
        with subprocess.Popen(
            [*self.disk.prefix, sys.executable, "-c", _LOCK, str(inside)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as holder:
            assert holder.stdout is not None and holder.stdin is not None
            self.locks += holder.stdout.readline() == b"locked\n"
            self._let_go.wait(seconds)
            holder.stdin.close()

    def full(self) -> str:
        left = self.chance.choice((0, 44, 60, 80, 120, 160))
        self.disk.leave(left)
        if not left:
            self.disk.fill()
        return f"{left} kB left"

    def rule(self) -> str:
        rule = self.chance.choice(RULES)
        self.server.call("POST", "/sim/faults", dict(rule))
        return str(rule["kind"])

    def absurd(self) -> str:
        value = self.chance.choice(ABSURD)
        if self.chance.random() < 0.5:
            name = self.chance.choice(FIELDS)
            rule = {"event": "fill", "field": name, "json": value, "count": 1}
            self.server.call("POST", "/sim/faults", {"kind": "frame_spoilt", **rule})
            return f"frame {rule['field']} {value[:9]}"
        path, field_name = self.chance.choice(
            (("/v2/positions", "*.qty"), ("/v2/account", "equity"))
        )
        rule = {"method": "GET", "path": path, "field": field_name, "json": value, "count": 2}
        self.server.call("POST", "/sim/faults", {"kind": "value_spoilt", **rule})
        return f"answer {path} {value[:9]}"

    def step_clock(self) -> str:
        """The broker's `Date` leaps by an hour and back, as when a clock is set."""
        seconds = self.chance.choice((600, 3600))
        rule: dict[str, Any] = {
            "kind": "clock_skew",
            "method": "*",
            "path": "/v2/*",
            "for_seconds": 6,
            "params": {"seconds": seconds},
        }
        self.server.call("POST", "/sim/faults", rule)
        return f"clock {seconds}"

    def mend_threads(self) -> None:
        """One lock at a time."""
        self._let_go.set()
        if self._lock is not None:
            self._lock.join()
            self._lock = None

    def mend(self) -> None:
        self.mend_threads()
        self.disk.make_room()
        self.server.call("DELETE", "/sim/faults")


def uncovered(positions: list[dict[str, Any]], orders: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Shares without a stop, by the exchange's own positions and orders (nested)."""
    found = {}
    for position in positions:
        symbol, missing = position["symbol"], D(position["qty"])
        for row in orders:
            armed = row["order_class"] not in ("bracket", "oto") or row["status"] == "filled"
            for order in (row, *(row["legs"] or ())):
                closing = order["symbol"] == symbol and order["side"] == "sell"
                if closing and armed and order["type"] in STOPS and order["status"] in LIVE:
                    missing -= D(order["qty"]) - D(order["filled_qty"])
        if missing > 0:
            found[symbol] = missing
    return found


class Witness(threading.Thread):
    """Looks at the exchange again and again: since when which shares have no stop, and shorts.

    `spells` are symbol, beginning and end, in the machine's seconds. `also` is called each time.
    """

    def __init__(self, server: Server, key: str, also: Callable[[], None] = lambda: None) -> None:
        super().__init__(daemon=True)
        self._also = also
        self._server, self._key = server, key
        self._is_over = threading.Event()
        self.naked_since: dict[str, float] = {}
        self.spells: list[tuple[str, float, float]] = []
        self.shorts: list[str] = []

    def run(self) -> None:
        while not self._is_over.wait(0.3):
            self._also()
            with suppress(OSError, ValueError):
                self.look()

    def look(self) -> None:
        began = time.monotonic()
        positions = self.positions()
        orders = self._server.orders(self._key)
        now = time.monotonic()
        bare = uncovered(positions, orders)
        self.shorts += [f"{p['symbol']} {p['qty']}" for p in positions if D(p["qty"]) < 0]
        for symbol in bare.keys() - self.naked_since.keys():
            self.naked_since[symbol] = now
        for symbol in self.naked_since.keys() - bare.keys():
            self.spells.append((symbol, self.naked_since.pop(symbol), began))

    def positions(self) -> list[dict[str, Any]]:
        """One by one: the list may be spoilt on purpose."""
        found = []
        for symbol in SYMBOLS:
            with suppress(HTTPError):
                found.append(self._server.get(f"/v2/positions/{symbol}", self._key))
        return found

    def end(self) -> None:
        self._is_over.set()
        self.join()
        self._also()
        now = time.monotonic()
        self.spells += [(symbol, since, now) for symbol, since in self.naked_since.items()]
