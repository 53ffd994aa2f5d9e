"""The lives of positions as the journal keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.look.freshen import freshen
from execbot.journal.records import LifeStep as LifeStep

__all__ = ["LifeStep", "Lives", "lives_of"]


class Lives(Struct, frozen=True):
    """Every state, oldest first. `warnings` say what may be old."""

    steps: Sequence[LifeStep]
    warnings: Sequence[str] = ()


def lives_of(
    desk: Desk, symbol: str | None = None, *, since: datetime | None = None, limit: int
) -> Lives:
    """The last states, of one symbol or of all. Raises BrokerError."""
    warnings = freshen(desk)
    if symbol is None:
        found = desk.journal.recent_lives(limit=limit)
    else:
        found = desk.journal.lives(symbol, limit=limit)
    return Lives([step for step in found if since is None or step.at >= since], warnings)
