"""Goal: a process that ends at once leaves nothing undone: what was written is there, what was
registered for the end is called, threads that are to be waited for are, and the exit code is kept.

Method: real processes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import EXECBOT, clean_environment

LEAVES = "import sys, atexit, threading, time\nfrom execbot.cli.leaving import leave\n{}\nleave(7)"


def left(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LEAVES.format(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("code", "out"),
    [
        ("print('x' * 100000, end='')", "x" * 100000),
        ("atexit.register(lambda: print('last', end=''))", "last"),
        (
            "def work():\n    time.sleep(0.3)\n    print('done', end='')\n"
            "threading.Thread(target=work).start()",
            "done",
        ),
        ("threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", ""),
        ("sys.setprofile(lambda *_: None); atexit.register(lambda: print('told', end=''))", "told"),
    ],
    ids=["what was written", "registered", "thread", "daemon", "profiled"],
)
def test_what_is_due_at_the_end_is_done(code: str, out: str) -> None:
    done = left(code)
    assert (done.returncode, done.stdout, done.stderr) == (7, out, "")


def test_modules_are_not_taken_apart() -> None:
    assert left("import gc\nclass X:\n    def __del__(self): print('!')\nx = X()").stdout == ""


def test_an_answer_that_nobody_reads_ends_the_command_as_ever(tmp_path: Path) -> None:
    command = f"{' '.join(EXECBOT)} help | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("Usage: execbot")
    assert (done.returncode, done.stderr) == (0, "")
