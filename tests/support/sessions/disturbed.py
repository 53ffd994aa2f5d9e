"""What befalls a session whatever is traded in it: kills, cuts, requests and frames that go astray.

`happen` is the session's own: it draws what the trader does and what fails, in each step.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from execbot.broker.port import TradeUpdate
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from support.harness.killed import Killed
from support.world import World

STEP = 0.1


@dataclass
class Disturbed(ABC):
    """Lets time pass in small steps, and kills `watch` and other processes when that was drawn."""

    seed: str
    world: World
    rng: random.Random
    kill_at: int = 0
    kill_moment: str = "before"
    dead_until: int = 0
    cut_until: int = 0
    kills: int = 0
    faults: int = 0
    late: list[tuple[int, TradeUpdate]] = field(default_factory=list)
    adder: Journal | None = None
    """The journal of another process that will be killed."""
    adder_dies_at: int = 0
    step_seconds: float = STEP

    @abstractmethod
    def happen(self) -> None: ...

    # --- things that fail --------------------------------------------------------------------

    def kill(self) -> None:
        """`watch` dies at one of its next requests, or right now."""
        if self.world.watcher is not None and not self.kill_at:
            self.kill_at = self.world.requests + self.rng.randint(0, 6)
            self.kill_moment = self.rng.choice(("before", "after"))

    def cut(self) -> None:
        if self.world.watcher is not None and self.world.stream_is_up:
            self.faults += 1
            self.cut_until = self.world.ns + int(self.rng.uniform(0.5, 4) * 1e9)
            self.world.cut_stream()

    def request_fault(self) -> None:
        self.faults += 1
        kind, extra = self.rng.choice(
            (
                ("reply_lost", {}),
                ("reset_before", {}),
                ("reset_after", {}),
                ("server_error", {"params": {"status": 503}}),
                ("rate_limited", {}),
                ("html_body", {}),
            )
        )
        method = self.rng.choice(("POST", "PATCH", "DELETE", "GET"))
        path = self.rng.choice(("/v2/orders", "/v2/orders/*", "/v2/positions"))
        self.world.desk.fault(kind, method=method, path=path, **extra)

    # --- frames ----------------------------------------------------------------------------

    def frames(self, fresh: list[TradeUpdate]) -> list[TradeUpdate]:
        """Lost, doubled, late, swapped."""
        ready = [update for due, update in self.late if due <= self.world.ns]
        self.late = [(due, update) for due, update in self.late if due > self.world.ns]
        out = list(ready)
        for update in fresh:
            dice = self.rng.random()
            if dice < 0.04:
                self.faults += 1
                continue
            if dice < 0.08:
                out.extend((update, update))
            elif dice < 0.12:
                due = self.world.ns + int(self.rng.uniform(0.1, 3) * 1e9)
                self.late.append((due, update))
            else:
                out.append(update)
        if len(out) > 1 and self.rng.random() < 0.1:
            out.reverse()
        return out

    def at_request(self, moment: str) -> None:
        if self.adder is not None and self.world.requests >= self.adder_dies_at:
            # A dead process writes nothing more, whatever its blocks would do on the way out.
            self.adder.close()
            self.adder = None
            raise Killed
        if self.kill_at and self.world.requests >= self.kill_at and moment == self.kill_moment:
            raise Killed

    # --- the run ---------------------------------------------------------------------------

    def play_on(self, seconds: float) -> None:
        until = self.world.ns + int(seconds * 1e9)
        while self.world.ns < until:
            self._mend()
            self.happen_safely()
            self._step()

    def happen_safely(self) -> None:
        """The trader's own process is not the one that is killed."""
        kill_at, self.kill_at = self.kill_at, 0
        self.happen()
        self.kill_at = self.kill_at or kill_at

    def _step(self) -> None:
        try:
            self.world.step(self.step_seconds)
        except Killed:
            self.kills += 1
            self.kill_at = 0
            self.world.kill_watch()
            self.dead_until = self.world.ns + int(self.rng.uniform(0.1, 2) * 1e9)
        except JournalError as error:
            raise AssertionError(f"journal: {error}") from error
        watcher = self.world.watcher
        assert watcher is None or watcher.journal_error is None, f"{watcher.journal_error}"

    def _mend(self) -> None:
        """Restart what was killed, reconnect what was cut."""
        world = self.world
        if world.watcher is None and world.ns >= self.dead_until and world.locked_at is None:
            world.stream_is_up, self.cut_until = True, 0
            self._guarded(world.start_watch)
        if not world.stream_is_up and self.cut_until and world.ns >= self.cut_until:
            self.cut_until = 0
            world.join_stream()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Killed:
            self.kills += 1
            self.kill_at = 0
            self.world.kill_watch()
            self.dead_until = self.world.ns + int(5e8)
