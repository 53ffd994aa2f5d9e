"""The broker's positions compared with the sum of the fills, and what a difference means.

A report may be on its way, a crypto fee was taken in coins, shares were split, or something came or
went that no order of ours tells of. Only what a fresh look at all fills, and at the broker's record
of splits, leaves standing is one of the latter: then what is guarded is never less than
what stands at the broker (docs/evidence.md, E-POS-6), and the trader is told, once for each pair of
quantities however often `watch` is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.plan.rescale import price_ratio, ratio_words, rescaled, rescaled_by_price
from execbot.exits.rules.actions import SavePlan
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import is_pair, is_stock, symbol_key
from execbot.model.unread import POSITION, unread_about
from execbot.oms.machine.table import COIN_FEE
from execbot.oms.sync.differences import PositionDifference, is_fee_in_coins
from execbot.oms.sync.row_evidence import Succession
from execbot.oms.sync.split_evidence import Split, by_quantity
from execbot.watch.core import inputs
from execbot.watch.core.delivered_splits import delivered_split, plan_after
from execbot.watch.core.jobs import (
    Book,
    BookLateFills,
    BookRows,
    BookSplit,
    BookSuccession,
    Job,
    JobName,
    Note,
    Remember,
    Save,
)
from execbot.watch.core.memory import CoreMemory
from execbot.watch.core.notes import alarm
from execbot.watch.core.symbol_state import Difference, SymbolState, without_memory
from execbot.watch.core.unreadable import unread_alarms

REPORT_SETTLES = timedelta(milliseconds=500)
"""How long after a fill the broker's position may differ from ours without a meaning."""

PRICE_FRESH = timedelta(seconds=10)
"""A price younger than this is of after the position that was just read, near enough."""


