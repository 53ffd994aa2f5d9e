"""A stream of signals acted on line by line, and their orders followed to their ends.

Two threads take lines: one every line in turn, one exits alone, so that an entry that sleeps out a
rate limit holds up no exit. While more wait, the orders of two entries are on their way at once
(`under_way`). With `follow` a further thread looks what became of the orders.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.opening.outcomes import carrying_out, unrecorded_words
from execbot.desk.signals.acting import (
    LINE_WAIT_SECONDS,
    answered,
    executor_of,
    new_signal_id,
    release_what_waits,
)
from execbot.desk.signals.following import Became, SignalFollowing
from execbot.desk.signals.held_back import HeldBack
from execbot.desk.signals.lines import Line, Lines
from execbot.desk.signals.under_way import UnderWay
from execbot.journal.errors import JournalError
from execbot.model.enums import Outcome
from execbot.model.errors import ExecbotError
from execbot.model.signal import Signal, SignalError, read_line
from execbot.oms.signals.entry_turns import OnLeave
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult, failed

if TYPE_CHECKING:
    from execbot.desk.account import Desk

__all__ = ["Became", "LineResult", "Listener", "run_lines"]

REFRESH_SECONDS = 5.0
"""How often a long run takes in what the broker reported, so that its journal stays current."""

LAST_LOOK_SECONDS = 5.0
"""How long the end of the run waits for a look that is under way."""

UNDER_WAY_SECONDS = 20.0
"""How long a run that fails, or is interrupted, waits for what is under way."""

CLOCK_ASKED = 2
"""A broker's clock that is a day ahead of ours is believed at its second word."""

JOIN_SECONDS = 0.5
BAD_LINE = "signal.bad_line"


class LineResult(Struct, frozen=True):
    """What became of one line: a result, or why it is no signal."""

    number: int
    result: SignalResult | None
    error: SignalError | None = None
    warnings: Sequence[str] = ()

    @property
    def outcome(self) -> Outcome:
        return Outcome.NOT_SENT if self.result is None else self.result.outcome

    @property
    def is_failure(self) -> bool:
        """Whether the signal should have been acted on and could not be."""
        return self.result is None or self.result.is_failure

    def to_dict(self) -> dict[str, Any]:
        if self.result is not None:
            found = self.result.to_dict()
            return {"line": self.number, **found, "notes": [*found["notes"], *self.warnings]}
        assert self.error is not None
        return {
            "line": self.number,
            "signal_id": None,
            "outcome": Outcome.NOT_SENT.value,
            "reason": BAD_LINE,
            "field": self.error.field or None,
            "message": f"line {self.number}: {self.error}",
            "hint": self.error.hint or None,
        }


class Listener(Protocol):
    """Receives what happens, from several threads, at any time while the run lasts."""

    def result(self, line: LineResult) -> None: ...

    def became(self, update: Became) -> None: ...

    def unreleased(self, error: ExecbotError) -> None:
        """Sending what waited from before failed; `error` says what was done of it."""

    def trouble(self, words: str) -> None:
        """Why the broker could not be read just now; the run goes on."""


def run_lines(
    desk: Desk,
    stream: IO[bytes],
    listener: Listener,
    *,
    follow: bool = False,
    wait_seconds: float | None = None,
    naked: bool = False,
) -> int:
    """Act on every line until the input ends; how many orders had not ended when it was over.

    With `follow` the orders are followed for `wait_seconds` more, or until all have ended; Ctrl-C
    then ends only the following. `naked`: entries go although nobody would place their stops.
    Raises what the listener raises, BadInput when the input cannot be read, and FlagNotAllowed.
    """
    executor = executor_of(desk, naked=naked)
    _release(desk, executor, listener)
    lines = Lines(stream, lambda number, content: _read(number, content, desk))
    if not follow:
        _Run(desk, executor, lines, listener, None).act()
        _release(desk, executor, listener, _patience(desk))
        return 0
    following = SignalFollowing(desk)
    with _follower(following, listener, lines) as follower:
        _Run(desk, executor, lines, listener, following).act()
        _release(desk, executor, listener, _patience(desk))
        return follower.wait(wait_seconds)


def _patience(desk: Desk) -> float:
    """How long the end of a run waits for the rate limit: as long as an entry would."""
    return float(desk.oms.settings.timeout_seconds)


def _release(desk: Desk, executor: Executor, listener: Listener, patience: float = 0.0) -> None:
    """Send what waited from before. An error in that is no failure of a line."""
    try:
        with carrying_out(desk):
            release_what_waits(desk, executor, patience_seconds=patience)
    except JournalError as error:
        listener.unreleased(error)


def _read(number: int, content: bytes, desk: Desk) -> Line:
    def read() -> Line:
        try:
            return Line(number, read_line(content, now=desk.now(), new_id=new_signal_id(desk)))
        except SignalError as error:
            return Line(number, None, error)

    found = read()
    for _ in range(CLOCK_ASKED):
        if found.error is None or not found.error.is_ahead:
            break
        with suppress(BrokerError):  # or no reply has brought the time for hours
            desk.client.get_clock()
        found = read()
    return found


