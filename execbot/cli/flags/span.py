"""`--since` and `--until` of what was done: from a moment to before another."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer
from msgspec import Struct

from execbot.cli.errors import usage
from execbot.cli.flags.times import read_time
from execbot.model.times import day_begins

SinceFlag = Annotated[
    str | None, typer.Option(help="2026-11-20, 2026-11-20 15:30, 2h, 3d.", metavar="TIME")
]
UntilFlag = Annotated[
    str | None,
    typer.Option(help="As --since; of a day all of it is meant.", metavar="TIME"),
]


class Span(Struct, frozen=True):
    """From `since`, included, to `until`, not included."""

    since: datetime | None
    until: datetime | None


def read_span(since: str | None, until: str | None, now: datetime) -> Span:
    """Raises Failure (2) for words that are no time, and for an end before the beginning."""
    start = None if since is None else read_time("--since", since, now)
    end = None if until is None else read_time("--until", until, now)
    if end is not None and until is not None and _is_day(until):
        end = day_begins(datetime.fromisoformat(until.strip()).date() + timedelta(days=1))
    if start is not None and end is not None and end <= start:
        raise usage(
            f"--until {until} is not after --since {since}",
            hint="The span would be empty.",
            kind="usage.time",
        )
    return Span(start, end)


def _is_day(word: str) -> bool:
    try:
        datetime.strptime(word.strip(), "%Y-%m-%d")
    except ValueError:
        return False
    return True
