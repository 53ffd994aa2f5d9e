"""Old states of orders and positions, kept only while a fault makes answers late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from execbot.sim.engine.accounts.account import Position
from execbot.sim.types import Ns

ORDERS_KEPT = 1000


@dataclass(slots=True)
class Past:
    """`keep` is how far back is remembered; 0 remembers nothing.

    Orders are kept as they are answered, each with the moment since which it looked so; positions
    as they were before a trade, with the moment of the trade.
    """

    keep: Ns = 0
    orders: dict[str, list[tuple[Ns, Mapping[str, Any]]]] = field(default_factory=dict)
    positions: dict[str, list[tuple[Ns, Position]]] = field(default_factory=dict)

    def note_order(self, order_id: str, body: Mapping[str, Any], now: Ns) -> None:
        known = self.orders.setdefault(order_id, [])
        known.append((now, body))
        while len(known) > 1 and known[1][0] <= now - self.keep:
            known.pop(0)
        if len(self.orders) > ORDERS_KEPT:
            recent = now - self.keep
            self.orders = {i: rows for i, rows in self.orders.items() if rows[-1][0] > recent}

    def order_at(self, order_id: str, at: Ns) -> Mapping[str, Any] | None:
        """The order as it was at `at`, or as it was first; None where nothing is remembered."""
        rows = self.orders.get(order_id)
        if not rows:
            return None
        return next((body for since, body in reversed(rows) if since <= at), rows[0][1])

    def note_position(self, account_id: str, position: Position, now: Ns) -> None:
        """To be called before a trade changes the position."""
        rows = self.positions.setdefault(account_id, [])
        rows.append((now, replace(position, lots=list(position.lots))))
        while rows[0][0] <= now - self.keep:
            rows.pop(0)

    def positions_at(self, account_id: str, at: Ns) -> list[Position]:
        """The positions that were traded after `at`, as they were then."""
        found: dict[str, Position] = {}
        for until, was in self.positions.get(account_id, ()):
            if until > at:
                found.setdefault(was.symbol, was)
        return list(found.values())

    def forget(self) -> None:
        self.orders.clear()
        self.positions.clear()

    def dump(self) -> dict[str, Any]:
        return {
            "keep": self.keep,
            "orders": {i: [[at, dict(body)] for at, body in r] for i, r in self.orders.items()},
            "positions": {
                account: [[at, was.record()] for at, was in rows]
                for account, rows in self.positions.items()
            },
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.keep = state["keep"]
        self.orders = {i: [(at, body) for at, body in r] for i, r in state["orders"].items()}
        self.positions = {
            account: [(at, Position.from_record(was)) for at, was in rows]
            for account, rows in state["positions"].items()
        }
