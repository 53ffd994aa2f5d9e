"""Goal: a new user's first hour works as the documents tell it: each command copied from them runs.

Method: the first day of docs/guides/first-week.md is played line by line in an empty home, at a
terminal, on the built-in exchange; a command ends with 0, or with the code that its comment says.
The session of the README is part of it.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pages.reading import blocks
from support.paths import ROOT
from support.processes import clean_environment
from support.waiting import PATIENCE_SECONDS

PAGE = ROOT / "docs" / "guides" / "first-week.md"
WATCH = "execbot watch"


class Terminal:
    """A command at a terminal of its own; what it shows is read along, so that it never waits."""

    def __init__(self, line: str, folder: Path, env: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["bash", "-c", line],
            cwd=folder,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._ours, self._shown = ours, bytearray()
        self.has_shown = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                some = os.read(self._ours, 65536)
            except OSError:  # the other end is closed
                return
            if not some:
                return
            self._shown += some
            self.has_shown.set()

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    def end(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        os.close(self._ours)
        return code


@contextmanager
def second_terminal(folder: Path, env: dict[str, str]) -> Iterator[Terminal]:
    """`watch` beside the other commands, ended as a trader ends it."""
    terminal = Terminal(f"exec {WATCH}", folder, env)
    try:
        assert terminal.has_shown.wait(PATIENCE_SECONDS)
        yield terminal
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 0, terminal.shown
    finally:
        terminal.process.kill()


def lines_of(text: str) -> list[str]:
    """The commands of `console` blocks, with their comments."""
    lines = "\n".join(blocks(text, "console")).splitlines()
    return [line[2:] for line in lines if line.startswith("$ ")]


def first_day() -> list[str]:
    page = PAGE.read_text(encoding="utf-8")
    return lines_of(page[page.index("## Day 1") : page.index("## Day 2")])


def without_comment(line: str) -> str:
    return re.sub(r"\s+#.*$", "", line)


def expected_code(line: str) -> int:
    said = re.search(r"#.*exit (\d+)", line)
    return int(said[1]) if said else 0


def home(tmp_path: Path) -> dict[str, str]:
    """A terminal of somebody who has nothing but the installed program."""
    env = clean_environment(tmp_path, TERM="xterm-256color")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "execbot"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m execbot "$@"\n')
    program.chmod(0o755)
    env["PATH"] = f"{bin_folder}:{env['PATH']}"
    return env


def test_every_command_of_the_first_hour_runs_as_it_is_written(tmp_path: Path) -> None:
    env = home(tmp_path)
    folder = tmp_path
    lines = first_day()
    before, after = lines[: lines.index(WATCH)], lines[lines.index(WATCH) + 1 :]
    for line in before:
        if without_comment(line).startswith("mkdir"):
            assert Terminal(line, folder, env).end() == 0
            folder = folder / "trading"
            continue
        play(line, folder, env)
    with second_terminal(folder, env):
        for line in after:
            play(line, folder, env)
    assert (tmp_path / "first-day.db").is_file()


def play(line: str, folder: Path, env: dict[str, str]) -> None:
    terminal = Terminal(line, folder, env)
    assert terminal.end() == expected_code(line), f"{line}\n{terminal.shown}"
    assert "Traceback" not in terminal.shown


def test_the_session_of_the_readme_is_part_of_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    session = readme[readme.index("## A first session") :].split("\n## ", 1)[0]
    told = {without_comment(line) for line in lines_of(session) if "execbot" in line}
    assert len(told) > 3
    assert told <= {without_comment(line) for line in first_day()}


def test_the_examples_of_the_integration_guide_run_as_they_are_written(tmp_path: Path) -> None:
    env = home(tmp_path) | {"EXECBOT_MODE": "sim"}
    page = (ROOT / "docs" / "guides" / "integration.md").read_text(encoding="utf-8")
    script = example(page, "script", "python")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.stdout.strip() == "0 filled 10", done.stderr
    bash = shutil.which("bash") or "sh"
    done = subprocess.run(
        [bash, "-c", example(page, "signals", "sh")],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '"signal.weak"' in done.stdout
    assert '"outcome": "filled"' in done.stdout or '"outcome":"filled"' in done.stdout


def example(page: str, name: str, language: str) -> str:
    part = page.split(f"<!-- example: {name} -->", 1)[1].split("<!-- end -->", 1)[0]
    (block,) = blocks(part, language)
    return block
