"""The witness: what the exchange's own books say of the account, never what execbot believes.

It looks after each thing that happens at the exchange, so that no moment without a stop and no
share sold too much escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execbot.sim.engine.accounts.archive import OrderFilter, Span
from execbot.sim.types import SECOND

if TYPE_CHECKING:
    from support.world import World

LIVING = ("new", "accepted", "held", "pending_new", "partially_filled")


DUST = Decimal("0.01")
"""Shares at some 100 USD of which no stop is promised: worth less than a dollar."""


@dataclass
class Witness:
    """Reads the exchange of `world`."""

    world: World
    promised: set[str] = field(default_factory=set)
    """Symbols with a plan that the watcher may not have read yet: they count from the fill on."""
    sign: int = 1
    """-1 where the trader only ever goes short."""
    shorts: list[str] = field(default_factory=list)
    """Each moment at which more had been closed than was held."""
    _uncovered_since: dict[str, int] = field(default_factory=dict)
    _longest_uncovered: dict[str, float] = field(default_factory=dict)

    # --- what is held ----------------------------------------------------------------------

    @property
    def account(self) -> Any:
        """The account in the exchange's memory."""
        return self.world.desk.venue.exchange.core.accounts[self.world.account]

    def qty(self, symbol: str = "AAPL") -> Decimal:
        """Shares held, negative for a short position."""
        held = self.account.positions.get(symbol)
        return held.qty if held is not None else Decimal(0)

    def held(self, symbol: str = "AAPL") -> Decimal:
        """How many shares are held, or owed by one who goes short."""
        return self.sign * self.qty(symbol)

    def closes(self, order: Any) -> bool:
        return bool(order.is_buy) is (self.sign < 0)

    def set_position(
        self, qty: Decimal | str, average: Decimal | str, symbol: str = "AAPL"
    ) -> None:
        """The books say this from now on, with no order and no activity."""
        held = self.account.positions[symbol]
        held.qty, held.cost = Decimal(qty), Decimal(qty) * Decimal(average)
        held.lots = [(held.qty, Decimal(average))]

    # --- orders ----------------------------------------------------------------------------

    def orders(self) -> dict[str, dict[str, Any]]:
        """Every order of the account as Alpaca would list it, by client_order_id."""
        return self.world.desk.orders_there()

    def executed(self) -> list[Any]:
        """The exchange's own objects of all orders that executed, corrections and busts in them."""
        over = self.world.desk.venue.exchange.core.archive.find_orders(
            self.account.id, Span(), OrderFilter(), 100_000
        )
        return [order for order in (*over, *self.account.live.values()) if order.fills]

    def living(self, type: str | None = None, side: str | None = None) -> list[dict[str, Any]]:
        """Orders that can still execute."""
        return [
            row
            for row in self.orders().values()
            if row["status"] in LIVING
            and (type is None or row["type"] == type)
            and (side is None or row["side"] == side)
        ]

    def exits(self, type: str) -> list[dict[str, Any]]:
        """Living exits of one type, those of the first target first."""
        rows = self.living(type, "sell" if self.sign > 0 else "buy")
        return sorted(rows, key=lambda row: Decimal(row["limit_price"] or 0))

    def stop_prices(self) -> set[str]:
        return {row["stop_price"] for row in self.exits("stop")}

    # --- protection ------------------------------------------------------------------------

    def covered(self, symbol: str = "AAPL") -> Decimal:
        """Shares with an armed stop or a market exit."""
        account = self.account
        total = Decimal(0)
        for order in account.live.values():
            if order.symbol != symbol or not self.closes(order):
                continue
            if order.status == "pending_cancel":
                continue
            if order.type == "market" or (order.is_stop and _is_armed(account, order)):
                total += order.leaves
        return total

    def armed_stops(self) -> list[Any]:
        """The exchange's own objects of the stops that protect now."""
        live = self.account.live.values()
        exits = [order for order in live if order.is_stop and self.closes(order)]
        return [order for order in exits if _is_armed(self.account, order)]

    def longest_uncovered(self, symbol: str = "AAPL") -> float:
        """The longest time in seconds that shares had no stop although one was promised."""
        return self._longest_uncovered.get(symbol, 0.0)

    def longest_of_all(self) -> float:
        return max(self._longest_uncovered.values(), default=0.0)

    def forget_uncovered(self) -> None:
        """Only what happens from now on is measured."""
        self._longest_uncovered.clear()

    def watch_ended(self) -> None:
        """Nobody keeps the promise of a stop until `watch` runs again."""
        self._uncovered_since.clear()

    def look(self) -> None:
        """How many shares have no stop at this moment, and since when."""
        now = self.world.ns - self.world.hung
        for symbol in self.world.symbols:
            qty = self.held(symbol)
            if qty < 0:
                self.shorts.append(f"{symbol} {qty} at {self.world.now()}")
            if qty > DUST and self._is_watched(symbol) and qty > self.covered(symbol):
                since = self._uncovered_since.setdefault(symbol, now)
                lasted = (now - since) / SECOND
                known = self._longest_uncovered.get(symbol, 0.0)
                self._longest_uncovered[symbol] = max(known, lasted)
            else:
                self._uncovered_since.pop(symbol, None)

    def _is_watched(self, symbol: str) -> bool:
        """Whether somebody is there who has promised a stop.

        Nobody has while another process adds to the position: it has lifted the stop itself.
        """
        watcher = self.world.watcher
        if watcher is None or self.world.trader.is_adding:
            return False
        state = watcher.core.symbols.get(symbol)
        if state is None or state.plan is None:
            return symbol in self.promised
        return state.plan.status != "suspended"


def _is_armed(account: Any, order: Any) -> bool:
    """A stop of its own, or the held leg of a pair whose target works."""
    if order.status != "held":
        return True
    sibling = account.live.get(order.sibling_id)
    return sibling is not None and sibling.status != "held"
