"""The input of an endpoint: the parts of the request, and whose account asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from execbot.sim.engine.exchange import Exchange
from execbot.sim.types import ApiError, Ns, Request
from execbot.sim.venue import Venue
from execbot.sim.wire.http import json_body

_TRUE, _FALSE = ("true", "1", "t"), ("false", "0", "f", "")


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way into an endpoint. `args` are the variable parts of its path."""

    venue: Venue
    request: Request
    args: tuple[str, ...]
    key: str
    account_id: str
    now: Ns

    @property
    def exchange(self) -> Exchange:
        return self.venue.exchange

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    def body(self) -> dict[str, Any]:
        return json_body(self.request)

    def flag(self, name: str) -> bool:
        """A boolean of the query. Raises `ApiError` (422) when it is neither true nor false."""
        text = self.query.get(name, "").lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise ApiError(422, 40010001, f"invalid {name}: {self.query[name]}")
