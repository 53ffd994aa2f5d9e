"""The `execbot` command's first lines: before anything else is loaded, Ctrl-C is kept."""

from __future__ import annotations

from execbot.cli.interrupts import keep

TYPE_CHECKING = False  # that of `typing`, which would be loaded before Ctrl-C is heard

if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """Run the command line of this process, and end with its exit code."""
    keep()
    from execbot.cli.main import run

    run()