@dataclass
class PositionCheck:
    """See the module. Called with what the broker says of all positions."""

    memory: CoreMemory

    def broker_positions(self, item: inputs.BrokerPositions, now: datetime) -> list[Job]:
        jobs: list[Job] = []
        if item.filled_from is not None:
            self.memory.totals_read_at = now if item.looks_again else None
        listed = {position.symbol: position for position in item.positions}
        for key in list(listed):
            if not is_pair(key) and key not in self.memory.symbols:
                pair = next((s for s in self.memory.symbols if symbol_key(s) == key), None)
                if pair is not None:
                    listed[pair] = listed.pop(key)
        jobs += self._silent(item)
        succeeded = self._successions(item)
        jobs += succeeded
        changing = {s for job in succeeded for s in (job.pair.old, job.pair.new)}
        changing |= {moved.symbol for moved in item.evidence.before_splits}
        jobs += unread_alarms(self.memory, item.unread, now)
        for symbol in {*listed, *self.memory.symbols}:
            unread = unread_about(symbol, item.unread, listed)
            if unread is not None and unread.what == POSITION:
                continue  # what was known before stands, and is as old as it is
            position = listed.get(symbol)
            state = self.memory.state_of(symbol)
            old = state.broker_qty
            state.broker_qty = position.qty if position is not None else ZERO
            state.broker_avg = position.avg_entry_price if position is not None else None
            state.broker_available = position.qty_available if position is not None else ZERO
            state.broker_asked_at = item.asked_at
            unpriced = state.last is None
            if position is not None and position.current_price and unpriced:
                state.last = position.current_price
            if old != state.broker_qty or state.coverage.uncovered > 0 or state.plan:
                state.is_dirty = True
            if symbol not in changing and unread is None:
                jobs += self._compare(state, item, now)
        return jobs

    def _successions(self, item: inputs.BrokerPositions) -> list[BookSuccession]:
        """Symbols that became others: one alarm that names both, and books, plan and exits follow
        a new name. What became something else keeps no levels (docs/evidence.md, E-CORP-3)."""
        found = []
        for pair in item.evidence.successions:
            if self.memory.state_of(pair.old).journal_qty != -pair.gone:
                continue
            if pair.is_contract:
                note = _contract_changed(pair)
            elif pair.is_rename:
                note = alarm("renamed", pair.old, f"{pair}; books, plan and exits follow")
            else:
                words = f"{pair}; it is booked, its stop and targets are not known"
                next_step = f"`execbot protect {pair.new}`"
                note = alarm("merged", pair.old, f"{words}: {next_step}", critical=True)
            found.append(BookSuccession(pair, note))
        return found

    def _silent(self, item: inputs.BrokerPositions) -> list[BookRows]:
        """Shares that contracts brought and took away in the same number: nothing differs; and
        those that a split has changed since. Before the contracts are booked: as long as those
        differ, the rows are read again."""
        silent = [moved for moved in item.evidence.moved if not moved.qty]
        found = []
        for moved in (*silent, *item.evidence.before_splits):
            note = alarm("shares_moved", moved.symbol, f"{moved}; it is booked")
            average = self.memory.state_of(moved.symbol).broker_avg
            found.append(BookRows(moved, average, note))
        return found

    def _compare(
        self, state: SymbolState, item: inputs.BrokerPositions, now: datetime
    ) -> list[Job]:
        theirs = state.broker_qty or ZERO
        if theirs == state.journal_qty:
            state.difference, state.agreed = None, (item.asked_at, state.last_execution)
            state.guard_qty(ZERO)
            return [*self._forget(state.symbol), *self._compare_held(state, now)]
        if theirs and _is_coin_fee(state, theirs):
            # Only what is left after the fee can be sold: a stop must not wait for the books.
            state.guard_qty(theirs - state.journal_qty)
        if state.changed_at is not None and item.asked_at - state.changed_at < REPORT_SETTLES:
            self.memory.looks_soon = (
                True  # a fill may be on its way; ask again before anything is done
            )
            return []
        split = item.evidence.split_of(state.symbol, state.journal_qty, theirs)
        if split is None and _is_open(state.plan) and not _is_price_as_before(state, now):
            split = _seen_split(state, now)  # at once: a plan at old prices would sell everything
        if split is not None:
            return self._split(state, split, now)
        late = item.evidence.late_of(state.symbol, state.journal_qty, theirs)
        if late is not None:
            return [BookLateFills(late, _noted(state, f"{late}; it is booked"))]
        moved = item.evidence.moved_of(state.symbol, state.journal_qty, theirs)
        if moved is not None:
            note = alarm("shares_moved", state.symbol, f"{moved}; it is booked")
            return [BookRows(moved, state.broker_avg, note)]
        return [*self._delivered(state, item, now), *self._lasting(state, theirs, item, now)]

    def _delivered(
        self, state: SymbolState, item: inputs.BrokerPositions, now: datetime
    ) -> list[Job]:
        """Contracts have brought or taken shares, and a split came after that: a plan at old prices
        would sell everything, so its levels follow at once. All that is there is guarded."""
        listed = {position.symbol: position for position in item.positions}
        theirs, plan, cost = listed.get(state.symbol), state.plan, state.avg_entry_price
        if theirs is None or plan is None or not _is_open(plan) or not cost or item.unread:
            return []
        ratio = delivered_split(state, self.memory.symbols.values(), listed, now)
        if ratio is None:
            return []
        state.guard_qty(theirs.qty - state.journal_qty)
        new = plan_after(plan, cost, theirs, ratio, now)
        if new is None:
            return []
        state.plan = new
        without_memory(state)
        words = f"{state.symbol}: contracts delivered shares, and then it was split"
        words = f"{words} {ratio_words(ratio)}; the rows are not there yet. The levels of its plan"
        words = f"{words} are rescaled and guard all {text(abs(theirs.qty))}"
        return [Save(SavePlan(new, "split")), alarm("split", state.symbol, words)]

    def _split(self, state: SymbolState, split: Split, now: datetime) -> list[Job]:
        """The plan first, then the books: a plan at old prices would sell everything."""
        plan, average = state.plan, state.broker_avg
        words = f"{split}; it is booked"
        jobs: list[Job] = []
        if plan is not None and _is_open(plan) and split.theirs:
            words = f"{words}, the levels of its plan are rescaled"
            ratio = split.ratio_for(plan, average)
            if ratio != 1:
                state.plan = rescaled(plan, ratio, now)
                without_memory(state)
                jobs = [Save(SavePlan(state.plan, "split"))]
        state.avg_entry_price = average or state.avg_entry_price
        state.guard_qty(split.theirs - state.journal_qty)
        return [*jobs, BookSplit(split, alarm("split", state.symbol, words))]

    def _lasting(
        self, state: SymbolState, theirs: Decimal, item: inputs.BrokerPositions, now: datetime
    ) -> list[Job]:
        """A difference that a look at all fills since it was seen does not explain."""
        seen = state.difference
        if seen is None or (seen.ours, seen.theirs) != (state.journal_qty, theirs):
            seen = state.difference = Difference(state.journal_qty, theirs, item.asked_at)
            if self.memory.reported.get(state.symbol) == _difference(state):
                return [*self._levels(state, seen, item, now), *self._standing(state, seen)]
        return [*self._levels(state, seen, item, now), *self._unexplained(state, seen, item, now)]

    def _unexplained(
        self, state: SymbolState, seen: Difference, item: inputs.BrokerPositions, now: datetime
    ) -> list[Job]:
        theirs = seen.theirs
        if seen.is_reported:
            # An exit that was on its way then may have been refused since: it stands no more.
            state.guard_qty(_guarded(state, seen) - seen.ours)
            return []
        again = self.memory.account_job(
            JobName.GAP_FILL, f"{state.symbol} differs from the broker", now
        )
        if item.filled_from is None or item.filled_from < seen.since:
            return again
        if _is_coin_fee(state, theirs):
            state.guard_qty(theirs - state.journal_qty)
            return [Book(_difference(state), COIN_FEE, state.avg_entry_price)]
        denied = _is_price_as_before(state, now) or state.symbol in item.evidence.transferred
        split = None if denied else _seen_split(state, now, in_lieu=True)
        if split is not None:
            return self._split(state, split, now)
        if state.symbol in item.evidence.awaited:
            return _waits_for_rows(state, seen, item.evidence.awaited[state.symbol])
        if now - seen.since < self.memory.limits.unprotected_alarm:
            return again
        return self._tell(state, seen)

    def _levels(
        self, state: SymbolState, seen: Difference, item: inputs.BrokerPositions, now: datetime
    ) -> list[Job]:
        """Prices have moved as in a split, and the quantity not just so, since trades may have
        followed. A plan at old prices would sell everything, so its levels follow; no share is
        booked. Sales alone may raise an average (first in, first out): up only once all fills were
        read."""
        plan, average = state.plan, state.broker_avg or ZERO
        if plan is None or not _is_open(plan) or state.is_crypto:
            return []
        cost = state.journal_qty * (state.avg_entry_price or ZERO)
        their_cost = seen.theirs * average
        ratio = price_ratio(plan, cost, their_cost, average, state.believed_price, state.last)
        if ratio is None:
            return []
        is_read = item.filled_from is not None and item.filled_from >= seen.since
        if ratio < 1 and not (is_read or seen.is_reported):
            return []
        state.plan = rescaled_by_price(plan, ratio, now, (seen.ours, seen.theirs))
        without_memory(state)
        saved = Save(SavePlan(state.plan, "split"))
        if not seen.is_reported:
            return [saved]  # what comes of it is told soon
        words = f"{state.symbol} may have been split {ratio_words(ratio)}, by its prices"
        words = f"{words}: the levels of its plan are rescaled, its quantity is not booked"
        return [saved, alarm("split", state.symbol, words)]

    def _tell(self, state: SymbolState, seen: Difference) -> list[Job]:
        """Nothing explains it: a person must know. Told first and remembered then, so that a
        program that ends in between rather tells it twice than never."""
        seen.is_reported = True
        state.guard_qty(_guarded(state, seen) - seen.ours)
        self.memory.reported[state.symbol] = _difference(state)
        message = (
            f"{_both(seen)}; {_guards(state)}, "
            "`execbot reconcile --accept-positions` books the broker's quantity"
        )
        critical = _is_open(state.plan) or seen.ours != 0
        return [
            alarm("position_differs", state.symbol, message, critical=critical),
            Remember(state.symbol, _difference(state)),
        ]

    def _standing(self, state: SymbolState, seen: Difference) -> list[Job]:
        """An earlier run has told it, and nothing has changed: shown, and guarded at once."""
        seen.is_reported = True
        state.guard_qty(_guarded(state, seen) - seen.ours)
        return [_noted(state, f"{state.symbol} still differs: {_both(seen)}; {_guards(state)}")]

    def _forget(self, symbol: str) -> list[Job]:
        return [Remember(symbol)] if self.memory.reported.pop(symbol, None) is not None else []

    def _compare_held(self, state: SymbolState, now: datetime) -> list[Job]:
        """Fewer shares are reserved at the broker than our orders would: one of them is gone."""
        available = state.available()
        if available is None or state.qty == 0:
            return []
        if abs(available) <= abs(state.qty) - state.held():
            return []
        reason = f"{state.symbol}: the broker holds fewer shares than our orders"
        return self.memory.account_job(JobName.GAP_FILL, reason, now)


