"""The simulated world of a session with options: its `watch` cares for contracts, and its witness
looks at them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from execbot.config.load import Settings
from execbot.config.schema import Mode, TradingSettings
from execbot.desk.account import Desk as Account
from execbot.desk.opening.read_only import NotingClient
from execbot.journal.journal import Journal
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import agreed_now
from execbot.model.symbols import is_option
from execbot.model.times import new_york
from execbot.oms.place.risk_gate import RiskGate
from execbot.sim.types import SECOND
from execbot.watch.core.inputs import Input, Price
from execbot.watch.core.jobs import Note
from execbot.watch.feed import PolledFeed
from execbot.watch.options.care import OptionCare
from support.sessions.option_witness import OptionWitness
from support.world import World, open_world

STOCK = "AAPL"
POLLED_EVERY = 2 * SECOND
"""As `stream.poll_seconds`: contracts have no stream that is read."""


@dataclass
class OptionWorld(World):
    """As `World`, with all that `watch` does for contracts."""

    asked_at: int = 0
    feed: PolledFeed = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.witness: OptionWitness = OptionWitness(self)

    def start_watch(self) -> None:
        super().start_watch()
        assert self.hands is not None
        care = OptionCare(self.running.oms, self.settings, self.hours, self.now)
        self.hands.care_for_options = care.warned
        self.feed = PolledFeed(self.desk.client, 2.0)

    def polled(self, prices: Iterable[Price]) -> Iterable[Input | Note]:
        """The prices of the stock, and those of contracts as often as they are asked for."""
        yield from prices
        contracts = sorted(s.symbol for s in self._followed())
        if contracts and self.ns - self.asked_at >= POLLED_EVERY and self.is_open:
            self.asked_at = self.ns
            self.feed.ask(contracts)
            yield from self.feed.drain()

    def _followed(self) -> list[Any]:
        states = self.running.core.symbols.values()
        return [s for s in states if is_option(s.symbol) and s.qty != 0 and s.plan is not None]

    def moment(self, wall: str) -> int:
        """A wall time of New York, in nanoseconds."""
        at = datetime.fromisoformat(wall).replace(tzinfo=new_york())
        return int(at.timestamp()) * SECOND

    @property
    def is_open(self) -> bool:
        return self.hours(self.now()).is_open

    def process(self, journal: Journal | None = None) -> Account:
        """What a command works with: the account, opened by a process of its own."""
        desk, mine = self.desk, journal or self.desk.journal
        account = Account(
            Settings(trading=self.settings),
            Mode.SIM,
            "sim",
            desk.path,
            mine,
            NotingClient(desk.client),  # as a command has it: what was exercised is noted
            now=self.now,
        )
        account.__dict__["oms"] = desk.open_oms(mine)  # whose waits pass virtual time
        account.__dict__["risk"] = RiskGate(
            desk.client, mine, self.settings, Mode.SIM, now=self.now
        )
        return account


def open_option_world(path: Path, settings: TradingSettings, **sim: object) -> OptionWorld:
    """A day of the market's own hours; `sim` as for `open_world`."""
    table = load_table()
    world = open_world(
        path,
        kind=OptionWorld,
        hours=lambda moment: agreed_now(table, moment, None),
        settings=settings,
        calendar="exchange",
        symbols=(),
        **sim,
    )
    assert isinstance(world, OptionWorld)
    world.see = world.polled
    return world
