"""One random session of `watch` with faults: everything that happens follows from its seed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.market_stream import MarketDataMessage, MarketDataStream
from execbot.broker.stream_states import Connected
from execbot.config.schema import Mode, RiskSettings, ScaleInSettings, TradingSettings
from execbot.exits.levels import LevelError
from execbot.exits.plan.plan import PlanStatus
from execbot.journal.errors import JournalError
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.oms import OrderManagementSystem
from execbot.oms.errors import OmsError
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate
from execbot.sim.types import SECOND, ApiError
from execbot.watch.core.inputs import Input, Price
from execbot.watch.core.jobs import Note
from execbot.watch.core.timers import FULL_READ_SECONDS
from execbot.watch.feed import PolledFeed, StreamedFeed
from support.desk import desk_journal
from support.harness.killed import Killed
from support.sessions.disturbed import Disturbed
from support.sessions.lies import Lies
from support.sessions.verdict import Verdict, judge
from support.wishes import Exit, stop_at, target, trail
from support.world import D, World, heard_as_sent, open_world, seeded, seen_as_sent

SECONDS = 40.0
START_PRICE = Decimal(100)


SPOILT = (
    ("GET", "/v2/positions", "*.qty", "1e999"),
    ("GET", "/v2/positions", "*.symbol", '"../../x"'),
    ("GET", "/v2/orders", "*.filled_qty", '"1e30"'),
    ("GET", "/v2/orders/*", "id", "7"),
    ("GET", "/v2/account/activities", "*.price", "{}"),
    ("POST", "/v2/orders", "legs", "7"),
    ("PATCH", "/v2/orders/*", "client_order_id", "null"),
)
"""Method, path, field and a value that cannot be."""

BITS = ("0", "0", "0", "0.25", "0.5", "0.000000001")
"""Of a share, beyond whole ones."""

ADDING = replace(
    TradingSettings(),
    max_position_size_pct=D(100),
    max_account_exposure_pct=D(100),
    risk=replace(
        RiskSettings(),
        duplicate_window_seconds=D(0),
        facts_max_age_seconds=D(0),
        scale_in=ScaleInSettings(enabled=True, max_steps=100, min_profit_pct=D(-100)),
    ),
)


@dataclass
class Session(Disturbed):
    """Draws what happens to shares and lets it happen."""

    price: Decimal = START_PRICE
    entries: int = 0
    trouble: set[str] = field(default_factory=set)
    bit: Decimal = Decimal("0")
    """What every quantity has beyond whole shares."""
    words: list[datetime] = field(default_factory=list)
    """When the trader has said where a stop belongs, here or in another program."""
    moved: dict[str, datetime] = field(default_factory=dict)
    """The orders that moving a stop in another program has made, and when."""
    closings: dict[str, Decimal] = field(default_factory=dict)
    """What `close` was asked for, by the id that it was given."""
    lies: Lies = field(init=False)
    outages: Outages = field(init=False)

    def __post_init__(self) -> None:
        # Of their own, so that a seed's other happenings stay what they were.
        self.lies = Lies(self.world, seeded(f"lies-{self.seed}"), lambda: self.price)
        self.outages = Outages(self.world, seeded(f"outages-{self.seed}"))
        self.spoiler = random.Random(f"spoilt-{self.seed}")
        self.silencer = random.Random(f"unreported-{self.seed}")
        self.closer = random.Random(f"closes-{self.seed}")
        self.second = random.Random(f"second-{self.seed}")

    @property
    def sign(self) -> int:
        """-1 in a session of shorts, where everything is the other way round."""
        return self.world.witness.sign

    @property
    def side(self) -> Side:
        """That of an entry."""
        return Side.BUY if self.sign > 0 else Side.SELL

    def held(self) -> Decimal:
        """What the exchange holds, dust left out: that has no plan, and is nobody's position."""
        qty = self.world.witness.held()
        return D(0) if abs(qty) * self.price < 1 else qty

    # --- things that happen ----------------------------------------------------------------

    def happen(self) -> None:
        """Perhaps one thing, in this step."""
        self.move_price()
        self.outages.happen()
        self.outages.end_if_due()
        is_locked = self.world.locked_at is not None
        # Before a kill is drawn: that is of `watch`, not of the trader's processes.
        if self.closer.random() < 0.005 and not is_locked:
            self.close()
        if self.second.random() < 0.02 and not is_locked:
            self.enter_beside()
        for chance, what in CHANCES:
            if self.rng.random() < chance and (not is_locked or what in WITHOUT_JOURNAL):
                what(self)
        self.lies.happen()
        if self.spoiler.random() < 0.01:
            self.spoil()
        if self.silencer.random() < 0.002:
            self.lies.unreported(self.silencer)

    def move_price(self) -> None:
        if self.rng.random() < 0.25:
            jump = D(str(round(self.rng.gauss(0, 0.35), 2)))
            self.price = max(D(80), min(D(120), self.price + jump))
            size = self.rng.choice(("2", "5", "20", "1000"))
            self.world.price("AAPL", str(self.price), size=size)

    def enter(self) -> None:
        """A trader's entry, from another process."""
        if self.held() != 0 or self.entries >= 4 or self._is_open():
            return
        self.entries += 1
        limit = None
        if self.rng.random() < 0.6:
            limit = str(self.price + self.sign * D(self.rng.choice(("-0.20", "0.01", "0.05"))))
        try:
            qty, along = str(self.rng.randint(1, 25) + self.bit), limit is None and not self.bit
            exits, side = self._exits(), self.side
            self.world.trader.buy(qty, *exits, side=side, limit=limit, stop_goes_along=along)
        except (BrokerError, OmsError, LevelError):
            self.trouble.add("entry failed")

    def enter_beside(self) -> None:
        """A second entry that waits, with exits of its own, while the first one waits as well."""
        if self.held() != 0 or self.entries >= 4 or not self._is_open():
            return
        self.entries += 1
        limit = str(self.price - self.sign * D(self.second.choice(("0.10", "0.30"))))
        try:
            qty, stop = str(self.second.randint(1, 9)), stop_at(self.second.choice(("1%", "3%")))
            self.world.trader.buy(qty, stop, side=self.side, limit=limit, stop_goes_along=True)
        except (BrokerError, OmsError, LevelError):
            self.trouble.add("entry failed")

    def add(self) -> None:
        """A trader's addition, from a process of its own that may be killed at any request."""
        if self.held() <= 0 or self.entries >= 6:
            return
        qty, dies_after = self.rng.randint(1, 9) + self.bit, None
        if self.rng.random() < 0.4:
            dies_after = self.rng.randint(1, 12)
        self.add_shares(str(qty), dies_after)

    def add_shares(self, qty: str, dies_after: int | None) -> None:
        """The adding process is killed at one of its next requests, if at all."""
        self.entries += 1
        request = OrderRequest("AAPL", self.side, qty=D(qty))
        request = replace(request, client_order_id=f"addition-{self.entries}")
        with self._another_process(dies_after) as oms:
            risk_gate = RiskGate(oms.client, oms.journal, ADDING, Mode.SIM, now=self.world.now)
            Placer(oms, risk_gate).place(request)

    def close(self) -> None:
        """A trader's `close`, all or part, from a process that may be killed; then given again."""
        held, rng = self.held(), self.closer
        if held <= 0:
            return
        qty = min(rng.randint(1, int(held) + 1) * (1 - self.bit), held)
        name, dies_after = f"closing-{len(self.closings)}", None
        self.closings[name] = qty
        if rng.random() < 0.5:
            dies_after = rng.randint(1, 14)
        for dies in (dies_after, None) if rng.random() < 0.5 else (dies_after,):
            with self._another_process(dies) as oms:
                oms.close("AAPL", qty=qty, client_order_id=name)

    @contextmanager
    def _another_process(self, dies_after: int | None) -> Iterator[OrderManagementSystem]:
        """It takes a stop off for as long as it lives, and may be killed at a request."""
        journal = desk_journal(self.world.desk.path / "journal.db")
        if dies_after is not None:
            self.adder, self.adder_dies_at = journal, self.world.requests + dies_after
        self.world.trader.is_adding = True
        try:
            yield self.world.desk.open_oms(journal)
        except (Killed, BrokerError, OmsError, JournalError, sqlite3.ProgrammingError):
            self.trouble.add("another process failed")
        finally:
            self.adder = None
            self.world.trader.is_adding, self.world.journal_changed = False, True
            journal.close()

    def _is_open(self) -> bool:
        return bool(self.world.desk.journal.orders("open", symbol="AAPL"))

    def _exits(self) -> list[Exit]:
        stop = stop_at(self.rng.choice(("0.5%", "1%", "2%")))
        shape = self.rng.randint(0, 3)
        if shape == 0:
            return [stop]
        if shape == 1:
            return [stop, target("1%", shares=100)]
        if shape == 2:
            return [stop, target("0.8%", shares=50), target("1.5%", shares=50)]
        return [trail("0.7%")]

    def spoil(self) -> None:
        """One answer says what cannot be."""
        self.faults += 1
        method, path, field, json = self.spoiler.choice(SPOILT)
        rule = {"method": method, "path": path, "field": field, "json": json}
        self.world.desk.fault("value_spoilt", **rule)

    def close_elsewhere(self) -> None:
        """Somebody cancels the exits by hand and closes part or all of the position."""
        if self.held() <= 0:
            return
        self.world.trader.cancel_elsewhere()
        self.world.pass_time(0.1)
        self.world.trader.close_elsewhere(percentage=self.rng.choice(("50", "100")))
        self.trouble.add("closed elsewhere")

    def move_stop(self) -> None:
        plan = self.world.plan()
        if plan is None or plan.stop.price is None or plan.status is not PlanStatus.ACTIVE:
            return
        nudge = self.sign * D(self.rng.choice(("0.10", "-0.10", "0.25")))
        at = (plan.stop.price + nudge).quantize(D("0.01"))
        if self.sign * (self.price - at) <= D("0.05"):
            return
        self.world.trader.move_stop_to(at, plan.plan_id)
        self.words.append(self.world.now())

    def move_elsewhere(self) -> None:
        """The trader moves a stop in another program, nearer or further away."""
        exchange, account = self.world.desk.venue.exchange, self.world.account
        live = self.world.witness.account.live.values()
        stops = [o for o in live if o.type == "stop" and self.world.witness.closes(o)]
        if not stops or self.held() <= 0:
            return
        order = self.rng.choice(stops)
        nudge = self.sign * D(self.rng.choice(("0.15", "0.07", "-0.12", "-0.40")))
        at = order.stop_price + nudge
        if self.sign * (self.price - at) <= D("0.10"):
            return
        with suppress(ApiError):
            new = exchange.replace(account, order.id, {"stop_price": str(at)})
            self.words.append(self.world.now())
            self.moved[new["client_order_id"]] = self.world.now()

    def cancel_entry(self) -> None:
        """The trader takes an entry back in another program."""
        exchange, account = self.world.desk.venue.exchange, self.world.account
        for order in list(self.world.witness.account.live.values()):
            if not self.world.witness.closes(order):
                with suppress(ApiError):
                    exchange.cancel(account, order.id)

    # --- the run ---------------------------------------------------------------------------

    def run(self) -> Verdict:
        if random.Random(f"first-{self.seed}").random() < 0.02:
            self.outages.locked()  # before the first watch has kept anything
        self.play_on(SECONDS)
        return self._end()

    def _end(self) -> Verdict:
        """Faults stop; everything must come to rest, and both sides must agree."""
        world = self.world
        world.desk.call("DELETE", "/sim/faults")
        self.kill_at, world.hear, world.see = 0, heard_as_sent, seen_as_sent
        self.outages.end()
        self.dead_until = self.cut_until = world.ns
        self._mend()
        if world.watcher is None:
            world.start_watch()
        longest = world.witness.longest_of_all()
        world.run(FULL_READ_SECONDS + 5, 0.25)  # a lost frame is made good by the regular look
        return judge(self, longest)


