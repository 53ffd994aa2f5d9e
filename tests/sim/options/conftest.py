"""A bench in regular hours, two weeks before contracts expire, and the shortest way to order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sim.conftest import Bench

from execbot.sim.config import SimConfig

AT = "2026-10-08 10:30"  # a Thursday
EXPIRES = "2026-10-16"


class OptionBench(Bench):
    """Symbols are named by kind and strike: `c("240")` is the call on AAPL of `EXPIRES`."""

    def c(self, strike: str, expires: str = EXPIRES, root: str = "AAPL") -> str:
        return _symbol(root, expires, "C", strike)

    def p(self, strike: str, expires: str = EXPIRES, root: str = "AAPL") -> str:
        return _symbol(root, expires, "P", strike)

    def single(self, side: str, symbol: str, limit: str | None = None, **fields: Any) -> Any:
        kind = {"type": "market"} if limit is None else {"type": "limit", "limit_price": limit}
        order = {"symbol": symbol, "qty": "1", "side": side, "time_in_force": "day", **kind}
        order |= fields
        body = {name: value for name, value in order.items() if value is not None}
        return self.call("POST", "/v2/orders", body)

    def several(self, limit: str | None, *legs: tuple[str, str], **fields: Any) -> Any:
        """Legs as (intent, symbol), each once."""
        kind = {"type": "market"} if limit is None else {"type": "limit", "limit_price": limit}
        rows = [
            {"symbol": s, "ratio_qty": "1", "side": i.split("_")[0], "position_intent": i}
            for i, s in legs
        ]
        order = {"order_class": "mleg", "qty": "1", "time_in_force": "day", "legs": rows, **kind}
        return self.call("POST", "/v2/orders", {**order, **fields})

    def mark(self, symbol: str, price: str) -> None:
        self.post("/sim/options/mark", {"symbol": symbol, "price": price})

    def hold(self, symbol: str, qty: int, price: str) -> None:
        body = {"key": "test-key", "symbol": symbol, "qty": qty, "price": price}
        assert self.call("POST", "/sim/options/position", body).status == 200

    def set_clock(self, moment: str) -> None:
        self.post("/sim/clock", {"set": moment})

    def held(self) -> dict[str, str]:
        return {row["symbol"]: row["qty"] for row in self.get("/v2/positions")}

    def money(self, name: str = "cash") -> Decimal:
        return Decimal(self.get("/v2/account")[name])

    def rows(self, *kinds: str) -> list[Any]:
        names = ",".join(kinds)
        path = f"/v2/account/activities?activity_types={names}&direction=asc"
        found: list[Any] = self.get(path)
        return found


def _symbol(root: str, expires: str, kind: str, strike: str) -> str:
    return f"{root}{expires[2:].replace('-', '')}{kind}{int(Decimal(strike) * 1000):08d}"


@pytest.fixture
def options() -> OptionBench:
    return OptionBench(SimConfig(at=AT, speed=0, calendar="exchange"))


@pytest.fixture
def make_options() -> Any:
    def make(**settings: Any) -> OptionBench:
        return OptionBench(SimConfig.of({"at": AT, "speed": 0, "calendar": "exchange", **settings}))

    return make


@pytest.fixture
def expiring() -> OptionBench:
    """The morning of the last day, with AAPL pinned at 240."""
    bench = OptionBench(SimConfig(at=f"{EXPIRES} 10:30", speed=0, calendar="exchange"))
    bench.post("/sim/price", {"symbol": "AAPL", "price": 240})
    return bench
