"""Is everything in place to trade: configuration, keys, connection, calendar, journal, stream.

Changes nothing at the broker. Each check builds on what those before it have found; one whose
ground is missing is skipped.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.alerts import Alerter
from execbot.broker.stream_states import Connected
from execbot.config.load import load_settings
from execbot.config.paths import DIRECTORY_MODE, FILE_MODE, account_directory, private_directory
from execbot.desk.context import (
    JOURNAL_NAME,
    Setup,
    account_of,
    build_client,
    clock_of,
    read_setup,
)
from execbot.exits.level_facts import LevelReader, days_asked
from execbot.journal.journal import Journal
from execbot.market.calendar_cache import table_for
from execbot.market.calendar_check import check_calendar
from execbot.model.times import eastern

if TYPE_CHECKING:
    from execbot.broker.alpaca import AlpacaClient
    from execbot.market.sessions import CalendarDifference

SKEW_WARN = timedelta(seconds=2)
SKEW_FAIL = timedelta(seconds=30)
"""Orders carry no time of ours, but quotes are judged by age and tokens by date."""

DISK_FREE_MIN_BYTES = 50 * 1024 * 1024
LEVEL_SYMBOL = "SPY"
LEVEL_SYMBOLS_MAX = 5
"""Whose daily bars are counted: these many of `symbols`, or one that every feed has."""

DAYS_SHOWN = 3
REINSTALL = "pip install --force-reinstall pandas-market-calendars"


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
class _Examination:
    """What the checks find out for each other."""

    mode_flag: str | None
    config_path: Path | None
    stream_seconds: float
    setup: Setup | None = None
    client: AlpacaClient | None = None
    account: str | None = None
    directory: Path | None = None
    findings: list[Finding] = field(default_factory=list)


_Check = Callable[[_Examination], Iterator[Finding]]


def check_health(
    mode_flag: str | None = None,
    config_path: Path | None = None,
    *,
    stream_seconds: float = 10.0,
    test_alert: bool = False,
) -> Health:
    """Run every check. `test_alert` also sends an alert to whoever receives alerts."""
    examined = _Examination(mode_flag, config_path, stream_seconds)
    try:
        for name, check in (*_CHECKS, *(_ALERT_CHECKS if test_alert else ())):
            examined.findings.extend(_run(name, check, examined))
    finally:
        if examined.client is not None:
            examined.client.close()
    mode = examined.setup.mode.value if examined.setup is not None else None
    return Health(examined.findings, mode, examined.account)


def _run(name: str, check: _Check, examined: _Examination) -> list[Finding]:
    found: list[Finding] = []
    try:
        for finding in check(examined):
            found.append(finding)
    except _Missing as missing:
        found.append(Finding(name, Status.SKIP, str(missing)))
    except Exception as error:
        found.append(Finding(name, Status.FAIL, error=error))
    return found


class _Missing(Exception):
    """An earlier check failed that this one builds on."""


# --- the checks --------------------------------------------------------------------------------


def _configuration(examined: _Examination) -> Iterator[Finding]:
    settings = load_settings(examined.config_path)
    changed = sum(source != "default" for source in settings.sources.values())
    where = str(settings.path) if settings.path else "no trading.yaml: the defaults"
    yield Finding("configuration", Status.OK, f"{where} ({changed} values set)")


def _mode_and_keys(examined: _Examination) -> Iterator[Finding]:
    examined.setup = setup = read_setup(examined.mode_flag, examined.config_path)
    yield Finding("mode", Status.OK, f"{setup.mode.value}, by {setup.choice.source}")
    for notice in setup.choice.notices:
        yield Finding(
            "mode", Status.WARN if setup.choice.source != "default" else Status.OK, notice
        )
    keys = "none needed" if setup.is_in_process else setup.credentials.source
    yield Finding("credentials", Status.OK, keys)


def _setup(examined: _Examination) -> Setup:
    if examined.setup is None:
        raise _Missing("needs a valid mode and keys")
    return examined.setup


def _state_directory(examined: _Examination) -> Iterator[Finding]:
    root = private_directory(_setup(examined).root)
    if not os.access(root, os.W_OK):
        yield Finding(
            "state directory",
            Status.FAIL,
            f"{root} is not writable",
            "Set EXECBOT_STATE_DIR elsewhere.",
        )
        return
    open_to_others = [
        path
        for path in [root, *root.rglob("*")]
        if path.lstat().st_mode & 0o777 & ~(DIRECTORY_MODE if path.is_dir() else FILE_MODE)
    ]
    if open_to_others:
        shown = ", ".join(str(path) for path in open_to_others[:3])
        yield Finding(
            "state directory", Status.WARN, f"others may read {shown}", f"chmod -R go= {root}"
        )
    else:
        yield Finding("state directory", Status.OK, str(root))
    space = os.statvfs(root)
    free = space.f_bavail * space.f_frsize
    enough = free >= DISK_FREE_MIN_BYTES
    yield Finding(
        "disk space",
        Status.OK if enough else Status.FAIL,
        f"{free // 1_000_000} MB free",
        "" if enough else "Free some space: without it no intent can be recorded.",
    )


def _connection(examined: _Examination) -> Iterator[Finding]:
    setup = _setup(examined)
    client = build_client(setup, clock_of(setup))
    started = time.perf_counter()
    account = client.get_account()
    milliseconds = (time.perf_counter() - started) * 1000
    examined.client = client
    examined.account = account_of(setup, client)
    examined.directory = account_directory(setup.root, setup.mode.value, examined.account)
    where = "built-in exchange, in this process" if setup.is_in_process else client.trading_url
    yield Finding("connection", Status.OK, f"{where} answered in {milliseconds:.0f} ms")
    troubles = [
        word
        for word, is_so in (
            ("trading is blocked", account.trading_blocked),
            ("the account is blocked", account.account_blocked),
            ("trading is suspended by its owner", account.trade_suspended_by_user),
            (f"status is {account.status}", account.status.upper() != "ACTIVE"),
        )
        if is_so
    ]
    if troubles:
        yield Finding(
            "account",
            Status.FAIL,
            f"{account.account_number}: {', '.join(troubles)}",
            "See Alpaca's dashboard.",
            "auth.account",
        )
    else:
        yield Finding("account", Status.OK, f"{account.account_number} is active")


def _clock(examined: _Examination) -> Iterator[Finding]:
    if examined.client is None or examined.setup is None:
        raise _Missing("needs a connection")
    before = datetime.now(UTC)
    theirs = examined.client.get_clock().timestamp
    middle = before + (datetime.now(UTC) - before) / 2
    if theirs is None:
        yield Finding("clock", Status.WARN, "the broker sent no time")
        return
    skew = middle - theirs
    words = f"{abs(skew.total_seconds()):.1f} s {'ahead' if skew > timedelta(0) else 'behind'}"
    simulated = examined.setup.endpoints.is_loopback or examined.setup.is_in_process
    if abs(skew) <= SKEW_WARN:
        yield Finding("clock", Status.OK, f"{words} of the broker's")
    elif simulated:
        yield Finding("clock", Status.OK, f"{words} of the exchange's, which keeps its own time")
    else:
        bad = abs(skew) > SKEW_FAIL
        yield Finding(
            "clock", Status.FAIL if bad else Status.WARN, f"{words}", "Set the clock by NTP."
        )


def _calendar(examined: _Examination) -> Iterator[Finding]:
    if examined.client is None or examined.setup is None:
        raise _Missing("needs a connection")
    now = examined.client.get_clock().timestamp or datetime.now(UTC)
    today = eastern(now).date()
    found = check_calendar(table_for(examined.setup.root, today), examined.client, today)
    reach = f"our table ({found.table.source}) reaches {found.table.last}"
    if found.library is None:
        yield Finding("calendar", Status.WARN, f"{reach}; {found.library_name}", REINSTALL)
    elif found.library:
        yield Finding(
            "calendar",
            Status.WARN,
            f"{reach}; {found.library_name} differs on {_days(found.library)}",
            "execbot market --refresh",
        )
    if found.broker:
        yield Finding(
            "calendar",
            Status.WARN,
            f"{reach}; the broker differs on {_days(found.broker)}; the stricter holds",
            "execbot market",
        )
    if found.agrees:
        others = "" if found.broker is None else " and of the broker"
        until = f"until {found.end} that of {found.library_name}{others}"
        yield Finding("calendar", Status.OK, f"{reach}; {until}")


def _days(differences: Sequence[CalendarDifference]) -> str:
    """The first of them in words: `2027-01-18 (ours closed, theirs 09:30-16:00)`."""
    shown = [f"{d.date} (ours {d.ours}, theirs {d.theirs})" for d in differences[:DAYS_SHOWN]]
    rest = len(differences) - len(shown)
    return ", ".join(shown) + (f" and {rest} more days" if rest else "")


def _journal(examined: _Examination) -> Iterator[Finding]:
    if examined.directory is None:
        raise _Missing("needs the account, which decides where it is")
    path = examined.directory / JOURNAL_NAME
    if not path.exists():
        yield Finding("journal", Status.OK, f"{path} will be made by the first order")
        return
    with Journal.open(path) as journal:
        problems = journal.check()
        with journal.transaction():
            pass  # raises when the file, or one that SQLite keeps beside it, is read-only
        unsettled = len(journal.unsettled_orders())
        open_orders = len(journal.orders("open"))
    if problems:
        yield Finding(
            "journal",
            Status.FAIL,
            f"{path} is damaged: {problems[0]}",
            "execbot journal rebuild",
        )
    else:
        yield Finding("journal", Status.OK, f"{path} is sound, open orders: {open_orders}")
    if unsettled:
        yield Finding("orders in doubt", Status.WARN, str(unsettled), "execbot reconcile")


def _levels(examined: _Examination) -> Iterator[Finding]:
    """Whether the feed has the daily bars that the configuration's levels are measured from."""
    if examined.client is None:
        raise _Missing("needs a connection")
    trading = _setup(examined).settings.trading
    asked = days_asked(trading)
    if not asked:
        yield Finding("levels", Status.OK, "none is measured from daily bars")
        return
    at = examined.client.get_clock().timestamp or datetime.now(UTC)
    reader = LevelReader(examined.client, trading)
    for symbol in trading.symbols[:LEVEL_SYMBOLS_MAX] or (LEVEL_SYMBOL,):
        count = len(reader.days(symbol, at))
        short = [f"{key} needs {days}" for key, days in asked.items() if days > count]
        if not short:
            words = f"{symbol}: {count} complete daily bars are enough"
            yield Finding("levels", Status.OK, words)
            continue
        yield Finding(
            "levels",
            Status.WARN,
            f"{symbol}: the feed has {count} complete daily bars; {', '.join(short)}: "
            "such a level is unknown, and an order that asks for it is refused",
            "Ask for fewer days, or choose another feed (broker.feed).",
        )


