"""Goal: beside an exchange whose clock runs faster, or is set, what our own processes leave to each
other lasts as long as they need, and nothing counts as older than it is.

Method: a clock of the test's own that says how fast it runs and how far it was set, under a plan
that is lifted, the real core, and the feed of prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.exit_views import T0, plan
from support.wishes import stop_at
from support.world import open_world
from watch.test_silent_prices import Followed

from execbot.exits.plan.plan import Lift
from execbot.exits.store import (
    LEASE_LONGEST,
    LIFT_LEASE,
    keep_lifted,
    lease,
    lifted,
    plan_of,
    save_plan,
)
from execbot.journal import Journal
from execbot.sim.types import SECOND
from execbot.watch.core.exit_endings import HANDS_OFF
from execbot.watch.core.inputs import PricesKnown
from execbot.watch.feed import StreamedFeed


@dataclass
class Clock:
    at: datetime = T0
    speed: float = 10.0
    leapt: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return self.at

    def passes(self, seconds: float) -> None:
        """On this machine."""
        self.at += timedelta(seconds=seconds * self.speed)

    def is_set(self, by: timedelta) -> None:
        self.at, self.leapt = self.at + by, self.leapt + by


def test_a_lift_lasts_in_our_seconds_and_is_held_on_to_in_time(tmp_path: Path) -> None:
    clock = Clock()
    with Journal.open(tmp_path / "j.db") as journal:
        save_plan(journal, plan())
        with lifted(journal, "AAPL", clock, "close") as held:
            assert held is not None
            clock.passes(LIFT_LEASE.total_seconds() - 0.1)
            found = plan_of(journal, "AAPL")
            assert found is not None and found.lift is not None and found.lift.lasts(clock())
            again = Lift("close", clock() + lease(clock))
            keep_lifted(journal, held.plan_id, clock(), again)
            clock.passes(LIFT_LEASE.total_seconds() - 0.1)
            found = plan_of(journal, "AAPL")
            assert found is not None and found.lift is not None and found.lift.lasts(clock())
            clock.passes(0.2)
            assert not found.lift.lasts(clock())


def test_the_longest_lift_holds_by_a_clock_that_is_a_little_behind() -> None:
    holder = Clock(speed=100.0)
    lift = Lift("close", holder() + lease(holder))
    assert lift.lasts(holder() - timedelta(seconds=10))
    assert not lift.lasts(holder() - timedelta(minutes=1))


def test_no_clock_however_fast_makes_a_lift_last_longer_than_any_may() -> None:
    assert lease(Clock(speed=100_000)) == LEASE_LONGEST
    assert lease(Clock(speed=0)) == lease(lambda: T0) == LIFT_LEASE


def test_exits_that_another_process_cancels_are_left_to_it_in_our_seconds(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    stop = next(r for r in world.desk.journal.orders("open") if r.role == "stop")
    assert world.watcher is not None
    core = world.watcher.core
    core.memory.speed = 10
    core._endings.cancel_by_others(stop, world.now())
    assert world.state().hands_off_until == world.now() + 10 * HANDS_OFF


def followed(clock: Clock) -> Followed:
    made = Followed()
    made.at, clock.at = clock.at, made.at
    made.feed = StreamedFeed(made.stream, clock, instead=made.rest)
    made.feed.want(frozenset({"AAPL", "MSFT"}))
    made.feed.drain()
    return made


def unknown(made: Followed) -> bool:
    told = made.feed.drain()
    return any(isinstance(item, PricesKnown) and not item.are_known for item in told)


def test_a_clock_that_is_set_makes_no_price_unknown(tmp_path: Path) -> None:
    clock = Clock(speed=1.0)
    made = followed(clock)
    clock.is_set(timedelta(hours=2))
    assert not unknown(made)
    clock.is_set(-timedelta(hours=1))
    assert not unknown(made)
    clock.passes(29)
    assert not unknown(made)
    clock.passes(2)
    assert unknown(made)


def test_rest_has_ten_of_our_seconds_to_give_a_price(tmp_path: Path) -> None:
    clock = Clock(speed=10.0)
    made = followed(clock)
    clock.passes(11.9)  # two of silence by the exchange's clock, and nearly ten of ours
    assert not unknown(made)
    clock.passes(0.2)
    assert unknown(made)


@dataclass
class SetClock:
    """The account's clock, as far as it was set off."""

    inner: Callable[[], datetime]
    leapt: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return self.inner() + self.leapt


@pytest.mark.parametrize("by", [timedelta(minutes=18), timedelta(minutes=-18)])
def test_shares_have_no_stop_for_as_long_as_they_have_none(tmp_path: Path, by: timedelta) -> None:
    """A clock that is set ahead halts no entries, one that is set back keeps no alarm back."""
    world = open_world(tmp_path)
    clock = SetClock(world.now)
    world.running.now = clock
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    held = {"code": 40310000, "existing_qty": "10", "held_for_orders": "10",
            "message": "insufficient qty available for order"}  # fmt: skip
    world.desk.fault("canned_reply", method="POST", path="/v2/orders", count=999,
                     params={"status": 403, "body": held})  # fmt: skip
    for order in world.desk.call("GET", "/v2/orders?status=open"):
        world.desk.call("DELETE", f"/v2/orders/{order['id']}")
    world.run(0.1)
    since = world.ns
    clock.leapt = by
    while not world.notes_of("unprotected") and world.ns - since < 60 * SECOND:
        world.step()
    assert 4 < (world.ns - since) / SECOND < 8  # five, and what a try to place it takes
