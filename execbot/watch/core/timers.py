"""What time brings: the guard, a lost stream, sessions, entries that wait too long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.plan.remeasure import follows_range
from execbot.exits.rules.actions import Cancel, Priority, SavePlan
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord
from execbot.market.sessions import MarketNow
from execbot.model.enums import STANDING, UNSETTLED_STATUSES, OrderStatus
from execbot.model.symbols import is_option
from execbot.oms.machine.alarms import STUCK_AFTER, OrderAlarm, alarm_words, is_stuck
from execbot.oms.recounts import LOOKS_APART
from execbot.watch.core.entry_timeouts import CLOSE_LEAD, clock_of, ends_at_close
from execbot.watch.core.equity_times import sample_due
from execbot.watch.core.inputs import JobDone
from execbot.watch.core.jobs import Job, JobName, Note, Save
from execbot.watch.core.memory import CARE_LOST, READS, CoreMemory
from execbot.watch.core.notes import alarm
from execbot.watch.core.symbol_state import SymbolState, is_entry

FULL_READ_SECONDS = 30
"""How often everything open is read from REST although the stream is up: it may have gone mute."""

JOB_RETRY = timedelta(milliseconds=300)
JOB_RETRY_MAX = timedelta(seconds=3)
"""A failed look at the broker is repeated after the first, doubling up to the second."""

OPTIONS_LOOK = timedelta(seconds=5)
OPTIONS_LOOK_IDLE = timedelta(minutes=1)
"""How often contracts that are held are looked at, and those that were."""
OPTIONS_AFTER = timedelta(minutes=10)
"""So long after the last contract has gone, what is left of its plan is looked at."""

MARKS_EVERY = timedelta(minutes=1)
"""How often the best and worst price of a position are saved, where they have changed."""

QUEUE_LOOK = timedelta(seconds=10)
"""How often it is tried to send what waits while its market is open."""

UNCOVERED_LOOK = timedelta(seconds=1)
"""How often the broker's positions are read while shares have no stop."""


