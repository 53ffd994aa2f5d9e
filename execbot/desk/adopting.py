"""The limits that rule the account: what became looser, and taking that over."""

from __future__ import annotations

from execbot.desk.context import Context
from execbot.risk.limits_in_force import LIMITS_KEY, Loosened, limits_of, loosened


def adopt_limits(desk: Context) -> list[Loosened]:
    """Let the limits of this configuration rule from now on; what is looser than before.

    Raises JournalError.
    """
    settings = desk.settings.trading
    with desk.journal.transaction():
        found = loosened(desk.journal.meta_get(LIMITS_KEY), settings)
        desk.journal.meta_set(LIMITS_KEY, limits_of(settings))
        facts = {"loosened": [str(item) for item in found]}
        desk.journal.audit("limits", "config", "trader", facts, "adopted", desk.now())
    return found
