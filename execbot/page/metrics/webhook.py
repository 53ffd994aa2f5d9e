"""What the listener of signals adds to the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from execbot.page.signals.app import Listener
from execbot.page.signals.store import SignalStore, StoreFailed


def webhook_families(store: SignalStore, listener: Listener) -> Iterator[Metric]:
    """Without the states while the store cannot be read."""
    try:
        counts, last = store.counts(), store.last_received()
    except StoreFailed:
        counts, last = {}, None
    yield from families_of(listener.answered, counts, last)


def families_of(
    answered: Mapping[HTTPStatus, int], counts: Mapping[Any, int], last: datetime | None
) -> Iterator[Metric]:
    """Deliveries by status since this process began; signals by state, and the last one's time."""
    answers = CounterMetricFamily(
        "execbot_webhook_deliveries",
        "Deliveries to `--signals` since it listens, by the status of the answer.",
        labels=("status",),
    )
    for status, count in answered.items():
        answers.add_metric((str(int(status)),), count)
    yield answers
    states = GaugeMetricFamily(
        "execbot_webhook_signals", "Signals that were taken, by state.", labels=("state",)
    )
    for state, count in counts.items():
        states.add_metric((str(state),), count)
    yield states
    yield GaugeMetricFamily(
        "execbot_webhook_last_signal_timestamp_seconds",
        "When the last signal was taken; 0 for never.",
        value=0.0 if last is None else last.timestamp(),
    )
