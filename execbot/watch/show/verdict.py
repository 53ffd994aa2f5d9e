"""The first line of the screen: am I safe? One word, then the reasons, worst first. Pure.

| word | means |
|---|---|
| `SAFE` | every position has the protection of its plan, the stream is up, the books agree |
| `LOOK` | something rests on this program, is on its way, or was never protected |
| `NOT SAFE` | shares lack the stop of their plan, we are blind, or the quantities differ |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import IntEnum

from msgspec import Struct
from rich.text import Text

from execbot.exits.position_view import PositionState, PositionView
from execbot.exits.rules.view import WORST_FIRST, Guarded
from execbot.model.printable import harmless_line


class Level(IntEnum):
    """The worse, the higher."""

    SAFE = 0
    LOOK = 1
    NOT_SAFE = 2


SHOWN: Mapping[Level, tuple[str, str]] = {
    Level.SAFE: ("SAFE", "bold green"),
    Level.LOOK: ("LOOK", "bold yellow"),
    Level.NOT_SAFE: ("NOT SAFE", "bold red"),
}

_SAID: Mapping[Guarded, tuple[Level, str]] = {
    Guarded.UNPROTECTED: (Level.NOT_SAFE, "UNPROTECTED"),
    Guarded.SUSPENDED: (Level.NOT_SAFE, "SUSPENDED"),
    Guarded.NO_PLAN: (Level.LOOK, "has no stop"),
    Guarded.PENDING: (Level.LOOK, "waits for the rows of an event"),
    Guarded.LIFTED: (Level.LOOK, "is lifted for a moment"),
    Guarded.ARRIVING: (Level.LOOK, "waits for its stop"),
    Guarded.EMULATED: (Level.LOOK, "is stopped by this program alone"),
    Guarded.LEAVING: (Level.LOOK, "is being closed"),
    Guarded.DORMANT: (Level.LOOK, "has a stop from the open on"),
    Guarded.PROTECTED: (Level.SAFE, ""),
    Guarded.DUST: (Level.SAFE, ""),
    Guarded.FLAT: (Level.SAFE, ""),
}
_BY_GUARD = tuple((guard, *_SAID[guard]) for guard in WORST_FIRST)
_RANK = {guard: rank for rank, guard in enumerate(WORST_FIRST)}


class Verdict(Struct, frozen=True):
    """`reasons` are what keeps it from SAFE, worst first."""

    level: Level
    reasons: Sequence[str]
    held: int = 0


def guard_of(row: PositionView) -> Guarded:
    """As it counts here: an entry that has not filled holds nothing yet."""
    if row.state is PositionState.PENDING_ENTRY:
        return Guarded.FLAT
    return row.guarded or Guarded.NO_PLAN


def worst_first(rows: Sequence[PositionView]) -> list[PositionView]:
    """By how they are protected, then by symbol."""
    return sorted(rows, key=lambda row: (_RANK[guard_of(row)], row.symbol))


def verdict(
    positions: Sequence[PositionView],
    *,
    stream_up: bool,
    differing: Sequence[str] = (),
    is_blind: bool = False,
    old_prices: Collection[str] = (),
) -> Verdict:
    """Of what is on the screen now. Nothing held is safe, also without a stream. `is_blind`:
    nothing is heard of the account; `old_prices`: symbols of which nobody gives a price."""
    held = [row for row in positions if guard_of(row) is not Guarded.FLAT]
    level, reasons = Level.SAFE, list[str]()
    if differing:
        level = Level.NOT_SAFE
        reasons.append(_named(differing, "DIFFERS", "DIFFER"))
    if is_blind:
        level = max(level, Level.NOT_SAFE if held else Level.LOOK)
        reasons.append("nothing is heard of the account")
    elif not stream_up:
        level = max(level, Level.NOT_SAFE if held else Level.LOOK)
        reasons.append("the stream is down")
    for guard, found, words in _BY_GUARD:
        rows = [row for row in worst_first(held) if guard_of(row) is guard]
        if rows and found > Level.SAFE:
            level = max(level, found)
            reasons += _reasons(rows, words)
    aged = [] if is_blind else [row.symbol for row in held if row.symbol in old_prices]
    if aged:
        level = max(level, Level.LOOK)
        reasons.append(_named(aged, "has an old price", "have old prices"))
    return Verdict(level, reasons, len(held))


def verdict_line(said: Verdict, width: int) -> Text:
    """As much of the reasons as there is room for; the word always."""
    word, style = SHOWN[said.level]
    line = Text(f" {word}", style=style)
    if said.level is Level.SAFE:
        line.append("  " + _all_well(said.held))
    left = list(said.reasons)
    while left:
        more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
        words = f"{'  ' if len(left) == len(said.reasons) else '; '}{left[0]}"
        if line.cell_len + len(words) + len(more) > width and len(left) < len(said.reasons):
            line.append(f" (and {len(left)} more)")
            break
        line.append(words)
        left.pop(0)
    line.truncate(width, overflow="ellipsis")
    return line


def _reasons(rows: Sequence[PositionView], words: str) -> list[str]:
    """Of one guard: what a stop of another hand covers is not said to have none."""
    whole = [row for row in rows if row.is_covered_without_plan]
    part = [row for row in rows if row.unplanned_stop and row not in whole]
    kinds = (
        ([row for row in rows if not row.unplanned_stop], words),
        (part, "has a stop for a part, and no plan"),
        (whole, "has a stop, and no plan keeps it"),
    )
    found = (([row.symbol for row in some], said) for some, said in kinds if some)
    return [_named(symbols, said, _several(said)) for symbols, said in found]


def _all_well(held: int) -> str:
    if held == 0:
        return "nothing is held"
    return "the position is protected" if held == 1 else f"all {held} positions are protected"


def _named(symbols: Sequence[str], one: str, several: str) -> str:
    first = harmless_line(symbols[0])
    return (
        f"{first} {one}" if len(symbols) == 1 else f"{first} and {len(symbols) - 1} more {several}"
    )


def _several(words: str) -> str:
    for one, many in (("has ", "have "), ("is ", "are "), ("waits ", "wait ")):
        if words.startswith(one):
            return many + words.removeprefix(one)
    return words
