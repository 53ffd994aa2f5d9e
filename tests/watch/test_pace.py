"""Goal: how long stream messages took is counted from their arrival, and kept so that it adds up.

Method: a clock of the test's own; the sums as the report makes them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from execbot.journal.records import AuditRow
from execbot.report.operation import pace_of
from execbot.watch.core.jobs import Note
from execbot.watch.pace import BOUNDS_MS, KEPT_EACH_SECONDS, Pace

T0 = datetime(2026, 10, 7, 14, tzinfo=UTC)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def kept(*notes: Note | None) -> list[AuditRow]:
    return [
        AuditRow(number, T0 + timedelta(hours=number), "pace", "watch", "watch", note.data, "")
        for number, note in enumerate(notes, 1)
        if note is not None
    ]


def test_a_message_counts_from_its_arrival_until_it_is_durable() -> None:
    clock = Clock()
    pace = Pace(clock)
    one, other = object(), object()
    pace.arrived(one)
    clock.now += 0.004
    pace.arrived(other)
    clock.now += 0.009
    pace.taken([one, other, object()])  # what nobody saw arrive is not counted
    found = pace_of(kept(pace.note(is_over=True)))
    assert (found.n, found.within(10), found.within(20)) == (2, 1, 2)
    assert found.worst_ms == Decimal("13.000")


def test_counts_of_several_hours_and_runs_add_up() -> None:
    clock = Clock()
    rows = []
    for run in range(3):
        pace = Pace(clock)
        for hour in range(2):
            message = object()
            pace.arrived(message)
            clock.now += 0.003 * (run + 1)
            pace.taken([message])
            assert pace.note() is None
            clock.now += KEPT_EACH_SECONDS
            rows.append(pace.note())
            assert pace.note(is_over=True) is None, hour
    found = pace_of(kept(*rows))
    assert (found.bounds, found.n, found.within(5), found.within(10)) == (BOUNDS_MS, 6, 2, 6)


def test_rows_that_cannot_be_read_are_left_out() -> None:
    strange = [
        Note("pace", "", {}),
        Note("pace", "", {"bounds": [1, 2], "counts": [1]}),
        Note("pace", "", {"bounds": [10], "counts": [3, 1], "worst_ms": "11"}),
        Note("pace", "", {"bounds": [20], "counts": [3, 1], "worst_ms": "99"}),
    ]
    found = pace_of(kept(*strange))
    assert (found.n, found.within(10), found.worst_ms) == (4, 3, Decimal(11))
