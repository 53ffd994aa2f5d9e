"""`execbot signal -` and `--file`: one result line for each line of input, and what came later."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.signal_lines import Line, Lines
from execbot.cli.outcome import confirm_live
from execbot.cli.show.output import print_json, print_line, print_note
from execbot.desk.context import Context
from execbot.desk.signal_following import Became, SignalFollowing
from execbot.desk.signals import LINE_WAIT_SECONDS, executor_of, new_signal_id, unwatched
from execbot.model.enums import Outcome
from execbot.model.numbers import maybe_text, text
from execbot.model.signal import SignalError, read_line

if TYPE_CHECKING:
    from execbot.journal.records import OrderRecord
    from execbot.oms.signals.executor import Executor

REFRESH_SECONDS = 5.0
"""How often a long run takes in what the broker reported, so that its journal stays current."""


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
            lines = Lines(stream, lambda number, content: _read(number, content, desk))
            if follow:
                told.following = SignalFollowing(desk)
                with _follower(cli, told.following, told, lines) as follower:
                    _act_on(lines, executor_of(desk, naked=naked), told, desk)
                    follower.wait(wait)
            else:
                _act_on(lines, executor_of(desk, naked=naked), told, desk)
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


def _act_on(lines: Lines, executor: Executor, told: Told, desk: Context) -> None:
    exits = threading.Thread(
        target=_carry_out_exits, args=(lines, executor, told, desk), name="exits", daemon=True
    )
    exits.start()
    refreshed = time.monotonic()
    while (line := lines.take()) is not None:
        _act(executor, line, told, desk)
        lines.done(line)
        if told.following is None and time.monotonic() - refreshed > REFRESH_SECONDS:
            _take_in(desk)
            refreshed = time.monotonic()


def _carry_out_exits(lines: Lines, executor: Executor, told: Told, desk: Context) -> None:
    """Beside the main thread: an entry that sleeps out a rate limit holds up no exit."""
    try:
        while (line := lines.take(exits_only=True)) is not None:
            _act(executor, line, told, desk)
            lines.done(line)
    except BaseException as error:
        lines.fail(error)  # the main thread ends the command with it


class Told:
    """Prints results, one at a time, and keeps what they add up to.

    A signal counts by the last that was told of it: an order in doubt that was found is none more.
    """

    def __init__(self, cli: Cli) -> None:
        self.following: SignalFollowing | None = None
        self._codes: dict[int, ExitCode] = {}
        self._cli = cli
        self._lock = threading.Lock()

    def result(self, number: int, data: dict[str, Any], code: ExitCode) -> None:
        with self._lock:
            self._codes[number] = code
            _print_result(self._cli, "signal_result", data)

    def became(self, update: Became) -> None:
        record = update.record
        with self._lock:
            self._codes[update.line] = _code_of(record.outcome)
            _print_result(self._cli, "signal_update", _update_data(update))

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


def _act(executor: Executor, line: Line, told: Told, desk: Context) -> None:
    """Carry out one line and tell its result."""
    if line.signal is None:
        assert line.error is not None
        data = {
            "line": line.number,
            "signal_id": None,
            "outcome": Outcome.NOT_SENT.value,
            "reason": "signal.bad_line",
            "field": line.error.field or None,
            "message": f"line {line.number}: {line.error}",
            "hint": line.error.hint or None,
        }
        told.result(line.number, data, ExitCode.PARTLY)
        return
    result = executor.execute_signal(line.signal)
    seconds = LINE_WAIT_SECONDS if told.following is None else 0.0  # the follower tells the rest
    result, warnings = unwatched(desk, result, seconds)
    code = ExitCode.DONE
    if result.outcome is Outcome.IN_DOUBT:
        code = ExitCode.IN_DOUBT
    elif result.is_failure:
        code = ExitCode.PARTLY
    found = result.to_dict()
    found["notes"] += warnings
    told.result(line.number, {"line": line.number, **found}, code)
    if told.following is not None and result.record is not None and _may_change(result.record):
        told.following.add(result.signal.id, line.number, result.record)


def _may_change(record: OrderRecord) -> bool:
    return not record.order.is_terminal


# --- following -----------------------------------------------------------------------------


class _Follower:
    """The thread that looks, and the waiting for it at the end of the input."""

    def __init__(self, cli: Cli, following: SignalFollowing, told: Told, lines: Lines) -> None:
        self._cli = cli
        self._following = following
        self._told = told
        self._lines = lines
        self._stop = threading.Event()
        self._all_read = False
        self._error: BaseException | None = None
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None) -> None:
        """Until every order has ended, or the time is over. Ctrl-C ends only the following."""
        self._all_read = True
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while self._thread.is_alive() and self._following.open_count:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._thread.join(min(0.5, left if left is not None else 0.5))
        except KeyboardInterrupt:
            pass
        self.stop()
        if self._error is not None:
            raise self._error
        if left_over := self._following.open_count:
            noun = "order has" if left_over == 1 else "orders have"
            self._cli.note(f"{left_over} {noun} not ended: execbot orders --status open")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=LAST_LOOK_SECONDS)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for update in self._following.look():
                    self._told.became(update)
                self._note_trouble()
                if self._all_read and not self._following.open_count:
                    return
                self._stop.wait(self._following.pause_seconds)
        except BaseException as error:
            self._error = error
            self._lines.fail(error)  # the main thread ends the command with it

    def _note_trouble(self) -> None:
        """Once for each trouble, not with every look."""
        trouble = self._following.trouble
        if trouble and trouble != self._trouble:
            self._cli.note(f"Warning: could not read what happened at the broker: {trouble}")
        self._trouble = trouble


LAST_LOOK_SECONDS = 5.0
"""How long the end of the command waits for a look that is under way."""


@contextmanager
def _follower(
    cli: Cli, following: SignalFollowing, told: Told, lines: Lines
) -> Iterator[_Follower]:
    follower = _Follower(cli, following, told, lines)
    try:
        yield follower
    finally:
        follower.stop()  # before the journal is closed


def _update_data(update: Became) -> dict[str, Any]:
    record, order = update.record, update.record.order
    return {
        "line": update.line,
        "signal_id": update.signal_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "outcome": record.outcome.value,
        "status": order.status.value,
        "final": update.is_final,
        "message": _words(record),
        "client_order_id": record.client_order_id,
        "order_id": order.id or None,
        "qty": maybe_text(order.qty),
        "notional": maybe_text(order.notional),
        "filled_qty": text(order.filled_qty),
        "filled_avg_price": maybe_text(order.filled_avg_price),
    }


def _words(record: OrderRecord) -> str | None:
    order = record.order
    if not order.filled_qty:
        return record.note
    price = f" at {text(order.filled_avg_price)}" if order.filled_avg_price else ""
    return f"filled {text(order.filled_qty)}{price}"


# --- reading and printing ------------------------------------------------------------------


def _take_in(desk: Context) -> None:
    try:
        desk.oms.gap_fill()
    except BrokerError as error:
        print_note(f"Warning: could not read what happened at the broker: {error.message}")


_COLUMNS = ("line", "signal_id", "symbol", "side", "outcome", "client_order_id", "reason",
            "message")  # fmt: skip


def _print_result(cli: Cli, kind: str, data: dict[str, Any]) -> None:
    if cli.json:
        print_json({"type": kind, "mode": cli.mode, "account": cli.account, **data})
        return
    cells = (data.get(name) for name in _COLUMNS)
    print_line("\t".join(" ".join(str(cell).split()) if cell else "-" for cell in cells))


def _read(number: int, content: bytes, desk: Context) -> Line:
    try:
        return Line(number, read_line(content, now=desk.now(), new_id=new_signal_id(desk)))
    except SignalError as error:
        return Line(number, None, error)