class Outages:
    """Ways to the truth that are closed for a while: the price stream, the broker, the journal.

    Drawn from a generator of its own; `drawn` counts them by their kind.
    """

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        self.drawn: dict[str, int] = {}
        self.deaf_until = self.locked_until = 0
        self.asked_at = 0
        self.streamed: dict[str, tuple[Price, int]] = {}
        """What the stream has told last of each symbol, and when."""
        self.rest = PolledFeed(world.desk.client, 5.0)
        self.feed = StreamedFeed(DeafStream(self.hear_again), world.now, instead=self.rest)
        self.feed.want(frozenset({"AAPL"}))

    def happen(self) -> None:
        """Perhaps one, in this step."""
        for chance, name, act in OUTAGES:
            if self.rng.random() < chance:
                self.drawn[name] = self.drawn.get(name, 0) + 1
                act(self)

    def blind(self) -> None:
        """The trade stream tells nothing, and REST fails, is over the limit or garbled."""
        seconds = round(self.rng.uniform(2, 20), 3)
        kind = self.rng.choice(("server_error", "rate_limited", "html_body"))
        silent = {"kind": "event_missing", "for_seconds": seconds}
        dumb = {"kind": kind, "method": "GET", "path": "/v2/*", "for_seconds": seconds}
        self.world.desk.venue.add_faults([silent, dumb])

    def deaf(self) -> None:
        """The price stream is open and silent, until it is connected anew."""
        self.deaf_until = self.world.ns + int(self.rng.uniform(5, 60) * SECOND)

    def locked(self) -> None:
        """Another process keeps the journal locked, or its disk is full, as often."""
        if self.world.locked_at is None and self.world.watcher is not None:
            self.world.locked_at = self.world.ns
            self.locked_until = self.world.ns + int(self.rng.uniform(1, 25) * SECOND)
            self.world.is_full = bool(self.locked_until % 2)

    def end_if_due(self) -> None:
        if self.world.locked_at is not None and self.world.ns >= self.locked_until:
            self.world.unlock()

    def end(self) -> None:
        if self.world.locked_at is not None:
            self.world.unlock()

    def hear_again(self) -> None:
        self.deaf_until = 0
        self.feed._take(Connected(self.world.now()))

    def prices(self, streamed: Iterable[Price]) -> Iterable[Input | Note]:
        """What the feed brings: of the stream while it speaks, else of REST every five seconds.

        A price that stays is not told again at once: `watch` must come to its decisions by itself.
        """
        for price in streamed:
            if self.world.ns >= self.deaf_until and self._is_news(price):
                self.feed._ages.heard(price.symbol, None, self.world.now())
                self.feed._latest.put(price)
        if self.rest._symbols and self.world.ns - self.asked_at >= 5 * SECOND:
            self.asked_at = self.world.ns
            self.rest.ask(sorted(self.rest._symbols))
        return self.feed.drain()

    def _is_news(self, price: Price) -> bool:
        said, at = self.streamed.get(price.symbol, (None, 0))
        if said == price and self.world.ns - at < SECOND:
            return False
        self.streamed[price.symbol] = (price, self.world.ns)
        return True


