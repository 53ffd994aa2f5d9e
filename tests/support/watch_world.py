"""A whole trading day in one thread: exchange, journal, `watch` and a trader, in virtual time.

The watcher under test is the real one; only the threads are replaced by this loop, so it can be
stopped between any two steps. Each REST request costs a few milliseconds of virtual time. What is
checked is read from the exchange, not from the journal.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.port import TradeUpdate
from execbot.config.schema import TradingSettings
from execbot.exits.level_facts import LevelReader
from execbot.exits.levels import LevelKind, LevelSpec
from execbot.exits.plan.attach import attach
from execbot.exits.plan.plan import ExitPlan, Trail
from execbot.exits.plan.wishes import Wishes
from execbot.exits.store import plan_of, save_plan
from execbot.journal.records import OrderRecord, Role
from execbot.market.sessions import MarketNow, crypto_now
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.model.timer import Timer
from execbot.sim.types import SECOND, ApiError
from execbot.watch.core import inputs
from execbot.watch.core.jobs import AccountJob, Note
from execbot.watch.core.notes import alarm
from execbot.watch.order_news import OrderNews
from execbot.watch.perform import Hands
from execbot.watch.watcher import HandJob, Watcher
from support.desk import KEY, Desk, VenueTransport, open_desk

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


@dataclass
class World:
    """`faulty` decides what happens to each stream frame and request; None is a good day."""

    desk: Desk
    settings: TradingSettings
    hours: Callable[[datetime], MarketNow] = crypto_now
    watcher: Watcher | None = None
    hands: Hands | None = None
    jobs: deque[HandJob] = field(default_factory=deque)
    notes: list[Note] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """How many notes there were when each `watch` began."""
    late: list[tuple[int, TradeUpdate]] = field(default_factory=list)
    stream_is_up: bool = True
    requests: int = 0
    hung: int = 0
    uncovered_since: dict[str, int] = field(default_factory=dict)
    longest_uncovered: dict[str, float] = field(default_factory=dict)
    shorts: list[str] = field(default_factory=list)
    symbols: tuple[str, ...] = ("AAPL",)
    at_request: Callable[[str], None] = lambda moment: None
    handle_frames: Callable[[list[TradeUpdate]], list[TradeUpdate]] | None = None
    counter: Any = field(default_factory=itertools.count)
    held: dict[str, tuple[str, str]] = field(default_factory=dict)
    trader_acted: bool = False
    """Another process wrote to the journal; in threads `PRAGMA data_version` tells that."""
    promised: dict[str, bool] = field(default_factory=dict)
    is_adding: bool = False
    """Another process adds to the position; nobody has promised a stop until it is done."""

    # --- time ------------------------------------------------------------------------------

    @property
    def ns(self) -> int:
        return self.desk.venue.clock.now()

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.ns // 1000)

    @property
    def timer(self) -> Timer:
        return Timer(self.desk.monotonic, self.pass_time, lambda: "desk")

    def pass_time(self, seconds: float) -> None:
        """Let virtual time pass, looking at the exchange after each thing that happens in it."""
        until = self.ns + int(seconds * SECOND)
        venue = self.desk.venue
        while True:
            due = venue.next_event_at(until)
            at = until if due is None else min(max(due, self.ns), until)
            venue.clock.step(max(at - self.ns, 0))
            venue.advance()
            self.look()
            if at >= until:
                return

    def wait_for_rate_limit(self, seconds: float) -> None:
        """The broker takes no requests at all: nobody can learn or do anything meanwhile."""
        self.pass_time(seconds)
        self.hung += int(seconds * SECOND)

    def look(self) -> None:
        """The exchange's own truth: how many shares have no stop, and since when."""
        account = self.desk.venue.exchange.core.accounts[self.account]
        for symbol in self.symbols:
            held = account.positions.get(symbol)
            qty = held.qty if held is not None else D(0)
            if qty < 0:
                self.shorts.append(f"{symbol} {qty} at {self.now()}")
            if qty > 0 and self.is_watched(symbol) and qty > self.covered(symbol):
                since = self.uncovered_since.setdefault(symbol, self.ns - self.hung)
                lasted = (self.ns - self.hung - since) / SECOND
                known = self.longest_uncovered.get(symbol, 0.0)
                self.longest_uncovered[symbol] = max(known, lasted)
            else:
                self.uncovered_since.pop(symbol, None)

    def is_watched(self, symbol: str) -> bool:
        """Whether somebody is there who has promised a stop."""
        return self.watcher is not None and not self.is_adding and self.promises(symbol)

    def promises(self, symbol: str) -> bool:
        """By the plan that the watcher holds; one it has not read yet counts from the fill on."""
        assert self.watcher is not None
        state = self.watcher.core.symbols.get(symbol)
        if state is None or state.plan is None:
            return self.promised.get(symbol, False)
        plan = state.plan
        return plan.status != "suspended"

    def covered(self, symbol: str) -> Decimal:
        """Shares with an armed stop or a market exit, by the exchange's own live orders."""
        account = self.desk.venue.exchange.core.accounts[self.account]
        total = D(0)
        for order in account.live.values():
            if order.symbol != symbol or order.is_buy or order.status == "pending_cancel":
                continue
            if order.type == "market" or (order.is_stop and self._is_armed(account, order)):
                total += order.leaves
        return total

    @staticmethod
    def _is_armed(account: Any, order: Any) -> bool:
        """A stop of its own, or the held leg of a pair whose target works."""
        if order.status != "held":
            return True
        sibling = account.live.get(order.sibling_id)
        return sibling is not None and sibling.status != "held"

    @property
    def account(self) -> str:
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
        self.hands = Hands(
            oms,
            self.now,
            unique=lambda at: f"{next(self.counter):08d}",
            levels=LevelReader(oms.client, self.settings),
        )
        self.watcher.news = OrderNews(self.desk.journal)
        self.starts.append(len(self.notes))
        self.jobs.clear()
        self.uncovered_since.clear()
        try:
            oms.reconcile()
        except Exception as error:  # a broker that does not answer now is asked again later
            self.notes.append(alarm("reconcile", "", f"could not reconcile: {error}"))
        self._add(self.watcher.load())
        self._add(self.watcher.feed(inputs.StreamUp(self.now())))

    def kill_watch(self) -> None:
        """SIGKILL: everything in memory is gone, whatever was under way."""
        self.watcher, self.hands = None, None
        self.jobs.clear()
        self.late.clear()
        self.uncovered_since.clear()
        self.desk.frames()

    def _add(self, jobs: list[HandJob]) -> None:
        self.jobs.extend(jobs)

    def step(self, seconds: float = 0.05) -> None:
        """One turn of the loop: time, frames, timers, prices, and one job of the hands."""
        self.pass_time(seconds)
        if self.watcher is None:
            return
        watcher = self.watcher
        frames = self.desk.frames()
        if self.handle_frames is not None:
            frames = self.handle_frames(frames)
        if self.trader_acted:
            self.trader_acted = False
            self._add(watcher.follow())
        if frames and self.stream_is_up:
            self._add(watcher.take_updates(frames))
        for symbol in self.symbols:
            shown = self.desk.venue.market.shown_quote(symbol, self.ns)
            if shown is not None:
                price = inputs.Price(
                    symbol, D(shown["bid"]), D(shown["ask"]), D(shown["last"] or shown["bid"])
                )
                self._add(watcher.feed(price))
        self._add(watcher.feed(inputs.Tick()))
        for job in self._next_jobs():
            self._perform(job)
        if self.watcher is not None and self.watcher.news is not None:
            self.watcher.news.saved(self.watcher.news.save())

    def _next_jobs(self) -> list[HandJob]:
        """The most urgent symbol job and one account job, as two threads would take them."""
        chosen = []
        for wanted in (False, True):
            line = [j for j in self.jobs if isinstance(j, AccountJob) is wanted]
            if line:
                job = min(line, key=lambda j: j.priority)
                self.jobs.remove(job)
                chosen.append(job)
        return chosen

    def _perform(self, job: HandJob) -> None:
        if self.hands is None or self.watcher is None:
            return
        items = self.hands.perform(job)
        if self.watcher is not None:
            self._add(self.watcher.take_results(items))

    def run(self, seconds: float, step: float = 0.05) -> None:
        until = self.ns + int(seconds * SECOND)
        while self.ns < until:
            self.step(step)

    def settle(self, seconds: float = 60.0) -> None:
        """Let everything come to rest: no jobs, no timers, nothing uncovered."""
        until = self.ns + int(seconds * SECOND)
        while self.ns < until:
            self.step(0.25)

    # --- the trader ------------------------------------------------------------------------

    def price(self, symbol: str, at: str, *, size: str = "1000", spread: str = "0.02") -> None:
        """From now on the symbol is quoted around `at`, with `size` on both sides."""
        half = D(spread) / 2
        prices = {"bid": D(at) - half, "ask": D(at) + half, "size": D(size)}
        self.held[symbol] = (at, size)
        self.desk.venue.market.set_price(symbol, self.ns, prices)
        self.desk.venue.exchange.market_changed(symbol)
        self.desk.venue.advance()

    def buy(
        self,
        qty: str,
        wishes: Wishes,
        *,
        symbol: str = "AAPL",
        limit: str | None = None,
        **more: Any,
    ) -> tuple[OrderRecord, ExitPlan]:
        """An entry with exits: the plan is durable before the order.

        With `stop_goes_along` it is sent as `submit` does, else as a signal's.
        """
        along = more.pop("stop_goes_along", False)
        name = f"entry-{next(self.counter)}"
        request = OrderRequest(
            symbol,
            more.pop("side", Side.BUY),
            qty=D(qty),
            type=OrderType.LIMIT if limit else OrderType.MARKET,
            limit_price=D(limit) if limit else None,
            client_order_id=name,
            **more,
        )
        price = D(limit) if limit else D(self.held[symbol][0])
        done = attach(
            request,
            wishes,
            entry_price=price,
            plan_id=f"plan-{name}",
            now=self.now(),
            stop_goes_along=along,
        )
        save_plan(self.desk.journal, done.plan)
        self.trader_acted, self.promised[symbol] = True, True
        record = self.desk.oms.submit(done.request, plan_id=done.plan.plan_id, role=Role.ENTRY)
        return record, done.plan

    def plan(self, symbol: str = "AAPL") -> ExitPlan | None:
        return plan_of(self.desk.journal, symbol)

    def qty(self, symbol: str = "AAPL") -> Decimal:
        """By the exchange's books."""
        held = self.desk.venue.exchange.core.accounts[self.account].positions.get(symbol)
        return held.qty if held is not None else D(0)

    def cancel_elsewhere(self, symbol: str = "AAPL", *, entries: bool = True) -> None:
        """Somebody cancels open orders by hand, in another program."""
        exchange, account = self.desk.venue.exchange, self.account
        for order in list(exchange.core.accounts[account].live.values()):
            if order.symbol == symbol and (entries or not order.is_buy):
                with suppress(ApiError):
                    exchange.cancel(account, order.id)

    def close_elsewhere(self, symbol: str = "AAPL", percentage: str = "100") -> None:
        """Somebody sells by hand, in another program."""
        with suppress(ApiError):
            self.desk.venue.exchange.close_position(
                self.account, symbol, {"percentage": percentage}
            )

    def alarms(self) -> list[str]:
        return [n.text for n in self.notes if n.is_alarm]


def percent(value: str) -> LevelSpec:
    return LevelSpec(LevelKind.PERCENT, D(value))


def wishes(stop: str | None = "2", *targets: tuple[str, str], trail: Trail | None = None) -> Wishes:
    """A stop and targets in percent from the entry; targets are (percent, share)."""
    return Wishes(
        stop=percent(stop) if stop else None,
        trail=trail,
        targets=tuple((percent(at), D(share)) for at, share in targets),
    )


def open_world(path: Path, *, watch: bool = True, **more: Any) -> World:
    """A day at the exchange that never closes, AAPL quoted at 100."""
    settings = more.pop("settings", TradingSettings())
    hours = more.pop("hours", crypto_now)
    symbols = more.pop("symbols", ("AAPL",))
    desk = open_desk(path, **more)
    world = World(desk, settings, hours, symbols=symbols)
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


def seeded(seed: str) -> random.Random:
    return random.Random(f"execbot-watch-{seed}")
