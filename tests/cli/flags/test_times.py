"""Goal: a time that nobody can reckon with is refused like any other word that is no time.

Method: tables of words given to the pure translation.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.report_span import check_report_span, read_report_span
from execbot.cli.flags.span import read_span
from execbot.cli.flags.times import read_time

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("2026-11-20", "2026-11-20T05:00:00+00:00"),
        ("2026-11-20 15:30", "2026-11-20T20:30:00+00:00"),
        ("2026-11-20T15:30:00Z", "2026-11-20T15:30:00+00:00"),
        ("2h", "2026-11-20T13:00:00+00:00"),
        ("99999d", "1753-02-05T15:00:00+00:00"),
    ],
)
def test_what_people_type(word: str, meant: str) -> None:
    assert read_time("--since", word, NOW).isoformat() == meant


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("yesterday", None),
        ("999999d", None),
        ("999999w", None),
        ("0001-01-01", None),
        ("9999-12-31", None),
        (None, "9999-12-31"),
        (None, "9999-12-31 23:59"),
    ],
)
def test_no_time(since: str | None, until: str | None) -> None:
    with pytest.raises(Failure) as caught:
        read_span(since, until, NOW)
    assert (caught.value.exit_code, caught.value.kind) == (ExitCode.USAGE, "usage.time")


@pytest.mark.parametrize("flag", ["on", "first", "last"])
@pytest.mark.parametrize("word", ["soon", "0001-01-01", "9999-12-31"])
def test_no_date(flag: str, word: str) -> None:
    said = {"on": None, "first": None, "last": None, flag: word}
    with pytest.raises(Failure) as caught:
        check_report_span(None, False, False, **said)
    assert (caught.value.exit_code, caught.value.kind) == (ExitCode.USAGE, "usage.time")


@pytest.mark.parametrize("day", ["0002-01-01", "9998-12-31"])
@pytest.mark.parametrize(("weekly", "monthly"), [(False, False), (True, False), (False, True)])
def test_the_first_and_the_last_day_have_a_week_and_a_month(
    day: str, weekly: bool, monthly: bool
) -> None:
    span = read_report_span(weekly, monthly, day, None, None, NOW)
    assert str(span.on) <= day <= str(span.last)