def _guarded(state: SymbolState, seen: Difference) -> Decimal:
    """What exits guard while both sides differ, signed (docs/evidence.md, E-POS-6).

    An absence is no proof: what the broker does not show is guarded by the fills, unless its orders
    say themselves that they filled by just so much less. Where it shows
    less, new exits are no larger than that, since it takes no others; exits that stand are neither
    canceled nor reduced.
    """
    ours, theirs = seen.ours, seen.theirs
    uncounted = state.uncounted_qty
    if uncounted and ours - uncounted == theirs:
        return theirs  # two answers of the broker say so: it took executions back (E-POS-11)
    if ours == 0 or ours * theirs > 0:
        stands = min(abs(ours), state.held())
        return max(abs(theirs), stands) * (1 if theirs > 0 else -1)
    return ours


def _guards(state: SymbolState) -> str:
    return f"{text(abs(state.qty))} stay guarded"


def _is_coin_fee(state: SymbolState, theirs: Decimal) -> bool:
    return state.is_crypto and is_fee_in_coins(state.journal_qty, theirs, state.bought_qty)


def _waits_for_rows(state: SymbolState, seen: Difference, why: str) -> list[Job]:
    """Shown once; the regular look finds the rows when they come."""
    if seen.is_awaited:
        return []
    seen.is_awaited = True
    return [_noted(state, why)]


