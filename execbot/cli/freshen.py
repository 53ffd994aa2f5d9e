"""Take in what happened at the broker since the last command, before showing what is recorded.

A command that only shows must work with the broker away: then it says so and shows the journal.
"""

from __future__ import annotations

from execbot.broker.errors import BrokerError
from execbot.cli.context import Context
from execbot.cli.following import lowered


def freshen(desk: Context) -> list[str]:
    """Fill the gap from REST; returns warnings instead of failing on a broker out of reach."""
    try:
        desk.oms.gap_fill()
    except BrokerError as error:
        if error.kind.startswith("auth."):
            raise
        return [f"Shown as last recorded: {lowered(error.message)}."]
    return []
