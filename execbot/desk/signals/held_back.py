"""Answers to entries that are held back while more lines wait, so that one look serves them all.

Where no `watch` runs the entry of a signal is followed to its fill before it is answered. With more
lines waiting that would hold up each of them for a look of its own. So the lines are acted on
first; when none waits any more, or the oldest answer has waited long enough, the broker is asked
once for all orders of these answers. They go out in the order of their lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.following import PAUSE, follow, lowered, successor_of
from execbot.desk.opening.outcomes import carrying_out, unrecorded_words
from execbot.desk.protect import watched_by
from execbot.desk.signals.acting import LINE_WAIT_SECONDS, answered
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.model.retrying import polled
from execbot.model.timer import Timer
from execbot.oms.errors import OmsError
from execbot.oms.signals.result import SignalResult

LOOK_AFTER_SECONDS = 2.5
"""How long the oldest answer waits for a look while lines still come."""

Tell = Callable[[int, SignalResult, Sequence[str]], None]
"""Line, result and warnings."""


class Held(Struct):
    """One answer; `since` in the timer's seconds. `settled`: a look would change nothing. `then`
    are reports that come behind it."""

    number: int
    result: SignalResult
    since: float
    settled: bool
    then: list[Callable[[], None]] = field(default_factory=list)


class HeldBack:
    """The answers of one run, oldest first. Used by one thread."""

    def __init__(self, desk: Desk, tell: Tell, *, timer: Timer = Timer()) -> None:
        self._desk = desk
        self._tell = tell
        self._timer = timer
        self._held: list[Held] = []
        self._trouble = ""

    def __len__(self) -> int:
        return len(self._held)

    def add(self, number: int, result: SignalResult) -> None:
        """Keep an answer. Those before it may go out by this."""
        settled = not self._may_fill(result)
        self._held.append(Held(number, result, self._timer.monotonic(), settled))
        self._tell_settled()
        if self._held and self._age(self._held[0]) >= LOOK_AFTER_SECONDS:
            self._look()
            self._tell_settled()

    def say(self, what: Callable[[], None]) -> None:
        """Report this behind the answers that are held, or at once: what needs no look keeps its
        place."""
        if self._held:
            self._held[-1].then.append(what)
        else:
            what()

    def settle(self) -> None:
        """Look until every order has ended, or was waited for long enough; then give all
        answers."""
        if self._open():
            polled(
                self._look_if_open,
                lambda is_done: is_done,
                wait=PAUSE,
                seconds=LINE_WAIT_SECONDS,
                timer=self._timer,
            )
        self.tell_all()

    def tell_all(self) -> None:
        """Give all answers as they are known now."""
        held, self._held = self._held, []
        for one in held:
            self._tell_one(one)

    def _may_fill(self, result: SignalResult) -> bool:
        record = result.record
        opens = record is not None and result.signal.side.opens and not result.code
        if record is None or not opens or not record.order.is_working:
            return False
        return watched_by(self._desk) is None

    def _open(self) -> list[Held]:
        return [one for one in self._held if not one.settled]

    def _age(self, one: Held) -> float:
        return self._timer.monotonic() - one.since

    def _look_if_open(self) -> bool:
        self._look()
        self._tell_settled()
        return not self._open()

    def _look(self) -> None:
        """Look once for all of them. What the broker does not answer is reported as it was."""
        asked = {
            one.result.record.client_order_id: one
            for one in self._open()
            if one.result.record is not None
        }
        if not asked:
            return
        self._trouble, oms, names = "", self._desk.oms, list(asked)
        try:
            with carrying_out(self._desk):
                # What was read for another reason may have settled it all.
                records = oms.journal.orders_by_client_ids(names)
                if not all(record.order.is_terminal for record in records):
                    records = oms.refresh_together(names)
        except (BrokerError, OmsError, JournalError) as error:
            # The orders were sent: a look that fails changes nothing of that, whatever failed.
            self._trouble = f" Last look: {lowered(error.message)}."
            records = []
        found = {record.client_order_id: record for record in records}
        for name, one in asked.items():
            record = found.get(name)
            if record is not None:
                one.result = replace(one.result, record=record, outcome=record.outcome)
            is_over = self._age(one) >= LINE_WAIT_SECONDS
            one.settled = is_over or (record is not None and record.order.is_terminal)

    def _tell_settled(self) -> None:
        while self._held and self._held[0].settled:
            self._tell_one(self._held.pop(0))

    def _tell_one(self, one: Held) -> None:
        try:
            with carrying_out(self._desk):
                waited = self._followed_on(one)
                waited += self._unended(one.result.record)
                result, said = answered(self._desk, one.result, 0.0, waited=waited)
                said += unrecorded_words(self._desk)
        except JournalError as error:
            # What became of the line is known and stands; only the look at it failed.
            result, said = one.result, [f"not looked at again: {lowered(error.message)}"]
        self._tell(one.number, result, said)
        for what in one.then:
            what()

    def _followed_on(self, one: Held) -> list[str]:
        """An order that was replaced is followed into the one that took its place."""
        record = one.result.record
        if record is None or one.result.code or successor_of(record) is None:
            return []
        record, warnings = follow(self._desk, record, 0.0)
        one.result = replace(one.result, record=record, outcome=record.outcome)
        return warnings

    def _unended(self, record: OrderRecord | None) -> list[str]:
        is_open = record is not None and record.order.is_working
        if not is_open or watched_by(self._desk) is not None:
            return []
        said = f"Not ended within {LINE_WAIT_SECONDS:g} seconds; it stays working.{self._trouble}"
        return [said]
