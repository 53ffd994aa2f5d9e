"""Recorded events of one symbol on one day, in arrays, with a search that skips blocks."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import Literal

from execbot.sim.types import Ns

BLOCK = 512


def exact(number: float) -> Decimal:
    """The decimal that was read: up to 15 digits survive the way through a float."""
    return Decimal(int(number)) if number.is_integer() else Decimal(repr(number))


class Tape:
    """Times and columns of numbers; `columns` are prices and sizes in the order of the kind."""

    __slots__ = ("_blocks", "columns", "times")

    def __init__(self, times: array[int], columns: tuple[array[float], ...]) -> None:
        self.times = times
        self.columns = columns
        self._blocks: dict[tuple[int, str], list[float]] = {}

    def __len__(self) -> int:
        return len(self.times)

    def index_at(self, at: Ns) -> int:
        """The last row at or before an instant, or -1."""
        return bisect_right(self.times, at) - 1

    def index_after(self, at: Ns) -> int:
        """The first row strictly after an instant; the length when there is none."""
        return bisect_right(self.times, at)

    def span(self, start: Ns, end: Ns) -> range:
        """The rows in `[start, end]`."""
        return range(bisect_left(self.times, start), bisect_right(self.times, end))

    def row(self, i: int) -> Tape:
        """One row as a tape of its own."""
        return Tape(self.times[i : i + 1], tuple(column[i : i + 1] for column in self.columns))

    def cut(self, start: Ns, end: Ns) -> Tape:
        """The rows in `[start, end)` as a tape of their own."""
        low, high = bisect_left(self.times, start), bisect_left(self.times, end)
        return Tape(self.times[low:high], tuple(column[low:high] for column in self.columns))

    def first(
        self, column: int, after: Ns, until: Ns, op: Literal[">=", "<="], price: Decimal
    ) -> int | None:
        """The first row in `(after, until]` whose number fulfils the condition; 0 is absent."""
        numbers, edge, rising = self.columns[column], float(price), op == ">="
        blocks = self._best_of_blocks(column, op)
        i, last = self.index_after(after), self.index_at(until)
        while i <= last:
            best = blocks[i // BLOCK]
            if best < edge if rising else best > edge:
                i = (i // BLOCK + 1) * BLOCK
                continue
            number = numbers[i]
            if number > 0 and (number >= edge if rising else number <= edge):
                found = exact(number)
                if found >= price if rising else found <= price:
                    return i
            i += 1
        return None

    def _best_of_blocks(self, column: int, op: Literal[">=", "<="]) -> list[float]:
        found = self._blocks.get((column, op))
        if found is None:
            numbers = self.columns[column]
            starts = range(0, len(numbers), BLOCK)
            if op == ">=":
                found = [max(numbers[i : i + BLOCK]) for i in starts]
            else:
                present = [number if number > 0 else float("inf") for number in numbers]
                found = [min(present[i : i + BLOCK]) for i in starts]
            self._blocks[column, op] = found
        return found
