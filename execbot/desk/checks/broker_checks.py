"""The broker's answers: connection and account, clock, calendar, bars, stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from execbot.broker.stream_states import Connected
from execbot.config.paths import account_directory
from execbot.desk.opening.pinned import journal_elsewhere, whose
from execbot.desk.opening.setup import account_of, build_client, clock_of
from execbot.exits.level_facts import LevelReader, days_asked
from execbot.market.calendar_cache import table_for
from execbot.market.calendar_check import check_calendar
from execbot.model.times import eastern

if TYPE_CHECKING:
    from execbot.market.sessions import CalendarDifference

from execbot.desk.checks.finding import Examination, Finding, Missing, Status

SKEW_WARN = timedelta(seconds=2)
SKEW_FAIL = timedelta(seconds=30)
"""Orders carry no time of ours, but quotes are judged by age and tokens by date."""
LEVEL_SYMBOL = "SPY"
LEVEL_SYMBOLS_MAX = 5
"""Whose daily bars are counted: these many of `symbols`, or one that every feed has."""

DAYS_SHOWN = 3
REINSTALL = "pip install --force-reinstall pandas-market-calendars"


def connection(examined: Examination) -> Iterator[Finding]:
    setup = examined.needed_setup()
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
    there = journal_elsewhere(setup.mode, setup.env, examined.account)
    if there is not None:
        words = f"{whose(there[0])} has a journal of {examined.account} too: {there[1]}"
        step = "Use one of them, and put the other away."
        yield Finding("account", Status.WARN, words, step)


def clock(examined: Examination) -> Iterator[Finding]:
    if examined.client is None or examined.setup is None:
        raise Missing("needs a connection")
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


def calendar(examined: Examination) -> Iterator[Finding]:
    if examined.client is None or examined.setup is None:
        raise Missing("needs a connection")
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


def levels(examined: Examination) -> Iterator[Finding]:
    """Whether the feed has the daily bars that the configuration's levels are measured from."""
    if examined.client is None:
        raise Missing("needs a connection")
    trading = examined.needed_setup().settings.trading
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


def stream(examined: Examination) -> Iterator[Finding]:
    if examined.client is None:
        raise Missing("needs a connection")
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
