"""Goal: what is counted of a day is what the history says, each thing once, and every label is
there before anything has happened."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from journal.rows import T0, confirmation
from msgspec.structs import replace

from execbot.journal.confirmation import Cost, OrderKind, Times
from execbot.journal.records import AuditRow, EventRecord, EventResult
from execbot.model.enums import ErrorCategory, EventSource, Outcome
from execbot.page.metrics.tally import OTHER, Severity, Stretch, Tally, latencies_of
from execbot.risk.kill_switch import Level

KINDS = frozenset({"risk.max_positions", "broker.rejected", "broker.insufficient_buying_power"})


@pytest.fixture
def tally() -> Tally:
    return Tally(KINDS)


def event(name: str, kind: str, status: str, **more: Any) -> EventRecord:
    return EventRecord(T0, name, kind, EventSource.LOCAL, status=status, **more)


def audit(kind: str, rule: str = "watch", result: str = "", **facts: Any) -> AuditRow:
    return AuditRow(1, T0, kind, "AAPL", rule, facts, result)


LIVES: list[tuple[list[tuple[str, str]], dict[Outcome, int]]] = [
    (
        [("intent", "pending"), ("snapshot", "accepted"), ("new", "new"), ("fill", "filled")],
        {Outcome.ACCEPTED: 1, Outcome.FILLED: 1},
    ),
    (
        [("intent", "pending"), ("new", "new"), ("partial_fill", "partially_filled"),
         ("partial_fill", "partially_filled"), ("canceled", "canceled")],
        {Outcome.ACCEPTED: 1, Outcome.PARTIALLY_FILLED: 1, Outcome.CANCELED: 1},
    ),
    ([("queue", "queued"), ("intent", "pending"), ("new", "new")],
     {Outcome.QUEUED: 1, Outcome.ACCEPTED: 1}),
    ([("intent", "pending"), ("doubt", "in_doubt"), ("new", "new")],
     {Outcome.IN_DOUBT: 1, Outcome.ACCEPTED: 1}),
    ([("deny", "denied")], {Outcome.NOT_SENT: 1}),
    ([("new", "new"), ("fill", "filled")], {Outcome.FILLED: 1}),  # sent on another day
]  # fmt: skip


@pytest.mark.parametrize(("events", "counts"), LIVES)
def test_an_order_counts_once_for_each_outcome_that_it_came_to(
    tally: Tally, events: list[tuple[str, str]], counts: dict[Outcome, int]
) -> None:
    for kind, status in events:
        tally.event(event("a", kind, status))
        tally.event(event("a", kind, status, result=EventResult.DUPLICATE))
    assert {o: n for o, n in tally.outcomes.items() if n} == counts


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("broker.insufficient_buying_power", "broker.insufficient_buying_power"),
        ("broker.never_heard_of", OTHER),
        (None, "broker.rejected"),
    ],
)
def test_a_rejection_counts_under_its_kind(tally: Tally, kind: str | None, label: str) -> None:
    tally.event(event("a", "intent", "pending"))
    details = {} if kind is None else {"error_kind": kind}
    tally.event(event("a", "refuse", "rejected", details=details))
    assert {k: n for k, n in tally.rejections.items() if n} == {label: 1}


def test_the_rows_of_the_day_are_counted_by_what_they_say(tally: Tally) -> None:
    tally.audit(audit("gate", "risk.max_positions", "denied"))
    tally.audit(audit("halt", result="halted"))
    tally.audit(audit("halt", result="off"))
    tally.audit(audit("alarm", critical=True))
    tally.audit(audit("alarm", critical=False))
    tally.audit(audit("stream", state="up"))
    tally.audit(audit("stream", state="down"))
    tally.audit(audit("pace", counts=[1]))
    tally.recovery(audit("recovery", "broker.x", category="retryable"))
    tally.recovery(audit("recovery", "recovered", category="retryable"))
    tally.recovery(audit("recovery", "broker.y", category="surprising"))
    assert tally.rejections["risk.max_positions"] == 1
    assert tally.halts == {Level.HALTED: 1, Level.REDUCE_ONLY: 0}
    assert tally.alarms == {Severity.CRITICAL: 1, Severity.NOTICE: 1}
    assert (tally.stream_connects, tally.stream_losses) == (1, 1)
    assert tally.errors[ErrorCategory.RETRYABLE] == 1 and tally.errors.total() == 1


def test_slippage_is_parted_by_its_sign_and_measured_once(tally: Tally) -> None:
    worse = confirmation("a", cost=Cost(Decimal("12.5"), Decimal(1)))
    better = confirmation("b", cost=Cost(Decimal(-3), Decimal(-1)), kind=OrderKind.STOP)
    for item in (worse, replace(worse, version=2), better, confirmation("c")):
        tally.confirmation(item)
    tally.confirmation(confirmation("c", 2, cost=Cost(Decimal(0), Decimal(0))))
    adverse, favourable = tally.adverse, tally.favourable
    assert adverse[OrderKind.MARKETABLE].sum == pytest.approx(0.00125)
    assert dict(adverse[OrderKind.MARKETABLE].buckets)["0.001"] == 0
    assert dict(adverse[OrderKind.MARKETABLE].buckets)["0.0025"] == 1
    assert dict(favourable[OrderKind.STOP].buckets)["+Inf"] == 1
    assert dict(favourable[OrderKind.MARKETABLE].buckets)["5e-05"] == 1
    assert tally.latencies[Stretch.DECIDE].sum == 0


def test_latencies_are_of_the_steps_that_are_known_and_never_negative() -> None:
    at = [T0 + timedelta(milliseconds=ms) for ms in (0, 40, 30, 250)]
    times = Times(intent=at[0], sent=at[1], acknowledged=at[2], first_fill=at[3])
    found = latencies_of(times, OrderKind.MARKETABLE)
    assert found == {Stretch.DECIDE: 0.04, Stretch.ACKNOWLEDGE: 0.0, Stretch.FILL: 0.22}
    assert Stretch.FILL not in latencies_of(times, OrderKind.RESTING)
    assert latencies_of(Times(sent=at[0]), OrderKind.STOP) == {}


def test_every_label_is_there_before_anything_happens(tally: Tally) -> None:
    assert dict.fromkeys(Outcome, 0) == tally.outcomes
    assert set(tally.rejections) == {*KINDS, OTHER}
    assert all(dict(d.buckets)["+Inf"] == 0 for d in tally.latencies.values())
    assert set(tally.adverse) == set(tally.favourable) == set(OrderKind)
