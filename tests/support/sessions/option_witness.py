"""The witness of a session with options: contracts without a stop, shorts without cover, levels
that nobody acts on, and closing orders that opened something.

It reads the exchange's own books and quotes, and the levels that the trader gave: what they are
reached by it reckons itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.structures.plan import STRUCTURES_KEY
from execbot.sim.types import SECOND
from support.witness import Witness

if TYPE_CHECKING:
    from support.sessions.option_world import OptionWorld

CONTRACT_LENGTH = 15
LOOKED_EVERY = SECOND


@dataclass
class OptionWitness(Witness):
    """See the module. `naked` are moments at which a sold contract had no cover."""

    world: OptionWorld
    naked: list[str] = field(default_factory=list)
    longest_due: dict[str, float] = field(default_factory=dict)
    """Seconds for which a structure's level was reached and nothing worked to close it, by plan."""
    grown: dict[str, Decimal] = field(default_factory=dict)
    """By how much each contract's position has grown in all."""
    began: dict[str, datetime] = field(default_factory=dict)
    """When what is held of a contract was nothing last."""
    is_paused: bool = False
    """A command acts, and here nothing else can meanwhile: its time does not count."""
    is_resting: bool = False
    """Time passes in a leap, in which nobody could do anything."""
    _due_since: dict[str, int] = field(default_factory=dict)
    _seen: Mapping[str, Decimal] = field(default_factory=dict)
    _looked_at: int = 0

    @property
    def contracts(self) -> dict[str, Decimal]:
        """What is held of contracts, signed, by symbol."""
        rows = self.account.positions.items()
        return {s: p.qty for s, p in rows if len(s) > CONTRACT_LENGTH and p.qty}

    def watch_ended(self) -> None:
        super().watch_ended()
        self._due_since.clear()

    def look(self) -> None:
        account = self.world.desk.venue.exchange.core.accounts
        if self.world.account not in account:
            return
        held = {**self.contracts, "AAPL": self.qty("AAPL")}
        if held != self._seen:
            new = (symbol for symbol, qty in held.items() if qty and not self._seen.get(symbol))
            self.began.update(dict.fromkeys(new, self.world.now()))
            self._look_for_growth(held)
            self._look_for_naked(held)
            self._seen = held
        if self.is_paused:
            return
        for symbol in () if self.is_resting else {*held, *self._uncovered_since}:
            self._look_for_stop(symbol, held.get(symbol, Decimal(0)))
        if self.is_resting:
            self.watch_ended()
        elif self.world.ns - self._looked_at >= LOOKED_EVERY:
            self._looked_at = self.world.ns
            self._look_for_levels(held)

    def were_split(self) -> None:
        """What is held now became so by a split: none of it was opened by anybody."""
        self._seen = {**self.contracts, "AAPL": self.qty("AAPL")}

    # --- cover -------------------------------------------------------------------------------

    def _look_for_naked(self, held: Mapping[str, Decimal]) -> None:
        """From the farthest date down, calls sold never take more than calls bought bring and what
        is held. What one delivers a split may have changed."""
        core = self.world.desk.venue.exchange.core
        contracts = [(core.contract(s), q) for s, q in held.items()]
        calls = [(c, q) for c, q in contracts if c is not None and c.is_call]
        shares = max(Decimal(0), held["AAPL"])
        for day in {contract.expires for contract, _ in calls}:
            if sum(q * c.shares for c, q in calls if c.expires >= day) + shares < 0:
                self.naked.append(f"{dict(held)} at {self.world.now()}")

    # --- stops at the broker -------------------------------------------------------------------

    def _look_for_stop(self, symbol: str, qty: Decimal) -> None:
        """As of shares, for either side; while the market is closed nothing can be done."""
        now = self.world.ns - self.world.hung
        is_bare = len(symbol) > CONTRACT_LENGTH and qty and self._is_watched(symbol)
        if is_bare and self.world.is_open and abs(qty) > self.covered_of(symbol, qty):
            since = self._uncovered_since.setdefault(symbol, now)
            known = self._longest_uncovered.get(symbol, 0.0)
            self._longest_uncovered[symbol] = max(known, (now - since) / SECOND)
        else:
            self._uncovered_since.pop(symbol, None)

    def _is_watched(self, symbol: str) -> bool:
        """A plan that was over before the contract was bought anew promises it nothing."""
        watcher, began = self.world.watcher, self.began.get(symbol)
        state = None if watcher is None else watcher.core.symbols.get(symbol)
        plan = None if state is None else state.plan
        is_over = plan is not None and plan.status is PlanStatus.CLOSED
        if is_over and plan is not None and began is not None and plan.updated_at <= began:
            return symbol in self.promised
        return super()._is_watched(symbol)

    def covered_of(self, symbol: str, qty: Decimal) -> Decimal:
        """Contracts with a stop, or with an order that closes them now."""
        total = Decimal(0)
        for order in self.account.live.values():
            if order.symbol != symbol or order.is_buy is (qty > 0):
                continue
            if order.status == "pending_cancel":
                continue
            if order.parent_id or order.is_stop or order.type == "market":
                total += order.leaves
        return total

    # --- levels of structures -------------------------------------------------------------------

    def _look_for_levels(self, held: Mapping[str, Decimal]) -> None:
        now = self.world.ns - self.world.hung
        plans = self.world.desk.journal.meta_get(STRUCTURES_KEY)
        due = set()
        if self.world.watcher is not None and self.world.is_open and isinstance(plans, dict):
            due = {name for name, plan in plans.items() if self._is_due(plan, held)}
        for name in due:
            since = self._due_since.setdefault(name, now)
            self.longest_due[name] = max(self.longest_due.get(name, 0.0), (now - since) / SECOND)
        for name in set(self._due_since) - due:
            del self._due_since[name]

    def _is_due(self, plan: Mapping[str, Any], held: Mapping[str, Decimal]) -> bool:
        """Its legs stand as they should, a level is reached, and nothing works to close them."""
        ratios = {symbol: Decimal(qty) for symbol, qty in plan["ratios"].items()}
        spare = {symbol: Decimal(qty) for symbol, qty in plan["spare"].items()}
        zero = Decimal(0)
        units = {(held.get(s, zero) - spare.get(s, zero)) / ratio for s, ratio in ratios.items()}
        is_whole = len(units) == 1 or plan["units"] is not None
        least = Decimal(1) if plan["units"] is not None else zero
        if not is_whole or min(units) < least or not min(units) or self._is_closing(ratios):
            return False
        return self._is_below(plan) or self._is_reached(plan, ratios)

    def _is_below(self, plan: Mapping[str, Any]) -> bool:
        """The stock is beyond the level that was given for it."""
        if plan["underlying_stop"] is None:
            return False
        core = self.world.desk.venue.exchange.core
        price, level = core.price("AAPL", self.world.ns), Decimal(plan["underlying_stop"])
        return price <= level if plan["underlying_is_below"] else price >= level

    def _is_reached(self, plan: Mapping[str, Any], ratios: Mapping[str, Decimal]) -> bool:
        core, worth = self.world.desk.venue.exchange.core, Decimal(0)
        for symbol, ratio in ratios.items():
            quote = core.prices.quote(symbol, self.world.ns)
            if quote is None or quote.bid <= 0 or quote.ask <= 0:
                return False
            worth += ratio * (quote.bid + quote.ask) / 2
        stop, target = plan["stop_net"], plan["target_net"]
        if stop is not None and worth <= Decimal(stop):
            return True
        return target is not None and worth >= Decimal(target)

    def _is_closing(self, symbols: Mapping[str, Decimal]) -> bool:
        """An order at market works that closes them."""
        for order in self.account.live.values():
            parent = self.account.live.get(order.parent_id or "")
            if order.symbol in symbols and (parent or order).type == "market":
                return True
        return False

    # --- closing orders ---------------------------------------------------------------------------

    def _look_for_growth(self, held: Mapping[str, Decimal]) -> None:
        for symbol in {*held, *self._seen} - {"AAPL"}:
            before = self._seen.get(symbol, Decimal(0))
            after = held.get(symbol, Decimal(0))
            kept = abs(before) if before * after > 0 else Decimal(0)
            if abs(after) > kept:
                self.grown[symbol] = self.grown.get(symbol, Decimal(0)) + abs(after) - kept

    def opened_by_closing(self) -> list[str]:
        """Contracts of which more were opened than orders that open have bought or sold."""
        opened: dict[str, Decimal] = {}
        for order in self.executed():
            if order.position_intent.endswith("_to_open"):
                opened[order.symbol] = opened.get(order.symbol, Decimal(0)) + order.filled_qty
        return [
            f"{grown} {symbol} came to be held, orders that open filled {opened.get(symbol, 0)}"
            for symbol, grown in self.grown.items()
            if grown > opened.get(symbol, Decimal(0))
        ]
