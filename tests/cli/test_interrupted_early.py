"""Goal: whoever presses Ctrl-C while a command still loads sees a sentence, never a traceback, and
exit 130: nothing was sent.

Method: real processes. One interrupts itself at the first lines of each module that it loads; one
is interrupted twice; one ends while the interrupt comes.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import Outcome

STARTED = """
import os, signal, sys
from importlib import abc, machinery

name, times = sys.argv.pop(1), int(sys.argv.pop(1))

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
from execbot.cli.start import run
run()
"""
LOADED = ("execbot.cli.main", "execbot.cli.logged", "execbot.cli.table", "execbot.cli.quick",
          "execbot.cli.commands.submit", "execbot.desk.placing", "execbot.desk.account",
          "execbot.journal.journal", "execbot.broker.alpaca")  # fmt: skip


def interrupted(env: dict[str, str], name: str, *words: str, times: int = 1) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-c", STARTED, name, str(times), *words],
        env=env, cwd=env["HOME"], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", LOADED)
def test_ctrl_c_while_a_module_loads_is_told_and_nothing_is_sent(
    sim_env: dict[str, str], name: str
) -> None:
    done = interrupted(sim_env, name, "submit", "AAPL", "--qty", "1", "--json")
    assert "Traceback" not in done.err and "ignored" not in done.err, done.err
    assert (done.code, done.out, done.error["outcome"]) == (130, "", "not_sent")


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
