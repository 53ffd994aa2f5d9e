"""The `execbot` command: each of its commands (`table`) is imported only when it is used.

Nothing heavy is imported here: a plain command line needs no Typer (`quick`); `group` has the rest.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from execbot.cli import interrupts, logged
from execbot.cli.exit_codes import Ended, ExitCode
from execbot.cli.leaving import leave
from execbot.cli.table import COMMANDS as COMMANDS
from execbot.cli.table import PROGRAM as PROGRAM

SELDOM = (50_000, 20, 50)
"""How often the cycle collector looks. Starting up makes many objects and no garbage: with Python's
own thresholds a command spends a twelfth of its time on searching them."""


def _load_msgspec() -> None:
    """Without `typing_extensions`, which loads `inspect` and much more: msgspec takes what `typing`
    has where it is missing, and from Python 3.11 on that is the same to it. Whoever imports it
    later gets it. In a process of ours alone: a program that uses both has its own say."""
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    modules["typing_extensions"] = None  # which cannot be imported
    try:
        import_module("msgspec")
    finally:
        del modules["typing_extensions"]


def _ensure_streams() -> None:
    """Writing never fails for the sake of the stream: an order may have been sent before.

    A process started with stdout or stderr closed (`>&-`) writes to nowhere instead. The free
    descriptor is taken at once, or the next file to be opened would get it. A character that the
    stream's encoding does not have is written by its number.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _forget_interrupt() -> None:
    """Python keeps in mind that an interrupt went through source text that was being executed (a
    dataclass that was being made, say). Under `python -m` it then kills itself by SIGINT at its end
    and the exit code is lost, although the interrupt was caught: seen with 3.10 to 3.13. It forgets
    it with the next text that it executes."""
    exec("")


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line, that of the process by default, and end with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    gc.set_threshold(*SELDOM)
    if arguments is None:
        _load_msgspec()
    entry = COMMANDS.get(given[0])
    if entry is not None and entry.opens:
        from execbot.desk.door.early import announce_early

        announce_early(given)
    _ensure_streams()
    code = _run(given)
    interrupts.keep(code)  # what there was to say is said
    logged.end(code)
    _forget_interrupt()
    if arguments is None:
        leave(code)
    interrupts.let_go()
    sys.exit(code)


def _run(given: list[str]) -> int:
    """Carry the command out and tell how it failed, if it did; its exit code."""
    try:
        interrupts.tell()
        trouble = logged.begin(given)
        if trouble:
            print(f"Warning: {trouble}", file=sys.stderr)
        try:
            code = _carry_out(given)
        except Ended as ended:
            code = ended.exit_code
        if code == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        return code
    except (Exception, KeyboardInterrupt) as error:
        interrupts.keep()
        from execbot.cli.begun import has_begun
        from execbot.cli.ending import end_with

        entry = COMMANDS.get(given[0])
        help_of = f"{PROGRAM} {given[0]} --help" if entry is not None else f"{PROGRAM} --help"
        return end_with(
            error, given, help_of, writes=entry is not None and entry.writes and has_begun()
        )


def _carry_out(given: list[str]) -> int:
    """A plain command line at once, any other by Typer; the exit code."""
    entry = COMMANDS.get(given[0])
    if entry is not None and not {"-h", "--help"}.intersection(given):
        from execbot.cli.quick import quick_of

        module = import_module(f"execbot.cli.commands.{entry.module}")
        function = None if hasattr(module, "app") else getattr(module, given[0].replace("-", "_"))
        carry_out = quick_of(function, given[1:])
        if carry_out is not None:
            carry_out(given[0])
            return 0
    from execbot.cli.group import run_typed

    return run_typed(given)
