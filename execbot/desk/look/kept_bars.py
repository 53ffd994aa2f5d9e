"""Bars that `watch` has kept of what it followed: for when the broker gives none."""

from __future__ import annotations

from datetime import datetime

from execbot.charts.frames import LENGTHS
from execbot.desk.account import Desk
from execbot.model.quote import Bar
from execbot.watch.bars.files import read
from execbot.watch.bars.minutes import MINUTE, joined

KEPT_WORDS = "shown are bars that `watch` kept"


def kept_bars(desk: Desk, symbol: str, frame: str, since: datetime, until: datetime) -> list[Bar]:
    """None where nobody followed it then."""
    bars = read(desk.directory, symbol, since, until)
    length = LENGTHS[frame]
    return bars if length == MINUTE else joined(bars, length)
