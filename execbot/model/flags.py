"""Flags by which a trader says that something is meant and no slip.

They lift guards against slips of the fingers, never a limit: sizes, exposure and losses are held to
with every one of them. `risk.allow_flags` says which may be used.
"""

from __future__ import annotations

from enum import StrEnum


class Flag(StrEnum):
    """The words of `risk.allow_flags`, and of the flags but for the dash."""

    ADD = "add"
    """Enlarge a position that is held, whatever its profit."""

    ALSO = "also"
    """A further working order of a symbol."""

    ALLOW_DUPLICATE = "allow_duplicate"
    """The same order once more within `risk.duplicate_window_seconds`."""

    SHORT = "short"
    """Sell what is not held."""

    FAR = "far"
    """A stop or target further than half the price away."""

    NAKED = "naked"
    """A signal's entry without its stop, where no `watch` would place one."""

    AT_BROKER = "at_broker"
    """Given while the market is closed: the broker keeps it for the next session, at whatever price
    that brings, instead of the queue here."""

    @property
    def option(self) -> str:
        """As it is typed: `--allow-duplicate`."""
        return "--" + self.value.replace("_", "-")


Flags = frozenset[Flag]
NO_FLAGS: Flags = frozenset()


def flags_of(**given: bool) -> Flags:
    """Those that are True, by the name of the flag in small letters."""
    return frozenset(Flag(name) for name, is_given in given.items() if is_given)
