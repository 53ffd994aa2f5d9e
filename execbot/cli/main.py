"""The `execbot` command: a table of commands, each imported only when it is used.

Nothing heavy is imported here: a plain command line needs no Typer (`quick`); `group` has the rest.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn

from execbot.cli import logged
from execbot.cli.exit_codes import Ended, ExitCode
from execbot.cli.leaving import leave
from execbot.desk.door.early import announce_early

PROGRAM = "execbot"


class CommandEntry(NamedTuple):
    """Where a command lives, below `execbot.cli.commands`.

    `writes` commands may change something at the broker.
    """

    module: str
    help: str
    writes: bool = False


COMMANDS: dict[str, CommandEntry] = {
    "submit": CommandEntry("submit", "Send one order.", writes=True),
    "buy": CommandEntry("sides", "Buy: submit with its side said.", writes=True),
    "sell": CommandEntry("sides", "Sell: submit with its side said.", writes=True),
    "short": CommandEntry("sides", "Sell what is not held: submit --short.", writes=True),
    "orders": CommandEntry("orders", "List orders, or show one with its whole history."),
    "positions": CommandEntry("positions", "Show open positions."),
    "account": CommandEntry(
        "look.account", "Show equity, the day's profit, and how far limits are used."
    ),
    "quote": CommandEntry(
        "look.quote", "Bid, ask, spread, the day's change, and what may be traded."
    ),
    "cancel": CommandEntry("cancel", "Cancel one order.", writes=True),
    "cancel-all": CommandEntry(
        "cancel", "Cancel every open order: the emergency brake.", writes=True
    ),
    "replace": CommandEntry("replace", "Change a working order.", writes=True),
    "close": CommandEntry("close", "Close a position, or all of them.", writes=True),
    "option": CommandEntry("options.option", "Option chains, structures, exercise.", writes=True),
    "signal": CommandEntry("signal", "Act on a strategy's signal.", writes=True),
    "watch": CommandEntry(
        "watch", "Follow orders and positions, and keep positions protected.", True
    ),
    "page": CommandEntry("page", "The account as a live page in the browser.", writes=True),
    "reconcile": CommandEntry(
        "reconcile", "Bring journal and broker together, explain every break."
    ),
    "trades": CommandEntry(
        "results.trades", "Round trips: entry, exit, profit, R, and why they ended."
    ),
    "stats": CommandEntry("results.stats", "Win rate, expectancy, returns, drawdown, Sharpe."),
    "chart": CommandEntry(
        "results.chart", "Bars with entries, exits, and the way stop and targets went."
    ),
    "report": CommandEntry(
        "report", "What a day, a week or a month amounted to, and the scorecard."
    ),
    "halt": CommandEntry("halt", "Stop new entries: the kill switch.", writes=True),
    "resume": CommandEntry("halt", "Allow entries again after a halt."),
    "market": CommandEntry("market", "Is the market open, and until when."),
    "queue": CommandEntry("queue", "Orders kept for the open.", writes=True),
    "exits": CommandEntry("exits", "Stops and targets of positions.", writes=True),
    "protect": CommandEntry("exits", "Give a position a stop and targets.", writes=True),
    "health": CommandEntry(
        "care.health", "Is everything well now: protection, journal, watch, queue."
    ),
    "doctor": CommandEntry(
        "care.doctor", "Check configuration, keys, connection, journal and stream."
    ),
    "alerts": CommandEntry("care.alerts", "Who is told of alarms: list, set up."),
    "service": CommandEntry(
        "care.service", "Set-ups for systemd, cron, tmux or launchd: watch, reports, backups."
    ),
    "selftest": CommandEntry(
        "care.selftest", "A guided check on a real account, step by step.", writes=True
    ),
    "journal": CommandEntry("care.journal", "The journal as a file: verify, back up, restore."),
    "init": CommandEntry("care.init", "Set up an account: mode, keys, limits, alerts."),
    "profiles": CommandEntry(
        "care.profiles", "List the accounts set up here, and who watches them."
    ),
    "config": CommandEntry("care.config", "Show, check or write trading.yaml."),
    "schema": CommandEntry("care.schema", "The JSON Schema of what programs read and write."),
    "sim": CommandEntry("care.sim", "The built-in exchange: run a bot on it, serve it, steer it."),
    "help": CommandEntry("about", "Show the commands, or what one of them takes."),
    "version": CommandEntry("about", "Print the version."),
}


SELDOM = (50_000, 20, 50)
"""How often the cycle collector looks. Starting up makes many objects and no garbage: with Python's
own thresholds a command spends a twelfth of its time on searching them."""


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


def _interrupt_on_terminate() -> None:
    """SIGTERM ends a command like Ctrl-C does: with a word on what is known of its order.

    Python keeps in mind that an interrupt went through source text that was being executed (a
    dataclass that was being made, say). Under `python -m` it then kills itself by SIGINT at its end
    and the exit code is lost, although the interrupt was caught: seen with 3.10 to 3.13. It forgets
    it with the next text that it executes.
    """

    def interrupt(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line, that of the process by default, and end with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    gc.set_threshold(*SELDOM)
    announce_early(given)
    _ensure_streams()
    _interrupt_on_terminate()
    code = _run(given)
    logged.end(code)
    exec("")  # see `_interrupt_on_terminate`
    if arguments is None:
        leave(code)
    sys.exit(code)


def _run(given: list[str]) -> int:
    """Carry the command out and tell how it failed, if it did; its exit code."""
    try:
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
        from execbot.cli.ending import end_with

        entry = COMMANDS.get(given[0])
        help_of = f"{PROGRAM} {given[0]} --help" if entry is not None else f"{PROGRAM} --help"
        return end_with(error, given, help_of, writes=entry is not None and entry.writes)


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
