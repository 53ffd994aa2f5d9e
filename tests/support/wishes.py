"""Exits in the trader's words: `stop_at("2%")`, `target("4%", shares=100)`, `trail("5%")`.

A level is written as on the command line: a price (`98`), a percentage of the entry (`2%`), `2R`,
`1.5ATR`, `3USD`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from execbot.exits.levels import LevelKind, LevelSpec, parse_level
from execbot.exits.plan.plan import Trail, TrailKind
from execbot.exits.plan.wishes import Wishes

_TRAIL_KINDS = {
    LevelKind.PERCENT: TrailKind.PERCENT,
    LevelKind.OFFSET: TrailKind.PRICE,
    LevelKind.ATR: TrailKind.ATR,
}


class StopAt(NamedTuple):
    level: str


class Target(NamedTuple):
    level: str
    shares: Decimal
    """Percent of the position that this target sells."""

    @property
    def spec(self) -> LevelSpec:
        return parse_level(self.level)


Exit = StopAt | Target | Trail | Wishes


def stop_at(level: str) -> StopAt:
    return StopAt(level)


def target(level: str, *, shares: int | str = 100) -> Target:
    """A price at which `shares` percent of the position are sold."""
    return Target(level, Decimal(shares))


def trail(distance: str, *, from_start: bool = True) -> Trail:
    """A stop that follows the best price: `5%` or `3USD` behind it.

    `from_start=False`: it begins to follow once it would lock in the entry price.
    """
    spec = parse_level(distance)
    assert spec.value is not None
    return Trail(_TRAIL_KINDS[spec.kind], spec.value, from_start)


def wishes(*exits: Exit) -> Wishes:
    """What these exits ask for together, in the shape that a plan is made from."""
    if len(exits) == 1 and isinstance(exits[0], Wishes):
        return exits[0]
    stops = [parse_level(word.level) for word in exits if isinstance(word, StopAt)]
    trails = [word for word in exits if isinstance(word, Trail)]
    targets = tuple((word.spec, word.shares) for word in exits if isinstance(word, Target))
    assert len(stops) <= 1 and len(trails) <= 1, "one stop, one trail"
    assert not any(isinstance(word, Wishes) for word in exits), "either wishes or words"
    return Wishes(
        stop=stops[0] if stops else None,
        trail=trails[0] if trails else None,
        targets=targets,
    )
