"""The kill switch: a durable word in the journal that stops entries in every process.

| level | entries | queued orders | exits, cancels |
|---|---|---|---|
| `off` | go | go at the open | go |
| `reduce_only` | refused | wait until it is lifted | go |
| `halted` | refused | refused when their time comes | go |

It is raised by hand (`execbot halt`) or by itself (`Trip`), only ever lifted by hand
(`execbot resume`), and read inside the transaction that writes an intent, so the very next order
of any process obeys it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from execbot.model.times import iso, parse_time, show_eastern

META_KEY = "kill_switch"


class Level(StrEnum):
    OFF = "off"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"


_SEVERITY = {Level.OFF: 0, Level.REDUCE_ONLY: 1, Level.HALTED: 2}


class Trip(StrEnum):
    """The rules that raise the switch by themselves."""

    DAILY_LOSS = "daily_loss"
    REJECTIONS = "consecutive_rejections"
    LOSSES = "consecutive_losses"
    UNPROTECTED = "unprotected_position"
    STREAM_LOST = "stream_lost"


class KillSwitch(Struct, frozen=True):
    """`by` is `trader` or the name of the rule that tripped it."""

    level: Level = Level.OFF
    reason: str = ""
    by: str = ""
    at: datetime | None = None

    @property
    def stops_entries(self) -> bool:
        return self.level is not Level.OFF

    def describe(self) -> str:
        if self.level is Level.OFF:
            return "off"
        since = f" since {show_eastern(self.at)}" if self.at else ""
        return f"{self.level} by {self.by or 'trader'}{since}: {self.reason or 'no reason given'}"

    def to_json(self) -> dict[str, Any]:
        return {
            "level": self.level.value,
            "reason": self.reason,
            "by": self.by,
            "at": iso(self.at) if self.at else None,
        }


OFF = KillSwitch()


def read(data: object) -> KillSwitch:
    """Read the journal's value. Anything unreadable counts as halted: the safe side."""
    if data is None:
        return OFF
    if not isinstance(data, Mapping):
        return KillSwitch(Level.HALTED, "the stored kill switch is unreadable", "execbot")
    try:
        level = Level(str(data.get("level")))
    except ValueError:
        return KillSwitch(Level.HALTED, "the stored kill switch is unreadable", "execbot")
    return KillSwitch(
        level, str(data.get("reason") or ""), str(data.get("by") or ""), parse_time(data.get("at"))
    )


def halt(current: KillSwitch, level: Level, reason: str, by: str, at: datetime) -> KillSwitch:
    """Raise the switch. A trader may also lower `halted` to `reduce_only`; a rule may not."""
    wanted = KillSwitch(level, reason, by, at)
    if by != "trader" and _SEVERITY[current.level] >= _SEVERITY[level]:
        return current
    return wanted
