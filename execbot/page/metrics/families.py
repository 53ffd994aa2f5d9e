"""The figures as Prometheus' families: names, units, labels. Every label set is there, at 0.

Base units: seconds, bytes, dollars, ratios. Moments are `_timestamp_seconds`, not ages: the age of
a loop that is stuck would stand still with it.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from execbot.page.metrics.reading import Figures, FromJournal, HeldTotals
from execbot.page.metrics.tally import Distribution, Tally
from execbot.risk.kill_switch import Level
from execbot.version import __version__

TODAY = "since midnight in New York"


def families(figures: Figures, mode: str) -> Iterator[Metric]:
    """All of one scrape; while the journal cannot be read, what is known without it."""
    yield _gauge(
        "build_info", "Version of execbot, and the mode of the account: always 1.",
        ("version", "python", "mode"), {(__version__, platform.python_version(), mode): 1},
    )  # fmt: skip
    yield _gauge(
        "journal_readable", "1 while the journal can be read; what it says is absent else.",
        value=figures.journal is not None,
    )  # fmt: skip
    sizes = {(name,): size for name, size in figures.sizes.items()}
    yield _gauge("journal_size_bytes", "Size of the journal's files.", ("file",), sizes)
    yield from _watch(figures)
    if figures.journal is not None:
        yield from _journal(figures.journal)


def _watch(figures: Figures) -> Iterator[Metric]:
    beat = figures.heartbeat
    yield _gauge("watch_running", "1 while a watch holds the account.", value=figures.is_watched)
    yield _gauge(
        "watch_heartbeat_timestamp_seconds",
        "When the watch's decision loop said last that it goes on; 0 where none does.",
        value=0 if beat is None else beat.at.timestamp(),
    )
    yield _gauge(
        "watch_start_timestamp_seconds", "When the watch began; 0 where none runs.",
        value=0 if beat is None else beat.started_at.timestamp(),
    )  # fmt: skip
    yield _gauge(
        "watch_troubled", "1 while the watch does not see or record everything.",
        value=beat is not None and bool(beat.trouble),
    )  # fmt: skip
    yield _gauge(
        "stream_up", "1 while the watch hears the broker's stream of orders.",
        value=beat is not None and beat.stream_up,
    )  # fmt: skip
    left = None if beat is None else beat.requests_left
    most = None if beat is None else beat.requests_per_minute
    yield _gauge(
        "rate_budget_remaining_requests", "Requests that the watch may send at once; NaN unknown.",
        value=left,
    )  # fmt: skip
    yield _gauge(
        "rate_budget_limit_requests", "Requests that the broker takes in a minute; NaN unknown.",
        value=most,
    )  # fmt: skip


def _journal(found: FromJournal) -> Iterator[Metric]:
    yield _gauge(
        "journal_last_event_timestamp_seconds", "When the last event was written; 0 for none.",
        value=_moment(found.last_event_at),
    )  # fmt: skip
    yield from _counted(found.tally)
    counts = {(side.value,): n for side, n in found.traded.counts.items()}
    yield _counter("fills", f"Executions {TODAY}.", ("side",), counts)
    dollars = {(side.value,): n for side, n in found.traded.dollars.items()}
    yield _counter("fill_value_dollars", f"What they were worth, {TODAY}.", ("side",), dollars)
    orders = {"open": found.orders.open, "queued": found.orders.queued}
    yield _gauge(
        "orders_waiting", "Orders now: open at the broker, kept for the open, or in doubt.",
        ("state",), {(k,): n for k, n in {**orders, "in_doubt": found.orders.in_doubt}.items()},
    )  # fmt: skip
    yield from _held(found.holding, found.equity)
    yield _gauge(
        "entries_stopped", "1 for the halt that is in force.", ("level",),
        {(level.value,): found.level is level for level in Level if level is not Level.OFF},
    )  # fmt: skip


def _counted(tally: Tally) -> Iterator[Metric]:
    yield _counter("orders", f"Orders by the outcomes they came to {TODAY}.", ("outcome",),
                   _labeled(tally.outcomes))  # fmt: skip
    yield _counter("rejections", f"Refused by the risk checks or the broker {TODAY}.", ("kind",),
                   {(kind,): n for kind, n in tally.rejections.items()})  # fmt: skip
    yield _counter("errors", f"Errors of the broker at sending {TODAY}, by what helps.",
                   ("category",), _labeled(tally.errors))  # fmt: skip
    yield _counter("alarms", f"Alarms of the watch {TODAY}.", ("severity",),
                   _labeled(tally.alarms))  # fmt: skip
    yield _counter("halts", f"Halts of trading {TODAY}.", ("level",), _labeled(tally.halts))
    yield _counter("stream_losses", f"Losses of the broker's stream {TODAY}.",
                   value=tally.stream_losses)  # fmt: skip
    yield _counter("stream_connects", f"Connections of the broker's stream {TODAY}.",
                   value=tally.stream_connects)  # fmt: skip
    yield _histogram("order_latency_seconds", f"Latency of executed orders by step {TODAY}.",
                     "step", _labeled(tally.latencies))  # fmt: skip
    worse, better = "worse than on arrival", "better than on arrival, or equal"
    yield _histogram("slippage_adverse_ratio", f"Executions {worse}, {TODAY}.", "kind",
                     _labeled(tally.adverse))  # fmt: skip
    yield _histogram("slippage_favourable_ratio", f"Executions {better}, {TODAY}.", "kind",
                     _labeled(tally.favourable))  # fmt: skip


def _held(holding: HeldTotals, equity: Decimal | None) -> Iterator[Metric]:
    yield _gauge("positions", "Positions that are held.", ("side",), _labeled(holding.counts))
    yield _gauge("exposure_cost_dollars", "What the positions that are held have cost.", ("side",),
                 _labeled(holding.cost))  # fmt: skip
    yield _gauge("contracts", "Option contracts that are held.", ("side",),
                 _labeled(holding.contracts))  # fmt: skip
    yield _gauge(
        "contracts_max_loss_dollars",
        "The most that the contracts that are held can lose; NaN where that has no end.",
        value=holding.contracts_max_loss,
    )
    yield _gauge("equity_dollars", "Equity as the watch saw it last; NaN unknown.", value=equity)
    total = sum(holding.cost.values(), Decimal(0))
    yield _gauge(
        "exposure_ratio", "What the positions have cost, of the equity; NaN unknown.",
        value=total / equity if equity else None,
    )  # fmt: skip
    yield _gauge("guarded_positions", "Positions by how they are protected.", ("state",),
                 _labeled(holding.guards))  # fmt: skip
    yield _gauge(
        "uncovered_shares", "Shares without a stop or an exit under way, by promise of a plan.",
        ("promised",),
        {("true",): holding.uncovered_promised, ("false",): holding.uncovered_other},
    )  # fmt: skip


# --- making families -------------------------------------------------------------------------

Labels = tuple[str, ...]


def _labeled(values: Mapping[Any, Any]) -> dict[Labels, Any]:
    return {(str(key.value),): value for key, value in values.items()}


def _family(
    kind: Callable[..., Metric],
    name: str,
    words: str,
    labels: Labels = (),
    values: Mapping[Any, Any] | None = None,
    *,
    value: Any = None,
) -> Metric:
    """`values` by their labels, or the one `value` of a family without labels."""
    family = kind(f"execbot_{name}", words, labels=labels)
    return _filled(family, values if values is not None else {(): value})


_gauge = partial(_family, GaugeMetricFamily)
_counter = partial(_family, CounterMetricFamily)


def _histogram(name: str, words: str, label: str, values: Mapping[Any, Distribution]) -> Metric:
    family = HistogramMetricFamily(f"execbot_{name}", words, labels=(label,))
    for labels, found in values.items():
        family.add_metric(labels, found.buckets, found.sum)
    return family


def _filled(family: Any, values: Mapping[Any, Any]) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, math.nan if value is None else float(value))
    found: Metric = family
    return found


def _moment(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()
