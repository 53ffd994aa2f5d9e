"""For how long nobody watched, and what was left without a stop at the broker meanwhile."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from execbot.exits.rules.view import Guarded
from execbot.model.timer import Mark, age_seconds
from execbot.model.times import iso, parse_time, show_age
from execbot.watch.core.symbol_state import SymbolState

NAME = "watch.left"
LONG_SECONDS = 5.0
"""A restart takes less. A stop that is held here may be unwatched for so long and no longer."""
ALONE_AFTER_SECONDS = 15.0
"""A run that decides says so every five seconds."""


class Left(Struct, frozen=True):
    """The last moment in which somebody watched, and the symbols whose stops were held here."""

    at: datetime
    mark: Mark
    held_here: Sequence[str]


def held_here(states: Iterable[SymbolState]) -> list[str]:
    """Positions whose stop no order at the broker stands for."""
    return sorted(
        state.symbol
        for state in states
        if state.qty != 0 and state.coverage.state is Guarded.EMULATED
    )


def keep(directory: Path, left: Left) -> None:
    """Not durable, and a full disk leaves the old one: nothing rests on it but words."""
    words = {"at": iso(left.at), "mark": left.mark.to_json(), "held_here": list(left.held_here)}
    staged = directory / f"{NAME}.new"
    with suppress(OSError):
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(words, file)
        staged.replace(directory / NAME)


def left_of(directory: Path) -> Left | None:
    """What the watch before has left; None where there was none, or it cannot be read."""
    try:
        words = json.loads((directory / NAME).read_bytes())
        at, mark = parse_time(words["at"]), Mark.from_json(words["mark"])
        if at is None or mark is None:
            return None
        return Left(at, mark, [str(symbol) for symbol in words["held_here"]])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def left_alone_since(directory: Path, now: datetime, here: Mark) -> datetime | None:
    """When the last run was last seen to decide; None while one does, or when none ever did."""
    left = left_of(directory)
    if left is None or age_seconds(left.at, left.mark, now, here) <= ALONE_AFTER_SECONDS:
        return None
    return left.at


def gap_words(left: Left, now: datetime, here: Mark) -> tuple[str, bool]:
    """What to say of the time without a watch, and whether it is an alarm: stops that are held here
    were unwatched for longer than a restart takes. Pure."""
    seconds = age_seconds(left.at, left.mark, now, here)
    words = f"nobody watched for {_shown(seconds)}"
    if not left.held_here:
        return f"{words}; every stop stood at the broker", False
    return f"{words}; held here meanwhile: {stops(left.held_here)}", seconds > LONG_SECONDS


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else show_age(int(seconds))


def stops(symbols: Sequence[str]) -> str:
    noun = "the stop" if len(symbols) == 1 else "the stops"
    return f"{noun} of {', '.join(symbols)}"
