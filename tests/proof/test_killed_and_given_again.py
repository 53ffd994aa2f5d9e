"""Goal: a command that is killed and given again says what the uninterrupted one says: the same
order, plan, risk, R, clock and warnings, and of its protection what the exchange's record shows.
One that was suspended leaves what was given again meanwhile alone.

Method: real processes at one exchange whose clock and prices stand still, an account for each. The
command kills itself by SIGKILL at a step of its sending (`support/harness/dying.py`) and is given
again; its whole `--json` is compared with that of an account where nothing was killed, ids and
times masked.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from cli.golden_records import AT, QUOTES, Recorder
from support.harness.dying import DYING
from support.harness.said import unprotected_as_said
from support.processes import Outcome, Server, exchange, execbot
from support.waiting import PATIENCE_SECONDS, eventually
from support.watching import watching

TESTS = Path(__file__).parents[1]
CONFIG = """
trading_execution:
  order_management: {settle_quiet_seconds: 2}
  broker: {timeout_seconds: 1}
  risk: {duplicate_window_seconds: 0, scale_in: {enabled: true, min_profit_pct: -100}}
"""
QUIET_SECONDS = 2.5
"""After so long the look-up of an order that is not there is final."""

STEPS = ("before_intent", "intent_written", "before_post", "after_post", "recorded")
NEVER_SENT = STEPS[:3]

SUBMITS = {
    "market": "submit MSFT --qty 2 --stop-loss 2% --take-profit 2R",
    "limit": "submit MSFT --qty 2 --limit 390 --stop-loss 2% --cancel-after 60",
    "by risk": "submit AAPL --risk 2% --stop-loss 2% --take-profit 1R --take-profit 2R",
    "no exits": "submit KO --qty 3",
    "short": "submit TSLA --side sell --short --qty 2 --stop-loss 2%",
}
CASES = [
    *(("market", step) for step in STEPS),
    *((line, step) for line in ("limit", "by risk", "no exits", "short") for step in STEPS[2:4]),
]
SIGNAL = "signal MSFT buy --strength 90 --qty 2"


@dataclass
class Account:
    """One trader at the shared exchange."""

    server: Server
    home: Path

    def __post_init__(self) -> None:
        self.home.mkdir()
        config = self.home / "trading.yaml"
        config.write_text(CONFIG)
        self.env = self.server.environment(
            self.home, key=self.home.name, EXECBOT_CONFIG=str(config)
        )
        self.python = {**self.env, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
        self.ran("reconcile")

    def ran(self, line: str, stdin: str | None = None) -> Outcome:
        return execbot([*line.split(), "--json"], self.env, stdin=stdin)

    def killed(self, step: str, line: str, stdin: str = "") -> None:
        """The command, dead at the step; long enough ago that its look-up is final."""
        done = subprocess.run(
            [*DYING, step, *line.split(), "--json"],
            env=self.python, cwd=self.home, input=stdin, text=True, capture_output=True,
            timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == -9, done
        if step in NEVER_SENT:
            time.sleep(QUIET_SECONDS)

    def make_claims_old(self) -> None:
        """Who died with a signal in its hands has had it for a minute."""
        [path] = self.home.rglob("journal.db")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE signals SET updated_at = '2026-10-07T14:29:00.000000Z'")

    def status(self, name: str) -> str:
        [path] = self.home.rglob("journal.db")
        with closing(sqlite3.connect(path)) as connection:
            sql = "SELECT status FROM orders WHERE client_order_id = ?"
            [(status,)] = connection.execute(sql, (name,)).fetchall()
        return str(status)

    def orders(self) -> dict[str, dict[str, Any]]:
        return {row["client_order_id"]: row for row in self.server.orders(self.home.name)}

    def said(self, done: Outcome) -> Any:
        """The whole answer, but for ids, times and the word that it had been given before."""
        assert done.code == 0, done.out + done.err
        found = json.loads(done.out)
        if found["data"].get("legs"):  # in the order of their ids, which are drawn
            found["data"]["legs"].sort(key=lambda leg: leg["type"])
        told = Recorder(self.server, self.env).masked(found)
        told["data"].pop("already", None)
        told["data"].pop("halts_known", None)  # of this moment: a watch hears of them meanwhile
        warned = told["warnings"]
        return {**told, "warnings": [w for w in warned if "was submitted before" not in w]}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    home = tmp_path_factory.mktemp("given-again")
    with exchange(home, "--at", AT, "--speed", "0", "--seed", "7") as server:
        for symbol, price in QUOTES.items():
            server.call("POST", "/sim/price", {"symbol": symbol, "price": price})
        yield server, home


@pytest.fixture
def accounts(market: tuple[Server, Path], request: pytest.FixtureRequest) -> tuple[Account, ...]:
    server, home = market
    name = f"a{crc32(request.node.name.encode()):x}"
    return Account(server, home / f"{name}-whole"), Account(server, home / f"{name}-killed")


def same(account: Account, again: Outcome, whole: Account, first: Outcome) -> None:
    """What both said, and what the exchange has of it."""
    there, here = (json.dumps(a.said(d), indent=1) for a, d in ((account, again), (whole, first)))
    assert there.splitlines() == here.splitlines()
    assert len(account.orders()) == 1
    assert not list(unprotected_as_said(again.data, account.orders()))


@pytest.mark.parametrize(("line", "step"), CASES)
def test_a_killed_submit_given_again_says_what_the_whole_one_says(
    accounts: tuple[Account, Account], line: str, step: str
) -> None:
    whole, killed = accounts
    line = f"{SUBMITS[line]} --client-order-id mine"
    killed.killed(step, line)
    same(killed, killed.ran(line), whole, whole.ran(line))


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_signal_given_again_says_what_the_whole_one_says(
    accounts: tuple[Account, Account], step: str
) -> None:
    whole, killed = accounts
    line = f"{SIGNAL} --id mine"
    killed.killed(step, line)
    killed.make_claims_old()
    same(killed, killed.ran(line), whole, whole.ran(line))


def test_a_killed_sell_is_told_as_not_done_until_it_is_given_again(
    accounts: tuple[Account, Account],
) -> None:
    """Killed before its order was written down: only its claim stands."""
    _, killed = accounts
    assert killed.ran("submit MSFT --qty 2").code == 0
    killed.server.call("POST", "/sim/clock", {"step": 2})
    assert killed.ran("reconcile").code == 0
    line = "signal MSFT sell --strength 90 --id mine"
    killed.killed("before_intent", line)
    early = killed.ran(line).data
    assert early["outcome"] == "not_sent" and "another process has taken" in early["message"]
    killed.make_claims_old()
    told = [w for w in killed.ran("reconcile").json["warnings"] if "Signal mine" in w]
    assert len(told) == 1 and "execbot close MSFT" in told[0]
    again = killed.ran(line).data
    assert again["outcome"] in ("accepted", "filled")
    sold = [row for row in killed.orders().values() if row["side"] == "sell"]
    assert [row["qty"] for row in sold] == ["2"]


@pytest.mark.parametrize("step", ["before_post", "after_post"])
def test_a_killed_batch_given_again_says_what_the_whole_one_says(
    accounts: tuple[Account, Account], step: str
) -> None:
    whole, killed = accounts
    line = json.dumps({"id": "mine", "symbol": "MSFT", "side": "buy", "strength": 90, "qty": 2})
    killed.killed(step, "signal -", line)
    killed.make_claims_old()
    again, first = killed.ran("signal -", line), whole.ran("signal -", line)
    told = [Recorder(a.server, a.env).masked(json.loads(d.out.splitlines()[0]))
            for a, d in ((killed, again), (whole, first))]  # fmt: skip
    assert told[0] == told[1]
    assert len(killed.orders()) == 1


@pytest.mark.parametrize("step", ["before_post", "after_post"])
def test_a_submit_whose_watch_is_killed_says_what_the_whole_one_says(
    accounts: tuple[Account, Account], step: str
) -> None:
    whole, killed = accounts
    line = f"{SUBMITS['market']} --client-order-id mine"
    dying = subprocess.Popen(
        [*DYING, step, "watch", "--json"],
        env=killed.python, cwd=killed.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    try:
        assert dying.stdout is not None
        for said in dying.stdout:
            if '"type": "reconciled"' in said:
                break
        again = killed.ran(line)
        assert dying.wait(timeout=PATIENCE_SECONDS) == -9
    finally:
        dying.kill()
        dying.communicate()
    same(killed, again, whole, whole.ran(line))


def test_given_again_through_the_door_it_says_what_it_said(
    accounts: tuple[Account, Account],
) -> None:
    whole, _ = accounts
    line = f"{SUBMITS['limit']} --client-order-id mine"
    with watching(whole.env) as watch:
        first = whole.ran(line)
        again = whole.ran(line)
        assert eventually(lambda: watch.log.count("door: ") == 2), watch.log
    assert first.data["already"] is False and again.data["already"] is True
    same(whole, again, whole, first)


@pytest.mark.parametrize("line", SUBMITS.values(), ids=SUBMITS)
def test_a_dry_repeat_says_what_was_planned_and_that_nothing_would_be_sent(
    accounts: tuple[Account, Account], line: str
) -> None:
    whole, _ = accounts
    line = f"{line} --client-order-id mine"
    first = whole.ran(line).data
    dry = whole.ran(f"{line} --dry-run")
    assert dry.code == 0, dry
    for name in ("exits", "risk", "opens_short"):
        assert dry.data[name] == first[name], name
    assert len(whole.orders()) == 1


def test_a_signal_that_was_handled_tells_the_risk_that_it_took(
    accounts: tuple[Account, Account],
) -> None:
    whole, _ = accounts
    first = whole.ran(f"{SIGNAL} --id mine").data
    again: Mapping[str, Any] = whole.ran(f"{SIGNAL} --id mine").data
    assert again["reason"] == "signal.repeated"
    for name in ("exits", "risk", "cancel_at", "qty", "order_id"):
        assert again[name] == first[name], name


def test_who_was_suspended_leaves_an_id_that_was_given_again_alone(
    market: tuple[Server, Path],
) -> None:
    """Suspended with its intent written, it counts as never sent; the id is given again, and that
    order is on its way (its process has died there) as the first one wakes."""
    account = Account(market[0], market[1] / "suspended")
    line = "submit MSFT --qty 2 --stop-loss 2% --client-order-id mine"
    argv = [*DYING, "intent_written/stop", *line.split(), "--json"]
    first = subprocess.Popen(
        argv, env=account.python, cwd=account.home, text=True, stderr=subprocess.PIPE
    )
    try:
        os.waitid(os.P_PID, first.pid, os.WSTOPPED)
        time.sleep(QUIET_SECONDS)
        account.ran("reconcile")
        assert account.status("mine") == "never_sent"
        account.killed("before_post", line)
        assert account.status("mine") == "pending"
        first.send_signal(signal.SIGCONT)
        told = json.loads(first.communicate(timeout=PATIENCE_SECONDS)[1])
    finally:
        first.kill()
        first.wait()
    assert (first.returncode, told["kind"]) == (7, "order.in_doubt")
    assert account.status("mine") == "pending"
    assert not account.orders()
