"""A strategy: a program of its own that says what it wants, and does not look after its orders.

It writes lines into `execbot signal -`, reads what became of each, and after a loss of power says
again what was not answered, under the same ids: that nothing comes of it twice is for execbot.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from week.machine import Machine, kill
from week.set_ups import Entry

CENT = Decimal("0.01")
QUANTITIES = (1, 2, 4, 6)


@dataclass(frozen=True)
class Wish:
    """One signal as it was given."""

    id: str
    symbol: str
    side: str
    qty: int
    at: datetime
    body: dict[str, Any]


@dataclass
class Strategy:
    """`price` reads the market's last price; `like` is a unit whose variables it is run with."""

    machine: Machine
    like: Entry
    symbols: list[str]
    chance: random.Random
    every: timedelta
    price: Callable[[str], Decimal | None]
    ttl_seconds: float
    quantities: Sequence[int] = QUANTITIES
    wishes: dict[str, Wish] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    """How each run of it ended where nobody had ended it."""
    held: set[str] = field(default_factory=set)
    _process: subprocess.Popen[bytes] | None = None
    _out: Path | None = None
    _read: int = 0
    _lines: list[str] = field(default_factory=list)
    """What this run was told, line by line: a bad line is answered by its number alone."""
    _next: datetime | None = None

    # --- the program -------------------------------------------------------------------------

    def boot(self) -> None:
        command = _beside(self.like.command)
        self._out = self.machine.log("strategy")
        self._read, self._lines = 0, []
        with self._out.open("wb") as file:
            self._process = self.machine.popen(
                command, self.like.environment, file, stdin=subprocess.PIPE,
                stderr=(self._out.with_suffix(".err")).open("wb"),
            )  # fmt: skip
        for wish in self.unanswered():
            self._write(wish)

    def unanswered(self) -> list[Wish]:
        return [wish for name, wish in self.wishes.items() if name not in self.answers]

    def lose_power(self) -> None:
        self.read()
        if self._process is not None:
            kill(self._process)
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """The input ends, and with it the run, once all is answered."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            kill(self._process)
            self.ends.append(self._process.wait())
        self.read()
        self._process = None

    # --- what it says ----------------------------------------------------------------------------

    def turn(self, now: datetime) -> None:
        """Say the next thing when it is time; begin again where the program has ended by itself."""
        self.read()
        if self._process is not None and self._process.poll() is not None:
            self.ends.append(self._process.returncode)
            self.boot()
        if self._process is None or (self._next is not None and now < self._next):
            return
        self._next = now + self.every * self.chance.uniform(0.5, 1.5)
        wish = self._wish(now)
        self.wishes[wish.id] = wish
        self._write(wish)

    def _wish(self, now: datetime) -> Wish:
        symbol = self.chance.choice(self.symbols)
        side = "sell" if symbol in self.held else "buy"
        (self.held.discard if side == "sell" else self.held.add)(symbol)
        qty = self.chance.choice(self.quantities)
        name = f"week-{len(self.wishes):05}-{symbol}"
        body: dict[str, Any] = {
            "id": name,
            "symbol": symbol,
            "side": side,
            "strength": 90,
            "strategy_id": "week",
            "created_at": now.isoformat().replace("+00:00", "Z"),
            "ttl_seconds": self.ttl_seconds,
        }
        if side == "buy":
            body["qty"] = str(qty)
            body |= self._exits(symbol)
        return Wish(name, symbol, side, qty, now, body)

    def _exits(self, symbol: str) -> dict[str, str]:
        """Half of them bring exits of their own, so near that some are reached in a session."""
        price = self.price(symbol) if self.chance.random() < 0.5 else None
        if price is None:
            return {}
        near = Decimal(str(round(self.chance.uniform(0.002, 0.01), 4)))
        stop, target = price * (1 - near), price * (1 + near)
        return {"stop": str(stop.quantize(CENT)), "target": str(target.quantize(CENT))}

    def _write(self, wish: Wish) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._lines.append(wish.id)
        with suppress(OSError):  # it has just ended: the next turn sees that, and says it again
            self._process.stdin.write((json.dumps(wish.body) + "\n").encode())
            self._process.stdin.flush()

    # --- what it hears ---------------------------------------------------------------------------

    def read(self) -> None:
        if self._out is None or not self._out.exists():
            return
        with self._out.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._take(line)

    def _take(self, line: bytes) -> None:
        with suppress(ValueError, IndexError):
            said = json.loads(line)
            if said.get("type") == "signal_result":
                self.answers.setdefault(self._lines[said["line"] - 1], said)

    def renamed(self, old: str, new: str) -> None:
        """It reads the news: from now on it trades the new name."""
        self.symbols[:] = [new if symbol == old else symbol for symbol in self.symbols]
        if old in self.held:
            self.held.discard(old)
            self.held.add(new)


def _beside(command: Sequence[str]) -> list[str]:
    """The same program and mode as the unit's, with another command."""
    program, mode = command[0], command[command.index("--mode") + 1]
    return [program, "signal", "-", "--json", "--mode", mode]
