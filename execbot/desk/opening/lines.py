"""Connections that a command will want at once, opened while it still loads its modules."""

from __future__ import annotations

from msgspec import Struct


class Lines(Struct, frozen=True):
    """How many connections to each host a command will want at once."""

    trading: int = 0
    data: int = 0


NO_LINES = Lines()
ONE_LINE = Lines(trading=1)
FACTS_LINES = Lines(trading=3, data=1)
"""Orders, then positions; the account; asset, clock, or what came and went; the quote."""
