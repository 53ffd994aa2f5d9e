"""Which days a report is about: `--daily`, `--weekly`, `--monthly`, `--date`, `--from`, `--to`."""

from __future__ import annotations

from datetime import date, datetime

from execbot.cli.errors import usage
from execbot.cli.flags.times import read_date
from execbot.desk.look.reporting.report_spans import Span, month_of, week_of
from execbot.model.times import eastern


def check_report_span(
    daily: bool | None,
    weekly: bool,
    monthly: bool,
    on: str | None,
    first: str | None,
    last: str | None,
) -> None:
    """Raises Failure (2) where the flags contradict each other, before anything is asked."""
    said = [f"--{n}" for n, is_set in _named(daily, weekly, monthly) if is_set]
    if first is not None or last is not None:
        said.append("--from/--to")
    if len(said) > 1:
        raise usage(
            f"{said[0]} and {said[1]} exclude each other", hint="Give one of them, or none."
        )
    for flag, word in (("--date", on), ("--from", first), ("--to", last)):
        if word is not None:
            read_date(flag, word)
    if on is not None and (first is not None or last is not None):
        raise usage("--date and --from/--to exclude each other", hint="Give one of them.")


def _named(
    daily: bool | None, weekly: bool, monthly: bool
) -> tuple[tuple[str, bool], tuple[str, bool], tuple[str, bool]]:
    return ("daily", bool(daily)), ("weekly", weekly), ("monthly", monthly)


def read_report_span(
    weekly: bool,
    monthly: bool,
    on: str | None,
    first: str | None,
    last: str | None,
    now: datetime,
) -> Span:
    """The days that are meant. Without a date it is the day, the week or the month of now."""
    today = eastern(now).date()
    if first is not None or last is not None:
        return _between(first, last, today)
    day = today if on is None else read_date("--date", on)
    return week_of(day) if weekly else month_of(day) if monthly else Span.of(day)


def _between(first: str | None, last: str | None, today: date) -> Span:
    """To today without `--to`; without `--from` there is no beginning."""
    if first is None:
        raise usage("--to needs --from", hint="The first day is missing: --from 2026-11-02.")
    begins = read_date("--from", first)
    ends = max(today, begins) if last is None else read_date("--to", last)
    if ends < begins:
        raise usage(
            f"--to {ends} is before --from {begins}",
            hint="Both days are included, the first one first.",
            kind="usage.time",
        )
    return Span.between(begins, ends)
