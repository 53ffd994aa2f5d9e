"""Which account an answer is about, in one short line: `[swing: paper PA12345678]`.

Live is red everywhere, whatever colour a profile has chosen.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from execbot.model.printable import harmless, harmless_line

_LIVE = "1;31"
_CODES: Mapping[str, str] = {
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "white": "1",
}


def red(words: str) -> str:
    """As live is shown everywhere; only for a terminal that takes colours."""
    return f"\x1b[{_LIVE}m{harmless(words)}\x1b[0m"


class Where(Struct, frozen=True):
    """What is known of it; nothing before the configuration is read."""

    mode: str | None = None
    account: str | None = None
    profile: str | None = None
    color: str | None = None

    @property
    def words(self) -> str:
        if self.mode is None:
            return ""
        profile = f"{self.profile}: " if self.profile else ""
        return harmless_line(f"[{profile}{self.mode} {self.account or ''}".rstrip() + "]")

    @property
    def code(self) -> str:
        """The terminal's number of its colour; empty for none."""
        return _LIVE if self.mode == "live" else _CODES.get(self.color or "", "")

    @property
    def colored(self) -> str:
        return f"\x1b[{self.code}m{self.words}\x1b[0m" if self.code else self.words
