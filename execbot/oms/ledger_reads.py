"""What a ledger has read of the journal, and what it reads at once ahead of a batch.

To apply one event a ledger may ask for an order with its executions, for the name under which a
broker id is kept, for the order that an execution belongs to, and for the orders that took the
place of one. Asked event by event, this is most of the time that a large batch takes. So a batch
says first what it is about (`expect`, `expect_orders`); answers are kept as long as the ledger is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.account import Activity
from execbot.model.order import Order
from execbot.oms.machine.events import OrderEvent, OrderState, row_id
from execbot.oms.machine.table import EXECUTIONS


class LedgerReads:
    """Orders as one write transaction sees them. What is not known yet is read when it is asked
    for, so every method may raise JournalError."""

    def __init__(self, journal: Journal) -> None:
        self.written: dict[str, OrderRecord] = {}
        """Each order that was read as the journal has it: what was not changed is not written."""
        self._journal = journal
        self._states: dict[str, OrderState | None] = {}
        self._key_of: dict[str, str | None] = {}
        self._owner_of: dict[str, str | None] = {}
        self._successors_of: dict[str, set[str]] = {}

    # --- asking ----------------------------------------------------------------------------

    def state(self, client_order_id: str) -> OrderState | None:
        """The order as this transaction sees it; None for one that nobody has heard of."""
        if client_order_id not in self._states:
            self._read_states({client_order_id})
        return self._states[client_order_id]

    def key_of(self, order_id: str) -> str | None:
        """The client_order_id under which a broker id is kept."""
        if not order_id:
            return None
        if order_id not in self._key_of:
            self._read_keys({order_id})
        return self._key_of[order_id]

    def state_at(self, order_id: str) -> OrderState | None:
        """The order that the broker knows under this id."""
        key = self.key_of(order_id)
        return None if key is None else self.state(key)

    def owner_of(self, execution_id: str) -> str | None:
        """The client_order_id of the order that an execution was booked for."""
        if execution_id not in self._owner_of:
            self._read_owners({execution_id})
        return self._owner_of[execution_id]

    def successors_of(self, order_id: str) -> set[str]:
        """The client_order_ids of the orders that say they replaced this one."""
        if not order_id:
            return set()
        if order_id not in self._successors_of:
            self._read_successors({order_id})
        return self._successors_of[order_id]

    # --- keeping what was applied ----------------------------------------------------------

    def put(self, client_order_id: str, state: OrderState, order_id: str) -> None:
        """The order is so from now on; `order_id` is the broker's, where its event tells it."""
        self._states[client_order_id] = state
        if order_id:
            self._key_of[order_id] = client_order_id

    def add_successor(self, order_id: str, client_order_id: str) -> None:
        """Remember that an order took the place of another, whose broker id this is."""
        self.successors_of(order_id).add(client_order_id)

    def records(self, client_order_ids: Iterable[str]) -> list[OrderRecord]:
        """Those among these that are known, in the order of their ids."""
        states = (self._states[key] for key in sorted(client_order_ids))
        return [state.record for state in states if state is not None]

    # --- reading ahead ---------------------------------------------------------------------

    def expect(self, events: Sequence[OrderEvent]) -> None:
        """Read at once what applying these events would otherwise ask for one by one."""
        self._read_keys({event.order_id for event in events if event.order_id})
        self._read_states(self._named() | {event.client_order_id for event in events})
        fills = [event for event in events if event.kind in EXECUTIONS]
        self._read_owners({event.execution_id for event in fills if event.execution_id})
        self._read_successors({event.order_id for event in fills if event.order_id})

    def expect_orders(self, orders: Sequence[Order], rows: Sequence[Activity]) -> None:
        """The same for orders that the broker shows, and for its rows of executions."""
        shown = [one for order in orders for one in (order, *order.legs)]
        ids = {one.id for one in shown if one.id}
        self._read_keys(ids | {one.replaces for one in shown if one.replaces})
        self._read_states(self._named() | {one.client_order_id for one in shown})
        self._read_owners({row_id(row) for row in rows if row.order_id in ids})
        self._read_successors(ids)

    def _named(self) -> set[str]:
        return {key for key in self._key_of.values() if key is not None}

    def _read_states(self, keys: set[str]) -> None:
        records = self._journal.orders_alone(keys)
        found = [record.client_order_id for record in records]
        executions = self._journal.executions_of_orders(found) if found else {}
        self._states |= dict.fromkeys(keys)
        for record in records:
            items = executions.get(record.client_order_id, ())
            known = {item.execution_id: item for item in items}
            self._states[record.client_order_id] = OrderState(record, known)
            self.written[record.client_order_id] = record

    def _read_keys(self, order_ids: set[str]) -> None:
        self._key_of |= dict.fromkeys(order_ids) | self._journal.client_ids_of(order_ids)

    def _read_owners(self, execution_ids: set[str]) -> None:
        found = self._journal.execution_owners(execution_ids) if execution_ids else {}
        self._owner_of |= dict.fromkeys(execution_ids) | found

    def _read_successors(self, order_ids: set[str]) -> None:
        for order_id in order_ids:
            self._successors_of.setdefault(order_id, set())
        for order_id, keys in self._journal.successors_of(order_ids).items():
            self._successors_of[order_id] |= keys
