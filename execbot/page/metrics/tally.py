"""What has happened since midnight in New York, counted from the journal's history. Pure.

The counters begin at 0 each day. A counter that falls is taken for one that began anew, and what
it shows then for its increase (Prometheus, `rate` and `increase`), so nothing is lost by it; and a
restart in the middle of the day goes on where the day stood, with what happened in between. Months
that are moved to the archive are never of today.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate

from execbot.journal.confirmation import Confirmation, OrderKind, Times
from execbot.journal.records import AuditRow, EventRecord, EventResult
from execbot.model.enums import OUTCOME_OF, ErrorCategory, OrderStatus, Outcome
from execbot.oms.machine.table import Act
from execbot.risk.kill_switch import Level

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SLIPPAGE_BOUNDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05)
"""Ratios: half a basis point to five percent."""

OTHER = "other"
"""The label of a kind that the tables do not name."""

_WISHES = frozenset({Act.INTENT.value, Act.QUEUE.value, Act.DENY.value})
_BPS = Decimal(10_000)


class Stretch(StrEnum):
    """Between which two moments of an order a latency lies."""

    DECIDE = "decide"  # from the signal, or the intent, until it was sent
    ACKNOWLEDGE = "acknowledge"  # until the broker had it
    FILL = "fill"  # until the first fill, of those that take the market's price


class Severity(StrEnum):
    CRITICAL = "critical"
    NOTICE = "notice"


class Distribution:
    """A histogram: counts by upper bound, and the sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus has them: each counts those below, the last all of them."""
        names = [*(repr(bound) for bound in self._bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True))


class Tally:
    """The counters of one New York day. Every label is there from the start, at 0."""

    def __init__(self, rejection_kinds: frozenset[str]) -> None:
        self._kinds = rejection_kinds
        self.outcomes = Counter(dict.fromkeys(Outcome, 0))
        self.rejections = Counter(dict.fromkeys((*rejection_kinds, OTHER), 0))
        self.errors = Counter(dict.fromkeys(ErrorCategory, 0))
        self.alarms = Counter(dict.fromkeys(Severity, 0))
        self.halts = Counter[Level]({level: 0 for level in Level if level is not Level.OFF})
        self.stream_losses = 0
        self.stream_connects = 0
        self.latencies = {step: Distribution(LATENCY_BOUNDS) for step in Stretch}
        self.adverse = {kind: Distribution(SLIPPAGE_BOUNDS) for kind in OrderKind}
        self.favourable = {kind: Distribution(SLIPPAGE_BOUNDS) for kind in OrderKind}
        self._now: dict[str, Outcome | None] = {}
        self._timed: set[str] = set()
        self._measured: set[str] = set()

    # --- orders ----------------------------------------------------------------------------

    def event(self, event: EventRecord) -> None:
        """One row of the history; what changed nothing is not counted."""
        if event.result is not EventResult.APPLIED or not event.client_order_id:
            return
        outcome = OUTCOME_OF.get(OrderStatus.parse(event.status), Outcome.ACCEPTED)
        name, is_wish = event.client_order_id, event.kind in _WISHES
        # One that began before midnight was counted then as what it was: `accepted`.
        before = self._now.get(name, None if is_wish else Outcome.ACCEPTED)
        is_being_sent = event.kind == Act.INTENT  # in doubt in name only
        self._now[name] = None if is_being_sent else outcome
        if is_being_sent or outcome is before:
            return
        self.outcomes[outcome] += 1
        if outcome is Outcome.REJECTED:
            self._rejected(str(event.details.get("error_kind") or "broker.rejected"))

    def _rejected(self, kind: str) -> None:
        self.rejections[kind if kind in self._kinds else OTHER] += 1

    # --- decisions and troubles ------------------------------------------------------------

    def audit(self, row: AuditRow) -> None:
        """Count one row of the audit of a day (`Journal.reported`)."""
        match row.kind:
            case "gate":
                self._rejected(row.rule)
            case "halt" if row.result in self.halts:
                self.halts[Level(row.result)] += 1
            case "alarm":
                is_critical = row.facts.get("critical") is True
                self.alarms[Severity.CRITICAL if is_critical else Severity.NOTICE] += 1
            case "stream":
                state = row.facts.get("state")
                self.stream_connects += state == "up"
                self.stream_losses += state == "down"

    def recovery(self, row: AuditRow) -> None:
        """What the broker said no to, whatever was then done about it."""
        category = str(row.facts.get("category"))
        if row.rule != "recovered" and category in self.errors:
            self.errors[ErrorCategory(category)] += 1

    # --- executions ------------------------------------------------------------------------

    def confirmation(self, item: Confirmation) -> None:
        """Any version of it: the first one that says a figure counts."""
        name = item.client_order_id
        if name not in self._timed:
            self._timed.add(name)
            for step, seconds in latencies_of(item.times, item.kind).items():
                self.latencies[step].observe(seconds)
        if item.cost is None or name in self._measured:
            return
        self._measured.add(name)
        side = self.adverse if item.cost.bps > 0 else self.favourable
        side[item.kind].observe(float(abs(item.cost.bps) / _BPS))


def latencies_of(times: Times, kind: OrderKind) -> dict[Stretch, float]:
    """In seconds. A broker's clock that goes before ours makes no step shorter than nothing."""
    began = times.signal_received or times.intent
    waits = kind is not OrderKind.MARKETABLE
    spans = (
        (Stretch.DECIDE, began, times.sent),
        (Stretch.ACKNOWLEDGE, times.sent, times.acknowledged),
        (Stretch.FILL, None if waits else times.acknowledged, times.first_fill),
    )
    return {
        step: max((until - since).total_seconds(), 0.0)
        for step, since, until in spans
        if since is not None and until is not None
    }
