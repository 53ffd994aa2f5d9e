"""What is left of the month: the report as a page and as text, the trades as CSV.

All of it by commands that a reader can type, run where the files go, so that none of them holds a
path of this machine.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

EXECBOT = [sys.executable, "-m", "execbot"]
WIDTH = 110


def write_results(env: Mapping[str, str], into: Path, first: date, last: date) -> list[Path]:
    report = ["report", "--monthly", "--date", str(first)]
    text = _on_a_terminal([*report, "--html", "report.html"], env, into)
    until = last + timedelta(days=1)
    trades = ["trades", "--since", str(first), "--until", str(until), "--csv"]
    done = subprocess.run(
        [*EXECBOT, *trades], env=env, cwd=into, capture_output=True, text=True, check=True
    )
    (into / "report.txt").write_text(text)
    (into / "trades.csv").write_text(done.stdout)
    return [into / name for name in ("report.html", "report.txt", "trades.csv")]


def _on_a_terminal(words: Sequence[str], env: Mapping[str, str], cwd: Path) -> str:
    """What a person sees of a command."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        [*EXECBOT, *words],
        env={**env, "COLUMNS": str(WIDTH), "TERM": "xterm"},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=there,
        stderr=subprocess.PIPE,
    )
    os.close(there)
    found = b""
    while True:
        try:
            piece = os.read(here, 65_536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        found += piece
    os.close(here)
    _, errors = process.communicate()
    if process.returncode not in (0, 8):  # 8: something is left to look at, the report says what
        raise RuntimeError(errors.decode())
    lines = found.decode().replace("\r\n", "\n").splitlines()
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"
