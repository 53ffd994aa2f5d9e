"""Is everything in place to trade: configuration, keys, connection, calendar, journal, stream,
and is every position protected as promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from execbot.alerts import Alerter
from execbot.alerts.receivers import follows_redirects, urls_of
from execbot.config.environment import environment_of
from execbot.desk.checks import (
    broker_checks,
    journal_checks,
    protection_checks,
    setup_checks,
    watch_checks,
)
from execbot.desk.checks.finding import Check, Examination, Finding, Health, Status, examine


def check_setup(
    mode_flag: str | None = None,
    config_path: Path | None = None,
    *,
    stream_seconds: float = 10.0,
    test_alert: bool = False,
) -> Health:
    """Run every check. `test_alert` also sends an alert to whoever receives alerts."""
    checks = (*_CHECKS, *(_ALERT_CHECKS if test_alert else ()))
    return examine(Examination(mode_flag, config_path, stream_seconds), checks)


def _alerts(examined: Examination) -> Iterator[Finding]:
    """Raises AlertsUnavailable."""
    env = examined.setup.env if examined.setup is not None else environment_of()
    alerter = Alerter.from_environment(env, min_interval_seconds=0, now=lambda: datetime.now(UTC))
    alerter.test()
    yield Finding("alerts", Status.OK, "a test alert went out")
    for name in follows_redirects(urls_of(env)):
        words = f"{name} follows redirects: a hook that moved counts as told, its text is lost"
        yield Finding("alerts", Status.WARN, words, "Add redirect=no to its URL.")


def _watch(examined: Examination) -> Iterator[Finding]:
    """What `health` judges is said here: a set-up is in place also while nobody watches."""
    for finding in watch_checks.watch(examined):
        is_bad = finding.status is Status.FAIL
        yield replace(finding, status=Status.WARN) if is_bad else finding


_CHECKS: tuple[tuple[str, Check], ...] = (
    ("configuration", setup_checks.configuration),
    ("mode", setup_checks.mode_and_keys),
    ("state directory", setup_checks.state_directory),
    ("way out", setup_checks.way_out),
    ("connection", broker_checks.connection),
    ("clock", broker_checks.clock),
    ("calendar", broker_checks.calendar),
    ("journal", journal_checks.journal),
    ("protection", protection_checks.protection),
    ("queue", journal_checks.queue),
    ("watch", _watch),
    ("door", watch_checks.door),
    ("levels", broker_checks.levels),
    ("stream", broker_checks.stream),
)
_ALERT_CHECKS: tuple[tuple[str, Check], ...] = (("alerts", _alerts),)
