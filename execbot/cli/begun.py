"""Whether this command may have sent anything: for what ends it where nobody else tells of it."""

from __future__ import annotations

_begun = False


def begins(yes: bool = True) -> None:
    """From here on a byte may leave for the broker, or for a `watch` that sends for us."""
    global _begun
    _begun = yes


def has_begun() -> bool:
    return _begun
