"""The broker's positions compared with the sum of the fills, and what a difference means.

A report may be on its way, a crypto fee was taken in coins, shares were split, or something came or
went that no order of ours tells of. Only what a fresh look at all fills leaves standing is one of
the latter: then the broker's quantity is the one that is guarded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from execbot.exits.actions import SavePlan
from execbot.exits.plan import ExitPlan, PlanStatus
from execbot.exits.splits import is_rescaled, rescaled, split_ratio
from execbot.model.numbers import ZERO, text
from execbot.oms.positions import PositionDifference, is_fee_in_coins
from execbot.watch import inputs
from execbot.watch.jobs import Book, Job, JobName, Save
from execbot.watch.notes import alarm
from execbot.watch.symbols import Difference, SymbolState, without_memory
from execbot.watch.timers import Timers

CRYPTO_FEE_MAX = Decimal("0.01")
"""A difference to the broker's quantity up to this share is a fee taken in coins."""

REPORT_SETTLES = timedelta(milliseconds=500)
"""How long after a fill the broker's position may differ from ours without a meaning."""


class Comparison(Timers):
    """See the module. Called with what the broker says of all positions."""

    def broker_positions(self, item: inputs.BrokerPositions, now: datetime) -> list[Job]:
        jobs: list[Job] = []
        told = {position.symbol: position for position in item.positions}
        for key in list(told):
            if "/" not in key and key not in self.symbols:
                pair = next((s for s in self.symbols if s.replace("/", "") == key), None)
                if pair is not None:
                    told[pair] = told.pop(key)
        for symbol in {*told, *self.symbols}:
            position = told.get(symbol)
            state = self.state_of(symbol)
            old = state.broker_qty
            state.broker_qty = position.qty if position is not None else ZERO
            state.broker_avg = position.avg_entry_price if position is not None else None
            state.broker_available = position.qty_available if position is not None else ZERO
            state.broker_asked_at = item.asked_at
            if position is not None and position.current_price and state.last is None:
                state.last = position.current_price
            if old != state.broker_qty or state.coverage.uncovered > 0 or state.plan:
                state.is_dirty = True
            jobs += self._compare(state, item, now)
        return jobs

    def _compare(
        self, state: SymbolState, item: inputs.BrokerPositions, now: datetime
    ) -> list[Job]:
        theirs = state.broker_qty or ZERO
        if theirs == state.journal_qty:
            state.difference = None
            state.guard_qty(ZERO)
            return self._compare_held(state, now)
        if _is_fee_of_holding(state, theirs):
            # Only what is left after the fee can be sold: a stop must not wait for the books.
            state.guard_qty(theirs - state.journal_qty)
        if state.changed_at is not None and item.asked_at - state.changed_at < REPORT_SETTLES:
            self.looks_soon = True  # a fill may be on its way; ask again before anything is done
            return []
        split = split_ratio(state.journal_qty, state.avg_entry_price, theirs, state.broker_avg)
        if split is not None and _is_open(state.plan):
            return self._split(state, split, now)
        return self._lasting(state, theirs, item, now)

    def _split(self, state: SymbolState, ratio: Decimal, now: datetime) -> list[Job]:
        """The plan first, then the books: a plan at old prices would sell everything."""
        plan = state.plan
        assert plan is not None
        theirs, average = state.broker_qty or ZERO, state.broker_avg
        jobs: list[Job] = []
        if not is_rescaled(plan, ratio, average):
            state.plan = rescaled(plan, ratio, now)
            without_memory(state)
            note = f"{state.symbol} was split: {state.plan.note}; levels rescaled"
            jobs = [Save(SavePlan(state.plan, "split")), alarm("split", state.symbol, note)]
        book = Book(_difference(state), "split", average)
        state.avg_entry_price = average
        state.guard_qty(theirs - state.journal_qty)
        return [*jobs, book]

    def _lasting(
        self, state: SymbolState, theirs: Decimal, item: inputs.BrokerPositions, now: datetime
    ) -> list[Job]:
        """A difference that a look at all fills since it was seen does not explain."""
        seen = state.difference
        if seen is None or (seen.ours, seen.theirs) != (state.journal_qty, theirs):
            seen = state.difference = Difference(state.journal_qty, theirs, item.asked_at)
        if seen.is_told:
            return []
        again = self.account_job(JobName.GAP_FILL, f"{state.symbol} differs from the broker", now)
        if item.filled_from is None or item.filled_from < seen.since:
            return again
        if state.is_crypto and is_fee_in_coins(state.journal_qty, theirs, state.bought_qty):
            state.guard_qty(theirs - state.journal_qty)
            return [Book(_difference(state), "crypto_fee", state.avg_entry_price)]
        if now - seen.since < self.limits.unprotected_alarm:
            return again
        seen.is_told = True
        state.guard_qty(theirs - state.journal_qty)
        message = (
            f"the broker holds {text(theirs)}, the fills add up to {text(state.journal_qty)}; "
            "the broker's quantity is guarded, `execbot reconcile --accept-positions` books it"
        )
        return [alarm("position_differs", state.symbol, message, critical=_is_open(state.plan))]

    def _compare_held(self, state: SymbolState, now: datetime) -> list[Job]:
        """Fewer shares are reserved at the broker than our orders would: one of them is gone."""
        available = state.available()
        if available is None or state.qty == 0:
            return []
        if abs(available) <= abs(state.qty) - state.held():
            return []
        reason = f"{state.symbol}: the broker holds fewer shares than our orders"
        return self.account_job(JobName.GAP_FILL, reason, now)


def _is_fee_of_holding(state: SymbolState, theirs: Decimal) -> bool:
    ours = state.journal_qty
    return state.is_crypto and theirs > 0 and 0 < ours - theirs < ours * CRYPTO_FEE_MAX


def _is_open(plan: ExitPlan | None) -> bool:
    return plan is not None and plan.status is not PlanStatus.CLOSED


def _difference(state: SymbolState) -> PositionDifference:
    return PositionDifference(state.symbol, state.journal_qty, state.broker_qty or ZERO)
