"""What goes wrong in a week, and when: drawn by a seed, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from week.hours import Session


class Kind(StrEnum):
    STREAM_CUT = "the stream is cut"
    STREAM_MUTED = "the stream is open and silent"
    FRAMES_DOUBLED = "frames come twice"
    FRAMES_LOST = "frames are lost"
    RATE_LIMITED = "429 to everything"
    ANSWERS_LOST = "orders are taken and not answered"
    WATCH_KILLED = "watch is killed"
    DISK_FULL = "the disk is full"
    POWER_LOST = "the machine loses its power"
    MAINTENANCE = "the broker is away for its maintenance"
    RENAME = "a symbol is renamed"
    SPLIT = "a symbol is split"
    WITHDRAWAL = "money is withdrawn"
    DIVIDEND = "a dividend is paid"


@dataclass(frozen=True)
class Trouble:
    """From `at` on for `seconds`, by the exchange's clock."""

    at: datetime
    kind: Kind
    seconds: float = 0.0
    symbol: str = ""
    other: str = ""

    @property
    def until(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        about = " ".join(
            part for part in (self.symbol, "->" if self.other else "", self.other) if part
        )
        lasts = f" for {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.kind}{lasts}{' ' if about else ''}{about}"


EVERY_DAY = (
    (Kind.STREAM_CUT, 0.0),
    (Kind.RATE_LIMITED, 90.0),
)
SOME_DAYS = (
    (Kind.STREAM_MUTED, 300.0),
    (Kind.FRAMES_DOUBLED, 0.0),
    (Kind.FRAMES_LOST, 0.0),
    (Kind.ANSWERS_LOST, 0.0),
    (Kind.WATCH_KILLED, 0.0),
)
OURS = (Kind.WATCH_KILLED, Kind.POWER_LOST)
"""What needs no exchange of one's own."""

OF_COMPANIES = (Kind.RENAME, Kind.SPLIT, Kind.DIVIDEND, Kind.WITHDRAWAL)

REBOOTS = 2
DISK_FULL_SECONDS = 600.0
BEFORE_THE_OPEN = timedelta(minutes=45)
AFTER_THE_CLOSE = timedelta(hours=2)
AT_NIGHT = timedelta(hours=10, minutes=30)
"""After the close: 02:30 in New York."""


def plan(
    sessions: Sequence[Session],
    seed: str,
    symbols: Sequence[str],
    *,
    renames: Iterable[tuple[str, str]],
    shortened: float = 1.0,
) -> list[Trouble]:
    """All of it in order; what lasts, lasts `shortened` of its time. Pure."""
    chance = random.Random(f"troubles-{seed}")
    found = []
    for number, session in enumerate(sessions):
        chosen = [*EVERY_DAY, chance.choice(SOME_DAYS)]
        found += [Trouble(session.moment(chance), kind, lasts) for kind, lasts in chosen]
        if number + 1 < len(sessions):
            lasts = chance.choice((120.0, 600.0, 1800.0))
            found.append(Trouble(session.close + AT_NIGHT, Kind.MAINTENANCE, lasts))
    full = chance.choice(sessions)
    found.append(Trouble(full.moment(chance, 0.2, 0.7), Kind.DISK_FULL, DISK_FULL_SECONDS))
    others = [session for session in sessions if session is not full] or list(sessions)
    for _ in range(REBOOTS):
        lasts = chance.choice((90.0, 300.0, 900.0))
        found.append(Trouble(chance.choice(others).moment(chance), Kind.POWER_LOST, lasts))
    found += _of_companies(sessions, chance, symbols, renames)
    found = [replace(trouble, seconds=trouble.seconds * shortened) for trouble in found]
    return sorted(found, key=lambda trouble: trouble.at)


def _of_companies(
    sessions: Sequence[Session],
    chance: random.Random,
    symbols: Sequence[str],
    renames: Iterable[tuple[str, str]],
) -> list[Trouble]:
    """Before an open: they take effect at once, and announce themselves nowhere."""
    later = list(sessions[1:]) or list(sessions)
    old, new = chance.choice(list(renames))
    split, paying = chance.sample([symbol for symbol in symbols if symbol != old], 2)
    return [
        Trouble(chance.choice(later).open - BEFORE_THE_OPEN, Kind.RENAME, 0.0, old, new),
        Trouble(chance.choice(later).open - BEFORE_THE_OPEN, Kind.SPLIT, 0.0, split),
        Trouble(chance.choice(sessions).close + AFTER_THE_CLOSE, Kind.WITHDRAWAL),
        Trouble(chance.choice(later).open - BEFORE_THE_OPEN, Kind.DIVIDEND, 0.0, paying),
    ]