class _Run:
    """The two threads that take lines."""

    def __init__(
        self,
        desk: Desk,
        executor: Executor,
        lines: Lines,
        listener: Listener,
        following: SignalFollowing | None,
    ) -> None:
        self._desk = desk
        self._executor = executor
        self._lines = lines
        self._listener = listener
        self._following = following
        self._held_back = HeldBack(desk, self._tell)
        self._under_way = UnderWay[tuple[int, SignalResult] | None](self._hold_back)

    def act(self) -> None:
        exits = threading.Thread(target=self._exits, name="exits", daemon=True)
        exits.start()
        try:
            self._all_lines()
        except BaseException as error:
            # An exit that is under way is carried out and answered: its stop may be lifted by now.
            self._lines.fail(error)
            exits.join(UNDER_WAY_SECONDS)
            raise

    def _all_lines(self) -> None:
        refreshed = time.monotonic()
        try:
            while (line := self._lines.take()) is not None:
                self._carry_out_in_turn(line)
                if self._following is None and time.monotonic() - refreshed > REFRESH_SECONDS:
                    self._take_in()
                    refreshed = time.monotonic()
        finally:  # report what was sent, however this ends
            self._under_way.end_what_ends(UNDER_WAY_SECONDS)
            self._held_back.tell_all()

    def _exits(self) -> None:
        try:
            while (line := self._lines.take(exits_only=True)) is not None:
                assert line.signal is not None, "what is no signal is no exit"
                self._act_on(line.number, line.signal)
                self._lines.done(line)
        except BaseException as error:
            self._lines.fail(error)  # the main thread ends the run with it

    def _carry_out_in_turn(self, line: Line) -> None:
        """While others wait, its order may be on its way beside the next one's, and its answer may
        wait for a look that serves those of other lines too."""
        ahead = self._lines.entries_ahead()
        signal = line.signal
        if signal is None:
            self._under_way.end_all()
            result = LineResult(line.number, None, line.error)
            self._held_back.say(partial(self._listener.result, result))
            self._lines.done(line)
        else:
            if not line.is_exit:
                self._executor.expect(ahead)
            if ahead or len(self._held_back) or len(self._under_way):
                self._under_way.begin(partial(self._beside, line, signal))
            else:
                self._act_on(line.number, signal)
                self._lines.done(line)
        self._under_way.make_room()  # before a line is taken, which others might carry out
        if not self._lines.entries_ahead():
            self._under_way.end_all()
        if len(self._held_back) and not self._lines.entries_ahead():
            self._held_back.settle()

    def _beside(
        self, line: Line, signal: Signal, on_leave: OnLeave
    ) -> tuple[int, SignalResult] | None:
        """Carry the line out beside others; the result, where its answer is held back."""
        try:
            if self._following is None:
                return line.number, self._executed(signal, on_leave)
            self._act_on(line.number, signal, on_leave)
            return None
        finally:
            self._lines.done(line)

    def _hold_back(self, found: tuple[int, SignalResult] | None) -> None:
        if found is not None:
            self._held_back.add(*found)

    def _executed(self, signal: Signal, on_leave: OnLeave) -> SignalResult:
        """Carry the line out. A journal that fails, fails this line alone."""
        try:
            with carrying_out(self._desk):
                return self._executor.execute_signal(signal, on_leave)
        except JournalError as error:
            return failed(signal, error, error.kind, None)

    def _tell(self, number: int, result: SignalResult, warnings: Sequence[str]) -> None:
        self._listener.result(LineResult(number, result, warnings=warnings))

    def _act_on(self, number: int, signal: Signal, on_leave: OnLeave | None = None) -> None:
        seconds = LINE_WAIT_SECONDS if self._following is None else 0.0  # the follower reports it
        try:
            with carrying_out(self._desk):
                result = self._executor.execute_signal(signal, on_leave)
                result, warnings = answered(self._desk, result, seconds)
                warnings = [*warnings, *unrecorded_words(self._desk)]
        except JournalError as error:  # of this line alone: those before it are answered
            result, warnings = failed(signal, error, error.kind, None), []
        self._listener.result(LineResult(number, result, warnings=warnings))
        record = result.record
        if self._following is not None and record is not None and not record.order.is_terminal:
            self._following.add(signal.id, number, record)

    def _take_in(self) -> None:
        try:
            self._desk.oms.gap_fill()
        except (BrokerError, JournalError) as error:
            self._listener.trouble(error.message)


class _Follower:
    """The thread that looks, and the waiting for it at the end of the input."""

    def __init__(self, following: SignalFollowing, listener: Listener, lines: Lines) -> None:
        self._following = following
        self._listener = listener
        self._lines = lines
        self._stop = threading.Event()
        self._all_read = False
        self._error: BaseException | None = None
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None) -> int:
        """Wait until every order has ended, or the time is over; how many have not ended."""
        self._all_read = True
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while self._thread.is_alive() and self._following.open_count:
                left = JOIN_SECONDS if until is None else until - time.monotonic()
                if left <= 0:
                    break
                self._thread.join(min(JOIN_SECONDS, left))
        except KeyboardInterrupt:
            pass
        self.stop()
        if self._error is not None:
            raise self._error
        return self._following.open_count

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=LAST_LOOK_SECONDS)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for update in self._following.look():
                    self._listener.became(update)
                self._tell_trouble()
                if self._all_read and not self._following.open_count:
                    return
                self._stop.wait(self._following.pause_seconds)
        except BaseException as error:
            self._error = error
            self._lines.fail(error)  # the main thread ends the run with it

    def _tell_trouble(self) -> None:
        """Report each trouble once, not with every look."""
        trouble = self._following.trouble
        if trouble and trouble != self._trouble:
            self._listener.trouble(trouble)
        self._trouble = trouble


@contextmanager
def _follower(following: SignalFollowing, listener: Listener, lines: Lines) -> Iterator[_Follower]:
    follower = _Follower(following, listener, lines)
    try:
        yield follower
    finally:
        follower.stop()  # before the journal is closed
