"""Goal: whatever breaks under commands and `watch`, and whenever they are killed: no order twice,
no wrong outcome, no share without its stop and nobody told.

Method: real processes against a served exchange, the journal on a small disk; something breaks at
every step (`support/harness/breaking.py`), commands and `watch` are killed at random. The judge
reads the exchange's record, and holds what was said against it (`support/harness/said.py`).
`--breaks N` kills so many, `--seed` begins elsewhere.
"""

from __future__ import annotations

import fcntl
import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from support.harness.breaking import LIVE, SYMBOLS, Breaker, Witness, uncovered
from support.harness.said import contradictions, differing, is_of
from support.harness.small_disk import SmallDisk, small_disk
from support.processes import Outcome, Server, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

from execbot.cli.exit_codes import ExitCode

D = Decimal
CONFIG = """
trading_execution:
  max_positions: 100
  max_position_size_pct: 100
  max_account_exposure_pct: 100
  risk:
    max_daily_orders: null
    max_daily_loss_pct: null
    max_consecutive_rejections: null
    duplicate_window_seconds: 0
    one_pending_per_symbol: false
    scale_in: {enabled: true, max_steps: 1000000, min_profit_pct: -100}
  broker: {timeout_seconds: 2}
"""
PRICES = {"AAPL": 200, "MSFT": 400, "KO": 60}
STEPS_A_ROUND = 12
ALARM_SECONDS = 5.0
"""`exits.unprotected_alarm_seconds`."""
SLOW_SECONDS = 45.0
"""What a machine under load may take on top, until shares without a stop are told of."""


