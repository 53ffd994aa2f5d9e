"""How patient a stream is: back-off, silence, closing."""

from __future__ import annotations

from msgspec import Struct

from execbot.model.retrying import Backoff


class StreamTimes(Struct, frozen=True):
    """Seconds. A stream silent for `silence` is pinged; no pong within `pong` ends it."""

    backoff: float = 1.0
    backoff_max: float = 30.0
    silence: float = 20.0
    pong: float = 10.0
    open: float = 10.0
    close: float = 2.0
    stable: float = 10.0
    """A connection that lived this long starts the back-off from the beginning again."""
    taken: float = 5.0
    """The least wait when another connection holds the place (HTTP 429, code 406)."""

    @property
    def before_reconnect(self) -> Backoff:
        """The wait after each failure in a row."""
        return Backoff(first=self.backoff, most=self.backoff_max, least=self.backoff / 2)
