"""What the decision core remembers, and the two ways in which it asks for something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from execbot.config.schema import TradingSettings
from execbot.exits.rules.actions import Cancel
from execbot.exits.rules.view import Limits
from execbot.exits.structures.plan import StructurePlan
from execbot.exits.structures.standing import StructureStanding, standing_of
from execbot.market.sessions import MarketNow, Session
from execbot.model.symbols import is_option
from execbot.oms.sync.differences import PositionDifference
from execbot.watch.core.entry_timeouts import EntryClocks
from execbot.watch.core.jobs import AccountJob, Job, JobName, SymbolJob
from execbot.watch.core.symbol_state import SymbolState

Hours = Callable[[datetime], MarketNow]

OUR_CANCELS_MAX = 5000

CARE_LOST = timedelta(seconds=30)
"""Looks at contracts have failed for so long that nobody keeps their exits."""

READS = frozenset({JobName.GAP_FILL, JobName.READ_POSITIONS})
"""Jobs that ask how the account stands."""


@dataclass
class CoreMemory:
    """In memory only, but for `told`, which the journal has too. `hours` answers for equities;
    crypto never closes."""

    settings: TradingSettings
    hours: Hours
    speed: float = 1.0
    """How many of the account's seconds pass in one of this machine's."""
    leapt: timedelta = timedelta(0)
    """How far the account's clock was set altogether, as far as is taken into account."""
    symbols: dict[str, SymbolState] = field(default_factory=dict)
    stream_up_at: datetime | None = None
    stream_down_at: datetime | None = None
    is_stream_alarmed: bool = False
    known_at: datetime | None = None
    """The latest moment of which the broker has told anything, by stream or REST."""
    asked_at: datetime | None = None
    """When it was first asked since then."""
    read_error: str = ""
    """Why the last account-wide look failed."""
    busy: set[str] = field(default_factory=set)
    our_cancels: dict[str, None] = field(default_factory=dict)
    """Cancels that we asked for, the newest last; kept for a while, because reports come late."""
    guarded_at: datetime | None = None
    polled_at: datetime | None = None
    read_at: datetime | None = None
    session: Session | None = None
    closing_done: str = ""
    queue_looked_at: datetime | None = None
    halted: frozenset[str] = frozenset()
    """Symbols that are halted, those among them that nothing else is known of."""
    market_halt: str = ""
    """The breaker that has stopped all stocks; empty while none has."""
    looks_soon: bool = False
    totals_read_at: datetime | None = None
    """When totals were read that another look may prove."""
    has_rejected: bool = True
    """An entry that the broker had taken was rejected, now or before this run, and it may be that
    nobody has decided on it."""
    failed_jobs: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Account-wide jobs that failed: how often in a row, and when to try again."""
    levels_asked: datetime | None = None
    """The hour for which daily bars were read last."""
    options_looked_at: datetime | None = None
    structures: tuple[StructurePlan, ...] = ()
    cares_for_options: bool = False
    """Whether the exits of structures are kept here: the hands have somebody who does."""
    options_cared_at: datetime | None = None
    """When the last look at contracts went well, or the first of them was asked for."""
    contracts_met_at: datetime | None = None
    """When a contract was held, or an order of one was alive, last."""
    equity_asked: datetime | None = None
    """The minute for which equity was read last."""
    close_asked: str = ""
    """The day at whose close equity was read."""
    marks_saved_at: datetime | None = None
    saved_marks: dict[str, tuple[Decimal | None, ...]] = field(default_factory=dict)
    """Best, worst and high-water price of each plan as they were saved last, by plan_id."""
    reported: dict[str, PositionDifference] = field(default_factory=dict)
    """Differences to the broker's quantity that the trader was told of, in this run or before."""
    unread_reported: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Symbol and what could not be read of it, and when the trader was told."""
    stuck: set[tuple[str, datetime | None]] = field(default_factory=set)
    """Cancels and replaces that do not end and were told: client_order_id, and since when. Those
    that have ended are forgotten."""
    seq: int = 0

    def __post_init__(self) -> None:
        self.limits = Limits.of(self.settings)
        self.clocks = EntryClocks(self.settings.order_management.timeout_seconds)
        hours = self.settings.market_hours
        allowed = {
            Session.PRE: hours.trade_premarket,
            Session.AFTER: hours.trade_afterhours,
            Session.OVERNIGHT: hours.trade_overnight,
        }
        self.extended = frozenset(session for session, yes in allowed.items() if yes)

    def of_ours(self, span: timedelta) -> timedelta:
        """So much of this machine's time by the account's clock: for what our own processes do, and
        for answers that are waited for."""
        return span * max(self.speed, 1.0)

    def clock_leapt(self, altogether: timedelta) -> None:
        """A clock that was set has let no time pass: what is counted up to an alarm goes along, or
        it would be told at once, or not until the clock is there again."""
        by, self.leapt = altogether - self.leapt, altogether
        if not by:
            return
        for name in ("known_at", "asked_at", "stream_down_at"):
            at = getattr(self, name)
            setattr(self, name, None if at is None else at + by)
        for state in self.symbols.values():
            state.memory = state.memory.leapt(by)
            if state.difference is not None:
                state.difference.since += by

    def state_of(self, symbol: str) -> SymbolState:
        state = self.symbols.get(symbol)
        if state is None:
            state = self.symbols[symbol] = SymbolState(symbol)
            state.is_halted = symbol in self.halted
        return state

    def structure_of(self, symbol: str, now: datetime) -> StructureStanding:
        """How a contract stands by the exits of its structure."""
        states = (s for s in self.symbols.values() if s.qty and is_option(s.symbol))
        held = {s.symbol: s.qty for s in states if not s.is_pending}
        cared = self.options_cared_at
        is_looked_after = self.cares_for_options and (cared is None or now - cared < CARE_LOST)
        return standing_of(symbol, self.structures, held, is_looked_after=is_looked_after)

    def hand_over(self, state: SymbolState, actions: tuple[Any, ...]) -> list[Job]:
        state.is_busy = True
        for action in actions:
            if isinstance(action, Cancel):
                self.our_cancels[action.client_order_id] = None
        while len(self.our_cancels) > OUR_CANCELS_MAX:
            del self.our_cancels[next(iter(self.our_cancels))]
        return [SymbolJob(state.symbol, actions)]

    def account_job(self, name: JobName, reason: str, now: datetime) -> list[Job]:
        if name in self.busy:
            return []
        self.busy.add(name)
        if name in READS:
            self.asked_at = self.asked_at or now
        return [AccountJob(name, reason)]
