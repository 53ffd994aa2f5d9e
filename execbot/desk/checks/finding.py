"""What checks find, and how they are run: one after the other, each on what those before found.

Nothing is changed at the broker. A check whose ground is missing is skipped; one that raises has
failed with its error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk, open_desk
from execbot.desk.look.freshen import freshen
from execbot.desk.look.protection import Protection, protection_of
from execbot.desk.opening.journal_need import Need
from execbot.desk.opening.setup import Setup

if TYPE_CHECKING:
    from execbot.broker.alpaca import AlpacaClient


class Status(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


class Finding(Struct, frozen=True):
    """One line. A check that raised has failed with its `error`, and `detail` is empty then.

    `kind` is the slug of a failure that was found without an error.
    """

    check: str
    status: Status
    detail: str = ""
    next_step: str = ""
    kind: str = "config.check"
    error: Exception | None = None


class Health(Struct, frozen=True):
    """`mode` and `account` are None where they could not be found out."""

    findings: Sequence[Finding]
    mode: str | None = None
    account: str | None = None

    @property
    def failures(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.status is Status.FAIL]


@dataclass
class Examination:
    """What the checks find out for each other."""

    mode_flag: str | None
    config_path: Path | None
    stream_seconds: float = 10.0
    setup: Setup | None = None
    client: AlpacaClient | None = None
    account: str | None = None
    directory: Path | None = None
    journal_opens: bool = False
    desk: Desk | None = None
    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, int | None] = field(default_factory=dict)
    _protection: list[Protection] | None = None

    def needed_setup(self) -> Setup:
        """Raises Missing."""
        if self.setup is None:
            raise Missing("needs a valid mode and keys")
        return self.setup

    def opened(self) -> Desk:
        """The account's desk, opened to look and brought up to the broker's word, once.

        Raises Missing, and what opening and asking raise.
        """
        if self.desk is None:
            if self.client is None:
                raise Missing("needs the account")
            if not self.journal_opens:
                raise Missing("needs a journal that opens")
            self.desk = open_desk(self.mode_flag, self.config_path, need=Need.LOOK)
            freshen(self.desk)
        return self.desk

    def protection(self) -> list[Protection]:
        """How every position is protected, read once for all checks. Raises as `opened` does."""
        if self._protection is None:
            self._protection = protection_of(self.opened())
        return self._protection

    def now(self) -> datetime:
        """The time by which the journal is written: the exchange's, where it answers."""
        with suppress(BrokerError):
            clock = self.client.get_clock().timestamp if self.client is not None else None
            if clock is not None:
                return clock
        return datetime.now(UTC)


Check = Callable[[Examination], Iterator[Finding]]


class Missing(Exception):
    """An earlier check failed that this one builds on."""


def examine(examined: Examination, checks: Iterable[tuple[str, Check]]) -> Health:
    """Run the checks in their order and close what they have opened."""
    try:
        for name, check in checks:
            examined.findings.extend(_run(name, check, examined))
    finally:
        for opened in (examined.desk, examined.client):
            if opened is not None:
                opened.close()
    mode = examined.setup.mode.value if examined.setup is not None else None
    return Health(examined.findings, mode, examined.account)


def _run(name: str, check: Check, examined: Examination) -> list[Finding]:
    found: list[Finding] = []
    try:
        for finding in check(examined):
            found.append(finding)
    except Missing as missing:
        found.append(Finding(name, Status.SKIP, str(missing)))
    except Exception as error:
        found.append(Finding(name, Status.FAIL, error=error))
    return found
