"""The colour of a profit or loss, in Rich's words."""

from __future__ import annotations


def gain_style(shown: str) -> str:
    """Of a figure with its sign: what rounds to nothing has none, and no colour."""
    return {"-": "red", "+": "green"}.get(shown[0], "")
