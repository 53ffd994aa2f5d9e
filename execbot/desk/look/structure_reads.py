"""What the journal knows of contracts that stood together: which orders opened, what plans kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from execbot.exits.structures.plan import StructurePlan, kept_together, structure_plans
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderClass
from execbot.model.symbols import is_option, option_contract
from execbot.trades.structures import KeptTogether


class Together(Struct, frozen=True):
    """`parents` are the orders of several legs by the client_order_id of their legs, `plans` what
    kept some of them as one, `named` what was said to be one. `symbols` are those asked for, the
    contracts beside them, and the underlyings whose shares they may have delivered."""

    symbols: frozenset[str]
    parents: Mapping[str, str] = {}
    plans: tuple[StructurePlan, ...] = ()
    named: tuple[KeptTogether, ...] = ()

    @property
    def kept(self) -> list[KeptTogether]:
        by_plans = (KeptTogether(frozenset(p.ratios), p.created_at) for p in self.plans)
        return [*by_plans, *self.named]

    @property
    def contracts(self) -> frozenset[str]:
        return frozenset(filter(is_option, self.symbols))


def together_with(journal: Journal, symbols: Iterable[str], now: datetime) -> Together:
    """Raises JournalError."""
    everything = frozenset(symbols)
    new = set(filter(is_option, everything))
    if not new:
        return Together(everything)
    parents: dict[str, str] = {}
    plans = {plan.plan_id: plan for plan in structure_plans(journal, now)}
    contracts: set[str] = set()
    named: dict[KeptTogether, None] = {}
    while new:
        symbol = new.pop()
        contracts.add(symbol)
        for record in journal.orders(symbol=symbol):
            parent = record.parent_id
            if record.order.order_class is OrderClass.MLEG and parent is not None:
                known = parents.get(record.client_order_id)
                parents[record.client_order_id] = parent
                if known is None:
                    new |= _legs(journal, parent) - contracts
            if record.plan_id and record.plan_id not in plans:
                plans |= _planned(journal, record, now)
        for legs, since in kept_together(journal, symbol):
            named[KeptTogether(legs, since)] = None
            new |= legs - contracts
        for plan in plans.values():
            new |= (set(plan.ratios) - contracts) if symbol in plan.ratios else set()
    roots = {c.root for s in contracts if (c := option_contract(s)) is not None}
    traded = {root for root in roots if journal.position(root) is not None}
    return Together(everything | contracts | traded, parents, tuple(plans.values()), tuple(named))


def _legs(journal: Journal, parent: str) -> set[str]:
    return {leg.symbol for leg in journal.legs_of(parent)}


def _planned(journal: Journal, record: OrderRecord, now: datetime) -> dict[str, StructurePlan]:
    """The plan that a closing order names, as it was saved: it may be over long since."""
    name = record.plan_id or ""
    saved = [row for row in journal.audit_of(name) if row.kind == "option" and row.facts]
    return {name: StructurePlan.from_json(name, saved[-1].facts, now)} if saved else {}
