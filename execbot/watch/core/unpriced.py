"""Prices that neither stream nor REST gives, and what rests on one (docs/evidence.md, E-PX-2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from execbot.exits.living_orders import SymbolOrder, read_orders
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.view import Guarded
from execbot.model.amounts import maybe_price_words, price_words
from execbot.model.enums import PositionSide
from execbot.model.numbers import text
from execbot.watch.core.inputs import PricesKnown
from execbot.watch.core.jobs import Job, Note
from execbot.watch.core.memory import CoreMemory
from execbot.watch.core.notes import alarm
from execbot.watch.core.symbol_state import SymbolState


@dataclass
class Unpriced:
    """Symbols without a price; those that rest on one are told, once as long as it lasts."""

    memory: CoreMemory
    symbols: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)

    def known(self, item: PricesKnown) -> list[Job]:
        if not item.are_known:
            self.symbols |= item.symbols
            return []
        self.symbols -= item.symbols
        back = sorted(self.reported & item.symbols)
        self.reported -= item.symbols
        words = f"prices of {', '.join(back)} are known again"
        return [Note("prices", words, {"state": "known"})] if back else []

    def tick(self, now: datetime) -> list[Job]:
        known = self.memory.symbols
        states = [
            known[symbol] for symbol in sorted(self.symbols - self.reported) if symbol in known
        ]
        resting = {s.symbol: f"{text(s.qty)}: {words}" for s in states if (words := what_rests(s))}
        if not resting:
            return []
        self.reported |= resting.keys()
        named = "; ".join(f"{symbol} {words}" for symbol, words in resting.items())
        words = f"neither the data stream nor REST gives a price; nobody acts on {named}"
        return [alarm("prices_lost", "", words, critical=True, symbols=list(resting))]


def what_rests(state: SymbolState) -> str:
    """What only this program does for the position when the price comes there."""
    plan = state.plan
    if plan is None and state.qty != 0 and state.coverage.state is Guarded.EMULATED:
        return "the stop of its structure"
    if plan is None or plan.status is not PlanStatus.ACTIVE or state.qty == 0:
        return ""
    found = []
    if state.coverage.state is Guarded.EMULATED:
        found.append(
            f"the stop at {maybe_price_words(plan.stop.price, plan.symbol, nothing='no price')}"
        )
    orders = [SymbolOrder.from_record(record) for record in state.orders.values()]
    groups = read_orders(orders, PositionSide.of(state.qty).closing).groups
    served = {group.target_number for group in groups}
    for number, target in enumerate(plan.targets):
        if not target.done and target.price is not None and number not in served:
            found.append(f"the target at {price_words(target.price, plan.symbol)}")
    if plan.stop.trail is not None and not state.broker_trails:
        found.append("trailing")
    return ", ".join(found)
