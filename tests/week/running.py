"""A whole run: the exchange, the machine, its set-up by a person's shell, and then the weeks."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from support.harness.small_disk import SmallDisk, small_disk
from support.processes import EXECBOT, Server, exchange
from week import judge
from week.acting import Acting
from week.course import Course, course_of
from week.machine import Machine
from week.phone import Phone
from week.play import Week
from week.strategy import Strategy
from week.troubles import Trouble, plan
from week.venue import Venue
from week.wanted import RENAMES, SYMBOLS, Wanted

KEY = "PKWEEK"
SECRET = "week-secret"
PINGED = ("watch", "reconcile", "queue", "health", "report", "all_clear", "backup",
          "archive")  # fmt: skip
FEES = ("exchange.taf_per_share=0.000166", "exchange.sec_per_dollar=0.0000278",
        "exchange.cat_per_share=0.00003")  # fmt: skip

SHORTENED = 0.2
"""In a short course, so that it is not all trouble."""

Tell = Callable[[str], None]


def run(wanted: Wanted, folder: Path, tell: Tell = print) -> tuple[Week, judge.Verdict]:
    """Play it and judge it. `folder` is empty and stays with all that the programs said."""
    with ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        server = stack.enter_context(served(wanted, folder))
        venue = Venue(server, KEY)
        phone = Phone(venue.now)
        stack.callback(phone.close)
        disk = stack.enter_context(_disk(folder, wanted.disk_kilobytes, tell))
        machine = machine_of(wanted, server, folder, disk)
        set_up(machine, wanted, phone)
        course = _course(wanted, venue)
        week = Week(
            wanted, venue, machine, phone, disk, course, _troubles(wanted, course), tell,
            judge.evening,
        )  # fmt: skip
        stack.callback(_switch_off, week)
        week.strategy = strategy_of(week)
        acting = Acting(week, folder)
        for number in range(len(wanted.weeks)):
            week.play(number, acting, folder)
        verdict = judge.final(week, acting)
        _keep(week, folder)
        return week, verdict


@contextmanager
def served(wanted: Wanted, folder: Path) -> Iterator[Server]:
    """The exchange on the evening before, with fees, and days that are not all alike."""
    regimes = [f'market.regimes={{"{s}": "{r}"}}' for s, r in list(wanted.market.items())[:0]]
    given = [word for pair in (*FEES, *regimes) for word in ("--set", pair)]
    clock = (
        "--at",
        f"{wanted.first} 03:00",
        "--speed",
        str(wanted.speed),
        "--calendar",
        "exchange",
    )
    with exchange(folder, *clock, "--seed", _number(wanted.seed), *given) as server:
        yield server


def _number(seed: str) -> str:
    return str(random.Random(f"market-{seed}").randrange(1, 10_000))


@contextmanager
def _disk(folder: Path, kilobytes: int, tell: Tell) -> Iterator[SmallDisk | None]:
    """None where this machine lets nobody mount one: the week is played without a full disk."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(small_disk(folder, kilobytes))
        except pytest.skip.Exception as why:
            tell(f"{why}")
            found = None
        yield found


def machine_of(wanted: Wanted, server: Server, folder: Path, disk: SmallDisk | None) -> Machine:
    home = disk.inside if disk is not None else folder / "home"
    outside = disk.outside if disk is not None else home
    outside.mkdir(exist_ok=True)
    shared = {"HOME": str(home), "USER": "trader", "LANG": "C.UTF-8", "TZ": wanted.zone,
              "PATH": "/usr/bin:/bin"}  # fmt: skip
    machine = Machine(home, outside, folder / "said", shared, disk.prefix if disk else ())
    machine.urls = {
        "ALPACA_TRADING_URL": server.rest,
        "ALPACA_DATA_URL": server.data,
        "ALPACA_TRADING_WS_URL": server.stream,
    }
    return machine


def set_up(
    machine: Machine, wanted: Wanted, phone: Phone, keys: tuple[str, str] = (KEY, SECRET)
) -> None:
    """What its owner did before the week: keys, configuration, who is told, `execbot service`."""
    config = machine.outside / ".config" / "execbot"
    config.mkdir(parents=True)
    pings = {job: phone.ping_url(job) for job in PINGED}
    (config / "trading.yaml").write_text(wanted.trading_yaml(pings))
    pair = f"[paper]\napi_key = {keys[0]}\nsecret_key = {keys[1]}\n"
    (config / "credentials").write_text(pair)
    (config / ".env").write_text(f"EXECBOT_ALERT_URLS={phone.alert_url}\n")
    for name in ("credentials", ".env"):
        (config / name).chmod(0o600)
    for manager in ("systemd", "cron"):
        command = [*EXECBOT, "service", manager, "--mode", "paper", "--write"]
        done = machine.call(command, machine.urls)
        assert done.returncode == 0, done.stderr


def _course(wanted: Wanted, venue: Venue) -> Course:
    rows = [row for first, last in wanted.weeks for row in venue.calendar(first, last)]
    return course_of(rows, session_minutes=wanted.session_minutes, is_short=wanted.is_short)


def _troubles(wanted: Wanted, course: Course) -> list[Trouble]:
    shortened = SHORTENED if wanted.is_short else 1.0
    sessions = list(course.sessions.values())
    return plan(sessions, wanted.seed, SYMBOLS, renames=RENAMES, shortened=shortened)


def strategy_of(week: Week) -> Strategy:
    wanted = week.wanted
    return Strategy(
        week.machine,
        week.unit,
        list(SYMBOLS),
        random.Random(f"strategy-{wanted.seed}"),
        timedelta(seconds=wanted.signal_seconds),
        week.venue.price,
        wanted.ttl_seconds,
    )


def _keep(week: Week, folder: Path) -> None:
    """What is worth a look afterwards: all that a person heard, and the machine's state."""
    lines = [f"{heard.at} {heard.title}: {heard.body}" for heard in week.phone.heard]
    (folder / "heard.txt").write_text("\n".join(lines) + "\n")
    shutil.copytree(
        week.machine.outside / ".local", folder / "state", ignore=shutil.ignore_patterns("*.door")
    )


def _switch_off(week: Week) -> None:
    """Whatever happens, no program of the week outlives it."""
    week.lose_power(week.venue.now())
