"""The decision core of `watch`: inputs in, jobs out, no clock, network, database or thread inside.

It keeps what is known of each symbol in memory and asks the exit rules about every symbol that
something happened to. One symbol has at most one set of actions under way; whatever happens
meanwhile is looked at when their result is in. So a decision always sees the effect of the one
before it, and no order is sent twice for the same need.

Everything durable is in the journal and at the broker: a core that starts empty, fed with both,
comes to the same decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from execbot.config.schema import TradingSettings
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.actions import Alarm, Cancel, Moved, Refresh, SavePlan, WaitFor
from execbot.exits.rules.decide import decide
from execbot.exits.rules.failures import learned
from execbot.exits.rules.guard import WITHOUT_STOP
from execbot.exits.rules.view import Decision, View
from execbot.journal.records import OrderRecord, PositionRecord
from execbot.market.sessions import MarketNow
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import is_option
from execbot.model.unread import Unread
from execbot.oms.place.after_rejection import is_late_rejection
from execbot.watch.core import inputs
from execbot.watch.core.blindness import Blindness
from execbot.watch.core.exit_endings import ExitEndings
from execbot.watch.core.jobs import Job, JobName, Note, Save
from execbot.watch.core.market_news import MarketNews
from execbot.watch.core.memory import CoreMemory, Hours
from execbot.watch.core.notes import action_notes, alarm, guard_note, moved_note
from execbot.watch.core.position_check import PositionCheck
from execbot.watch.core.symbol_state import SymbolState, without_memory
from execbot.watch.core.timers import Timers
from execbot.watch.core.unpriced import Unpriced
from execbot.watch.core.unreadable import unread_alarms
from execbot.watch.core.waiting_plans import begin, begin_waiting, wait


class WatchCore:
    """See the module. Its parts share one memory and know nothing of each other."""

    def __init__(self, settings: TradingSettings, hours: Hours) -> None:
        self.memory = CoreMemory(settings, hours)
        self._timers = Timers(self.memory)
        self._positions = PositionCheck(self.memory)
        self._endings = ExitEndings(self.memory)
        self._sight = Blindness(self.memory)
        self._unpriced = Unpriced(self.memory)
        self._market = MarketNews(self.memory)

    @property
    def symbols(self) -> dict[str, SymbolState]:
        return self.memory.symbols

    @property
    def is_blind(self) -> bool:
        """Nothing has been heard of the account for so long that an alarm said it."""
        return self._sight.is_reported

    @property
    def old_prices(self) -> frozenset[str]:
        """Symbols of which nobody gives a price any more; blind, all of them."""
        return frozenset(self.symbols if self.is_blind else self._unpriced.symbols)

    def save_marks(self, now: datetime) -> list[Job]:
        """See `Timers.save_marks`."""
        return self._timers.save_marks(now)

    def view(self, state: SymbolState, now: datetime) -> View:
        """What the exit rules look at when they decide on this symbol now."""
        return self._view(state, now, self.memory.hours(now))

    def _view(self, state: SymbolState, now: datetime, market: MarketNow) -> View:
        if is_option(state.symbol):
            state.structure = self.memory.structure_of(state.symbol, now)
        return state.view(now, market, self.memory.limits, self.memory.extended)

    def ends_at(self, record: OrderRecord) -> datetime | None:
        """When the order is canceled here, unfilled, if nothing stops its clock."""
        return self._timers.ends_at(record)

    # --- the one door ----------------------------------------------------------------------

    def handle(self, item: inputs.Input, now: datetime) -> list[Job]:
        """Take one input in and say what must be done now."""
        jobs: list[Job] = []
        match item:
            case inputs.Orders():
                jobs += self._orders(item, now)
            case inputs.Plans():
                self._plans(item.plans)
            case inputs.Structures():
                self.memory.structures = tuple(item.plans)
                self._look_at_contracts()
            case inputs.BrokerPositions():
                jobs += self._sight.heard(item.asked_at, now)
                jobs += self._positions.broker_positions(item, now)
            case inputs.Price():
                jobs += self._market.price(item, now)
            case inputs.PricesKnown():
                jobs += self._unpriced.known(item)
            case inputs.Halts():
                jobs += self._market.halts(item, now)
            case inputs.AssetKnown():
                state = self.memory.state_of(item.symbol)
                state.is_crypto, state.tick, state.is_dirty = item.is_crypto, item.tick, True
                state.smallest = item.smallest
            case inputs.LevelsKnown():
                jobs += self._market.levels(item, now)
            case inputs.Heard():
                jobs += self._sight.heard(item.at, now)
            case inputs.StreamUp():
                jobs += self._stream_up(item)
            case inputs.StreamDown():
                jobs += self._stream_down(item)
            case inputs.FrameUnread():
                jobs += self._frame_unread(item, now)
            case inputs.Done():
                jobs += self._done(item, now)
            case inputs.JobDone():
                self._timers.job_ended(item, now)
            case inputs.Said():
                jobs.append(Note(item.type, item.words, {"text": item.words}))
            case inputs.Warned():
                jobs.append(alarm(item.kind, item.symbol, item.words, critical=item.is_critical))
            case inputs.Tick():
                jobs += self._timers.tick(now)
                jobs += self._sight.tick(now)
                jobs += self._unpriced.tick(now)
        if isinstance(item, inputs.Orders) and item.more_follows:
            return jobs
        return jobs + self._decide_dirty(now)

    def _look_at_contracts(self) -> None:
        """What protects one contract of a structure may change with every other one."""
        for state in self.memory.symbols.values():
            state.is_dirty = state.is_dirty or is_option(state.symbol)

    # --- orders, positions, plans ----------------------------------------------------------

    def _orders(self, item: inputs.Orders, now: datetime) -> list[Job]:
        notes: list[Job] = []
        for act in item.acts:  # first: who asked for a cancel matters when its end is seen
            asked = self._find(act.client_order_id)
            if act.kind == "cancel_requested" and asked is not None:
                self._endings.cancel_by_others(asked, now)
        for record in item.records:
            state = self.memory.state_of(record.symbol)
            before = state.put(record)
            if before is None or before.status is not record.status:
                notes.extend(self._endings.status_changed(state, before, record, now))
                self.memory.has_rejected |= is_late_rejection(record)
        for position in item.positions:
            notes.extend(self._position(position, now))
        return notes

    def _find(self, client_order_id: str) -> OrderRecord | None:
        for state in self.memory.symbols.values():
            if client_order_id in state.orders:
                return state.orders[client_order_id]
        return None

    def _position(self, position: PositionRecord, now: datetime) -> list[Job]:
        state = self.memory.state_of(position.symbol)
        old = state.qty
        known, state.journal_qty = state.journal_qty, position.qty
        state.avg_entry_price = position.avg_entry_price
        state.realized_pl, state.opened_at = position.realized_pl, position.opened_at
        state.is_crypto = state.is_crypto or position.asset_class == "crypto"
        state.bought_qty, state.last_execution = position.bought_qty, position.last_execution_id
        if known == position.qty:
            return []
        # A fill that was missing explains what differed; any other one leaves it as it was.
        unexplained = state.unexplained if position.qty != state.broker_qty else ZERO
        state.changed_at = now
        state.guard_qty(unexplained)
        if is_option(state.symbol):
            self._look_at_contracts()
        if state.qty != 0:
            state.memory = replace(state.memory, reshapes=0)
        state.memory = state.memory.without_exit_failures()
        data = {
            "event_id": f"position:{state.symbol}:{position.last_execution_id}:{text(state.qty)}",
            "symbol": state.symbol,
            "qty": text(state.qty),
            "was": text(old),
            "replayed": False,
        }
        return [Note("position", f"{state.symbol} position {text(old)} -> {text(state.qty)}", data)]

    def _plans(self, plans: Iterable[ExitPlan]) -> None:
        """Of several open plans of a symbol the newest that has begun counts; one whose entry has
        not filled waits, also for the entry of another to fill."""
        for plan in plans:
            state = self.memory.state_of(plan.symbol)
            known = state.plan
            if any(one.plan_id == plan.plan_id for one in state.waiting):
                wait(state, plan)
                continue
            if known is not None and known.plan_id == plan.plan_id:
                if plan.version <= known.version:
                    continue
                without_memory(state)
            elif known is not None and known.status is not PlanStatus.CLOSED:
                if plan.status is PlanStatus.CLOSED:
                    continue
                older, newer = sorted((plan, known), key=lambda p: p.created_at)
                if newer.status is PlanStatus.PENDING:
                    wait(state, newer)
                    state.plan = older
                    continue
                if older.status is PlanStatus.PENDING:
                    wait(state, older)
                if newer is known:
                    continue
            begin(state, plan)

    # --- the stream ------------------------------------------------------------------------

    def _stream_up(self, item: inputs.StreamUp) -> list[Job]:
        self.memory.stream_up_at, self.memory.stream_down_at, self.memory.is_stream_alarmed = (
            item.at,
            None,
            False,
        )
        self.memory.busy.discard(JobName.GAP_FILL)
        note = Note("stream", "trade updates connected", {"state": "up"})
        return [note, *self.memory.account_job(JobName.GAP_FILL, "connected", item.at)]

    def _stream_down(self, item: inputs.StreamDown) -> list[Job]:
        if self.memory.stream_down_at is None:
            self.memory.stream_down_at = item.at
        self.memory.stream_up_at = None
        text_ = f"trade updates lost: {item.reason}; reading from REST meanwhile"
        return [Note("stream", text_, {"state": "down", "reason": item.reason})]

    def _frame_unread(self, item: inputs.FrameUnread, now: datetime) -> list[Job]:
        """REST tells what it said: a look that began before may have missed it."""
        self.memory.busy.discard(JobName.GAP_FILL)
        unread = item.unread or Unread("frame", "", item.reason)
        return [
            *unread_alarms(self.memory, [unread], now),
            *self.memory.account_job(JobName.GAP_FILL, item.reason, now),
        ]

    # --- deciding --------------------------------------------------------------------------

    def _decide_dirty(self, now: datetime) -> list[Job]:
        jobs: list[Job] = []
        market: MarketNow | None = None
        for state in list(self.memory.symbols.values()):
            if state.is_busy:
                jobs += self._told_meanwhile(state, now)
            if not state.is_dirty or state.is_busy:
                continue
            jobs += begin_waiting(state, now)
            state.is_dirty = False
            market = market or self.memory.hours(now)
            state.tidy()
            decision = decide(self._view(state, now, market))
            if state.hands_off_until is not None and now < state.hands_off_until:
                jobs += _only_watched(state, decision)
            else:
                jobs += self._carry_out(state, decision, now)
        return jobs

    def _told_meanwhile(self, state: SymbolState, now: datetime) -> list[Job]:
        """While the hands wait for the broker nothing is decided, but the time without a stop runs:
        a stop that nobody has answered for is told in time."""
        if state.coverage.uncovered <= 0 or state.memory.is_alarmed:
            return []
        return _alarms_of(state, decide(self._view(state, now, self.memory.hours(now))))

    def _carry_out(self, state: SymbolState, decision: Decision, now: datetime) -> list[Job]:
        jobs: list[Job] = []
        before = state.coverage
        state.memory, state.coverage = decision.memory, decision.coverage
        state.plan = decision.plan
        state.wake_at = None
        if state.waiting and state.plan is not None:
            state.is_dirty = state.plan.status is PlanStatus.CLOSED
        hands: list[Any] = []
        for action in decision.actions:
            match action:
                case SavePlan():
                    jobs.append(Save(action))
                case Alarm():
                    jobs.append(alarm(action.kind, action.symbol, action.message, action.critical))
                case Moved():
                    jobs.append(moved_note(action))
                case WaitFor():
                    wake = action.until
                    state.wake_at = wake if state.wake_at is None else min(state.wake_at, wake)
                case Refresh(order_id=None, client_order_id=None):
                    jobs += self.memory.account_job(JobName.READ_POSITIONS, action.reason, now)
                case _:
                    hands.append(action)
        if before.state is not state.coverage.state:
            jobs.append(guard_note(state))
        if hands:
            jobs += self.memory.hand_over(state, tuple(hands))
        return jobs

    def _done(self, item: inputs.Done, now: datetime) -> list[Job]:
        state = self.memory.state_of(item.symbol)
        state.is_busy, state.is_dirty = False, True
        notes: list[Job] = []
        for action, outcome in item.results:
            state.memory = learned(state.memory, action, outcome, now)
            if isinstance(action, Cancel) and outcome.is_done:
                state.asked_cancels[action.client_order_id] = now
            notes.extend(action_notes(action, outcome))
        if any(not outcome.is_done for _, outcome in item.results):
            notes += self.memory.account_job(JobName.READ_POSITIONS, "an action failed", now)
        return notes


def _only_watched(state: SymbolState, decision: Decision) -> list[Job]:
    """While another process has its hands on a position nothing is done, but shares without a stop
    are counted and told as ever."""
    jobs = _alarms_of(state, decision)
    before, state.coverage = state.coverage, decision.coverage
    return [guard_note(state), *jobs] if before.state is not state.coverage.state else jobs


def _alarms_of(state: SymbolState, decision: Decision) -> list[Job]:
    """What a decision says of shares without a stop, and nothing else of it."""
    seen = decision.memory
    state.memory = replace(
        state.memory,
        uncovered_since=seen.uncovered_since,
        exposed_since=seen.exposed_since,
        is_alarmed=seen.is_alarmed,
    )
    alarms = [a for a in decision.actions if isinstance(a, Alarm) and a.kind in WITHOUT_STOP]
    return [alarm(a.kind, a.symbol, a.message, a.critical) for a in alarms]
