"""A paper account as the driver of the week sees it: time is real, nothing can be brought about.

Only what concerns the symbols of the week, since its beginning, is read: other holdings stay unseen
and untouched.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from week.record import Record, rows_of
from week.venue import Venue

PAPER, DATA = "https://paper-api.alpaca.markets", "https://data.alpaca.markets"
STREAM = "wss://paper-api.alpaca.markets/stream"
PAGE = 500


class NotSafe(Exception):
    """Why nothing was begun."""


@dataclass(frozen=True)
class PaperAccount:
    """Its keys and addresses; requests by plain urllib, independent of execbot's own client."""

    api_key: str
    secret_key: str
    rest: str = PAPER
    data: str = DATA
    stream: str = STREAM

    def __post_init__(self) -> None:
        if self.rest != PAPER and urlsplit(self.rest).hostname not in ("127.0.0.1", "localhost"):
            raise NotSafe(f"{self.rest} is neither Alpaca's paper exchange nor one on this machine")
        if not self.api_key.startswith("PK"):
            raise NotSafe("these are not keys of a paper account (they begin with PK)")

    def get(self, path: str, key: str = "") -> Any:
        """`key` is for the exchange of one's own, which has many; here it is one account."""
        return self._ask(self.rest + path)

    def price(self, symbol: str) -> Decimal | None:
        with suppress(OSError, KeyError, ValueError, TypeError, ArithmeticError):
            found = self._ask(f"{self.data}/v2/stocks/{symbol}/trades/latest?feed=iex")
            return Decimal(str(found["trade"]["p"]))
        return None

    def orders(self, since: datetime, *, nested: bool = True) -> list[dict[str, Any]]:
        """All orders from a moment on, oldest first, legs under their parents or for themselves."""
        found: dict[str, dict[str, Any]] = {}
        after = _plain(since)
        while True:
            form = f"limit={PAGE}&direction=asc&nested={'true' if nested else 'false'}"
            query = f"status=all&{form}&after={quote(after)}"
            page = self.get(f"/v2/orders?{query}")
            fresh = {row["id"]: row for row in page if row["id"] not in found}
            found |= fresh
            if not fresh or len(page) < PAGE:
                return list(found.values())
            after = page[-1]["submitted_at"]

    def _ask(self, url: str) -> Any:
        request = urllib.request.Request(
            url,
            headers={"APCA-API-KEY-ID": self.api_key, "APCA-API-SECRET-KEY": self.secret_key},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read().decode())


class PaperVenue(Venue):
    """Real time: nothing is stepped, and nobody but Alpaca brings anything about."""

    can_step = False
    turn_seconds = 0.5

    def __init__(self, account: PaperAccount, symbols: Collection[str]) -> None:
        self._account, self._symbols = account, symbols
        self.key = account.api_key
        self.since = self.now()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def step_to(self, at: datetime) -> None:
        """It comes by itself."""

    def price(self, symbol: str) -> Decimal | None:
        return self._account.price(symbol)

    def record(self) -> Record:
        at = self.now()
        orders, single = (
            [r for r in self._account.orders(self.since, nested=n) if r["symbol"] in self._symbols]
            for n in (True, False)
        )
        rows = [r for r in rows_of(self._account, self.key, _plain(self.since))
                if r.get("symbol") in self._symbols]  # fmt: skip
        return Record(orders, rows, self._held(), at, single)

    def _held(self) -> list[dict[str, Any]]:
        return [r for r in self._account.get("/v2/positions") if r["symbol"] in self._symbols]

    def money(self, day: date) -> None:
        """Its history of equity comes late, and others trade there too: not judged."""

    def calendar(self, first: str, last: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._account.get(f"/v2/calendar?start={first}&end={last}")
        return found

    def check_free(self) -> None:
        """Raises NotSafe where the account has something in these symbols, or may not trade."""
        account = self._account.get("/v2/account")
        if account["status"] != "ACTIVE" or account["trading_blocked"]:
            raise NotSafe("the account may not trade")
        working = {row["symbol"] for row in self._account.get("/v2/orders?status=open&limit=500")}
        there = sorted({row["symbol"] for row in self._held()} | (working & set(self._symbols)))
        if there:
            raise NotSafe(f"the account holds or orders {', '.join(there)} already")

    def cost(self) -> Decimal:
        """What the week has cost so far: paid, less what was got back and what is held is worth."""
        record = self.record()
        paid = sum((c.qty * c.price for c in record.changes if c.price is not None), start=0)
        worth = sum((Decimal(str(row["market_value"])) for row in self._held()), Decimal(0))
        return Decimal(round(float(paid), 2)) - worth


def _plain(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
