"""The `execbot` command's first lines: before anything else is loaded, Ctrl-C is kept."""

from __future__ import annotations

from typing import NoReturn

from execbot.cli.interrupts import keep


def run() -> NoReturn:
    """Run the command line of this process, and end with its exit code."""
    keep()
    from execbot.cli.main import run

    run()
