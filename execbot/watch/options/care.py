"""Looking after contracts, a few times a minute: the shell around `watch.options.rules`.

One look reads positions, quotes and plans, and closes what must be closed (`closing`), one try at a
time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from execbot.broker.errors import BrokerError
from execbot.config.schema import TradingSettings
from execbot.exits.structures.changes import changes_since, is_asleep
from execbot.exits.structures.lives import has_outlived
from execbot.exits.structures.plan import (
    StructurePlan,
    end_structures,
    replace_structure,
    structure_plans,
)
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.market.sessions import MarketNow
from execbot.model.enums import OPEN_STATUSES
from execbot.model.errors import ExecbotError
from execbot.model.numbers import ZERO
from execbot.model.options.changed import ContractChange
from execbot.model.options.contract import is_plain_root
from execbot.model.quote import Quote
from execbot.model.symbols import option_contract
from execbot.model.times import eastern
from execbot.model.unread import unread_of
from execbot.oms.send.closing_tries import last_try
from execbot.oms.send.orders import held_and_listed
from execbot.oms.service import OrderManagementSystem
from execbot.oms.sync.options.pending_events import pending_changes, pending_events
from execbot.watch.core.inputs import Warned
from execbot.watch.options.closing import (
    CLOSING_ID,
    as_listed,
    closing_request,
    name_of,
    piece_of,
    room_for,
    words_of,
)
from execbot.watch.options.entering import POSITIONS_FOLLOW, entering
from execbot.watch.options.prices import ContractPrices
from execbot.watch.options.rules import (
    Around,
    Group,
    Leave,
    Warn,
    broken,
    changing,
    dangers,
    expires_on,
    expiring,
    is_unpriced,
    outlived,
    planned,
    unpriced,
    unsold,
)

log = logging.getLogger("execbot.watch")

TRIES_MAX = 6
"""Orders that are sent for one wish; after that a person is told, and nothing more is tried."""

BLIND_AFTER = timedelta(seconds=15)
"""So long looks may fail before a person is told: three in a row."""

UNPRICED_FOR = timedelta(minutes=1)
"""So long a structure may be without a price before that is told."""

FOREIGN_SINCE = timedelta(days=1)


@dataclass
class OptionCare:
    """`look` returns what is to be told; it raises nothing that a broker can do."""

    oms: OrderManagementSystem
    settings: TradingSettings
    hours: Callable[[datetime], MarketNow]
    now: Callable[[], datetime]
    dividends: Callable[[list[str], datetime], Mapping[str, Decimal]] = lambda symbols, at: {}
    _due: dict[str, str] = field(default_factory=dict)
    _unpriced_since: dict[str, datetime] = field(default_factory=dict)
    _told: set[tuple[str, str, str]] = field(default_factory=set)
    _blind_since: datetime | None = None
    _told_blind: datetime | None = None
    _listed: Mapping[str, Decimal] | None = None
    """The broker's own quantities at this look."""
    _changes: tuple[ContractChange, ...] = ()
    """Contracts that seem at this look to have become others."""
    _quotes: Mapping[str, Quote] = field(default_factory=dict)
    """What contracts were quoted at at this look."""
    _sent: set[str] = field(default_factory=set)
    """Contracts for which this look has sent a closing order."""
    _prices: ContractPrices = field(init=False)

    def __post_init__(self) -> None:
        self._prices = ContractPrices(self.oms.client)

    def warned(self) -> list[Warned]:
        """A look, and what is to be told of it. Raises BrokerError, JournalError."""
        try:
            found = self.look()
        except BrokerError as error:
            found = self._blind(error)
            if not found:
                raise
        else:
            self._blind_since = None
        return [Warned(w.kind, w.symbol, w.message, w.critical) for w in found]

    def _blind(self, error: BrokerError) -> list[Warn]:
        """Exits that only this look keeps are kept by nobody while it fails: told once for each
        time that it lasts."""
        now = self.now()
        since = self._blind_since = self._blind_since or now
        plans = structure_plans(self.oms.journal, now)
        patience = timedelta(seconds=float(self.settings.exits.unprotected_alarm_seconds))
        told = self._told_blind == since
        if not plans or told or now - since < max(patience, BLIND_AFTER):
            return []
        self._told_blind = since
        names = ", ".join(sorted({plan.underlying for plan in plans}))
        seconds = int((now - since).total_seconds())
        message = (
            f"the exits of structures ({names}) are kept by nobody for {seconds} s: prices or "
            f"positions cannot be read ({error.message}); it is tried again"
        )
        return [Warn("structures_unwatched", names, message, critical=True)]

    def look(self) -> list[Warn]:
        """One look at everything. Raises BrokerError where prices cannot be read."""
        now = self.now()
        market = self.hours(now)
        plans = structure_plans(self.oms.journal, now)
        groups = self._groups(with_quotes=market.is_open)
        if not groups and not plans:
            return []
        self._sent.clear()
        kept = {plan.plan_id for plan in plans}
        self._due = {name: due for name, due in self._due.items() if name in kept}
        around = self._around(market, now, groups)
        found: list[Warn] = [changing(change) for change in self._changes]
        for plan in plans:
            group = groups.get(plan.underlying) or Group(plan.underlying, {})
            found += self._keep(plan, group, market, now)
        for group in groups.values():
            leave = expiring(group, around)
            if leave is not None and not self._sent & set(leave.held):
                found += self._leave(leave, market, now)
            found += dangers(group, around)
        return self._fresh(found, around)

    # --- looking ---------------------------------------------------------------------------

    def _groups(self, *, with_quotes: bool) -> dict[str, Group]:
        held: dict[str, dict[str, Decimal]] = {}
        found, listed = held_and_listed(self.oms)
        is_whole = listed is not None and not unread_of(listed)
        self._listed = {p.symbol: p.qty for p in listed or ()} if is_whole else None
        ended: Mapping[str, str] = {}
        self._changes = ()
        if is_whole and listed is not None:
            self._changes = pending_changes(self.oms.journal, listed, self.now())
            ended = pending_events(self.oms.journal, listed, self.now())
        for position in found:
            contract, qty = option_contract(position.symbol), position.qty
            if position.symbol in ended and self._listed is not None:
                qty = self._listed.get(position.symbol, ZERO)
            if contract is not None and qty:
                held.setdefault(contract.root, {})[position.symbol] = qty
        quotes: Mapping[str, Quote] = {}
        prices: Mapping[str, Decimal] = {}
        if held and with_quotes:
            quotes = self._prices.quotes(symbol for legs in held.values() for symbol in legs)
            prices = self._prices.of_underlyings(held)
        self._quotes = quotes
        return {
            root: Group(root, legs, {s: quotes[s] for s in legs if s in quotes}, prices.get(root))
            for root, legs in held.items()
        }

    def _around(self, market: MarketNow, now: datetime, groups: Mapping[str, Group]) -> Around:
        minutes = self.settings.options.close_before_expiry_minutes
        is_running = market.is_open and market.day is not None
        sold = (g.underlying for g in groups.values() if any(q < 0 for q in g.held.values()))
        calls = [root for root in sold if is_plain_root(root)]
        dividends: Mapping[str, Decimal] = {}
        if calls:
            try:
                dividends = self.dividends(sorted(calls), now)
            except BrokerError as error:
                log.info("dividends are not known: %s", error)
        return Around(
            now=market.at,
            today=eastern(market.at).date(),
            closes_at=market.day.close if is_running and market.day is not None else None,
            close_before=None if minutes is None else timedelta(minutes=minutes),
            dividends=dividends,
        )

    def _keep(
        self, plan: StructurePlan, group: Group, market: MarketNow, now: datetime
    ) -> list[Warn]:
        """One plan: over, broken, or at one of its levels."""
        journal = self.oms.journal
        booked = changes_since(journal, plan.created_at)
        if is_asleep(plan, booked, self._changes, group.held):
            return []
        entry = entering(journal, plan, group.held, now)
        if entry.plan is None:
            return []
        leave, told = self._judged(entry.plan, group, market, now)
        if leave is not None or entry.plan.units_in(group.held) is None:
            for record in entry.working:  # what is left gets no more
                self._take_back(record)
        return told if leave is None else [*told, *self._leave(leave, market, now)]

    def _judged(
        self, plan: StructurePlan, group: Group, market: MarketNow, now: datetime
    ) -> tuple[Leave | None, list[Warn]]:
        """What is to be closed of it, and what told; a plan that is over is ended."""
        journal, is_closing = self.oms.journal, self._is_closing(plan.plan_id)
        if not is_closing and has_outlived(journal, plan):
            end_structures(journal, [plan.plan_id], "it was closed", now)
            warn = outlived(plan, group.held)
            return None, [] if warn is None else [warn]
        units = plan.units_in(group.held)
        if units == 0 and not is_closing:
            end_structures(journal, [plan.plan_id], "nothing is held of it", now)
            return None, []
        if units is None and self._is_left_over(plan, group, now):
            end_structures(journal, [plan.plan_id], "what could be sold was closed", now)
            return None, []
        if units is None:
            leave, warn = broken(plan, group.held, self._closed_by_others(plan, now))
            if is_closing:
                return None, []  # a close of ours fills leg by leg in our books
            if leave is None:
                end_structures(journal, [plan.plan_id], "its legs are gone", now)
            return leave, [] if warn is None else [warn]
        before = self._due.get(plan.plan_id)
        leave, due = planned(plan, group, self._due)
        self._due[plan.plan_id] = due
        if leave is None and due and before:
            return None, [unsold(plan)]
        fixed = plan.left_alone(group.held, units)
        if leave is not None and fixed != plan and market.is_open:
            replace_structure(journal, plan, fixed, due, now)
        return leave, self._priced(plan, group, market, now)

    def _priced(
        self, plan: StructurePlan, group: Group, market: MarketNow, now: datetime
    ) -> list[Warn]:
        """Whether its levels can be watched at all; a quote may be gone for a moment."""
        if not market.is_open or not is_unpriced(plan, group):
            self._unpriced_since.pop(plan.plan_id, None)
            return []
        since = self._unpriced_since.setdefault(plan.plan_id, now)
        return [unpriced(plan, group)] if now - since >= UNPRICED_FOR else []

    def _is_left_over(self, plan: StructurePlan, group: Group, now: datetime) -> bool:
        """We have closed what is gone of it; nobody bid for the rest, which may expire."""
        gone = [symbol for symbol in plan.ratios if not group.held.get(symbol)]
        return bool(gone) and all(
            any(
                (record.parent_id or record.client_order_id).startswith(CLOSING_ID)
                and record.order.filled_qty > 0
                for record in self.oms.journal.orders(symbol=symbol, since=now - FOREIGN_SINCE)
            )
            for symbol in gone
        )

    def _closed_by_others(self, plan: StructurePlan, now: datetime) -> list[str]:
        """Contracts of the plan in which an order that is not ours has filled lately, on their last
        day: on others the broker closes no single leg, and it was a person who did it."""
        return [
            symbol
            for symbol in plan.ratios
            if expires_on(symbol, eastern(now).date())
            and any(
                record.order.filled_qty > 0 and not record.is_ours and record.parent_id is None
                for record in self.oms.journal.orders(symbol=symbol, since=now - FOREIGN_SINCE)
            )
        ]

    def _fresh(self, found: list[Warn], around: Around) -> list[Warn]:
        """Each once a day."""
        fresh, today = [], around.today.isoformat()
        self._told = {key for key in self._told if key[0] == today}
        for warn in found:
            key = (today, warn.kind, warn.symbol)
            if key not in self._told:
                self._told.add(key)
                fresh.append(warn)
        return fresh

    # --- leaving ---------------------------------------------------------------------------

    def _is_closing(self, plan_id: str) -> bool:
        orders = self.oms.journal.orders("open")
        return any(r.plan_id == plan_id and r.role == Role.EXIT for r in orders)

    def _leave(self, leave: Leave, market: MarketNow, now: datetime) -> list[Warn]:
        """Close together what belongs together. One try at a time, each under an id of its own."""
        if not market.is_open:
            return []
        leave = piece_of(as_listed(leave, self._listed))
        if not leave.held:
            return []
        name, symbol = name_of(leave, market.at), leave.underlying
        for number in range(1, TRIES_MAX + 1):
            known = last_try(self.oms.journal, f"{name}{number}")
            if known is None:
                return self._send(leave, f"{name}{number}")
            if known.status in OPEN_STATUSES:
                return self._press(known, now)
            filled_at = known.order.filled_at
            if filled_at is not None and now - filled_at < POSITIONS_FOLLOW:
                return []
        message = f"{words_of(leave)} could not be closed in {TRIES_MAX} tries: close it by hand"
        return [Warn("option_exit_failed", symbol, message, critical=True)]

    def _send(self, leave: Leave, name: str) -> list[Warn]:
        words = f"{words_of(leave)}: closed together, {leave.reason}"
        seen = tuple(self._quotes[symbol] for symbol in leave.held if symbol in self._quotes)
        try:
            if len(leave.held) == 1:
                [(symbol, qty)] = leave.held.items()
                self.oms.close(
                    symbol,
                    qty=abs(qty),
                    client_order_id=name,
                    reason=leave.reason,
                    decided_by=seen,
                )
            else:
                with room_for(self.oms, leave):
                    self.oms.submit(
                        closing_request(leave, name, seen),
                        origin=Origin.EXIT,
                        role=Role.EXIT,
                        plan_id=leave.plan_id or None,
                    )
        except ExecbotError as error:
            message = f"{words} failed: {error.message}"
            return [Warn(f"option_exit_{leave.reason}_refused", leave.underlying, message, True)]
        self._sent.update(leave.held)
        return [Warn(f"option_exit_{leave.reason}", leave.underlying, words)]

    def _press(self, record: OrderRecord, now: datetime) -> list[Warn]:
        """A closing order that does not fill is taken back for the next one."""
        patience = timedelta(seconds=float(self.settings.order_management.exit_timeout_seconds))
        if record.order_id and record.sent_at is not None and now - record.sent_at >= patience:
            self._take_back(record)
        return []

    def _take_back(self, record: OrderRecord) -> None:
        try:
            self.oms.cancel(record.client_order_id)
        except ExecbotError as error:
            log.info("%s is not taken back: %s", record.client_order_id, error)
