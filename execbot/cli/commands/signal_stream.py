"""`execbot signal -` and `--file`: one result line for each line of input, and what came later."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import IO, Any

import typer

from execbot.cli.command import Cli
from execbot.cli.exit_codes import ExitCode
from execbot.cli.outcome import confirm_live
from execbot.cli.show.output import print_json, print_line, print_note
from execbot.desk import signal_stream
from execbot.desk.signal_stream import Became, LineResult
from execbot.model.enums import Outcome


def run_lines(
    cli: Cli, file: Path | None, *, yes: bool, follow: bool, wait: float | None, naked: bool
) -> None:
    """Act on every line, then follow what was sent for `wait` seconds, or until all has ended."""
    stream: IO[bytes] = sys.stdin.buffer if file is None else file.open("rb")
    told = Told(cli)
    try:
        with cli.open() as desk:
            confirm_live(cli, desk, "signals from " + (str(file) if file else "stdin"), yes)
            if not cli.json:
                print_line("\t".join(_COLUMNS))
            left = signal_stream.run_lines(
                desk, stream, told, follow=follow, wait_seconds=wait, naked=naked
            )
            if left:
                noun = "order has" if left == 1 else "orders have"
                cli.note(f"{left} {noun} not ended: execbot orders --status open")
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads our results: end quietly, as a filter should
        raise typer.Exit(int(told.worst)) from None
    finally:
        if file is not None:
            stream.close()
    if not cli.json:
        print_note(f"{told.count} signals, {told.failed} failed.")
    if told.worst is not ExitCode.DONE:
        cli.end(told.worst)


class Told:
    """Prints results, one at a time, and keeps what they add up to.

    A signal counts by the last that was told of it: an order in doubt that was found is none more.
    """

    def __init__(self, cli: Cli) -> None:
        self._codes: dict[int, ExitCode] = {}
        self._cli = cli
        self._lock = threading.Lock()

    def result(self, line: LineResult) -> None:
        code = ExitCode.DONE
        if line.outcome is Outcome.IN_DOUBT:
            code = ExitCode.IN_DOUBT
        elif line.is_failure:
            code = ExitCode.PARTLY
        with self._lock:
            self._codes[line.number] = code
            _print_result(self._cli, "signal_result", line.to_dict())

    def became(self, update: Became) -> None:
        with self._lock:
            self._codes[update.line] = _code_of(update.record.outcome)
            _print_result(self._cli, "signal_update", update.to_dict())

    def trouble(self, words: str) -> None:
        self._cli.note(f"Warning: could not read what happened at the broker: {words}")

    @property
    def count(self) -> int:
        return len(self._codes)

    @property
    def failed(self) -> int:
        return sum(code is not ExitCode.DONE for code in self._codes.values())

    @property
    def worst(self) -> ExitCode:
        """In doubt beats everything: somebody must run reconcile."""
        order = (ExitCode.DONE, ExitCode.PARTLY, ExitCode.IN_DOUBT)
        return max(self._codes.values(), key=order.index, default=ExitCode.DONE)


def _code_of(outcome: Outcome) -> ExitCode:
    if outcome is Outcome.IN_DOUBT:
        return ExitCode.IN_DOUBT
    failed = outcome in (Outcome.REJECTED, Outcome.NOT_SENT)
    return ExitCode.PARTLY if failed else ExitCode.DONE


_COLUMNS = ("line", "signal_id", "symbol", "side", "outcome", "client_order_id", "reason",
            "message")  # fmt: skip


def _print_result(cli: Cli, kind: str, data: dict[str, Any]) -> None:
    if cli.json:
        print_json({"type": kind, "mode": cli.mode, "account": cli.account, **data})
        return
    cells = (data.get(name) for name in _COLUMNS)
    print_line("\t".join(" ".join(str(cell).split()) if cell else "-" for cell in cells))
