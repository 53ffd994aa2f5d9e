"""A random path that can be read at any second without walking there.

The path is a Brownian bridge refined by halves (Lévy's construction). It is cut into chunks of
64 steps on four levels:

    level   one step     one chunk
    0       1 s          64 s
    1       64 s         68 min
    2       68 min       3 days
    3       3 days       194 days

The two ends of a chunk come from the level above; the 63 points between them from one hash of
(key, level, index), one byte a point. So a second costs at most four small chunks, whatever its
date, and because every displacement is bounded, so is the path between any two known points.
That bound lets a search skip whole days in one comparison.

Only `+ - * /` and a square root of constants are used, so the numbers are the same on every
machine (IEEE 754), and no value depends on the order of the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from math import sqrt
from struct import pack

TOP = 3
BITS = 6
CHUNK = 1 << BITS
CHUNKS_KEPT = (64, 64, 16, 8)
"""Chunks remembered per level and path: the last hour in seconds, three days in minutes."""

Possible = Callable[[float, float, int, int], bool]
"""(lowest, highest, first second, seconds) -> may this stretch hold what is searched?"""


class Path:
    """One path: `value(second)` is a number around 0 whose steps have deviation `sigma`."""

    __slots__ = ("_amplitudes", "_kept", "_key", "_looked_at", "_top", "slack")

    def __init__(self, key: bytes, sigma: float, top: float) -> None:
        """`sigma`: standard deviation per square root of a second; `top`: range of the far ends.

        `slack[level]` is the most that the path may leave the straight line between two
        neighbouring points of that level.
        """
        self._key = key
        self._top = top
        self._kept: tuple[dict[int, list[float]], ...] = tuple({} for _ in range(TOP + 1))
        self._looked_at = -1  # the chunk of seconds that was asked for last
        self._amplitudes: list[list[float]] = []
        self.slack = [0.0]
        for level in range(TOP + 1):
            # A midpoint of a stretch of T seconds deviates by sigma * sqrt(T) / 2; a uniform
            # number of that deviation reaches sqrt(3) times as far.
            unit = 1 << (BITS * level)
            row = [sigma * sqrt(3.0 * unit * step) / 2.0 for step in (64, 32, 16, 8, 4, 2)]
            self._amplitudes.append(row)
            self.slack.append(self.slack[-1] + sum(row))

    def value(self, second: int) -> float:
        index, position = second >> BITS, second & (CHUNK - 1)
        points = self._kept[0].get(index)
        if points is None and index == self._looked_at:
            points = self.chunk(0, index)
        self._looked_at = index
        return self._point(index, position) if points is None else points[position]

    def _point(self, index: int, position: int) -> float:
        """One point of a chunk of seconds, the same as `chunk` gives, without the others: who
        asks for one moment often asks for no other near it.
        """
        above = self.chunk(1, index >> BITS)
        low, high = 0, CHUNK
        first, last = above[index & (CHUNK - 1)], above[(index & (CHUNK - 1)) + 1]
        if not position:
            return first
        noise = self.noise(0, index)
        for amplitude in self._amplitudes[0]:
            middle = (low + high) >> 1
            value = (first + last) * 0.5 + (noise[middle] - 127.5) * (amplitude / 127.5)
            if middle == position:
                break
            if position < middle:
                high, last = middle, value
            else:
                low, first = middle, value
        return value

    def chunk(self, level: int, index: int) -> list[float]:
        """The 65 points of a chunk, both ends included."""
        kept = self._kept[level]
        points = kept.get(index)
        if points is None:
            points = self._build(level, index)
            if len(kept) >= CHUNKS_KEPT[level]:
                kept.clear()
            kept[index] = points
        return points

    def _build(self, level: int, index: int) -> list[float]:
        if level == TOP:
            first, last = self._far_end(index), self._far_end(index + 1)
        else:
            above = self.chunk(level + 1, index >> BITS)
            position = index & (CHUNK - 1)
            first, last = above[position], above[position + 1]
        noise = self.noise(level, index)
        points = [0.0] * (CHUNK + 1)
        points[0], points[CHUNK] = first, last
        step = CHUNK
        for amplitude in self._amplitudes[level]:
            half = step >> 1
            scale = amplitude / 127.5
            ends, between = points[::step], noise[half::step]
            points[half::step] = [
                (a + b) * 0.5 + (n - 127.5) * scale
                for a, b, n in zip(ends, ends[1:], between, strict=False)
            ]
            step = half
        return points

    def noise(self, stream: int, index: int) -> bytes:
        """64 bytes that depend only on the key, the stream and the index."""
        return blake2b(pack("<qq", stream, index), key=self._key, digest_size=CHUNK).digest()

    def _far_end(self, index: int) -> float:
        number = int.from_bytes(self.noise(TOP + 1, index)[:6], "little")
        return self._top * (number / float(1 << 47) - 1.0)

    def stretches(
        self, first: int, last: int, possible: Possible
    ) -> Iterator[tuple[int, int, list[float]]]:
        """The chunks of seconds in `[first, last]` that `possible` does not rule out.

        Yields (first second, last second, values of those seconds), ascending.
        """
        level = 1  # the lowest whose chunks cover the seconds with one or two
        while level < TOP and (last >> BITS * (level + 1)) - (first >> BITS * (level + 1)) > 1:
            level += 1
        span = BITS * (level + 1)
        for index in range(first >> span, (last >> span) + 1):
            yield from self._descend(level, index, first, last, possible)

    def _descend(
        self, level: int, index: int, first: int, last: int, possible: Possible
    ) -> Iterator[tuple[int, int, list[float]]]:
        points = self.chunk(level, index)
        shift = BITS * level
        begin = index << (shift + BITS)
        low = max(first - begin, 0) >> shift
        high = min((last - begin) >> shift, CHUNK - 1)
        if level == 0:
            yield begin + low, begin + high, points[low : high + 1]
            return
        slack, width = self.slack[level], 1 << shift
        for i in range(low, high + 1):
            a, b = points[i], points[i + 1]
            if a > b:
                a, b = b, a
            if possible(a - slack, b + slack, begin + i * width, width):
                yield from self._descend(level - 1, (index << BITS) + i, first, last, possible)