def _noted(state: SymbolState, words: str) -> Note:
    seen = _difference(state)
    data = {"symbol": state.symbol, "ours": text(seen.ours), "theirs": text(seen.theirs)}
    return Note("difference", words, data)


def _seen_split(state: SymbolState, now: datetime, *, in_lieu: bool = False) -> Split | None:
    """By quantity and average price alone. Only stocks are split. Whether a fill since both sides
    agreed was before the split or after it is told by the broker's record only."""
    agreed_at, youngest = state.agreed or (now, state.last_execution)
    if not is_stock(state.symbol) or youngest != state.last_execution:
        return None
    return by_quantity(
        state.symbol,
        state.journal_qty,
        state.avg_entry_price,
        state.broker_qty or ZERO,
        state.broker_avg,
        agreed_at,
        in_lieu=in_lieu,
    )


def _is_price_as_before(state: SymbolState, now: datetime) -> bool:
    """Trades go on where they were, so nothing was split: shares came that cost nothing. Known
    while a plan is active: only then prices are weighed."""
    if state.plan is None or state.plan.status is not PlanStatus.ACTIVE:
        return False
    if state.believed_price is None or state.jumped_at is not None or state.priced_at is None:
        return False
    return now - state.priced_at < PRICE_FRESH


def _contract_changed(pair: Succession) -> Note:
    words = f"by a corporate action {pair}; books, plan and exits follow"
    if pair.change.is_adjusted:
        words += (
            ". It delivers another number of shares now and can only be closed; a stop on the "
            f"price of its underlying is dropped: `execbot option protect {pair.new}`"
        )
    return alarm("contract_changed", pair.old, words, critical=pair.change.is_adjusted)


def _both(seen: Difference) -> str:
    return f"the broker holds {text(seen.theirs)}, the fills add up to {text(seen.ours)}"


def _is_open(plan: ExitPlan | None) -> bool:
    return plan is not None and plan.status is not PlanStatus.CLOSED


def _difference(state: SymbolState) -> PositionDifference:
    return PositionDifference(state.symbol, state.journal_qty, state.broker_qty or ZERO)
