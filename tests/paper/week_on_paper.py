"""The week of `tests/week` on a real paper account: real time, small orders, an end that is flat.

What goes wrong is ours alone: `watch` is killed and the machine loses its power (all that was
started here is killed at once), drawn by the seed as always.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from paper.account import NotSafe, PaperAccount, PaperVenue
from support.waiting import PATIENCE_SECONDS
from week import journal_side, judge
from week.acting import Acting
from week.course import NEW_YORK, Course, course_of
from week.machine import Machine
from week.phone import Phone
from week.play import Week
from week.running import set_up
from week.strategy import Strategy
from week.troubles import OURS, Trouble, plan
from week.wanted import RENAMES, Wanted

SYMBOLS = ("XLF", "EEM", "HYG")
"""Cheap funds that trade much: two shares cost less than two hundred dollars."""

COST_LOOK_SECONDS = 60.0


@dataclass(frozen=True)
class PaperWanted(Wanted):
    """`max_cost` in dollars ends the strategy; `minutes` cuts the whole week short."""

    speed: float = 1.0
    managers: tuple[str, ...] = ("systemd",)
    signal_seconds: float = 300.0
    is_short: bool = True
    max_cost: Decimal = Decimal(25)
    minutes: float | None = None

    def trading_yaml(self, pings: Mapping[str, str]) -> str:
        """Everything else as it is by default."""
        return _YAML.format(
            symbols=", ".join(SYMBOLS),
            pings="\n".join(f"    {job}: {url}" for job, url in pings.items()),
        )

    @property
    def ttl_seconds(self) -> float:
        return 300


_YAML = """\
trading_execution:
  mode: paper
  symbols: [{symbols}]
  max_positions: 3
  max_position_size_pct: 1
  max_account_exposure_pct: 3
  risk:
    max_order_notional: 250
    max_order_qty: 2
    max_daily_orders: 120
    max_daily_loss_pct: 0.5
    allow_short: false
  alerts: {{min_severity: warning, daily_report: true}}
  ping:
{pings}
"""


class CarefulStrategy(Strategy):
    """One or two shares; says nothing more once the week has cost too much, or is over."""

    venue: PaperVenue
    max_cost: Decimal
    cost: Decimal = Decimal(0)
    is_over: bool = False
    _looked: float = float("-inf")

    def turn(self, now: datetime) -> None:
        if time.monotonic() - self._looked > COST_LOOK_SECONDS:
            self._looked = time.monotonic()
            self.cost = self.venue.cost()
            self.is_over = self.is_over or self.cost > self.max_cost
        if self.is_over:
            self.read()
        else:
            super().turn(now)


def run(
    wanted: PaperWanted, account: PaperAccount, folder: Path, tell: Callable[[str], None] = print
) -> tuple[Week, judge.Verdict]:
    """Play it and judge it. Raises NotSafe before anything is sent."""
    venue = PaperVenue(account, SYMBOLS)
    venue.check_free()
    with ExitStack() as stack:
        phone = Phone(venue.now)
        stack.callback(phone.close)
        machine = _machine(wanted, account, folder)
        set_up(machine, wanted, phone, (account.api_key, account.secret_key))
        course = _course(wanted, venue)
        week = Week(
            wanted, venue, machine, phone, None, course, _troubles(wanted, course, venue), tell,
            judge.evening, before_the_end=lambda week: _end_flat(week, venue),
        )  # fmt: skip
        stack.callback(lambda: week.lose_power(venue.now()))
        week.bounds = (venue.now(), course.end)
        if wanted.minutes is not None:
            week.bounds = (venue.now(), venue.now() + timedelta(minutes=wanted.minutes))
        week.strategy = _strategy(week, venue, wanted)
        acting = Acting(week, folder)
        week.play(0, acting, folder)
        verdict = judge.final(week, acting)
        return week, verdict


def _machine(wanted: PaperWanted, account: PaperAccount, folder: Path) -> Machine:
    home = folder / "home"
    home.mkdir(parents=True)
    shared = {"HOME": str(home), "USER": "trader", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin",
              "TZ": wanted.zone}  # fmt: skip
    machine = Machine(home, home, folder / "said", shared)
    machine.urls = {
        "ALPACA_TRADING_URL": account.rest,
        "ALPACA_DATA_URL": account.data,
        "ALPACA_TRADING_WS_URL": account.stream,
    }
    return machine


def _course(wanted: PaperWanted, venue: PaperVenue) -> Course:
    [(first, last)] = wanted.weeks
    rows = venue.calendar(first, last)
    if not rows:
        raise NotSafe("no session in these days")
    return course_of(rows, is_short=True)


def _troubles(wanted: PaperWanted, course: Course, venue: PaperVenue) -> list[Trouble]:
    drawn = plan(list(course.sessions.values()), wanted.seed, SYMBOLS, renames=RENAMES)
    if wanted.minutes is None:
        return [one for one in drawn if one.kind in OURS and one.at > venue.now()]
    third = timedelta(minutes=wanted.minutes / 3)  # cut short, each of them comes once all the same
    return [Trouble(venue.now() + third * number, kind, third.total_seconds() / 3)
            for number, kind in enumerate(OURS, 1)]  # fmt: skip


def _strategy(week: Week, venue: PaperVenue, wanted: PaperWanted) -> CarefulStrategy:
    made = CarefulStrategy(
        week.machine,
        week.unit,
        list(SYMBOLS),
        random.Random(f"strategy-{wanted.seed}"),
        timedelta(seconds=wanted.signal_seconds),
        venue.price,
        wanted.ttl_seconds,
        quantities=(1, 2),
    )
    made.venue, made.max_cost = venue, wanted.max_cost
    return made


def _end_flat(week: Week, venue: PaperVenue) -> None:
    """The strategy is over: what is held is closed, and the last day is judged if none was."""
    assert isinstance(week.strategy, CarefulStrategy)
    week.strategy.close()
    for symbol in sorted(venue.record().positions):
        code, _, said = journal_side.ask(week, "close", symbol)
        if code:
            week.problems.append(f"close {symbol} ends with {code}: {said.strip()[:300]}")
    until = time.monotonic() + PATIENCE_SECONDS
    while venue.record().positions and time.monotonic() < until:
        week.turn(venue.now())
        time.sleep(1)
    left = venue.record().positions
    if left:
        week.problems.append(f"left at the end: {journal_side.plain(left)}")
    if not week.judged:
        judge.evening(week, today(venue))


def today(venue: PaperVenue) -> date:
    return venue.now().astimezone(NEW_YORK).date()
