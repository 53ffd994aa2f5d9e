"""`execbot doctor`: is everything in place to trade, and if not, what to do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import Table

if TYPE_CHECKING:
    from execbot.broker.alpaca import AlpacaClient
    from execbot.desk.context import Setup
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
OK, WARN, FAIL, SKIP = "OK", "WARN", "FAIL", "SKIP"


class Finding(Struct, frozen=True):
    """One line. `exit_code` counts only with FAIL."""

    check: str
    status: str
    detail: str
    next_step: str = ""
    exit_code: ExitCode = ExitCode.CONFIG


@dataclass
class Examination:
    """What the checks find out for each other."""

    mode_flag: str | None
    config_path: Path | None
    stream_seconds: float
    setup: Setup | None = None
    client: AlpacaClient | None = None
    account: str | None = None
    directory: Path | None = None
    findings: list[Finding] = field(default_factory=list)


@command
def doctor(
    cli: Cli,
    stream_seconds: Annotated[
        float, typer.Option(help="How long to wait for the stream.", metavar="SECONDS")
    ] = 10.0,
    test_alert: Annotated[
        bool, typer.Option("--test-alert", help="Send a test alert to EXECBOT_ALERT_URLS.")
    ] = False,
) -> None:
    """Check configuration, keys, connection, clock, calendar, journal, permissions and stream.

    Changes nothing at the broker. Ends with 0 when nothing has failed, else with the code that the
    first failure would have given a command.

    \b
    Examples:
      execbot doctor
      execbot doctor --mode paper --json
      execbot doctor --test-alert
    """
    examined = Examination(cli.mode_flag, cli.config_path, stream_seconds)
    try:
        for name, check in (*CHECKS, *(ALERT_CHECKS if test_alert else ())):
            examined.findings.extend(_run(name, check, examined))
    finally:
        if examined.client is not None:
            examined.client.close()
    if examined.setup is not None:
        cli.mode = examined.setup.mode.value
    cli.account = examined.account
    failed = [finding for finding in examined.findings if finding.status == FAIL]
    rows = [(f.status, f.check, f.detail, f.next_step) for f in examined.findings]
    cli.show(
        {
            "healthy": not failed,
            "checks": [
                {"check": f.check, "status": f.status, "detail": f.detail, "next": f.next_step}
                for f in examined.findings
            ],
        },
        Table(("result", "check", "detail", "next"), rows, wrap=frozenset({"detail", "next"})),
        exit_code=failed[0].exit_code if failed else ExitCode.DONE,
    )


def _run(
    name: str, check: Callable[[Examination], Iterator[Finding]], examined: Examination
) -> list[Finding]:
    """A check that raises has failed; one whose ground is missing is skipped."""
    found: list[Finding] = []
    try:
        for finding in check(examined):
            found.append(finding)
    except _Missing as missing:
        found.append(Finding(name, SKIP, str(missing)))
    except Exception as error:
        found.append(_failed(name, failure_of(error)))
    return found


class _Missing(Exception):
    """An earlier check failed that this one builds on."""


def _failed(name: str, failure: Failure) -> Finding:
    detail = failure.message + (f" ({failure.hint})" if failure.hint else "")
    return Finding(name, FAIL, detail, failure.next_step, failure.exit_code)


def _configuration(examined: Examination) -> Iterator[Finding]:
    from execbot.config.load import load_settings

    settings = load_settings(examined.config_path)
    changed = sum(source != "default" for source in settings.sources.values())
    where = str(settings.path) if settings.path else "no trading.yaml: the defaults"
    yield Finding("configuration", OK, f"{where} ({changed} values set)")


def _mode_and_keys(examined: Examination) -> Iterator[Finding]:
    from execbot.desk.context import read_setup

    examined.setup = setup = read_setup(examined.mode_flag, examined.config_path)
    yield Finding("mode", OK, f"{setup.mode.value}, by {setup.choice.source}")
    for notice in setup.choice.notices:
        yield Finding("mode", WARN if setup.choice.source != "default" else OK, notice)
    keys = "none needed" if setup.is_in_process else setup.credentials.source
    yield Finding("credentials", OK, keys)


def _setup(examined: Examination) -> Setup:
    if examined.setup is None:
        raise _Missing("needs a valid mode and keys")
    return examined.setup


def _state_directory(examined: Examination) -> Iterator[Finding]:
    from execbot.config.paths import DIRECTORY_MODE, FILE_MODE, private_directory

    root = private_directory(_setup(examined).root)
    if not os.access(root, os.W_OK):
        yield Finding(
            "state directory", FAIL, f"{root} is not writable", "Set EXECBOT_STATE_DIR elsewhere."
        )
        return
    open_to_others = [
        path
        for path in [root, *root.rglob("*")]
        if path.lstat().st_mode & 0o777 & ~(DIRECTORY_MODE if path.is_dir() else FILE_MODE)
    ]
    if open_to_others:
        shown = ", ".join(str(path) for path in open_to_others[:3])
        yield Finding("state directory", WARN, f"others may read {shown}", f"chmod -R go= {root}")
    else:
        yield Finding("state directory", OK, str(root))
    space = os.statvfs(root)
    free = space.f_bavail * space.f_frsize
    enough = free >= DISK_FREE_MIN_BYTES
    yield Finding(
        "disk space",
        OK if enough else FAIL,
        f"{free // 1_000_000} MB free",
        "" if enough else "Free some space: without it no intent can be recorded.",
    )


def _connection(examined: Examination) -> Iterator[Finding]:
    from execbot.config.paths import account_directory
    from execbot.desk.context import account_of, build_client, clock_of

    setup = _setup(examined)
    client = build_client(setup, clock_of(setup))
    started = time.perf_counter()
    account = client.get_account()
    milliseconds = (time.perf_counter() - started) * 1000
    examined.client = client
    examined.account = account_of(setup, client)
    examined.directory = account_directory(setup.root, setup.mode.value, examined.account)
    where = "built-in exchange, in this process" if setup.is_in_process else client.trading_url
    yield Finding("connection", OK, f"{where} answered in {milliseconds:.0f} ms")
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
            FAIL,
            f"{account.account_number}: {', '.join(troubles)}",
            "See Alpaca's dashboard.",
            ExitCode.AUTH,
        )
    else:
        yield Finding("account", OK, f"{account.account_number} is active")


def _clock(examined: Examination) -> Iterator[Finding]:
    if examined.client is None or examined.setup is None:
        raise _Missing("needs a connection")
    before = datetime.now(UTC)
    theirs = examined.client.get_clock().timestamp
    middle = before + (datetime.now(UTC) - before) / 2
    if theirs is None:
        yield Finding("clock", WARN, "the broker sent no time")
        return
    skew = middle - theirs
    words = f"{abs(skew.total_seconds()):.1f} s {'ahead' if skew > timedelta(0) else 'behind'}"
    simulated = examined.setup.endpoints.is_loopback or examined.setup.is_in_process
    if abs(skew) <= SKEW_WARN:
        yield Finding("clock", OK, f"{words} of the broker's")
    elif simulated:
        yield Finding("clock", OK, f"{words} of the exchange's, which keeps its own time")
    else:
        bad = abs(skew) > SKEW_FAIL
        yield Finding("clock", FAIL if bad else WARN, f"{words}", "Set the clock by NTP.")


def _calendar(examined: Examination) -> Iterator[Finding]:
    from execbot.market.calendar_cache import table_for
    from execbot.market.calendar_check import check_calendar
    from execbot.model.times import eastern

    if examined.client is None or examined.setup is None:
        raise _Missing("needs a connection")
    now = examined.client.get_clock().timestamp or datetime.now(UTC)
    today = eastern(now).date()
    found = check_calendar(table_for(examined.setup.root, today), examined.client, today)
    reach = f"our table ({found.table.source}) reaches {found.table.last}"
    if found.library is None:
        yield Finding("calendar", WARN, f"{reach}; {found.library_name}", REINSTALL)
    elif found.library:
        yield Finding(
            "calendar",
            WARN,
            f"{reach}; {found.library_name} differs on {_days(found.library)}",
            "execbot market --refresh",
        )
    if found.broker:
        yield Finding(
            "calendar",
            WARN,
            f"{reach}; the broker differs on {_days(found.broker)}; the stricter holds",
            "execbot market",
        )
    if found.agrees:
        others = "" if found.broker is None else " and of the broker"
        yield Finding(
            "calendar", OK, f"{reach}; until {found.end} that of {found.library_name}{others}"
        )


def _days(differences: Sequence[CalendarDifference]) -> str:
    """The first of them in words: `2027-01-18 (ours closed, theirs 09:30-16:00)`."""
    shown = [f"{d.date} (ours {d.ours}, theirs {d.theirs})" for d in differences[:DAYS_SHOWN]]
    rest = len(differences) - len(shown)
    return ", ".join(shown) + (f" and {rest} more days" if rest else "")


def _journal(examined: Examination) -> Iterator[Finding]:
    from execbot.desk.context import JOURNAL_NAME
    from execbot.journal.journal import Journal

    if examined.directory is None:
        raise _Missing("needs the account, which decides where it is")
    path = examined.directory / JOURNAL_NAME
    if not path.exists():
        yield Finding("journal", OK, f"{path} will be made by the first order")
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
            FAIL,
            f"{path} is damaged: {problems[0]}",
            "Move it away, then: execbot reconcile",
        )
    else:
        yield Finding("journal", OK, f"{path} is sound, open orders: {open_orders}")
    if unsettled:
        yield Finding("orders in doubt", WARN, str(unsettled), "execbot reconcile")


def _levels(examined: Examination) -> Iterator[Finding]:
    """Whether the feed has the daily bars that the configuration's levels are measured from."""
    from execbot.exits.level_facts import LevelReader, days_asked

    if examined.client is None:
        raise _Missing("needs a connection")
    trading = _setup(examined).settings.trading
    asked = days_asked(trading)
    if not asked:
        yield Finding("levels", OK, "none is measured from daily bars")
        return
    at = examined.client.get_clock().timestamp or datetime.now(UTC)
    reader = LevelReader(examined.client, trading)
    for symbol in trading.symbols[:LEVEL_SYMBOLS_MAX] or (LEVEL_SYMBOL,):
        count = len(reader.days(symbol, at))
        short = [f"{key} needs {days}" for key, days in asked.items() if days > count]
        if not short:
            yield Finding("levels", OK, f"{symbol}: {count} complete daily bars are enough")
            continue
        yield Finding(
            "levels",
            WARN,
            f"{symbol}: the feed has {count} complete daily bars; {', '.join(short)}: "
            "such a level is unknown, and an order that asks for it is refused",
            "Ask for fewer days, or choose another feed (broker.feed).",
        )


def _stream(examined: Examination) -> Iterator[Finding]:
    from execbot.broker.stream_states import Connected

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
        yield Finding("stream", OK, f"authorized and listening in {milliseconds:.0f} ms")
    else:
        reason = getattr(answer, "reason", f"no answer in {examined.stream_seconds:g} s")
        yield Finding(
            "stream",
            FAIL,
            str(reason),
            "watch would poll REST meanwhile. Is another watch connected?",
            ExitCode.TRANSIENT,
        )


def _alerts(examined: Examination) -> Iterator[Finding]:
    from execbot.alerts import Alerter, AlertsUnavailable

    alerter = Alerter.from_environment(min_interval_seconds=0, now=lambda: datetime.now(UTC))
    try:
        alerter.test()
    except AlertsUnavailable as error:
        yield Finding("alerts", FAIL, str(error), "Set EXECBOT_ALERT_URLS to apprise URLs.")
    else:
        yield Finding("alerts", OK, "a test alert went out")


CHECKS: tuple[tuple[str, Callable[[Examination], Iterator[Finding]]], ...] = (
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
ALERT_CHECKS = (("alerts", _alerts),)
