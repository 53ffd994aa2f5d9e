"""Answers about execbot itself: `doctor`, `health`, `config`, `help`, `version`."""

from __future__ import annotations

from typing import Literal

from execbot.config.schema import Mode
from execbot.schemas.base import Output
from execbot.schemas.errors import ConfigProblem


class Examined(Output):
    """What one check of `doctor` or `health` found."""

    check: str
    """What was looked at."""
    status: Literal["OK", "WARN", "FAIL", "SKIP"]
    """How it stands; `SKIP` could not be looked at."""
    detail: str
    """What was found, for people."""
    next: str
    """What to do, for people; empty when there is nothing to do."""


class Health(Output):
    """Is everything in place to trade."""

    healthy: bool
    """Nothing failed; there may be warnings."""
    checks: list[Examined]
    """One row or more for each check."""


class HealthFigures(Output):
    """What was counted; a figure that could not be found out is null or absent."""

    breaks: int | None = None
    """Of the last reconciliation."""
    heartbeat_seconds: int | None = None
    """Since the decision loop of `watch` wrote its heartbeat; null where none runs."""
    in_doubt: int | None = None
    """Orders whose outcome is unknown."""
    journal_bytes: int | None = None
    """The journal's file and its write-ahead log."""
    positions: int | None = None
    """Positions held; dust is left out."""
    queued: int | None = None
    """Orders that wait for the open."""
    unprotected: int | None = None
    """Positions without the protection promised to them."""


class HealthNow(Output):
    """Is everything well now; the worst first."""

    healthy: bool
    """Nothing failed and nothing is worth a warning."""
    worst: Literal["OK", "WARN", "FAIL"]
    """The worst status of all checks."""
    checks: list[Examined]
    """One row or more for each check."""
    figures: HealthFigures
    """What was counted on the way."""


class ConfigValue(Output):
    """One key of the configuration."""

    key: str
    """Dotted: `risk.max_daily_orders`."""
    value: str
    """As it could stand in trading.yaml."""
    source: str
    """`default`, file and line, or the variable that set it."""


class Config(Output):
    """Every key with its value and where that came from."""

    path: str | None
    """The file in use; null when there is none."""
    mode_source: str | None
    """Who chose the mode; null where the choice is refused."""
    credentials: str | None
    """Where the API keys come from; never the keys."""
    values: list[ConfigValue]
    """Every key, in the order of the file."""
    problem: str | None = None
    """Why the configuration cannot be used for trading as it is."""


class LoosenedLimit(Output):
    """One limit that holds back less than before."""

    key: str
    """Dotted name of the key."""
    before: str | int | bool | list[str] | None
    """What ruled the account's last entry; null: no limit."""
    now: str | int | bool | list[str] | None
    """What rules from now on."""


class ConfigAdopted(Output):
    """The limits of this configuration rule the account from now on."""

    loosened: list[LoosenedLimit]
    """Those that are looser than before; empty where none is."""


class ConfigChecked(Output):
    """The configuration is valid."""

    path: str | None
    """The file in use; null when there is none."""
    mode_source: str
    """Who chose the mode."""
    credentials: str
    """Where the API keys come from; never the keys."""
    problems: list[ConfigProblem]
    """Empty: with problems the command fails and the error has them."""


class SetUp(Output):
    """What `init` has written, and what `doctor` says of it."""

    written: list[str]
    """The files, in the order in which they were written."""
    how: Literal["by-hand", "systemd", "cron", "tmux", "launchd"]
    """How it shall run."""
    next: list[str]
    """Commands that are left to do by hand."""
    healthy: bool
    """Nothing failed; there may be warnings."""
    checks: list[Examined]
    """As of `doctor`."""


class ProfileListed(Output):
    """One account that is set up on this machine."""

    name: str | None
    """Null for the set-up without a profile."""
    mode: Mode | None
    """Null where it cannot be used: see `problem`."""
    account_last: str | None
    """The last four of the account's number; null until a command has asked for it."""
    color: str | None
    """As its configuration says; live is red whatever it says."""
    configuration: str | None
    """The trading.yaml in use."""
    watched_by: int | None
    """The process that holds the lock of `watch`."""
    heartbeat_seconds: int | None
    """Since its decision loop wrote its heartbeat."""
    problem: str | None
    """Why it cannot be used as it stands."""
    next: str | None
    """What to do about that."""


class ConfigWritten(Output):
    """A new trading.yaml."""

    path: str | None
    """The file that was written; null with `--print`."""
    text: str | None = None
    """With `--print`: what would have been written."""


class HelpText(Output):
    """What a command takes, as `--help` prints it."""

    command: str
    """Its words, `orders show`; empty for the list of all commands."""

    help: str
    """Lines of text."""


class Version(Output):
    """Which execbot this is."""

    version: str
    """Of execbot."""

    python: str
    """Of the Python that runs it."""
