"""Goal: a server's own time is followed, and ours is kept where it agrees or does not answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from execbot.broker.clock import BrokerClock

NOW = datetime(2026, 11, 20, 15, 0, 0, 500_000, tzinfo=UTC)


def test_time_of_a_replayed_day_is_taken_from_the_date_header() -> None:
    clock = BrokerClock(lambda: NOW)
    clock.observe("Tue, 08 Oct 2013 13:30:00 GMT")
    assert clock() == datetime(2013, 10, 8, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "header",
    ["Fri, 20 Nov 2026 15:00:00 GMT", "Fri, 20 Nov 2026 15:00:01 GMT", None, "", "yesterday"],
)
def test_time_that_agrees_or_cannot_be_read_leaves_ours(header: str | None) -> None:
    clock = BrokerClock(lambda: NOW)
    clock.observe(header)
    assert clock() == NOW


def test_probe_is_asked_once_and_only_before_any_reply() -> None:
    asked = []

    def probe() -> None:
        asked.append(True)
        clock.observe("Fri, 20 Nov 2026 16:00:00 GMT")

    clock = BrokerClock(lambda: NOW)
    clock.probe = probe
    assert clock() - NOW > timedelta(minutes=59)
    clock()
    assert asked == [True]
