"""Is everything well now: the account, its journal, its protection, and whoever looks after it.

Green means: every position has the protection that its plan or the configuration promises, journal
and broker agree, nothing is in doubt, and what needs a `watch` has one that decides. Findings come
worst first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from execbot.alerts.keeping import last_delivery
from execbot.desk.checks import (
    agreement_checks,
    broker_checks,
    journal_checks,
    protection_checks,
    setup_checks,
    watch_checks,
)
from execbot.desk.checks.finding import Check, Examination, Finding, Health, Status, examine
from execbot.model.times import show_eastern
from execbot.oms.release_queue import queued_orders
from execbot.risk.halting import current

JOURNAL_LARGE_BYTES = 4 * 1024**3

_RANK = {Status.FAIL: 0, Status.WARN: 1, Status.SKIP: 2, Status.OK: 3}


class HealthNow(Struct, frozen=True):
    """`figures` by name: counts, seconds and bytes; None where one could not be found out."""

    health: Health
    figures: Mapping[str, int | None]

    @property
    def worst(self) -> Status:
        """OK, WARN or FAIL."""
        found = {finding.status for finding in self.health.findings}
        return next((s for s in (Status.FAIL, Status.WARN) if s in found), Status.OK)


def check_health(mode_flag: str | None = None, config_path: Path | None = None) -> HealthNow:
    """Look at everything and change nothing. Never raises for what it finds."""
    examined = Examination(mode_flag, config_path)
    health = examine(examined, _CHECKS)
    findings = sorted(health.findings, key=lambda finding: _RANK[finding.status])
    return HealthNow(replace(health, findings=findings), examined.figures)


def _mode(examined: Examination) -> Iterator[Finding]:
    """A mode that was asked for and is not the one: cron would look at another account."""
    for finding in setup_checks.mode_and_keys(examined):
        is_other = finding.check == "mode" and finding.status is Status.WARN
        yield replace(finding, status=Status.FAIL) if is_other else finding


def _journal(examined: Examination) -> Iterator[Finding]:
    """As `doctor` looks at it; orders in doubt have a check of their own here."""
    yield from (f for f in journal_checks.journal(examined) if f.check == "journal")


def _size(examined: Examination) -> Iterator[Finding]:
    path = examined.opened().journal.path
    taken = sum(
        part.stat().st_size for part in (path, path.with_name(f"{path.name}-wal")) if part.exists()
    )
    examined.figures["journal_bytes"] = taken
    words = f"{Decimal(taken) / 1_000_000:.1f} MB"
    if taken < JOURNAL_LARGE_BYTES:
        yield Finding("journal size", Status.OK, words)
    else:
        yield Finding("journal size", Status.WARN, words, "execbot journal size")


def _protection(examined: Examination) -> Iterator[Finding]:
    yield from protection_checks.protection(examined)
    found = examined.protection()
    examined.figures["positions"] = len(found)
    examined.figures["unprotected"] = sum(bool(one.missing) for one in found)


def _queue(examined: Examination) -> Iterator[Finding]:
    """An order that nobody sends is lost as surely as one that was refused."""
    examined.figures["queued"] = len(queued_orders(examined.opened().journal))
    for finding in journal_checks.queue(examined):
        yield replace(finding, status=Status.FAIL) if finding.status is Status.WARN else finding


def _switch(examined: Examination) -> Iterator[Finding]:
    switch = current(examined.opened().journal)
    if switch.stops_entries:
        yield Finding("entries", Status.WARN, switch.describe(), "execbot resume")
    else:
        yield Finding("entries", Status.OK, "allowed")


def _alerts(examined: Examination) -> Iterator[Finding]:
    """Whether somebody heard the last alert: a receiver that refuses is silent ever after."""
    last = last_delivery(examined.opened().journal)
    if last is None or not last.refused:
        yield Finding("alerts", Status.OK, "no alert was refused")
        return
    step = "execbot doctor --test-alert"
    yield Finding("alerts", Status.WARN, f"{show_eastern(last.at)}: {last.words}", step)


_CHECKS: tuple[tuple[str, Check], ...] = (
    ("configuration", setup_checks.configuration),
    ("mode", _mode),
    ("state directory", setup_checks.state_directory),
    ("connection", broker_checks.connection),
    ("clock", broker_checks.clock),
    ("journal", _journal),
    ("journal size", _size),
    ("orders in doubt", agreement_checks.doubt),
    ("reconcile", agreement_checks.agreement),
    ("protection", _protection),
    ("queue", _queue),
    ("watch", watch_checks.watch),
    ("entries", _switch),
    ("alerts", _alerts),
)
