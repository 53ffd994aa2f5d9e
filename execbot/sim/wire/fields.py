"""The parts of a control request: the input of each handler under `/sim/`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from execbot.sim.types import ApiError, Ns, Request
from execbot.sim.venue import Venue
from execbot.sim.wire.http import credentials, decode

LARGEST_EXPONENT = 11
_PLAIN = json.JSONDecoder()


class Fields:
    """One control request: the venue, the body, the query and the moment."""

    def __init__(self, venue: Venue, request: Request, now: Ns, args: tuple[str, ...]) -> None:
        self.venue, self.request, self.now, self.args = venue, request, now, args
        self.body = _object(request.body)

    def need(self, name: str) -> Any:
        if self.body.get(name) in (None, ""):
            raise wrong(f"{name} is missing")
        return self.body[name]

    def number(self, name: str) -> Decimal:
        value = self.need(name)
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number.adjusted() > LARGEST_EXPONENT:
            raise wrong(f"{name} was {str(value)[:40]!r}, not a number below a trillion")
        return number

    def symbol(self, name: str = "symbol") -> str:
        """A symbol, in capitals. Raises `ApiError` (404) for one that is not listed."""
        return self.venue.market.check_symbol(str(self.need(name)).upper())

    def account(self) -> tuple[str, str]:
        """Key and account id that the request means; opens the account of a new key."""
        found = credentials(self.request.headers, self.request.query)
        key = str(self.body.get("key") or self.request.query.get("key") or "")
        key = key or (found[0] if found else "")
        if not key:
            keys = list(self.venue.keys())
            if len(keys) != 1:
                raise wrong(f"key is missing: there are {len(keys)} accounts")
            key = keys[0]
        account_id = self.venue.account_of(key)
        if account_id is None:
            raise wrong("this key is refused")
        return key, account_id


def _object(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a control request; an empty body is an empty one."""
    if not body.strip():
        return {}
    try:
        value = decode(body, _PLAIN)
    except ValueError:
        raise ApiError(400, None, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise ApiError(400, None, "the body is not a JSON object")
    return value


def wrong(message: str) -> ApiError:
    return ApiError(422, None, message)
