"""How each position is protected, read from the journal without deciding anything: the one answer
that every surface shows (docs/evidence.md, E-PROT).

`watch` has its own view, which knows more; both judge by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.config.schema import TradingSettings
from execbot.exits.alarm_time import is_recent, is_young
from execbot.exits.living_orders import SymbolOrder, by_symbol
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.decide import ruling_plan, standing
from execbot.exits.rules.lifecycle import grown
from execbot.exits.rules.view import Coverage, Guarded, Limits, Memory, SymbolMarket, View
from execbot.exits.store import KEPT, in_force, open_plans, with_families
from execbot.exits.structures.lives import has_outlived
from execbot.exits.structures.plan import StructurePlan, structure_plans
from execbot.exits.structures.standing import StructureStanding, how_to_protect, standing_of
from execbot.journal.journal import Journal
from execbot.journal.records import PositionRecord
from execbot.market.sessions import MarketNow, Session
from execbot.model.account import Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import is_option, symbol_key

BARE = frozenset({Guarded.UNPROTECTED, Guarded.ARRIVING, Guarded.LEAVING})
"""States in which uncovered shares lack what their plan promises."""


class Surroundings(Struct, frozen=True):
    """Facts by which positions are judged. `is_watched`: a `watch` lives, so stops that it holds
    itself count."""

    now: datetime
    stocks: MarketNow
    settings: TradingSettings
    is_watched: bool = False
    pending: Mapping[str, str] = {}
    """By symbol the events whose rows are to come, in words."""


class Protection(Struct, frozen=True):
    """One position. `missing` says in words which protection was promised and is not there; empty
    where none is missing, and while it is younger than the alarm time. `qty` is signed."""

    symbol: str
    qty: Decimal
    coverage: Coverage
    plan: ExitPlan | None = None
    missing: str = ""
    structure: StructureStanding = StructureStanding()
    """What protects a contract that has no plan of its own."""

    @property
    def state(self) -> Guarded:
        return self.coverage.state

    @property
    def has_no_plan(self) -> bool:
        return self.state is Guarded.NO_PLAN

    @property
    def bare_qty(self) -> Decimal:
        """Nothing covers it. What stands in a structure that is looked after has its stop: no
        broker could hold that."""
        is_kept = self.plan is None and self.structure.is_kept and not self.structure.bare
        return ZERO if is_kept else self.coverage.uncovered

    @property
    def bare_words(self) -> str:
        """What of it has no stop: all, or what a plan over a part leaves."""
        part = self.structure.bare if self.plan is None else ZERO
        return f"{text(part)} of {text(abs(self.qty))} {self.symbol}" if part else self.symbol

    @property
    def words(self) -> str:
        return self.state.value.replace("_", " ")

    @property
    def next_step(self) -> str:
        return how_to_protect(self.symbol, self.structure)

    @property
    def structure_plan(self) -> StructurePlan | None:
        """The plan that rules it: that of its structure, where it has none of its own."""
        return self.structure.plan if self.plan is None else None

    def to_dict(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "qty": text(self.coverage.size),
            "uncovered_qty": text(self.coverage.uncovered),
            "missing": self.missing,
        }

    def __str__(self) -> str:
        return f"{self.symbol} is unprotected: {self.missing}"


def protections(
    journal: Journal, held: Iterable[Position], around: Surroundings
) -> list[Protection]:
    """Every position, by symbol. `held` is the broker's list, empty where it could not be read."""
    return [_judged(journal, view, around) for view in views(journal, held, around)]


def views(journal: Journal, held: Iterable[Position], around: Surroundings) -> list[View]:
    """Positions as the exit rules see them; dust is left out."""
    ours = {symbol_key(record.symbol): record for record in journal.positions()}
    theirs = {symbol_key(item.symbol): item for item in held}
    if not ours and not theirs:
        return []
    plans = _plans(journal)
    orders = by_symbol(with_families(journal, journal.orders("open"), list(plans.values())))
    quantities = {
        key: _guarded_qty(ours.get(key), theirs.get(key))
        for key in sorted(ours.keys() | theirs.keys())
    }
    pending = {symbol_key(symbol) for symbol in around.pending}
    contracts = {key: qty for key, qty in quantities.items() if qty and is_option(key)}
    there = {key: qty for key, qty in contracts.items() if key not in pending}
    structures = _standing_plans(journal, around.now) if contracts else []
    found = []
    for key, qty in quantities.items():
        record, position = ours.get(key), theirs.get(key)
        if qty != 0 and not (position is not None and position.is_dust()):
            seen = _Seen(key, qty, record, position, plans.get(key), tuple(orders.get(key, ())))
            view = replace(_view(journal, seen, around), is_pending=key in pending)
            if key in contracts:
                looks = around.is_watched and said_of(journal, key) != Guarded.UNPROTECTED
                part = standing_of(key, structures, there, is_looked_after=looks)
                view = replace(view, structure=part)
            found.append(view)
    return found


def _standing_plans(journal: Journal, now: datetime) -> list[StructurePlan]:
    """Those whose contracts are still the ones they were made for."""
    return [plan for plan in structure_plans(journal, now) if not has_outlived(journal, plan)]


