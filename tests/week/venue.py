"""The exchange as the driver sees it: its clock, and what only it can bring about."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from support.processes import Server
from week.course import NEW_YORK
from week.record import Record, rows_of, single_orders


@dataclass(frozen=True)
class Money:
    cash: Fraction
    closed: Fraction | None
    """Equity at the close."""


class Venue:
    """One clock for the exchange and for all of ours. `key` names the account."""

    can_step = True
    """Whether its clock can be stepped through a night."""

    turn_seconds = 0.05

    def __init__(self, server: Server, key: str) -> None:
        self.server, self.key = server, key

    def record(self) -> Record:
        """What it has of the account now."""
        at = self.now()
        held = self.server.get("/v2/positions", self.key)
        single = single_orders(self.server, self.key)
        rows = rows_of(self.server, self.key)
        return Record(self.server.orders(self.key), rows, held, at, single)

    def now(self) -> datetime:
        read = self.server.get("/sim/clock", self.key)
        return datetime.fromtimestamp(read["now_ns"] / 1e9, UTC)

    def step_to(self, at: datetime) -> None:
        """Where it is not there yet."""
        ahead = (at - self.now()).total_seconds()
        if ahead > 0:
            self.act("clock", step=ahead)

    def act(self, what: str, **body: Any) -> Any:
        return self.server.call("POST", f"/sim/{what}", body, self.key)

    def fault(self, kind: str, **rule: Any) -> None:
        self.act("faults", kind=kind, **rule)

    def price(self, symbol: str) -> Decimal | None:
        with suppress(OSError, KeyError, TypeError, ArithmeticError):
            found = self.server.get(f"/sim/price/{symbol}", self.key)
            return Decimal(str(found["quote"]["last"]))
        return None

    def money(self, day: date) -> Money | None:
        """What it says of the account's cash now, and of equity at a close."""
        cash = Fraction(self.server.get("/v2/account", self.key)["cash"])
        query = f"timeframe=1D&start={day}T00:00:00Z&end={day}T23:59:59Z"
        found = self.server.get(f"/v2/account/portfolio/history?{query}", self.key)
        at = [datetime.fromtimestamp(second, NEW_YORK).date() for second in found["timestamp"]]
        closed = dict(zip(at, found["equity"], strict=True)).get(day)
        return Money(cash, None if closed is None else Fraction(str(closed)))

    def calendar(self, first: str, last: str) -> list[dict[str, Any]]:
        """The trading days, as the exchange lists them to everybody."""
        found: list[dict[str, Any]] = self.server.get(
            f"/v2/calendar?start={first}&end={last}", self.key
        )
        return found
