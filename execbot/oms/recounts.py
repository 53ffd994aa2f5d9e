"""Executions that the broker took back, of which no report came (E-EXE-12).

Three witnesses are asked: the order's own totals in two looks, and the position, which must lack
just that. What they prove is booked; anything less stays an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.numbers import ZERO, maybe_text, text
from execbot.model.order import Order
from execbot.model.symbols import symbol_key
from execbot.model.times import iso, parse_time
from execbot.oms.ledger import recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.recount import Restated, recount_event, restated

LOOKS_KEY = "recounts"
"""Meta: totals that contradict the executions, and since when they are read so."""

LOOKS_APART = timedelta(seconds=3)
"""Between the two looks at an order that prove what its totals say."""


LOOKS_SOON_FOR = timedelta(seconds=10)
"""So long after the first look another one is asked for as soon as it may prove something; what is
not proven by then is looked at with everything else."""


class _Case(Struct, frozen=True):
    """An order, and what its totals make of our executions."""

    order: Order
    record: OrderRecord
    changed: tuple[Restated, ...]

    @property
    def seen(self) -> tuple[str, str | None, str]:
        order = self.order
        return text(order.filled_qty), maybe_text(order.filled_avg_price), _stamp(order)

    @property
    def gone(self) -> Decimal:
        """What the position must lack, signed."""
        return (self.record.order.filled_qty - self.order.filled_qty) * self.order.side.sign


def recount(
    journal: Journal, orders: Iterable[Order], positions: Sequence[Position], now: datetime
) -> list[Change]:
    """Book what these looks at orders, and the positions asked for after them, prove. Raises
    JournalError."""
    cases = _cases(journal, orders)
    kept = journal.meta_get(LOOKS_KEY)
    looks = kept if isinstance(kept, dict) else {}
    if not cases and not looks:
        return []
    since = {name: _since(looks.get(name), case, now) for name, case in cases.items()}
    proven = [
        case
        for name, case in cases.items()
        if now - since[name] >= LOOKS_APART and _lacks_just_that(journal, case, cases, positions)
    ]
    changes = _book(journal, proven, now)
    waiting = {name: case for name, case in cases.items() if case not in proven}
    found = {name: [*case.seen, iso(since[name])] for name, case in waiting.items()}
    if found != looks:
        journal.meta_set(LOOKS_KEY, found)
    return changes


def waits_for_a_look(journal: Journal, now: datetime) -> bool:
    """Were totals read lately that another look may prove? Raises JournalError."""
    kept = journal.meta_get(LOOKS_KEY)
    looks = kept.values() if isinstance(kept, dict) else ()
    since = [parse_time(look[-1]) for look in looks if isinstance(look, list) and look]
    return any(at is not None and now - at < LOOKS_SOON_FOR for at in since)


def _cases(journal: Journal, orders: Iterable[Order]) -> dict[str, _Case]:
    """By client_order_id. Only the youngest word on an order counts: answers may be late."""
    shown = {one.id: one for order in orders for one in (order, *order.legs) if one.is_terminal}
    names = journal.client_ids_of(shown)
    found: dict[str, _Case] = {}
    for record in journal.orders_alone(names.values()):
        order = shown.get(record.order_id)
        if order is None or not _speaks_against(order, record):
            continue
        changed = restated(record, journal.executions_of(record.client_order_id))
        if changed:
            found[record.client_order_id] = _Case(order, record, changed)
    return found


def _speaks_against(order: Order, record: OrderRecord) -> bool:
    mine, progress = record.order, record.progress
    if order.updated_at is None or order.updated_at != progress.latest_at:
        return False
    return mine.filled_qty > order.filled_qty == progress.latest_qty


def _since(look: object, case: _Case, now: datetime) -> datetime:
    """When the order was first read as it is now."""
    if isinstance(look, list) and tuple(look[:-1]) == case.seen:
        return parse_time(look[-1]) or now
    return now


def _stamp(order: Order) -> str:
    return "" if order.updated_at is None else iso(order.updated_at)


def _lacks_just_that(
    journal: Journal, case: _Case, cases: Mapping[str, _Case], positions: Sequence[Position]
) -> bool:
    """The position differs by what all orders of its symbol say together, and by nothing else."""
    key = symbol_key(case.order.symbol)
    alike = [one for one in cases.values() if symbol_key(one.order.symbol) == key]
    ours = sum((p.qty for p in journal.positions() if symbol_key(p.symbol) == key), ZERO)
    theirs = sum((p.qty for p in positions if symbol_key(p.symbol) == key), ZERO)
    return ours - theirs == sum((one.gone for one in alike), ZERO)


def _book(journal: Journal, cases: Sequence[_Case], now: datetime) -> list[Change]:
    """Unless something has been reported meanwhile."""
    if not cases:
        return []
    with recording(journal) as ledger:
        for case in cases:
            state = ledger.state(case.record.client_order_id)
            if state is None or restated(state.record, state.executions.values()) != case.changed:
                continue
            for one in case.changed:
                ledger.apply(recount_event(case.order, state.record, one, now))
    return ledger.changes


def words_of(change: Change) -> str:
    """For the trader: what was concluded, and from what."""
    record = change.record
    return (
        f"{record.symbol}: order {record.client_order_id} counts "
        f"{text(record.order.filled_qty)} filled at the broker, twice read, and the position "
        "agrees: executions were taken back or corrected without a report; it is booked"
    )
