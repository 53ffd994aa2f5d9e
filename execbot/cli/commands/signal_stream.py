"""`execbot signal -` and `--file`: one result line for each line of input, and what came later."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import IO, Any

from execbot.cli.command import Cli
from execbot.cli.errors import usage
from execbot.cli.exit_codes import Ended, ExitCode
from execbot.cli.show.output import print_json, print_line
from execbot.desk.confirming import Act, confirm
from execbot.desk.opening.lines import FACTS_LINES
from execbot.desk.signals import stream as signal_stream
from execbot.desk.signals.stream import Became, LineResult
from execbot.model.enums import Outcome
from execbot.model.errors import ExecbotError


def run_lines(
    cli: Cli, file: Path | None, *, yes: bool, follow: bool, wait: float | None, naked: bool
) -> None:
    """Act on every line, then follow what was sent for `wait` seconds, or until all has ended.

    Raises Failure (2) for a file that cannot be read.
    """
    stream: IO[bytes] = sys.stdin.buffer if file is None else _opened(file)
    tally = Tally(cli)
    try:
        with cli.open(in_parts=True, lines=FACTS_LINES) as desk:
            source = str(file) if file else "stdin"
            confirm(desk, Act.SEND, f"signals from {source}", cli.consent(yes))
            if not cli.json and not cli.quiet:
                print_line("\t".join(_COLUMNS))
            left = signal_stream.run_lines(
                desk, stream, tally, follow=follow, wait_seconds=wait, naked=naked
            )
            if left:
                noun = "order has" if left == 1 else "orders have"
                cli.note(f"{left} {noun} not ended: execbot orders --status open")
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads our results: end quietly, as a filter should
        raise Ended(tally.worst) from None
    finally:
        if file is not None:
            stream.close()
    cli.quiet = cli.quiet and tally.worst is ExitCode.DONE
    cli.note(f"{tally.count} signals, {tally.failed} failed.")
    if tally.worst is not ExitCode.DONE:
        cli.end(tally.worst)


def _opened(file: Path) -> IO[bytes]:
    try:
        return file.open("rb")
    except OSError as error:
        raise usage(
            f"--file was {file}: {(error.strerror or str(error)).lower()}",
            hint="It must be a file of signals that can be read, one JSON object a line.",
            next_step="Correct the name, or pipe the signals: execbot signal -",
            kind="usage.file",
        ) from error


class Tally:
    """Prints results, one at a time, and keeps what they add up to.

    A signal counts by the last that was told of it: an order in doubt that was found is none more.
    """

    def __init__(self, cli: Cli) -> None:
        self._codes: dict[int, ExitCode] = {}
        self._others: list[ExitCode] = []
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
            self._print(code, "signal_result", line.to_dict())

    def became(self, update: Became) -> None:
        with self._lock:
            code = self._codes[update.line] = _code_of(update.record.outcome)
            self._print(code, "signal_update", update.to_dict())

    def unreleased(self, error: ExecbotError) -> None:
        with self._lock:
            self._others.append(ExitCode.IN_DOUBT if error.in_doubt else ExitCode.PARTLY)
        self._cli.warn(f"entries that waited were not all sent: {error.message}")

    def trouble(self, words: str) -> None:
        self._cli.warn(f"could not read what happened at the broker: {words}")

    def _print(self, code: ExitCode, kind: str, data: dict[str, Any]) -> None:
        """With --quiet the lines that failed are told, and no other."""
        if code is not ExitCode.DONE or not self._cli.quiet:
            _print_result(self._cli, kind, data)

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
        tally = (*self._codes.values(), *self._others)
        return max(tally, key=order.index, default=ExitCode.DONE)


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
