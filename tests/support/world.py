"""A trading day in one thread: exchange, journal, `watch`, a trader and a witness, in virtual time.

The watcher under test is the real one; only the threads are replaced by this loop, so it can be
stopped between any two steps. Each REST request costs a few milliseconds of virtual time.

    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    assert world.witness.covered() == 10

`world.trader` acts beside `watch` (support/trader.py); `world.witness` reads the exchange's own
books (support/witness.py); the exits are put into words by support/wishes.py.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.port import TradeUpdate
from execbot.config.schema import MarketHoursSettings, TradingSettings
from execbot.desk.watching import LOCK_SECONDS
from execbot.exits.level_facts import LevelReader
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.view import Guarded
from execbot.exits.store import plan_of
from execbot.journal.stand_in_journal import stand_in_journal
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import MarketNow, agreed_now, crypto_now
from execbot.model.timer import Timer
from execbot.model.times import new_york
from execbot.sim.types import SECOND
from execbot.watch.core import inputs
from execbot.watch.core.jobs import AccountJob, Note
from execbot.watch.core.notes import alarm
from execbot.watch.core.symbol_state import SymbolState
from execbot.watch.order_news import OrderNews
from execbot.watch.perform import Performer
from execbot.watch.stand_in import StandIn
from execbot.watch.watcher import OutsideJob, Watcher
from support.desk import KEY, Desk, VenueTransport, open_desk
from support.trader import Trader
from support.witness import Witness

D = Decimal
REQUEST_SECONDS = 0.004
"""What a request to the broker costs; measured on paper: 6 to 13 ms from far away."""


class Slowed:
    """The transport, with time passing for each request and `before` asked about it."""

    def __init__(self, inner: Any, world: World) -> None:
        self._inner = inner
        self._world = world

    def send(self, method: str, url_path: str, **more: Any) -> Any:
        world = self._world
        world.requests += 1
        world.at_request("before")
        world.pass_time(REQUEST_SECONDS)
        began = world.ns
        try:
            reply = self._inner.send(method, url_path, **more)
        finally:
            # A request that hangs stops everything here; in threads only one of the hands.
            world.hung += world.ns - began
        world.at_request("after")
        return reply

    def close(self) -> None:
        return None


def nothing_happens(moment: str) -> None:
    """At a request, `before` it is sent or `after` it was answered."""


def seen_as_sent(prices: Iterable[inputs.Price]) -> Iterable[inputs.Input | Note]:
    return prices


def heard_as_sent(frames: list[TradeUpdate]) -> list[TradeUpdate]:
    return frames


@dataclass
class World:
    """One account, followed by `watch` until it is killed.

    A test may put its own function at `at_request`, called `before` and `after` each request of
    anybody; at `hear`, which turns the frames of the stream into those that `watch` hears; and at
    `see`, which turns prices into what its feed brings.
    """

    desk: Desk
    settings: TradingSettings
    hours: Callable[[datetime], MarketNow] = crypto_now
    symbols: tuple[str, ...] = ("AAPL",)
    at_request: Callable[[str], None] = nothing_happens
    hear: Callable[[list[TradeUpdate]], list[TradeUpdate]] = heard_as_sent
    see: Callable[[Iterable[inputs.Price]], Iterable[inputs.Input | Note]] = seen_as_sent

    watcher: Watcher | None = None
    hands: Performer | None = None
    jobs: deque[OutsideJob] = field(default_factory=deque)
    notes: list[Note] = field(default_factory=list)
    """Everything that `watch` has said."""
    starts: list[int] = field(default_factory=list)
    """How many notes there were when each `watch` began."""
    stream_is_up: bool = True
    journal_changed: bool = False
    """Another process wrote to the journal; in threads `PRAGMA data_version` tells that."""
    requests: int = 0
    hung: int = 0
    """Nanoseconds that requests have kept everything standing."""
    locked_at: int | None = None
    """Since when another process keeps the journal locked, or its disk is full."""
    is_full: bool = False
    """The disk: it fails at once, where a lock is waited for."""
    waiting: list[TradeUpdate] = field(default_factory=list)
    """Frames that wait for the journal."""
    kept: list[inputs.Input] = field(default_factory=list)
    """Everything else that `watch` is told meanwhile."""
    stand_in: StandIn | None = None
    quoted: dict[str, str] = field(default_factory=dict)
    """The price around which each symbol is quoted."""
    _names: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.witness = Witness(self)
        self.trader = Trader(self)

    # --- time ------------------------------------------------------------------------------

    @property
    def ns(self) -> int:
        return self.desk.venue.clock.now()

    def now(self) -> datetime:
        return self.desk.now()

    @property
    def timer(self) -> Timer:
        """Waits of the code under test pass virtual time."""
        return Timer(self.desk.monotonic, self.pass_time, lambda: "desk")

    def pass_time(self, seconds: float) -> None:
        """Virtual time passes; the witness looks after each thing that happens in it."""
        until = self.ns + int(seconds * SECOND)
        venue = self.desk.venue
        while True:
            due = venue.next_event_at(until)
            at = until if due is None else min(max(due, self.ns), until)
            venue.clock.step(max(at - self.ns, 0))
            venue.advance()
            self.witness.look()
            if at >= until:
                return

    def wait_for_rate_limit(self, seconds: float) -> None:
        """The broker takes no requests at all: nobody can learn or do anything meanwhile."""
        self.pass_time(seconds)
        self.hung += int(seconds * SECOND)

    # --- the market ------------------------------------------------------------------------

    def price(self, symbol: str, at: str, *, size: str = "1000", spread: str = "0.02") -> None:
        """From now on the symbol is quoted around `at`, with `size` on both sides."""
        half = D(spread) / 2
        prices = {"bid": D(at) - half, "ask": D(at) + half, "size": D(size)}
        self.quoted[symbol] = at
        self.desk.venue.market.set_price(symbol, self.ns, prices)
        self.desk.venue.exchange.market_changed(symbol)
        self.desk.venue.advance()

    @property
    def account(self) -> str:
        """The exchange's name of the account."""
        account = self.desk.venue.account_of(KEY)
        assert account is not None
        return account

    # --- the watcher -----------------------------------------------------------------------

    def start_watch(self) -> None:
        """A fresh `watch`: nothing in memory, everything from the journal and the broker."""
        quick = replace(self.settings.order_management, retry_delay_seconds=D("0.2"))
        self.desk.settings = quick
        oms = self.desk.open_oms(self.desk.journal)
        self.watcher = Watcher(oms, self.settings, self.hours, self.now, self.notes.append)
        self.watcher.news = OrderNews(self.desk.journal)
        self.starts.append(len(self.notes))
        self.hands = Performer(
            oms,
            self.now,
            unique=lambda at: f"{next(self._names):08d}",
            levels=LevelReader(oms.client, self.settings),
        )
        self.jobs.clear()
        self.witness.watch_ended()
        try:
            oms.reconcile()
        except Exception as error:  # a broker that does not answer now is asked again later
            told = alarm("reconcile", "", f"could not reconcile at the start: {error}")
            self.notes.append(Note("alarm", told.text, told.data))
        self.jobs.extend(self.watcher.load())
        self.tell(inputs.StreamUp(self.now()))

    def kill_watch(self) -> None:
        """SIGKILL: everything in memory is gone, whatever was under way."""
        self.watcher, self.hands, self.stand_in = None, None, None
        self.waiting.clear()
        self.kept.clear()
        self.jobs.clear()
        self.witness.watch_ended()
        self.desk.frames()

    def restart_watch(self) -> None:
        self.kill_watch()
        self.start_watch()

    @property
    def running(self) -> Watcher:
        """The watcher, which must be there."""
        assert self.watcher is not None, "watch does not run"
        return self.watcher

    def state(self, symbol: str = "AAPL") -> SymbolState:
        """What `watch` has in memory of a symbol."""
        return self.running.core.symbols[symbol]

    def guarded(self, symbol: str = "AAPL") -> Guarded:
        """How `watch` says that the position is protected."""
        return self.state(symbol).coverage.state

    def tell(self, *happened: inputs.Input) -> None:
        """`watch` learns of something."""
        if self.locked_at is not None:
            self.kept.extend(happened)
            return
        for one in happened:
            self.jobs.extend(self.running.feed(one))

    def cut_stream(self) -> None:
        self.stream_is_up = False
        if self.watcher is not None:
            self.tell(inputs.StreamDown(self.now(), "cut"))

    def join_stream(self) -> None:
        self.stream_is_up = True
        if self.watcher is not None:
            self.tell(inputs.StreamUp(self.now()))

    def step(self, seconds: float = 0.05) -> None:
        """One turn of the loop: time, frames, timers, prices, and one job of the hands."""
        self.pass_time(seconds)
        if self.watcher is None:
            return
        watcher = self.watcher
        frames = self.hear(self.desk.frames())
        if self.locked_at is not None:
            self._wait_for_the_journal(self.locked_at, frames)
            return
        if self.journal_changed:
            self.journal_changed = False
            self.jobs.extend(watcher.follow())
        if frames and self.stream_is_up:
            self.jobs.extend(watcher.take_updates(frames))
        for item in self.see(self._prices()):
            if isinstance(item, Note):
                self.notes.append(item)
            else:
                self.tell(item)
        self.tell(inputs.Tick())
        for job in self._next_jobs():
            self._perform(job)
        if self.watcher is not None and self.watcher.news is not None:
            self.watcher.news.saved(self.watcher.news.save())

    def _wait_for_the_journal(self, since: int, frames: list[TradeUpdate]) -> None:
        """As the loop does it: blocked for two seconds by a lock, then another one stands in."""
        if self.stream_is_up:
            self.waiting.extend(frames)
        if self.ns - since < (0 if self.is_full else LOCK_SECONDS * SECOND):
            return
        if self.stand_in is None:
            self.stand_in = StandIn(
                self._copied,
                self.desk.journal.path,
                self.waiting,
                self.notes.append,
                before=self.watcher,
            )
            self.stand_in.begin()
        self.stand_in.turn()

    def _copied(self) -> tuple[Watcher, Performer]:
        oms = self.desk.open_oms(stand_in_journal(self.desk.journal.path))
        return Watcher(oms, self.settings, self.hours, self.now), Performer(oms, self.now)

    def unlock(self) -> None:
        """The journal takes writes again: what was sent is the first of them."""
        self.locked_at = None
        if self.watcher is None:
            return
        if self.stand_in is not None:
            self.stand_in.write(self.desk.journal, self.now())
        self.watcher.oms.apply_batch(self.waiting)
        self.stand_in, self.journal_changed = None, False
        self.waiting.clear()
        self.tell(inputs.Heard(self.now()))
        self.jobs.extend(self.watcher.follow())
        kept, self.kept = self.kept, []
        self.tell(*kept)

    def _prices(self) -> Iterable[inputs.Price]:
        for symbol in self.symbols:
            shown = self.desk.venue.market.shown_quote(symbol, self.ns)
            if shown is not None:
                last = D(shown["last"] or shown["bid"])
                yield inputs.Price(symbol, D(shown["bid"]), D(shown["ask"]), last)

    def _next_jobs(self) -> list[OutsideJob]:
        """The most urgent symbol job and one account job, as two threads would take them."""
        chosen = []
        for wanted in (False, True):
            line = [j for j in self.jobs if isinstance(j, AccountJob) is wanted]
            if line:
                job = min(line, key=lambda j: j.priority)
                self.jobs.remove(job)
                chosen.append(job)
        return chosen

    def _perform(self, job: OutsideJob) -> None:
        if self.hands is None:
            return
        results = self.hands.perform(job)
        if self.watcher is not None:  # else it was killed at one of the requests
            self.jobs.extend(self.watcher.take_results(results))

    def run(self, seconds: float, step: float = 0.05) -> None:
        until = self.ns + int(seconds * SECOND)
        while self.ns < until:
            self.step(step)

    def run_until(self, wall: str, step: float = 1800.0) -> None:
        """In long steps up to a wall time of New York, so that a night costs little."""
        until = datetime.fromisoformat(wall).replace(tzinfo=new_york())
        while self.now() < until:
            left = (until - self.now()).total_seconds()
            self.run(min(step, left), min(step, left))

    def run_through(self, wall: str, step: float = 1800.0) -> None:
        """Past a wall time of New York, in short steps around it: what happens there is quick."""
        self.run_until((datetime.fromisoformat(wall) - timedelta(seconds=5)).isoformat(), step)
        self.run(20)

    # --- what execbot says -------------------------------------------------------------------

    def plan(self, symbol: str = "AAPL") -> ExitPlan | None:
        """The open exit plan in the journal."""
        return plan_of(self.desk.journal, symbol)

    def the_plan(self, symbol: str = "AAPL") -> ExitPlan:
        plan = self.plan(symbol)
        assert plan is not None, f"{symbol} has no open plan"
        return plan

    def booked(self, symbol: str = "AAPL") -> Decimal:
        """The journal's quantity."""
        position = self.desk.journal.position(symbol)
        return position.qty if position is not None else D(0)

    def notes_of(self, kind: str) -> list[Note]:
        """Notes of a type (`action`, `guard` ...) or of a kind of alarm (`unprotected` ...)."""
        return [note for note in self.notes if kind in (note.type, note.data.get("kind"))]

    def alarms(self) -> list[str]:
        return [note.text for note in self.notes if note.is_alarm]

    def alarm_kinds(self) -> list[str]:
        return [str(note.data.get("kind")) for note in self.notes if note.is_alarm]

    def criticals(self) -> list[Note]:
        return [note for note in self.notes if note.is_critical]


