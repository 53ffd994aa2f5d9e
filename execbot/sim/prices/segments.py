"""Finds the rule in force at a moment: the segments of each symbol whose price was forced."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from execbot.sim.prices.overrides import Rule, Segment
from execbot.sim.types import Ns

SEGMENTS_KEPT = 1000
"""Overrides remembered per symbol, so that a state that is saved stays small."""


class Segments:
    """The segments by symbol, ascending; a symbol that was never forced is not in here."""

    def __init__(self) -> None:
        self._of: dict[str, list[Segment]] = {}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._of

    def __bool__(self) -> bool:
        return bool(self._of)

    def symbols(self) -> Iterable[str]:
        return self._of.keys()

    def first(self, symbol: str) -> Ns | None:
        """Since when the symbol has been forced."""
        segments = self._of.get(symbol)
        return segments[0].at if segments else None

    def add(self, symbol: str, segment: Segment) -> None:
        """Adds a rule and drops those after it: what is set now rules from now on. Of very many,
        the oldest are forgotten.
        """
        kept = [old for old in self._of.get(symbol, ()) if old.at < segment.at]
        self._of[symbol] = [*kept, segment][-SEGMENTS_KEPT:]

    def at(self, symbol: str, at: Ns) -> Segment | None:
        """The segment in force, or None where the source rules."""
        segments = self._of.get(symbol)
        if not segments:
            return None
        i = bisect_right(segments, at, key=lambda segment: segment.at)
        return segments[i - 1] if i else None

    def pieces(self, symbol: str, after: Ns, until: Ns) -> Iterator[tuple[Segment, Ns, Ns]]:
        """The segments that rule in `(after, until]`, each with its own `(after, until]`."""
        segments = self._of.get(symbol, [])
        first = bisect_right(segments, after + 1, key=lambda segment: segment.at)
        ruling = segments[first - 1] if first else Segment(-1, Rule.LIVE)
        for following in segments[first:]:
            if following.at > until:
                break
            yield ruling, max(after, ruling.at - 1), following.at - 1
            ruling = following
        if max(after, ruling.at - 1) < until:
            yield ruling, max(after, ruling.at - 1), until

    def clear(self) -> None:
        self._of.clear()

    def dump(self) -> dict[str, Any]:
        """JSON values that `load` reads back."""
        return {
            symbol: [segment.plain() for segment in segments]
            for symbol, segments in self._of.items()
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self._of = {
            symbol: [Segment.of(values) for values in segments]
            for symbol, segments in state.items()
        }