@dataclass
class Timers:
    """Called a few times a second; every answer depends on the time given, never on a clock."""

    memory: CoreMemory

    def tick(self, now: datetime) -> list[Job]:
        jobs: list[Job] = []
        for state in self.memory.symbols.values():
            if state.wake_at is not None and now >= state.wake_at:
                state.is_dirty = True
            if state.hands_off_until is not None and now >= state.hands_off_until:
                state.hands_off_until, state.is_dirty = None, True
            if state.plan is not None and state.qty != 0 and _runs_by_clock(state.plan):
                state.is_dirty = True
            if state.coverage.uncovered > 0:
                state.is_dirty = True
        for name, (_, due) in self.memory.failed_jobs.items():
            if now >= due:
                jobs += self.memory.account_job(JobName(name), "it failed before", now)
        jobs += self._guard(now)
        jobs += self._watch_stream(now)
        jobs += self._watch_session(now)
        jobs += self._watch_entries(now)
        jobs += self._watch_levels(now)
        jobs += sample_due(self.memory, now)
        jobs += self._watch_requests(now)
        jobs += self._watch_rejections(now)
        jobs += self._watch_queue(now)
        jobs += self._watch_options(now)
        if self.memory.marks_saved_at is None or now - self.memory.marks_saved_at >= MARKS_EVERY:
            jobs += self.save_marks(now)
        self._tidy()
        return jobs

    def _watch_levels(self, now: datetime) -> list[Job]:
        """Daily bars are read once an hour while a plan follows the true range."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        if self.memory.levels_asked == hour:
            return []
        states = self.memory.symbols.values()
        if not any(s.plan is not None and s.qty != 0 and follows_range(s.plan) for s in states):
            return []
        self.memory.levels_asked = hour
        return self.memory.account_job(JobName.READ_LEVELS, "true ranges", now)

    def _watch_options(self, now: datetime) -> list[Job]:
        """Contracts are looked at together: often while some are held, seldom for what is left of
        their plans. A watch that has met none asks nothing."""
        contracts = [s for s in self.memory.symbols.values() if is_option(s.symbol)]
        held = any(s.qty != 0 for s in contracts)
        if contracts:
            self.memory.contracts_met_at = now
        met = self.memory.contracts_met_at
        if met is None or now - met > OPTIONS_AFTER:
            return []
        looked, every = self.memory.options_looked_at, OPTIONS_LOOK if held else OPTIONS_LOOK_IDLE
        if looked is not None and now - looked < every:
            return []
        if looked is None or now - looked > CARE_LOST:
            self.memory.options_cared_at = now  # from here on looks must go well
        self.memory.options_looked_at = now
        return self.memory.account_job(JobName.CARE_FOR_OPTIONS, "contracts", now)

    def _watch_rejections(self, now: datetime) -> list[Job]:
        """One look at all late rejections; what comes meanwhile has a look of its own."""
        if not self.memory.has_rejected:
            return []
        jobs = self.memory.account_job(JobName.FOLLOW_REJECTIONS, "an entry was rejected", now)
        self.memory.has_rejected = not jobs
        return jobs

    def save_marks(self, now: datetime) -> list[Job]:
        """Marks move with every tick and make no version of the plan; a restart knows these."""
        self.memory.marks_saved_at = now
        jobs: list[Job] = []
        saved: dict[str, tuple[Decimal | None, ...]] = {}
        for state in self.memory.symbols.values():
            plan = state.plan
            if plan is None or plan.status is not PlanStatus.ACTIVE or state.qty == 0:
                continue
            marks = (plan.best_price, plan.worst_price, plan.stop.high_water)
            saved[plan.plan_id] = marks
            if marks != self.memory.saved_marks.get(plan.plan_id, (None, None, None)):
                state.plan = plan.changed(now)
                jobs.append(Save(SavePlan(state.plan, "best and worst price")))
        self.memory.saved_marks = saved
        return jobs

    def job_ended(self, item: JobDone, now: datetime) -> None:
        """A look that failed is soon repeated: what it would have told may be a lost fill."""
        self.memory.busy.discard(item.name)
        if not item.error:
            self.memory.failed_jobs.pop(item.name, None)
            if item.name is JobName.CARE_FOR_OPTIONS:
                self.memory.options_cared_at = now
            return
        if item.name in READS:
            self.memory.read_error = item.error
        count = self.memory.failed_jobs.get(item.name, (0, now))[0] + 1
        pause = min(JOB_RETRY * 2 ** min(count - 1, 4), JOB_RETRY_MAX)
        self.memory.failed_jobs[item.name] = (count, now + pause)

    def _guard(self, now: datetime) -> list[Job]:
        every = timedelta(seconds=float(self.memory.settings.exits.guard_interval_seconds))
        jobs: list[Job] = []
        states = self.memory.symbols.values()
        uncovered = any(s.coverage.uncovered > 0 and s.plan is not None for s in states)
        if uncovered or self.memory.looks_soon:
            every = min(every, UNCOVERED_LOOK)
        holds = any(not s.is_idle for s in states)
        if self.memory.guarded_at is None or now - self.memory.guarded_at >= every:
            self.memory.guarded_at, self.memory.looks_soon = now, False
            if holds:
                jobs += self.memory.account_job(JobName.READ_POSITIONS, "guard", now)
            if any(_has_leftovers(state) for state in states):
                jobs += self.memory.account_job(JobName.GAP_FILL, "exits without a position", now)
            if any(r.status in UNSETTLED_STATUSES for s in states for r in s.living):
                jobs += self.memory.account_job(JobName.SETTLE, "orders in doubt", now)
        if self.memory.totals_read_at and now - self.memory.totals_read_at >= LOOKS_APART:
            self.memory.totals_read_at = None
            jobs += self.memory.account_job(JobName.GAP_FILL, "totals below the fills", now)
        full = timedelta(seconds=FULL_READ_SECONDS)
        if self.memory.read_at is None or now - self.memory.read_at >= full:
            self.memory.read_at = now
            jobs += self.memory.account_job(JobName.GAP_FILL, "regular look", now)
        return jobs

    def _watch_stream(self, now: datetime) -> list[Job]:
        """While the stream is down REST is asked instead, and the trader told when it lasts."""
        if self.memory.stream_down_at is None:
            return []
        stream = self.memory.settings.stream
        jobs: list[Job] = []
        every = timedelta(seconds=float(stream.poll_seconds))
        if self.memory.polled_at is None or now - self.memory.polled_at >= every:
            self.memory.polled_at = now
            jobs += self.memory.account_job(JobName.GAP_FILL, "stream is down", now)
        lost = now - self.memory.stream_down_at
        patience = self.memory.of_ours(timedelta(seconds=float(stream.lost_alarm_seconds)))
        if not self.memory.is_stream_alarmed and lost >= patience:
            self.memory.is_stream_alarmed = True
            seconds = int(lost.total_seconds())
            jobs.append(
                alarm("stream_lost", "", f"trade updates lost for {seconds} s", critical=True)
            )
        return jobs

    def _watch_session(self, now: datetime) -> list[Job]:
        market = self.memory.hours(now)
        before, self.memory.session = self.memory.session, market.session
        jobs: list[Job] = []
        if before is not market.session:
            for state in self.memory.symbols.values():
                state.is_dirty = True
            word = {"session": market.session.value}
            jobs.append(Note("session", f"the market is now: {market.session.value}", word))
            if market.is_open:
                jobs += self.memory.account_job(JobName.RELEASE_QUEUE, "the market is open", now)
        if self.memory.settings.market_hours.cancel_at_close:
            jobs += self._cancel_at_close(market, now)
        return jobs

    def _cancel_at_close(self, market: MarketNow, now: datetime) -> list[Job]:
        """Open entries of ours that were not meant to wait end shortly before the close; a
        bracket is gtc for its legs only. Protective exits stay."""
        if market.day is None or market.never_closes or not market.is_open:
            return []
        day = market.day.date.isoformat()
        if self.memory.closing_done == day or now < market.day.close - CLOSE_LEAD:
            return []
        jobs: list[Job] = []
        is_done = True
        for state in self.memory.symbols.values():
            if state.is_crypto:
                continue
            ending = [r for r in state.living if is_entry(r) and ends_at_close(r) and r.order_id]
            is_done = is_done and not ending
            jobs += self._cancel_entries(state, ending, "cancel_at_close", now)
        if is_done:
            self.memory.closing_done = day
        return jobs

    def _watch_entries(self, now: datetime) -> list[Job]:
        market = self.memory.hours(now)
        running: dict[str, OrderRecord] = {}
        alive: set[str] = set()
        for state in self.memory.symbols.values():
            trades = state.is_crypto or market.is_open or market.never_closes
            timed = [r for r in state.living if self._is_timed(r)]
            alive.update(r.client_order_id for r in timed)
            is_halted = state.is_halted or (self.memory.market_halt and not state.is_crypto)
            if trades and not is_halted:
                running |= {r.client_order_id: r for r in timed}
        open_since = market.day.open if market.day is not None and market.is_open else None
        jobs: list[Job] = []
        for name in self.memory.clocks.advance(now, running, open_since):
            record = running[name]
            state = self.memory.symbols[record.symbol]
            jobs += self._cancel_entries(state, [record], "not filled in time", now)
        self.memory.clocks.forget(frozenset(alive))
        return jobs

    def _is_timed(self, record: OrderRecord) -> bool:
        is_standing = record.is_ours and bool(record.order_id) and record.status in STANDING
        return is_standing and clock_of(record, self.memory.clocks.of_signals) is not None

    def _watch_queue(self, now: datetime) -> list[Job]:
        """What waits although its market is open (for the rate limit, for the minutes after the
        open) is looked at again and again; what the open or the end of a halt sets free goes then.
        """
        looked = self.memory.queue_looked_at
        if looked is not None and now - looked < QUEUE_LOOK:
            return []
        self.memory.queue_looked_at = now
        if not any(self._may_go(state, now) for state in self.memory.symbols.values()):
            return []
        return self.memory.account_job(JobName.RELEASE_QUEUE, "an order waits", now)

    def _may_go(self, state: SymbolState, now: datetime) -> bool:
        if not any(r.status is OrderStatus.QUEUED for r in state.living):
            return False
        if state.is_halted or (self.memory.market_halt and not state.is_crypto):
            return False
        return state.is_crypto or self._trades(now)

    def ends_at(self, record: OrderRecord) -> datetime | None:
        """When its time is up, or the day where that comes first for it."""
        clocks, state = self.memory.clocks, self.memory.symbols.get(record.symbol)
        moments = [clocks.due(record)] if self._is_timed(record) else []
        is_crypto = state is not None and state.is_crypto
        at_close = self.memory.settings.market_hours.cancel_at_close and not is_crypto
        if at_close and clocks.looked_at is not None and is_entry(record) and ends_at_close(record):
            market = self.memory.hours(clocks.looked_at)
            if market.next_close is not None and not market.never_closes:
                moments.append(market.next_close - CLOSE_LEAD)
        return min((moment for moment in moments if moment is not None), default=None)

    def _watch_requests(self, now: datetime) -> list[Job]:
        """A cancel or replace that does not end is told once; outside of trading it may wait."""
        jobs: list[Job] = []
        trading: bool | None = None
        reported, self.memory.stuck = self.memory.stuck, set()
        for state in self.memory.symbols.values():
            for record in state.living:
                key = (record.client_order_id, record.progress.status_at)
                if key in reported:
                    self.memory.stuck.add(key)
                    continue
                if not is_stuck(record, now):
                    continue
                if trading is None:
                    trading = all(self._trades(at) for at in (now, now - STUCK_AFTER))
                if trading or state.is_crypto:
                    self.memory.stuck.add(key)
                    words = f"order {record.client_order_id}: "
                    words += alarm_words(record, OrderAlarm.STUCK)
                    jobs.append(alarm(OrderAlarm.STUCK, record.symbol, words))
        return jobs

    def _trades(self, at: datetime) -> bool:
        market = self.memory.hours(at)
        return market.is_open or market.never_closes

    def _cancel_entries(
        self, state: SymbolState, records: list[OrderRecord], reason: str, now: datetime
    ) -> list[Job]:
        """Cancel entries; the filled part is kept and protected by the next decision."""
        records = [r for r in records if not state.is_asked_to_end(r, now)]
        if not records or state.is_busy or not state.memory.may_try(now):
            return []
        actions = tuple(
            Cancel(r.client_order_id, r.order_id, reason, Priority.CANCEL) for r in records
        )
        return self.memory.hand_over(state, actions)

    def _tidy(self) -> None:
        for symbol, state in list(self.memory.symbols.items()):
            differs = state.difference is not None
            if state.is_idle and not (state.is_dirty or differs) and not state.broker_qty:
                del self.memory.symbols[symbol]
                continue
            state.tidy()


def _runs_by_clock(plan: ExitPlan) -> bool:
    rules = plan.rules
    return (
        plan.exit is not None
        or plan.lift is not None
        or rules.time_stop_minutes is not None
        or rules.flatten_before_close_minutes is not None
    )


def _has_leftovers(state: SymbolState) -> bool:
    """Exits of ours seem to live with nothing to close: the report of their end was lost."""
    if state.qty != 0 or (state.plan is not None and state.plan.status is not PlanStatus.CLOSED):
        return False
    return any(r.is_ours and r.role in PROTECTIVE_ROLES for r in state.living)