class _Seen(Struct, frozen=True):
    """Facts of one position."""

    key: str
    qty: Decimal
    record: PositionRecord | None
    position: Position | None
    plan: ExitPlan | None
    orders: tuple[SymbolOrder, ...]

    @property
    def symbol(self) -> str:
        """As orders and plans spell it."""
        for known in (self.plan, self.record, *(item.order for item in self.orders)):
            if known is not None:
                return known.symbol
        return self.position.symbol if self.position is not None else self.key

    @property
    def is_crypto(self) -> bool:
        return any(
            known is not None and known.asset_class == AssetClass.CRYPTO
            for known in (self.record, self.position)
        )


def _plans(journal: Journal) -> Mapping[str, ExitPlan]:
    """The plan in force of each symbol."""
    found: dict[str, list[ExitPlan]] = {}
    for plan in open_plans(journal):
        found.setdefault(symbol_key(plan.symbol), []).append(plan)
    chosen = {key: in_force(journal, plans) for key, plans in found.items()}
    return {key: plan for key, plan in chosen.items() if plan is not None}


def _guarded_qty(record: PositionRecord | None, position: Position | None) -> Decimal:
    """The quantity that exits guard (E-POS-6): the broker's, where it has the side of the fills."""
    ours = record.qty if record is not None else ZERO
    theirs = position.qty if position is not None else ZERO
    return theirs if not ours or ours * theirs > 0 else ours


def _view(journal: Journal, seen: _Seen, around: Surroundings) -> View:
    record = seen.record
    held_here = around.is_watched and is_held_here(journal, seen.symbol)
    return View(
        symbol=seen.symbol,
        now=around.now,
        qty=seen.qty,
        plan=seen.plan,
        orders=seen.orders,
        avg_entry_price=record.avg_entry_price if record is not None else None,
        opened_at=record.opened_at if record is not None else None,
        is_crypto=seen.is_crypto,
        market=_market(seen, around),
        limits=Limits.of(around.settings),
        memory=Memory(is_held_here=held_here),
    )


def _market(seen: _Seen, around: Surroundings) -> SymbolMarket:
    """Without prices: they fire exits, and nobody acts here."""
    stocks = around.stocks
    if seen.is_crypto or stocks.never_closes:
        return SymbolMarket()
    hours = around.settings.market_hours
    allowed = {
        Session.PRE: hours.trade_premarket,
        Session.AFTER: hours.trade_afterhours,
        Session.OVERNIGHT: hours.trade_overnight,
    }
    acts = around.is_watched and allowed.get(stocks.session, False)
    return SymbolMarket(is_open=stocks.is_open, is_extended=acts)


def is_held_here(journal: Journal, symbol: str) -> bool:
    """The `watch` said last of the symbol that it holds the stop itself."""
    return said_of(journal, symbol) == Guarded.EMULATED


def said_of(journal: Journal, symbol: str) -> str:
    """How the `watch` said last that it stands."""
    said = journal.last_audit("guard", symbol)
    return "" if said is None else str(said.facts.get("state"))


# --- what is missing ---------------------------------------------------------------------------


def _judged(journal: Journal, view: View, around: Surroundings) -> Protection:
    coverage = standing(view)
    plan = None if ruling_plan(view) is None else _grown(view)
    missing = _missing(journal, view, coverage, plan, around)
    return Protection(view.symbol, view.qty, coverage, plan, missing, view.structure)


def _grown(view: View) -> ExitPlan | None:
    """The plan with what its entry has filled: nobody may have watched it begin."""
    plan = view.plan
    if plan is None or plan.status not in KEPT:
        return plan
    known = replace(plan, opened_at=plan.opened_at or view.opened_at)
    return grown(view, known)[0]


def _missing(
    journal: Journal,
    view: View,
    coverage: Coverage,
    plan: ExitPlan | None,
    around: Surroundings,
) -> str:
    if coverage.uncovered <= 0:
        return ""
    bare = f"{text(coverage.uncovered)} of {text(coverage.size)} have no stop"
    structure = view.structure
    if plan is None and structure.plan is not None and structure.plan.has_stop:
        is_new = is_recent(structure.plan.created_at, view) or _is_young(
            journal, view, coverage, None
        )
        if structure.trouble or not structure.bare:
            return "" if is_new else structure.trouble
    if plan is None:
        is_promised = around.settings.exits.every_position
        young = _is_young(journal, view, coverage, None)
        return f"no plan: {bare}" if is_promised and not young else ""
    if plan.status is PlanStatus.SUSPENDED:
        return f"{bare} ({plan.note})" if plan.note else bare
    is_bare = coverage.state in BARE
    return bare if is_bare and not _is_young(journal, view, coverage, plan) else ""


def _is_young(journal: Journal, view: View, coverage: Coverage, plan: ExitPlan | None) -> bool:
    record = journal.position(view.symbol)
    since = view.now - view.limits.unprotected_alarm
    lately = journal.executions(since=since, symbol=view.symbol)
    return is_young(view, coverage, plan, ZERO if record is None else record.qty, lately)
