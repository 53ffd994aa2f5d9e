"""One random session with options, over a day, a night or an expiry: all follows from its seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from execbot.config.schema import ScaleInSettings, TradingSettings
from execbot.sim.types import SECOND
from execbot.watch.core.timers import FULL_READ_SECONDS
from support.sessions.disturbed import Disturbed
from support.sessions.option_trader import OptionTrader
from support.sessions.option_verdict import OptionVerdict, judge, judge_evening
from support.sessions.option_world import OptionWorld, open_option_world
from support.settings import settings_with
from support.world import D, heard_as_sent, seeded

SECONDS = 30.0
LONG_STEP = 4 * 3600.0
AFTER_LONG = (0.2, 0.2, 0.2)


class Course(StrEnum):
    """What a session goes through after its trading."""

    DAY = "day"
    NIGHT = "night"
    """Sold contracts in the money may be assigned."""
    EXPIRY = "expiry"
    """`watch` leaves what expires in time."""
    TO_THE_END = "to the end"
    """Nobody leaves what expires: the broker closes, exercises, assigns."""
    SPLIT = "split"
    """The stock is split before the next day, on which trading goes on; rows come the day after,
    those of an exercise of the first day in the midst of it."""
    OUTAGE = "outage"
    """`watch` is away from the afternoon of the expiry to the next trading day."""


WEEKEND = frozenset({Course.EXPIRY, Course.TO_THE_END, Course.OUTAGE})

SPLITS = ((4, 1), (2, 1), (3, 1), (3, 2), (1, 4))
"""New shares for old ones."""

FAULTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("reply_lost", {}),
    ("reply_delayed", {"params": {"seconds": 0.6}}),
    ("request_delayed", {"params": {"seconds": 0.6}}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("server_error", {"params": {"status": 503}}),
    ("server_error", {"params": {"status": 504, "handled": True}}),
    ("rate_limited", {}),
    ("html_body", {}),
)
PATHS = (
    ("POST", "/v2/orders"),
    ("PATCH", "/v2/orders/*"),
    ("DELETE", "/v2/orders/*"),
    ("GET", "/v2/orders*"),
    ("GET", "/v2/positions*"),
    ("POST", "/v2/positions/*"),
    ("GET", "/v1beta1/options/*"),
    ("GET", "/v2/stocks/*"),
    ("GET", "/v2/account/activities*"),
)


def settings_of(course: Course) -> TradingSettings:
    """Limits that let nearly everything through: they have tests of their own."""
    most = D(90)
    minutes = None if course is Course.TO_THE_END else 60
    return settings_with(
        max_position_size_pct=most,
        max_account_exposure_pct=most,
        options={
            "max_premium_pct": most,
            "max_loss_pct": most,
            "max_spread_pct": D(150),
            "min_days": 0,
            "close_before_expiry_minutes": minutes,
        },
        risk={
            "duplicate_window_seconds": D(0),
            "scale_in": ScaleInSettings(enabled=True, max_steps=100, min_profit_pct=D(-100)),
        },
    )


@dataclass
class OptionSession(Disturbed):
    """Draws what happens to contracts and lets it happen."""

    world: OptionWorld
    course: Course = Course.DAY
    price: Decimal = Decimal(0)
    start_price: Decimal = Decimal(0)
    trader: OptionTrader = field(init=False)
    blinded: int = 0

    def __post_init__(self) -> None:
        self.step_seconds = 0.4
        days = 1 if self.course in WEEKEND else 8
        self.liking = self.rng.choice(LIKINGS)
        self.trader = OptionTrader(self, seeded(f"trader-{self.seed}"), days)

    # --- what happens --------------------------------------------------------------------------

    def happen(self) -> None:
        self.move_price()
        for chance, what in CHANCES:
            if self.rng.random() < chance:
                what(self)
        for chance, name in ACTS:
            if self.rng.random() < chance * self.liking.get(name, 1):
                self.trader.act(name, getattr(self.trader, name))

    def move_price(self) -> None:
        if self.rng.random() < 0.2:
            self.put_price(D(str(round(self.rng.gauss(0, 0.6), 2))))

    def put_price(self, jump: Decimal) -> None:
        low, high = self.start_price * D("0.9"), self.start_price * D("1.1")
        self.price = max(low, min(high, self.price + jump))
        self.world.price("AAPL", str(self.price))

    def request_fault(self) -> None:
        self.faults += 1
        (kind, extra), (method, path) = self.rng.choice(FAULTS), self.rng.choice(PATHS)
        self.world.desk.fault(kind, method=method, path=path, **extra)

    def blind(self) -> None:
        """Neither the stream nor REST tells anything for a while."""
        self.blinded += 1
        seconds = round(self.rng.uniform(2, 15), 3)
        silent = {"kind": "event_missing", "for_seconds": seconds}
        dumb = {"kind": "server_error", "method": "GET", "path": "/v*", "for_seconds": seconds}
        self.world.desk.venue.add_faults([silent, dumb])

    # --- the run -------------------------------------------------------------------------------

    def run(self) -> OptionVerdict:
        trade = self.world.desk.client.latest_trade("AAPL")
        assert trade is not None
        self.price = self.start_price = trade.price
        self.put_price(D(0))
        self.world.run(1)
        self.trader.read_chain(is_single=self.liking is SINGLE)
        self.play_on(SECONDS)
        problems: list[str] = []
        if self.course is Course.NIGHT:
            problems = self._night()
        elif self.course is Course.SPLIT:
            problems = self._split()
        elif self.course in WEEKEND:
            problems = self._expiry()
        elif any(name.startswith("exercise") for name in self.trader.begun):
            self._jump("2026-10-08 11:00")  # until the rows of it are there
        return self._end(problems)

    def _night(self) -> list[str]:
        """To the evening of the day, when some are assigned; the next day trading goes on."""
        day = f"{self.world.now():%Y-%m-%d}"
        self._jump(f"{day} 15:59:50")
        self.put_price(D(str(round(self.rng.gauss(0, 4), 2))))
        self._jump(f"{day} 16:46")
        problems = judge_evening(self)
        core = self.world.desk.venue.exchange.core
        core.config = replace(core.config, early_assignment_share=D(0))
        self._jump("2026-10-08 10:00")
        self.play_on(6)
        self._jump("2026-10-09 11:00")  # what was exercised then has its rows
        return problems

    def _split(self) -> list[str]:
        """Over night; the contracts are others in the morning, and their rows a day away."""
        new, old = self.rng.choice(SPLITS)
        self._jump("2026-10-08 09:00")
        self.calm()
        self.world.desk.call("POST", "/sim/split", {"symbol": "AAPL", "new": new, "old": old})
        self.world.witness.were_split()
        ratio = D(new) / D(old)
        self.price, self.start_price = (
            (price / ratio).quantize(D("0.01")) for price in (self.price, self.start_price)
        )
        self._jump("2026-10-08 10:00")
        self.put_price(D(0))
        problems = judge_evening(self)
        self.trader.read_chain(is_single=self.liking is SINGLE)
        self.play_on(6)
        self._jump("2026-10-09 11:00")
        return problems

    def _expiry(self) -> list[str]:
        day = "2026-10-09"
        self._jump(f"{day} 14:59:52")
        self.put_price(D(str(round(self.rng.gauss(0, 3), 2))))
        self.trader.days = 0
        if self.course is Course.OUTAGE:
            self._die_until("2026-10-12 09:45")
        else:
            self.play_on(20)
            self._jump(f"{day} 15:29:56", 1200.0)
            self.play_on(12)
        self._jump(f"{day} 15:59:59", 600.0)
        self._jump(f"{day} 16:50", 1500.0)
        problems = judge_evening(self)
        self._jump("2026-10-12 10:00", 12 * 3600.0)
        return problems

    def _die_until(self, wall: str) -> None:
        self.kills += 1
        self.kill_at = 0
        self.world.kill_watch()
        self.dead_until = self.world.moment(wall)

    def _jump(self, wall: str, step: float = LONG_STEP) -> None:
        """Long steps in which nothing but time happens; after each a few short ones, so that what
        `watch` asks for is answered at once and not half an hour later."""
        until = self.world.moment(wall)
        short = self.step_seconds
        while self.world.ns < until:
            for seconds in (min(step, (until - self.world.ns) / SECOND), *AFTER_LONG):
                self.step_seconds = seconds
                self.world.witness.is_resting = seconds > max(AFTER_LONG)
                self._mend()
                self._step()
        self.step_seconds, self.world.witness.is_resting = short, False

    def calm(self) -> None:
        """Faults stop, and everything comes to rest."""
        world = self.world
        world.desk.call("DELETE", "/sim/faults")
        self.kill_at, world.hear = 0, heard_as_sent
        self.cut_until = world.ns
        if self.course is not Course.OUTAGE or world.ns >= self.dead_until:
            self.dead_until = world.ns
            self._mend()
            if world.watcher is None:
                world.start_watch()

    def _end(self, problems: list[str]) -> OptionVerdict:
        self.calm()
        longest = self.world.witness.longest_of_all()
        self.world.run(FULL_READ_SECONDS + 5, 1.0)
        with_rows = self.world.desk.oms.reconcile()
        self.world.journal_changed = True
        self.world.run(2, 0.5)
        self._hear_all()
        return judge(self, longest, with_rows, problems)

    def _hear_all(self) -> None:
        """What fills while the last request is answered is heard before anybody judges."""
        for _ in range(40):
            self.world.step(0.02)
            if self.world.desk.venue.exchange.last_seq == self.world.desk.seen:
                return


CHANCES: tuple[tuple[float, Callable[[OptionSession], None]], ...] = (
    (0.016, OptionSession.kill),
    (0.008, OptionSession.cut),
    (0.040, OptionSession.request_fault),
    (0.003, OptionSession.blind),
    (0.003, lambda session: session.trader.close_elsewhere()),
    (0.005, lambda session: session.trader.cancel_elsewhere()),
)

ACTS: tuple[tuple[float, str], ...] = (
    (0.040, "open_one"),
    (0.020, "sell_one"),
    (0.010, "buy_shares"),
    (0.060, "open_spread"),
    (0.050, "protect_one"),
    (0.045, "protect_all"),
    (0.004, "unprotect_all"),
    (0.018, "close_one"),
    (0.020, "close_all"),
    (0.015, "roll"),
    (0.012, "exercise"),
    (0.012, "cancel_one"),
)

SINGLE: dict[str, float] = {
    "open_spread": 0,
    "roll": 0,
    "protect_one": 2,
    "protect_all": 0.3,
    "sell_one": 0.5,
}

LIKINGS: tuple[dict[str, float], ...] = (
    {},
    SINGLE,
    {"open_one": 0.2, "sell_one": 0, "buy_shares": 0, "protect_one": 0.2},
)
"""Of what a trader does more, or less: everything; one contract; spreads."""


def play(seed: str, path: Path) -> OptionVerdict:
    """Run the session of one seed."""
    rng = seeded(f"options-{seed}")
    random.seed(f"waits-options-{seed}")  # what the code under test draws for its waits
    course = rng.choice([one for one in Course if one is not Course.SPLIT])
    if course in (Course.DAY, Course.NIGHT) and seeded(f"split-{seed}").random() < 0.4:
        course = Course.SPLIT
    exchange = {
        "early_assignment_share": str(rng.choice((0, 1, 1))) if course is Course.NIGHT else "0",
        "option_risk_close": rng.random() < 0.8,
    }
    day = "2026-10-08" if course in WEEKEND else "2026-10-07"
    world = open_option_world(
        path, settings_of(course), seed=rng.randint(0, 10**6), at=f"{day} 10:00", exchange=exchange
    )
    session = OptionSession(seed, world, rng, course=course)
    world.at_request = session.at_request
    world.hear = session.frames
    try:
        return session.run()
    finally:
        world.desk.journal.close()
