"""The live page beside a running watch: a process of its own, of which nothing is imported here.

It ends with the watch, however that ends: its stdin is a pipe that the system closes then.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

GOODBYE_SECONDS = 1.0
WORDS_MAX = 400


class PageBeside:
    """`execbot page`, started with these arguments. Calls `tell` with words: that it runs, or why
    it does not."""

    def __init__(self, arguments: Sequence[str], tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._is_ending = False
        self._words = ""
        command = [sys.executable, "-m", "execbot", "page", "--with-watch", *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._follow, name="page", daemon=True).start()

    def end(self) -> None:
        """Ask it to end; the system ends what does not in time."""
        self._is_ending = True
        with suppress(OSError):
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE_SECONDS)

    def _follow(self) -> None:
        """Follow its output. The link itself is passed on to nobody: what `tell` gets ends in
        logs."""
        errors = threading.Thread(target=self._read_errors, name="page-errors", daemon=True)
        errors.start()
        assert self._process.stdout is not None
        if self._process.stdout.readline():
            self._tell("the page runs: `execbot page link` prints its link")
        code = self._process.wait()
        errors.join()
        if not self._is_ending:
            self._tell(f"the page has ended with {code}; the watch goes on. {self._words}".rstrip())

    def _read_errors(self) -> None:
        """Read its errors as they come: a pipe that is full would hold the page up."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._words = " ".join(f"{self._words} {line}".split())[-WORDS_MAX:]
