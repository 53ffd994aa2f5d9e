"""Answers of what keeps execbot running: `service`, `alerts`, `selftest`, `report
--after-close`."""

from __future__ import annotations

from typing import Literal

from execbot.schemas.base import Number, Output, Time


class ServiceFile(Output):
    """One file of a set-up."""

    path: str
    """Where it belongs."""
    content: str
    """What is in it."""
    written: bool
    """Written just now; false where it was shown only, or stood there already."""


class ServiceSetUp(Output):
    """Files for a service manager, and what to type then."""

    manager: Literal["systemd", "cron", "tmux", "launchd"]
    """Who starts execbot."""
    name: str
    """Of the profile, or the mode: part of all names."""
    files: list[ServiceFile]
    """In the order of the jobs."""
    next: list[str]
    """Commands, for people."""


class AlertReceiver(Output):
    """Who is told."""

    url: str
    """As apprise shows it, without secrets."""
    trouble: str
    """In words; empty where there is none."""


class AlertSettings(Output):
    """The section `alerts` of the configuration."""

    min_interval_seconds: Number
    """The same alert is not repeated within this time."""
    min_severity: Literal["warning", "critical"]
    """How bad an alarm must be."""
    quiet_hours: str | None
    """Hours in which only critical alerts go out."""
    resolved: bool
    """Ends of alarms are told."""
    fills: bool
    """So are fills."""
    daily_report: bool
    """So is the report after the close."""


class WaitingAlert(Output):
    """One that no receiver has taken yet."""

    title: str
    """Its first line."""
    raised_at: Time
    """When it was raised."""
    tries: int
    """How often it was sent in vain."""


class LastAlert(Output):
    """What became of the last alert."""

    at: Time
    """When."""
    taken: int
    """How many receivers took it."""
    refused: list[str]
    """Those that did not, without their secrets."""


class Alerts(Output):
    """Receivers of alerts, and which alerts go out."""

    receivers: list[AlertReceiver]
    """Those of EXECBOT_ALERT_URLS."""
    settings: AlertSettings
    """What goes out."""
    waiting: list[WaitingAlert]
    """The oldest first."""
    last: LastAlert | None
    """Null where none was sent yet."""


class AlertReceiverMade(Output):
    """A new receiver."""

    service: Literal["ntfy", "telegram", "email", "slack", "desktop"]
    """Whose."""
    url: str | None
    """With its secrets; null where it was written."""
    written: str | None
    """The file that has it now."""
    tested: bool
    """It took a test."""


class SelftestStep(Output):
    """One step, and its proof."""

    step: str
    """What was done."""
    passed: bool
    """Whether the broker has shown it."""
    proof: str
    """What the broker said."""
    at: Time
    """By the broker's clock."""


class Selftest(Output):
    """What was proven on an account."""

    execbot: str
    """Its version."""
    at: Time
    """By the broker's clock."""
    mode: Literal["sim", "paper", "live"]
    """Of the account."""
    account: str
    """Which one."""
    broker: str
    """Its URL, or the built-in exchange."""
    symbol: str
    """What was traded."""
    passed: bool
    """Every step was proven."""
    steps: list[SelftestStep]
    """In their order, until the first that failed."""
    left: str
    """What could not be cleared away, in words; empty where nothing is left."""
    certificate: str
    """The file that keeps this."""


class NothingDue(Output):
    """`report --after-close` where the last session that has ended has its report already."""

    due: Literal[False]
    """There is nothing to do."""