def open_world(path: Path, *, watch: bool = True, **more: Any) -> World:
    """A day at the exchange that never closes, AAPL quoted at 100.

    `settings`, `hours`, `symbols` and `kind` are the world's; every other name is one of SimConfig.
    """
    settings = more.pop("settings", TradingSettings())
    hours = more.pop("hours", crypto_now)
    symbols = more.pop("symbols", ("AAPL",))
    kind = more.pop("kind", World)
    desk = open_desk(path, **more)
    world: World = kind(desk, settings, hours, symbols)
    desk.client = AlpacaClient(
        KEY,
        KEY,
        transport=Slowed(VenueTransport(desk.door), world),
        requests_per_minute=None,
        now=world.now,
        timer=Timer(desk.monotonic, world.wait_for_rate_limit),
        timeout_seconds=1.0,
    )
    for symbol in symbols:
        world.price(symbol, "100")
    desk.call("GET", "/v2/account")
    if watch:
        world.start_watch()
    return world


def open_market_day(path: Path, at: str, **market_hours: bool) -> World:
    """A day of the market's own calendar, from a wall time of New York on.

    `market_hours` are switches of that section: `trade_afterhours=True`.
    """
    table = load_table()

    def hours(moment: datetime) -> MarketNow:
        return agreed_now(table, moment, None)

    settings = TradingSettings(market_hours=replace(MarketHoursSettings(), **market_hours))
    return open_world(path, hours=hours, settings=settings, calendar="exchange", at=at)


def seeded(seed: str) -> random.Random:
    return random.Random(f"execbot-watch-{seed}")
