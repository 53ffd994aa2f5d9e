"""One alert to a person: its words and how bad it is."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """CRITICAL goes out at any hour. INFO is what somebody has asked for: fills, reports, ends of
    alarms."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Alert(Struct, frozen=True):
    """`kind` is a stable slug; alerts of one kind and subject are rate limited together.

    `lasts`: its end will be told (`Alerter.resolve`), so it is not told again as long as it stands.
    """

    kind: str
    message: str
    subject: str = ""
    severity: Severity = Severity.CRITICAL
    lasts: bool = False

    @property
    def key(self) -> str:
        return f"{self.kind}|{self.subject}"

    @property
    def title(self) -> str:
        return f"execbot: {self.kind}" + (f" {self.subject}" if self.subject else "")
