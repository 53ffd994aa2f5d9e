"""Plays a recorded session: what happened stands in a file, so a changed generator plays it still.

A script is JSON: `exchange_seed`; `events`, each a step, a name and what belongs to it; `frames`,
what became of the n-th frame of a kind (`lost`, `twice`, or seconds that it came late); and
`dead_seconds`, how long `watch` was away after each kill.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from execbot.broker.errors import BrokerError
from execbot.broker.port import TradeUpdate
from execbot.config.schema import TradingSettings
from execbot.exits.levels import LevelError
from execbot.oms.errors import OmsError
from execbot.sim.types import ApiError
from support.sessions.random_session import Session
from support.sessions.verdict import Verdict
from support.wishes import Exit, stop_at, target, trail
from support.world import D, open_world


class ScriptedSession(Session):
    """The session of a script: nothing is drawn."""

    script: dict[str, Any]

    def follow(self, script: dict[str, Any]) -> Verdict:
        self.script = script
        self._steps = 0
        self._came: Counter[str] = Counter()
        self._dead = iter(script["dead_seconds"])
        return self.run()

    def happen(self) -> None:
        for step, name, given in self.script["events"]:
            if step == self._steps:
                getattr(self, f"_{name}")(**given)

    def _step(self) -> None:
        kills = self.kills
        super()._step()
        if self.kills != kills:
            self.dead_until = self.world.ns + int(next(self._dead, 1.0) * 1e9)
        self._steps += 1

    def frames(self, fresh: list[TradeUpdate]) -> list[TradeUpdate]:
        out = [update for due, update in self.late if due <= self.world.ns]
        self.late = [(due, update) for due, update in self.late if due > self.world.ns]
        for update in fresh:
            order = update.order
            kind = f"{update.event} {order.side} {order.type} {order.qty} {order.filled_qty}"
            self._came[kind] += 1
            fate = self.script["frames"].get(f"{kind} {self._came[kind]}")
            if fate == "twice":
                out += [update, update]
            elif fate is None:
                out.append(update)
            elif fate != "lost":
                self.late.append((self.world.ns + int(fate * 1e9), update))
        reverse = any(
            step == self._steps and name == "reversed" for step, name, _ in self.script["events"]
        )
        return out[::-1] if reverse else out

    # --- what stands in a script ---------------------------------------------------------------

    def _reversed(self) -> None:
        """The frames of this step come the wrong way round: see `frames`."""

    def _price(self, at: str, size: str) -> None:
        self.price = D(at)
        self.world.price("AAPL", at, size=size)

    def _enter(self, qty: str, limit: str | None, exits: list[list[str]]) -> None:
        with suppress(BrokerError, OmsError, LevelError):
            along = limit is None
            self.world.trader.buy(qty, *map(_exit, exits), limit=limit, stop_goes_along=along)

    def _add(self, qty: str, dies_after: int | None) -> None:
        self.add_shares(qty, dies_after)

    def _kill(self, after: int, moment: str) -> None:
        self.kill_at = self.world.requests + after
        self.kill_moment = moment

    def _cut(self, seconds: float) -> None:
        self.cut_until = self.world.ns + int(seconds * 1e9)
        self.world.cut_stream()

    def _fault(self, **rule: Any) -> None:
        self.world.desk.fault(**rule)

    def _close_elsewhere(self, percentage: str) -> None:
        self.world.trader.cancel_elsewhere()
        self.world.pass_time(0.1)
        self.world.trader.close_elsewhere(percentage=percentage)

    def _move_stop(self, at: str) -> None:
        if (plan := self.world.plan()) is not None:
            self.world.trader.move_stop_to(D(at), plan.plan_id)
            self.words.append(self.world.now())

    def _move_elsewhere(self, of: str, to: str) -> None:
        live = self.world.witness.account.live.values()
        for order in [o for o in live if o.type == "stop" and not o.is_buy]:
            if order.stop_price == D(of):
                with suppress(ApiError):
                    new = self.world.desk.venue.exchange.replace(
                        self.world.account, order.id, {"stop_price": to}
                    )
                    self.words.append(self.world.now())
                    self.moved[new["client_order_id"]] = self.world.now()
                return

    def _cancel_entry(self) -> None:
        self.cancel_entry()


def _exit(words: list[str]) -> Exit:
    match words:
        case ["stop", percent]:
            return stop_at(f"{percent}%")
        case ["target", percent, shares]:
            return target(f"{percent}%", shares=shares)
        case ["trail", percent]:
            return trail(f"{percent}%")
    raise ValueError(f"no exit: {words}")


def play_script(script: Path, path: Path) -> Verdict:
    """Play a recorded session; its journal and exchange stand in `path`."""
    said = json.loads(script.read_text())
    random.seed(f"waits-{script.stem}")  # what the code under test draws for its waits
    world = open_world(path, seed=said["exchange_seed"], settings=TradingSettings())
    session = ScriptedSession(script.stem, world, random.Random(0))
    world.at_request = session.at_request
    world.hear = session.frames
    try:
        return session.follow(said)
    finally:
        world.desk.journal.close()