class DeafStream(MarketDataStream):
    """Connected anew by `renew`."""

    def __init__(self, connect: Callable[[], None]) -> None:
        self._connect = connect

    def subscribe(self, **symbols: Iterable[str]) -> None: ...

    def unsubscribe(self, **symbols: Iterable[str]) -> None: ...

    def messages(self) -> Iterator[MarketDataMessage]:
        yield from ()

    def renew(self, reason: str) -> None:
        self._connect()

    def close(self) -> None: ...


OUTAGES: tuple[tuple[float, str, Callable[[Outages], None]], ...] = (
    (0.001, "blind", Outages.blind),
    (0.001, "deaf", Outages.deaf),
    (0.001, "locked", Outages.locked),
)

WITHOUT_JOURNAL = (
    Session.kill,
    Session.cut,
    Session.request_fault,
    Session.close_elsewhere,
    Session.cancel_entry,
)
"""What happens also while nobody can write to the journal."""

CHANCES: tuple[tuple[float, Callable[[Session], None]], ...] = (
    (0.06, Session.enter),
    (0.01, Session.add),
    (0.008, Session.kill),
    (0.004, Session.cut),
    (0.012, Session.request_fault),
    (0.002, Session.close_elsewhere),
    (0.01, Session.move_stop),
    (0.012, Session.move_elsewhere),
    (0.002, Session.cancel_entry),
)


def play(seed: str, path: Path, settings: TradingSettings | None = None) -> Verdict:
    """Run the session of one seed."""
    rng = seeded(seed)
    random.seed(f"waits-{seed}")  # what the code under test draws for its waits
    world = open_world(path, seed=rng.randint(0, 10**6), settings=settings or TradingSettings())
    world.witness.sign = -1 if seeded(f"side-{seed}").random() < 0.3 else 1
    session = Session(seed, world, rng)
    if world.witness.sign > 0:  # nobody lends a fraction of a share
        session.bit = D(seeded(f"bits-{seed}").choice(BITS))
    world.at_request = session.at_request
    world.hear = session.frames
    world.see = session.outages.prices
    try:
        return session.run()
    finally:
        world.desk.journal.close()