def _stream(examined: _Examination) -> Iterator[Finding]:
    if examined.client is None:
        raise _Missing("needs a connection")
    stream = examined.client.trade_updates()
    first: list[Any] = []

    def listen() -> None:
        try:
            first.append(next(iter(stream.messages()), None))
        except Exception as error:
            first.append(error)

    thread = threading.Thread(target=listen, daemon=True)
    started = time.perf_counter()
    thread.start()
    thread.join(examined.stream_seconds)
    milliseconds = (time.perf_counter() - started) * 1000
    stream.close()
    answer = first[0] if first else None
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, Connected):
        yield Finding("stream", Status.OK, f"authorized and listening in {milliseconds:.0f} ms")
    else:
        reason = getattr(answer, "reason", f"no answer in {examined.stream_seconds:g} s")
        yield Finding(
            "stream",
            Status.FAIL,
            str(reason),
            "watch would poll REST meanwhile. Is another watch connected?",
            "network.stream",
        )


def _alerts(examined: _Examination) -> Iterator[Finding]:
    """Raises AlertsUnavailable."""
    alerter = Alerter.from_environment(min_interval_seconds=0, now=lambda: datetime.now(UTC))
    alerter.test()
    yield Finding("alerts", Status.OK, "a test alert went out")


_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("configuration", _configuration),
    ("mode", _mode_and_keys),
    ("state directory", _state_directory),
    ("connection", _connection),
    ("clock", _clock),
    ("calendar", _calendar),
    ("journal", _journal),
    ("levels", _levels),
    ("stream", _stream),
)
_ALERT_CHECKS: tuple[tuple[str, _Check], ...] = (("alerts", _alerts),)
