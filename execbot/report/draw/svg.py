"""A drawing area with two axes, as SVG text. Pure.

Colours are CSS classes, so one drawing is right in the dark, in the light and on paper. Every
drawing says in words what it shows, for who cannot see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from html import escape

from msgspec import Struct

from execbot.model.times import eastern

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 84, 10, 10, 24
"""Left of the drawing a million dollars has room, in the larger letters of a phone too."""
TICKS = 4


class Point(Struct, frozen=True):
    at: float
    value: float


class Area(Struct, frozen=True):
    """From times (seconds) and values to places in the drawing."""

    first: float
    last: float
    low: float
    high: float
    width: int = WIDTH
    height: int = HEIGHT

    @classmethod
    def around(
        cls, times: Iterable[float], values: Iterable[float], *, height: int = HEIGHT
    ) -> Area:
        """With some room above and below; a single time or value is in the middle."""
        moments, levels = list(times), list(values)
        first, last = min(moments), max(moments)
        low, high = min(levels), max(levels)
        room = (high - low) * 0.06 or max(abs(high) * 0.001, 0.01)
        if last - first < 1:
            first, last = first - 60, last + 60
        return cls(first, last, low - room, high + room, WIDTH, height)

    def x(self, at: float) -> float:
        return LEFT + (at - self.first) / (self.last - self.first) * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)


def drawing(area: Area, says: str, parts: Iterable[str]) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {area.width} {area.height}" role="img" '
        f'aria-label="{escape(says)}"><title>{escape(says)}</title>{body}</svg>'
    )


def axes(area: Area, times: Sequence[tuple[float, str]], *, cents: bool = True) -> str:
    """Lines at round values with their labels, and the labels of `times` below."""
    parts = []
    for value in round_values(area.low, area.high):
        y = area.y(value)
        shown = amount(value, area.high - area.low, cents=cents)
        parts.append(
            f'<path class="grid" d="M{LEFT} {y:.1f}H{area.width - RIGHT}"/>'
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'
        )
    for number, (at, words) in enumerate(times):
        anchor = "start" if number == 0 else "end" if number == len(times) - 1 else "middle"
        parts.append(
            f'<text class="tick" x="{area.x(at):.1f}" y="{area.height - 7}" '
            f'text-anchor="{anchor}">{escape(words)}</text>'
        )
    return "".join(parts)


def round_values(low: float, high: float) -> list[float]:
    """Values of one, two or five times a power of ten, some four of them."""
    each = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(each))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= each)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def amount(value: float, spread: float, *, cents: bool = True) -> str:
    # Round values of so wide a spread are whole dollars, and cents of a large one have no room.
    is_whole = spread >= 20 or (spread >= TICKS and abs(value) >= 10_000)
    digits = 0 if is_whole or not cents else 2 if spread >= 0.05 else 4
    return f"{value + 0.0:,.{digits}f}"


def line(area: Area, points: Sequence[Point], kind: str) -> str:
    """A line from point to point; less than two points are a dot."""
    if len(points) == 1:
        return dot(area, points[0], kind)
    places = " ".join(f"{area.x(p.at):.1f},{area.y(p.value):.1f}" for p in points)
    return f'<polyline class="{kind}" points="{places}"/>' if points else ""


def steps(area: Area, points: Sequence[Point], until: float, kind: str) -> str:
    """A level that holds until the next one."""
    if not points:
        return ""
    path = [f"M{area.x(points[0].at):.1f} {area.y(points[0].value):.1f}"]
    for point in points[1:]:
        path.append(f"H{area.x(point.at):.1f}V{area.y(point.value):.1f}")
    path.append(f"H{area.x(until):.1f}")
    return f'<path class="{kind}" d="{"".join(path)}"/>'


def dot(area: Area, point: Point, kind: str) -> str:
    x, y = area.x(point.at), area.y(point.value)
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def arrow(area: Area, point: Point, words: str, *, up: bool) -> str:
    """A buy points up from below, a sale down from above."""
    x, y = area.x(point.at), area.y(point.value)
    tip, foot = (y + 2, y + 12) if up else (y - 2, y - 12)
    kind = "buy" if up else "sell"
    return (
        f'<path class="{kind}" d="M{x:.1f} {tip:.1f}L{x - 5:.1f} {foot:.1f}H{x + 5:.1f}Z">'
        f"<title>{escape(words)}</title></path>"
    )


def thinned(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most so many, the lowest and the highest of each stretch kept: a spike stays one."""
    if len(points) <= most:
        return points
    each = math.ceil(len(points) / (most // 2))
    found: list[Point] = []
    for start in range(0, len(points), each):
        some = points[start : start + each]
        ends = {min(some, key=lambda p: p.value), max(some, key=lambda p: p.value)}
        found += sorted(ends, key=lambda p: p.at)
    return [points[0], *found[1:-1], points[-1]]


def seconds_of(moment: datetime) -> float:
    return moment.timestamp()


class Label(StrEnum):
    """How moments of New York are named: by what tells the two ends of an axis apart."""

    TIME = "%H:%M"
    BOTH = "%b %d %H:%M"
    DAY = "%b %d"

    @classmethod
    def between(cls, first: datetime, last: datetime) -> Label:
        if eastern(first).date() == eastern(last).date():
            return cls.TIME
        return cls.BOTH if last - first < timedelta(days=3) else cls.DAY

    def of(self, moment: datetime) -> str:
        return eastern(moment).strftime(self.value)
