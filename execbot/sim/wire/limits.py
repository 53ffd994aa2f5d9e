"""The rate limit: so many requests a minute for each key, trading and data apart."""

from __future__ import annotations

from dataclasses import dataclass, field

from execbot.sim.types import SECOND, Ns

_MINUTE = 60 * SECOND


@dataclass(slots=True)
class RateLimit:
    """Fixed windows of one minute. `per_minute` 0 is no limit."""

    per_minute: int
    _used: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def take(self, key: str, room: str, now: Ns) -> tuple[bool, dict[str, str]]:
        """Counts one request. Returns whether it may pass, and the headers of its reply."""
        if not self.per_minute:
            return True, {}
        window = now // _MINUTE
        seen, used = self._used.get((key, room), (window, 0))
        used = used + 1 if seen == window else 1
        self._used[(key, room)] = (window, min(used, self.per_minute + 1))
        headers = {
            "X-RateLimit-Limit": str(self.per_minute),
            "X-RateLimit-Remaining": str(max(0, self.per_minute - used)),
            "X-RateLimit-Reset": str((window + 1) * 60),
        }
        return used <= self.per_minute, headers

    def clear(self) -> None:
        self._used.clear()
