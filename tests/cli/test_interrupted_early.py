"""Goal: whoever presses Ctrl-C while a command still loads sees a sentence, never a traceback, and
what is true of the order: `not_sent` only where the exchange has none.

Method: real processes against a served exchange, which is asked for its orders. One interrupts
itself at the first lines of each module that it loads; one is interrupted twice; one ends while the
interrupt comes.

An interrupt in the middle of an import is put off to its end. The modules that are loaded last are
followed by the order within milliseconds, so on a slow machine it may be on its way by then.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import Outcome, OwnAccount, Server, exchange

STARTED = """
import os, signal, sys
from importlib import abc, machinery

name, times, again = sys.argv.pop(1), int(sys.argv.pop(1)), float(sys.argv.pop(1))

class Interrupting(abc.MetaPathFinder):
    "Just before the module is loaded, which is in the middle of an import."

    def find_spec(self, full, path=None, target=None):
        if full == name:
            sys.meta_path.remove(self)
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        return None

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
sys.argv[0] = "execbot"
from execbot.cli import interrupts
from execbot.cli.start import run
if again:
    interrupts.LOOK_AGAIN_SECONDS = again
run()
"""
LOADED = ("execbot.cli.main", "execbot.cli.logged", "execbot.cli.table", "execbot.cli.quick",
          "execbot.cli.commands.submit", "execbot.desk.account", "execbot.journal.journal",
          "execbot.broker.alpaca")  # fmt: skip
JUST_BEFORE = ("execbot.desk.placing", "execbot.oms.place.placer", "execbot.risk.sizing",
               "execbot.oms.place.add_to_position", "execbot.oms.send.exits_of")  # fmt: skip
"""Between these and the order there may be no time."""

SUBMIT = ("submit", "AAPL", "--qty", "1", "--json")


def interrupted(
    env: dict[str, str], name: str, *words: str, times: int = 1, again: float = 0
) -> Outcome:
    """`again`: after how many seconds an interrupt that was put off is tried again."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED, name, str(times), str(again), *words],
        env=env, cwd=env["HOME"], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange")) as server:
        yield server


@pytest.fixture
def trader(served: Server, tmp_path: Path) -> OwnAccount:
    return OwnAccount(served, tmp_path, "trading_execution: {}\n")


@pytest.mark.parametrize("name", LOADED)
def test_ctrl_c_while_a_module_loads_is_told_and_nothing_is_sent(
    trader: OwnAccount, name: str
) -> None:
    done = interrupted(trader.env, name, *SUBMIT)
    assert "Traceback" not in done.err and "ignored" not in done.err, done.err
    assert (done.code, done.out, done.error["outcome"]) == (130, "", "not_sent")
    assert trader.server.orders(trader.key) == []


@pytest.mark.parametrize("name", JUST_BEFORE)
def test_ctrl_c_just_before_the_order_says_not_sent_only_where_the_exchange_has_none(
    trader: OwnAccount, name: str
) -> None:
    done = interrupted(trader.env, name, *SUBMIT)
    assert "Traceback" not in done.err and "ignored" not in done.err, done.err
    said, there = told_of(done), trader.server.orders(trader.key)
    match done.code:
        case 130 if said == "not_sent":
            assert there == []
        case 130 | 0:  # it was taken before the interrupt came to be heard
            assert len(there) == 1 and said in ("accepted", "filled")
        case 7:  # it was on its way: the exchange may have it
            assert said == "in_doubt" and len(there) <= 1
        case other:
            pytest.fail(f"{other}: {done.out}{done.err}")


def told_of(done: Outcome) -> str:
    return str(done.data["outcome"] if done.code == 0 else done.error["outcome"])


def test_an_interrupt_that_was_put_off_comes_before_the_order_is_sent(trader: OwnAccount) -> None:
    """However long it takes until it is tried again."""
    done = interrupted(trader.env, "execbot.desk.placing", *SUBMIT, again=30)
    assert (done.code, told_of(done)) == (130, "not_sent")
    assert trader.server.orders(trader.key) == []


def test_a_second_ctrl_c_ends_what_does_not_come_to_telling(sim_env: dict[str, str]) -> None:
    done = interrupted(sim_env, "execbot.cli.main", "positions", times=2)
    assert (done.code, done.out, done.err) == (130, "", "")


def test_ctrl_c_while_the_failure_is_told_changes_nothing_of_it(
    sim_env: dict[str, str],
) -> None:
    done = interrupted(sim_env, "execbot.cli.ending", "submit", "AAPL", "--json")
    assert "Traceback" not in done.err, done.err
    assert (done.code, json.loads(done.err)["outcome"]) == (2, "not_sent")


def test_the_command_is_the_one_that_keeps_it() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert 'execbot = "execbot.cli.start:run"' in project


RUN_INSIDE = """
import os, signal
from execbot.cli.main import run
try:
    run(["version"])
except SystemExit as end:
    assert not end.code
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("heard")
"""


def test_a_program_that_runs_a_command_inside_hears_ctrl_c_afterwards(
    sim_env: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN_INSIDE],
        env=sim_env, cwd=sim_env["HOME"], capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["heard"]), done