@dataclass
class Round:
    """One account: its `watch`, its commands, and what was found wrong."""

    server: Server
    disk: SmallDisk
    name: str
    chance: random.Random
    folder: Path
    kills: int = 0
    commands: int = 0
    found: list[str] = field(default_factory=list)
    wanted: dict[str, Decimal] = field(default_factory=dict)
    alive: list[tuple[float, float]] = field(default_factory=list)
    watch: subprocess.Popen[str] | None = None
    pace_seconds: float = 1.0
    """How long a command takes on this machine now: kills and locks come in the middle of one."""

    def __post_init__(self) -> None:
        home = self.disk.outside / self.name
        home.mkdir()
        (home / "trading.yaml").write_text(CONFIG)
        inside = self.disk.inside / self.name
        config = str(inside / "trading.yaml")
        self.env = self.server.environment(inside, key=self.name, EXECBOT_CONFIG=config)
        self.home, self.logs = home, 0
        self.log = self.folder / "none"
        self.log.touch()
        self.heard: dict[Path, int] = {}
        self.told: list[tuple[float, set[str]]] = []
        self.said: list[tuple[str, set[str]]] = []
        self.witness = Witness(self.server, self.name, self.hear)
        self.breaker = Breaker(
            self.server,
            self.disk,
            self.journal,
            lambda: len(self.orders()),
            self.chance,
        )

    def journal(self) -> Path:
        return next(self.home.rglob("journal.db"))

    # --- processes ---------------------------------------------------------------------------

    def start_watch(self) -> None:
        self.logs += 1
        log = self.folder / f"{self.name}-{self.logs}.ndjson"
        log.touch()
        self.log = log
        is_read = self.chance.random() < 0.85
        self.watch = start_execbot(
            ["watch", "--json"], self.env, self.disk.prefix, cwd="/",
            stdout=self.log.open("w") if is_read else subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if not is_read:  # the pipe is small, and nobody reads it
            assert self.watch.stdout is not None
            fcntl.fcntl(self.watch.stdout, fcntl.F_SETPIPE_SZ, 4096)
        self.began: float | None = None

    def look_at_watch(self) -> None:
        """Since when it decides; one that has ended by itself, and how."""
        if self.watch is None:
            return
        if self.began is None and '"type": "reconciled"' in self.log.read_text():
            self.began = time.monotonic()
        code = self.watch.poll()
        if code is None:
            return
        self._watch_is_gone()
        if code == ExitCode.INTERNAL or "Traceback" in self.log.read_text():
            self.found.append(f"watch ended with {code}: {self.log.read_text()[-2000:]}")

    def kill_watch(self) -> None:
        self.look_at_watch()
        if self.watch is not None:
            self.watch.kill()
            self.watch.wait()
            self.kills += 1
            self._watch_is_gone()

    def _watch_is_gone(self) -> None:
        if self.began is not None:
            self.alive.append((self.began, time.monotonic()))
        self.watch = None

    def command(self, line: str, *, may_be_killed: bool = True) -> Outcome | None:
        """Its end, or None where it was killed."""
        self.commands += 1
        process = start_execbot(
            [*line.split(), "--json"], self.env, self.disk.prefix, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        if may_be_killed and self.chance.random() < 0.6:
            with suppress(subprocess.TimeoutExpired):
                out, err = process.communicate(
                    timeout=self.chance.uniform(0.2, 1.5) * self.pace_seconds
                )
                return Outcome(process.returncode, out, err)
            process.kill()
            process.communicate()
            self.kills += 1
            return None
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return Outcome(process.returncode, out, err)

    # --- what is done ------------------------------------------------------------------------

    def step(self, number: int) -> None:
        if self.watch is None:
            self.start_watch()
        self.breaker.mend_threads()
        self.breaker.break_something()
        symbol = self.chance.choice(SYMBOLS)
        name = f"{self.name}-{number}"
        qty = self.chance.randint(1, 4)
        limit = f"--limit {PRICES[symbol] * 0.9:.2f}"
        line = self.chance.choice((
            f"submit {symbol} --qty {qty} --stop-loss 5% --client-order-id {name}",
            f"submit {symbol} --qty {qty} --stop-loss 5% --add --client-order-id {name}",
            f"signal {symbol} buy --strength 90 --qty {qty} --id {name}",
            f"submit {symbol} --qty {qty} {limit} --stop-loss 5% --client-order-id {name}",
            f"close {symbol}",
            f"close {symbol} --without-journal",
            f"signal {symbol} sell --strength 90 --id {name}",
            "cancel-all --yes --entries",
            f"exits move {symbol} --stop 4%",
            "reconcile",
            "queue release",
            f"orders retry {(old := self.chance.choice([*self.wanted, name]))}",
        ))  # fmt: skip
        if line.startswith("orders retry"):
            name = old
        elif name in line and "sell" not in line:
            self.wanted[name] = D(qty)
        before = self.orders()
        ended = self.command(line)
        self.look_at_watch()
        if ended is not None:
            self.found += [f"{line} [{self.breaker.broken[-1]}]: {wrong}: {ended}"
                           for wrong in self.wrong(line, name, ended, before)]  # fmt: skip
        if self.chance.random() < 0.35:
            self.kill_watch()
        if self.chance.random() < 0.7:
            self.breaker.mend()
        self.look_at_watch()

    def orders(self) -> dict[str, dict[str, Any]]:
        """By the id that people use; the exchange's own record."""
        for _ in range(60):
            with suppress(OSError, ValueError):
                listed = self.server.orders(self.name)
                return {row["client_order_id"]: row for row in listed}
            time.sleep(0.5)
        raise AssertionError("the exchange does not answer")

    def wrong(
        self, line: str, name: str, ended: Outcome, before: dict[str, dict[str, Any]]
    ) -> Iterator[str]:
        """What was said against what the exchange has."""
        if ended.code in (ExitCode.INTERNAL, ExitCode.INTERRUPTED) or "Traceback" in ended.err:
            yield "a bug"
            return
        yield from contradictions(line, name, ended, before, self.orders())

    # --- the end -------------------------------------------------------------------------------

    def finish(self) -> None:
        """All is whole again: reconciled, protected, nothing twice, nothing sold too much."""
        self.breaker.mend()
        if self.watch is None:
            self.start_watch()
        assert self.watch is not None

        def rests() -> bool:
            self.look_at_watch()
            if self.watch is None:
                self.start_watch()
            done = self.command("reconcile", may_be_killed=False)
            rows = list(self.orders().values())
            bare = uncovered(self.witness.positions(), rows)
            return done is not None and done.code == 0 and not bare

        if not eventually(rests):
            last = self.command("reconcile", may_be_killed=False)
            positions = self.witness.positions()
            bare = uncovered(positions, list(self.orders().values()))
            self.found.append(f"it does not come to rest: naked {bare}: {last}")
        elif not eventually(lambda: not self.differing()):
            self.found += self.differing()
        self.witness.end()
        if self.watch is not None:
            self.watch.send_signal(signal.SIGTERM)
            self.watch.wait(timeout=PATIENCE_SECONDS)
            self._watch_is_gone()
        self._judge()

    def differing(self) -> list[str]:
        """What `orders` shows against the exchange's record."""
        shown = self.command("orders --status all --limit 500", may_be_killed=False)
        if shown is None or shown.code:
            return [f"orders: {shown}"]
        return list(differing(shown.data, self.orders()))

    def _judge(self) -> None:
        self.found += [f"short: {line}" for line in self.witness.shorts[:3]]
        bought: dict[str, Decimal] = {}
        for id_, row in self.orders().items():
            if row["side"] != "buy":
                continue
            of = next((name for name in self.wanted if is_of(id_, name)), None)
            if of is None:
                self.found.append(f"an order that nobody asked for: {id_}")
                continue
            alive = D(row["qty"]) if row["status"] in LIVE else D(row["filled_qty"])
            bought[of] = bought.get(of, D(0)) + alive
        for name, qty in bought.items():
            if qty > self.wanted[name]:
                self.found.append(f"{name} wanted {self.wanted[name]}, bought {qty}")
        for symbol, since, until in self.witness.spells:
            told = any(since - 1 <= at <= until and symbol in named for at, named in self.told)
            for began, ended in self.alive:
                naked = min(until, ended) - max(since, began)
                if naked > ALARM_SECONDS + SLOW_SECONDS and not told:
                    self.found.append(f"{symbol} naked for {naked:.0f} s, and nobody was told")

    def hear(self) -> None:
        """The alarms of the running `watch`, and when they were heard. A stream that is lost
        concerns every symbol."""
        log, read = self.log, self.heard
        lines = log.read_text().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        for line in whole[read.get(log, 0) :]:
            with suppress(ValueError):
                said = json.loads(line)
                if said.get("type") == "alarm":
                    named = {said.get("symbol"), *said.get("symbols", ())}
                    named |= set(SYMBOLS) if said.get("kind") == "stream_lost" else set()
                    self.told.append((time.monotonic(), named))
                    self.said.append((str(said.get("kind")), named))
        read[log] = len(whole)


@contextmanager
def served(folder: Path) -> Iterator[tuple[Server, SmallDisk]]:
    with small_disk(folder, 60_000) as disk, exchange(folder) as server:
        for symbol, price in PRICES.items():
            server.call("POST", "/sim/price", {"symbol": symbol, "price": str(price), "hold": True})
        yield server, disk


@pytest.mark.timeout(0)
def test_whatever_breaks_and_is_killed_the_truth_is_told_and_shares_keep_their_stops(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wanted = int(request.config.getoption("--breaks"))
    seed = str(request.config.getoption("--seed"))
    found: list[str] = []
    kills = rounds = commands = 0
    with served(tmp_path) as (server, disk):
        while kills < wanted and not found:
            rounds += 1
            chance = random.Random(f"{seed}-{rounds}")
            one = Round(server, disk, f"s{seed}r{rounds}", chance, tmp_path)
            began = time.monotonic()
            first = one.command("reconcile", may_be_killed=False)
            one.pace_seconds = one.breaker.pace_seconds = time.monotonic() - began
            assert first is not None and first.code == 0, first
            one.witness.start()
            for number in range(STEPS_A_ROUND):
                one.step(number)
            one.finish()
            kills, commands = kills + one.kills, commands + one.commands
            found += [f"seed {seed}, round {rounds}: {x}" for x in one.found]
            print(f"seed {seed}: {rounds} rounds, {commands} commands, {kills} kills", flush=True)
            if found:
                print("\n".join([*found, *one.breaker.broken]), flush=True)
    assert not found, "\n\n".join(found)


def test_the_witness_counts_a_share_whose_stop_is_gone(server: Server, tmp_path: Path) -> None:
    """The judge itself: what it calls naked is naked."""
    env = server.environment(tmp_path)
    server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
    done = execbot(["submit", "AAPL", "--qty", "4", "--stop-loss", "190", "--wait", "20"], env)
    assert done.code == 0, done.err
    witness = Witness(server, "test-key")
    witness.look()
    assert not witness.naked_since
    with suppress(HTTPError):
        server.call("DELETE", "/v2/orders")

    def seen() -> set[str]:
        witness.look()
        return set(witness.naked_since)

    assert eventually(lambda: seen() == {"AAPL"})


def test_the_breaker_locks_the_journal_indeed(tmp_path: Path) -> None:
    """The breaker itself: what it calls locked is locked."""
    with served(tmp_path) as (server, disk):
        one = Round(server, disk, "locked", random.Random(1), tmp_path)
        first = one.command("reconcile", may_be_killed=False)
        assert first is not None and first.code == 0, first
        one.breaker.lock()
        assert eventually(lambda: one.breaker.locks)
        waits = one.command("halt --reason test --yes", may_be_killed=False)
        one.breaker.mend()
        assert waits is not None and "locked by another process" in waits.err, waits
