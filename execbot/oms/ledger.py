"""Where pure rules meet the journal: events are applied and everything that follows is written.

A `Ledger` lives inside one write transaction. It keeps the orders it has touched in memory, so a
batch of events on one order reads and writes that order once, and writes at the end: the events
(append-only), the orders, the executions, the positions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from execbot.journal.journal import Journal
from execbot.journal.records import (
    EventRecord,
    EventResult,
    Execution,
    FillState,
    LifeStep,
    OrderRecord,
    Role,
)
from execbot.model.enums import STOP_TYPES, EventSource, OrderClass, Side
from execbot.model.numbers import ZERO, text
from execbot.model.order import Order
from execbot.model.times import iso
from execbot.oms.event_context import chain_before, completed
from execbot.oms.ledger_reads import LedgerReads
from execbot.oms.machine.chains import CHAIN_LENGTH_MAX, chain_event, chain_of
from execbot.oms.machine.changes import Change, change_of, give_number
from execbot.oms.machine.events import (
    Applied,
    OrderEvent,
    OrderState,
    act_event,
    snapshot_event,
)
from execbot.oms.machine.lives import Life, held_by, life_in, numbered
from execbot.oms.machine.state import apply_event
from execbot.oms.machine.table import ADJUST, COIN_FEE, Act
from execbot.oms.position_ledger import write_positions


@contextmanager
def recording(
    journal: Journal, *, recoverable: bool = False, must_last: bool = False
) -> Iterator[Ledger]:
    """A ledger in a write transaction of its own (or nested in the caller's)."""
    with journal.transaction(recoverable=recoverable, must_last=must_last):
        ledger = Ledger(journal)
        yield ledger
        ledger.flush()


class Ledger:
    """Applies events within the caller's transaction. `changes` tells what happened."""

    def __init__(self, journal: Journal, *, replaying: bool = False, lives_since: int = 0) -> None:
        """`lives_since`: lives are told of events after this one of a history that is replayed."""
        self.journal = journal
        self.reads = LedgerReads(journal)
        self.changes: list[Change] = []
        self._replaying = replaying
        self._dirty: set[str] = set()
        self._events: list[EventRecord] = []
        self._events_of_changes: list[tuple[Change, int]] = []
        """Changes not numbered yet, each with the place of its event among those to be written."""
        self._put: dict[str, Execution] = {}
        self._removed: set[str] = set()
        self._added: defaultdict[str, list[Execution]] = defaultdict(list)
        self._lives: dict[str, Life] = {}
        self._life_steps: list[tuple[LifeStep, int]] = []
        """Not written yet, each with its event: its number, or its place among those to be
        written."""
        self._lives_since = lives_since
        self._seq = 0
        """Of the event of the history that is replayed."""
        self._changed_since: dict[str, datetime] = {}
        """By symbol the time of the oldest execution that was in the books and is not as it was."""

    # --- reading ---------------------------------------------------------------------------

    def state(self, client_order_id: str) -> OrderState | None:
        """The order as this transaction sees it."""
        return self.reads.state(client_order_id)

    def key_of(self, order_id: str) -> str | None:
        """The client_order_id under which a broker id is kept."""
        return self.reads.key_of(order_id)

    # --- applying --------------------------------------------------------------------------

    def act(self, act: Act, client_order_id: str, now: datetime, **details: Any) -> Applied:
        """Record what we did or concluded."""
        state = self.state(client_order_id)
        order_id = state.record.order_id if state is not None else ""
        return self.apply(act_event(act, client_order_id, now, order_id=order_id, **details))

    def snapshot(
        self,
        order: Order,
        now: datetime,
        *,
        source: EventSource = EventSource.REST,
        **details: Any,
    ) -> Applied:
        """Take in an order as the broker showed it, its legs included."""
        return self.apply(snapshot_event(order, now, source=source, **details))

    def apply(self, event: OrderEvent) -> Applied:
        """Apply one event, record it, and remember what must be written."""
        if event.is_act or self._replaying:
            return self._take(event)
        applied = self._take(completed(event, self.journal, self.reads, self._owner))
        if event.order is not None and event.order.legs:
            self._take_legs(event, applied)
        if applied.changed:
            self._tell_successors(event, applied)
        return applied

    def adjust(
        self,
        symbol: str,
        qty: Decimal,
        price: Decimal,
        *,
        reason: str,
        asset_class: str,
        at: datetime,
        now: datetime,
        activity_id: str | None = None,
        is_trade: bool = False,
        held: Decimal | None = None,
    ) -> None:
        """Book a signed quantity that came without an order, so that both sides agree again.

        `activity_id` is the broker's row that tells of it, where there is one. `is_trade`: it was
        bought or sold at `price`, and realises what that makes of its cost. `held` is what the
        broker showed, where its quantity is taken over as it is.
        """
        details: dict[str, Any] = {
            "symbol": symbol,
            "qty": text(qty),
            "price": text(price),
            "reason": reason,
            "asset_class": asset_class,
            "execution_id": f"adjust:{symbol}:{iso(now)}:{text(qty)}",
        }
        if activity_id is not None:
            details["activity_id"] = activity_id
        if is_trade:
            details["is_trade"] = True
        if held is not None:
            details["held"] = text(held)
        self._replay_adjustment(details, at, now)

    def restate_adjustment(
        self, booked: Execution, qty: Decimal, price: Decimal, *, reason: str, now: datetime
    ) -> None:
        """What was booked without an order was only `qty` (signed, nothing or of the same side) at
        `price`."""
        details: dict[str, Any] = {
            "symbol": booked.symbol,
            "qty": text(qty),
            "price": text(price),
            "reason": reason,
            "asset_class": booked.asset_class,
            "restates": booked.execution_id,
        }
        self._replay_adjustment(details, booked.at, now)

    def _replay_adjustment(self, details: dict[str, Any], at: datetime, now: datetime) -> None:
        event = OrderEvent(
            kind=ADJUST,
            source=EventSource.RECONCILE,
            recorded_at=now,
            client_order_id="",
            at=at,
            details=details,
        )
        self.replay(event)

    def replay(self, event: OrderEvent) -> None:
        """Apply an event of the history as it stands.

        What a chain has filled is looked up again: older histories do not tell it to its end.
        """
        self._seq = event.seq
        if event.kind == ADJUST:
            self._events.append(event.to_record(EventResult.APPLIED, "", None))
            self._book_adjustment(event)
            return
        if event.order is not None and event.order.replaces:
            event = event.with_details(
                **chain_before(event.order, event.client_order_id, self.reads).facts()
            )
        applied = self._take(event)
        if applied.changed:
            self._tell_successors(event, applied)

    def flush(self) -> None:
        """Write everything; the transaction around it commits."""
        journal = self.journal
        if self._events and not self._replaying:
            first = journal.append_events(self._events)
            for change, place in self._events_of_changes:
                give_number(change, first + place)
            self._life_steps = [(step, first + place) for step, place in self._life_steps]
        if self._life_steps:
            steps, seqs = zip(*self._life_steps, strict=True)
            journal.add_lives(numbered(steps, seqs, self._lives))
        if self._dirty:
            records = self.reads.records(self._dirty)
            journal.put_orders(records, self.reads.written)
            self.reads.written |= {record.client_order_id: record for record in records}
        if self._put or self._removed:
            journal.put_executions(self._put.values(), self._removed)
        write_positions(journal, self._added, self._changed_since)
        self._added.clear()
        self._changed_since.clear()
        self._events.clear()
        self._life_steps.clear()
        self._events_of_changes.clear()
        self._dirty.clear()
        self._put.clear()
        self._removed.clear()

    # --- inside: one event -----------------------------------------------------------------

    def _take(self, event: OrderEvent) -> Applied:
        key = event.client_order_id
        state = self.state(key)
        applied = apply_event(state, event)
        symbol = applied.state.record.symbol
        life = self._life_of(symbol) if applied.changed else self._lives.get(symbol)
        if applied.changed:
            self.reads.put(key, applied.state, event.order_id)
            self._dirty.add(key)
            before = state.executions if state is not None else {}
            if applied.state.executions is not before:
                self._note_executions(before, applied.state.executions)
        place = len(self._events)
        if not self._replaying:
            self._record(event, applied)
        if life is not None and (applied.changed or life.is_behind):
            before = state.executions if state is not None else {}
            change = ZERO
            if applied.changed and applied.state.executions is not before:
                change = held_by(applied.state.executions) - held_by(before)
            self._follow_life(life, event, applied.state.record, change, place)
        return applied

    def _life_of(self, symbol: str) -> Life | None:
        """What is known of a symbol before an event; None where no lives are kept yet."""
        if not symbol or (self._replaying and self._seq <= self._lives_since):
            return None
        if symbol not in self._lives:
            self._lives[symbol] = life_in(self.journal, symbol)
        return self._lives[symbol]

    def _follow_life(
        self,
        life: Life,
        event: OrderEvent,
        record: OrderRecord | None,
        change: Decimal,
        place: int,
    ) -> None:
        if self._replaying and event.seq == 0:  # its own event follows in the history
            assert record is not None
            life.note(record, life.qty + change)
            return
        at = event.seq if self._replaying else place
        for step in life.take(event, record, life.qty + change):
            self._life_steps.append((step, at))

    def _record(self, event: OrderEvent, applied: Applied) -> None:
        """Keep the event, unless a REST look or activity told nothing new."""
        if applied.changed or applied.contradiction:
            self.changes.append(change_of(event, applied))
        if applied.result is not EventResult.APPLIED and not _worth_keeping(event):
            known = applied.result is not EventResult.ILLEGAL or self.journal.has_note(
                event.client_order_id, applied.note or ""
            )
            if known:
                return
        status = str(applied.state.record.status)
        if applied.changed or applied.contradiction:
            self._events_of_changes.append((self.changes[-1], len(self._events)))
        self._events.append(event.to_record(applied.result, status, applied.note))

    def _tell_successors(self, event: OrderEvent, applied: Applied) -> None:
        """An order has ended, or filled: those that took its place count that."""
        record = applied.state.record
        has_ended = applied.status_changed and record.order.is_terminal
        if (
            not has_ended
            and applied.before is not None
            and _filled(applied.before) == _filled(record)
        ):
            return
        waiting = self._successors(record.order_id)
        for _ in range(CHAIN_LENGTH_MAX):
            if not waiting:
                return
            younger = waiting.pop()
            chain = chain_of(younger.order, self.reads.state_at)
            if not chain.is_known_to(younger):
                self._take(chain_event(younger, chain, event.recorded_at))
            waiting += self._successors(younger.order_id)

    def _successors(self, order_id: str) -> list[OrderRecord]:
        """The orders that say they replaced this one: more than one where a replace was refused."""
        states = [self.state(key) for key in sorted(self.reads.successors_of(order_id))]
        return [state.record for state in states if state is not None]

    def _owner(self, execution_id: str) -> str | None:
        known = self._put.get(execution_id)
        return self.reads.owner_of(execution_id) if known is None else known.client_order_id

    def _take_legs(self, event: OrderEvent, applied: Applied) -> None:
        """The legs of a bracket, OCO or OTO are orders of their own that know their parent."""
        assert event.order is not None
        parent = applied.state.record
        for leg in event.order.legs:
            details: dict[str, Any] = {}
            known = self.state(self.key_of(leg.id) or leg.client_order_id)
            if known is None or known.record.parent_id is None:
                details = {
                    "parent_id": parent.client_order_id,
                    "origin": parent.origin,
                    "strategy_id": parent.strategy_id,
                    "plan_id": parent.plan_id,
                    "role": known.record.role if known and known.record.role else _leg_role(leg),
                }
                details = {name: value for name, value in details.items() if value is not None}
            if "infer" in event.details:
                details["infer"] = event.details["infer"]
            self.apply(snapshot_event(leg, event.recorded_at, source=event.source, **details))

    # --- inside: executions and positions --------------------------------------------------

    def _note_executions(self, old: Mapping[str, Execution], new: Mapping[str, Execution]) -> None:
        for name, item in new.items():
            known = old.get(name)
            if known is item:
                continue
            self._put[name] = item
            self._removed.discard(name)
            if known is None:
                self._added[item.symbol].append(item)
            elif (known.net_qty, known.net_price, known.at) != (
                item.net_qty,
                item.net_price,
                item.at,
            ):
                self._note_change(item.symbol, min(known.at, item.at))
        for name in old.keys() - new.keys():
            self._put.pop(name, None)
            self._removed.add(name)
            self._note_change(old[name].symbol, old[name].at)

    def _note_change(self, symbol: str, at: datetime) -> None:
        self._changed_since[symbol] = min(at, self._changed_since.get(symbol, at))

    def _book_adjustment(self, event: OrderEvent) -> None:
        details = event.details
        if "restates" in details:
            self._restate(event)
            return
        qty, price = Decimal(details["qty"]), Decimal(details["price"])
        execution = Execution(
            execution_id=details["execution_id"],
            order_id="",
            client_order_id="",
            symbol=details["symbol"],
            side=Side.BUY if qty > 0 else Side.SELL,
            at=event.at or event.recorded_at,
            source=event.source,
            state=FillState.BOOKED if details.get("is_trade") else FillState.ADJUSTMENT,
            qty=abs(qty),
            price=price,
            net_qty=abs(qty),
            net_price=price,
            fee=abs(qty) if details.get("reason") == COIN_FEE else None,
            activity_id=details.get("activity_id"),
            asset_class=details["asset_class"],
        )
        life = self._life_of(execution.symbol)
        self._note_executions({}, {execution.execution_id: execution})
        if life is not None:
            self._follow_life(life, event, None, qty, len(self._events) - 1)

    def _restate(self, event: OrderEvent) -> None:
        name, symbol = event.details["restates"], event.details["symbol"]
        known = self._put.get(name)
        if known is None:
            booked = self.journal.executions(symbol=symbol)
            known = next((item for item in booked if item.execution_id == name), None)
        if known is None:
            return
        qty, price = Decimal(event.details["qty"]), Decimal(event.details["price"])
        new = replace(known, net_qty=abs(qty), net_price=price, changed_at=event.recorded_at)
        life = self._life_of(symbol)
        self._note_executions({name: known}, {name: new})
        if life is not None:
            change = new.signed_qty - known.signed_qty
            self._follow_life(life, event, None, change, len(self._events) - 1)


def _filled(record: OrderRecord) -> tuple[Decimal, Decimal | None]:
    return record.order.filled_qty, record.order.filled_avg_price


def _worth_keeping(event: OrderEvent) -> bool:
    """Stream frames and our own acts are history whatever they did."""
    return event.source in (EventSource.STREAM, EventSource.LOCAL)


def _leg_role(leg: Order) -> str | None:
    if leg.order_class is OrderClass.MLEG:
        return None
    return Role.STOP.value if leg.type in STOP_TYPES else Role.TARGET.value
