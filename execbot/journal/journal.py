"""The journal: orders, their events, fills and positions. All SQL of the project lives here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from execbot.journal.codec import (
    AMONG,
    FILL_COLUMNS,
    ORDER_COLUMNS,
    POSITION_COLUMNS,
    event_of,
    event_row,
    execution_of,
    fill_row,
    listed,
    order_row,
    position_of,
    position_row,
    record_of,
)
from execbot.journal.ledgers import Ledgers
from execbot.journal.records import (
    EXIT_ROLES,
    MARK,
    EventRecord,
    EventResult,
    Execution,
    LastAct,
    OrderRecord,
    PositionRecord,
)
from execbot.journal.statements import (
    ADD_EVENT,
    FOUND_BY,
    MOVE_ORDER,
    PUT_FILL,
    PUT_ORDER,
    PUT_POSITION,
)
from execbot.model.enums import (
    OPEN_STATUSES,
    TERMINAL_STATUSES,
    UNSETTLED_STATUSES,
    EventSource,
    OrderStatus,
)
from execbot.model.order import Fill
from execbot.model.timer import Mark
from execbot.model.times import iso

_found_by = attrgetter(*FOUND_BY)

Which = Literal["open", "closed", "all"]

_STATUSES = {
    "open": tuple(sorted(status.value for status in OPEN_STATUSES)),
    "closed": tuple(sorted(status.value for status in TERMINAL_STATUSES)),
}
_UNSETTLED = tuple(sorted(status.value for status in UNSETTLED_STATUSES))

_EXIT_ROLES = tuple(sorted(role.value for role in EXIT_ROLES))


class Journal(Ledgers):
    """The durable memory of one account in one mode.

    `Journal.open(path)` creates or upgrades it. Every method may raise `JournalError`. Reads see
    what is committed, or, inside `transaction()`, what is being written.
    """

    # --- orders ----------------------------------------------------------------------------

    def orders(
        self,
        status: Which = "all",
        *,
        symbol: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        legs: bool = True,
    ) -> list[OrderRecord]:
        """Orders, newest first. `since` is inclusive, `until` exclusive, both by intent time.

        Bracket legs appear as rows of their own unless `legs` is False; their parent's
        `order.legs` holds them as well.
        """
        where: list[str] = ["1"]
        values: list[Any] = []
        if status != "all":
            where.append(f"status IN ({','.join('?' * len(_STATUSES[status]))})")
            values.extend(_STATUSES[status])
        for clause, value in (
            ("symbol = ?", symbol),
            ("intent_at >= ?", iso(since) if since else None),
            ("intent_at < ?", iso(until) if until else None),
        ):
            if value is not None:
                where.append(clause)
                values.append(value)
        if not legs:
            where.append("parent_id IS NULL")
        sql = f"SELECT * FROM orders WHERE {' AND '.join(where)} ORDER BY intent_at DESC"
        sql += ", client_order_id DESC" + (f" LIMIT {int(limit)}" if limit is not None else "")
        return self._with_legs([record_of(row) for row in self._rows(sql, values)])

    def order_by_client_id(self, client_order_id: str) -> OrderRecord | None:
        return self._one("SELECT * FROM orders WHERE client_order_id = ?", client_order_id)

    def orders_alone(self, client_order_ids: Iterable[str]) -> list[OrderRecord]:
        """Those that exist, without their legs: what the state machine works on."""
        sql = f"SELECT * FROM orders WHERE client_order_id {AMONG}"
        rows = self._rows(sql, (listed(client_order_ids),))
        return [record_of(row) for row in rows]

    def orders_by_client_ids(self, client_order_ids: Sequence[str]) -> list[OrderRecord]:
        """Those that exist, in the order in which they were asked for."""
        found = {record.client_order_id: record for record in self.orders_alone(client_order_ids)}
        return self._with_legs([found[name] for name in client_order_ids if name in found])

    def order_by_broker_id(self, order_id: str) -> OrderRecord | None:
        return self._one("SELECT * FROM orders WHERE order_id = ?", order_id) if order_id else None

    def find_order(self, identifier: str) -> OrderRecord | None:
        """By broker id or client id, whichever it is."""
        return self.order_by_client_id(identifier) or self.order_by_broker_id(identifier)

    def unsettled_orders(self) -> list[OrderRecord]:
        """Intents whose fate at the broker is unknown, oldest first."""
        rows = self._rows(
            f"SELECT * FROM orders WHERE status IN ({','.join('?' * len(_UNSETTLED))}) "
            "ORDER BY intent_at",
            _UNSETTLED,
        )
        return [record_of(row) for row in rows]

    def count_sent(self, *, since: datetime) -> int:
        """How many orders of ours were given to the broker since a moment; legs do not count."""
        rows = self._rows(
            "SELECT count(*) FROM orders WHERE sent_at >= ? "
            "AND parent_id IS NULL AND origin != 'foreign'",
            (iso(since),),
        )
        return int(rows[0][0])

    def last_statuses(self, *, limit: int, since: datetime) -> list[OrderStatus]:
        """Statuses of our last entries that were sent, newest first.

        Exits are left out: a stop is refused and tried again while its shares are still held.
        """
        rows = self._rows(
            "SELECT status FROM orders WHERE sent_at >= ? "
            "AND parent_id IS NULL AND origin != 'foreign' "
            "AND coalesce(role, '') NOT IN (?, ?, ?) "
            "ORDER BY sent_at DESC, client_order_id DESC LIMIT ?",
            (iso(since), *_EXIT_ROLES, limit),
        )
        return [OrderStatus.parse(row[0]) for row in rows]

    def legs_of(self, client_order_id: str) -> list[OrderRecord]:
        rows = self._rows(
            "SELECT * FROM orders WHERE parent_id = ? ORDER BY intent_at, client_order_id",
            (client_order_id,),
        )
        return [record_of(row) for row in rows]

    def client_ids_of(self, order_ids: Iterable[str]) -> dict[str, str]:
        """The client_order_id under which each of these broker ids is kept, where it is."""
        sql = f"SELECT order_id, client_order_id FROM orders WHERE order_id {AMONG}"
        return {row[0]: row[1] for row in reversed(self._rows(sql, (listed(order_ids),)))}

    def chain_before(self, order_id: str) -> list[OrderRecord]:
        """The orders that the given broker id replaced, nearest first."""
        chain: list[OrderRecord] = []
        seen = {order_id}
        record = self.order_by_broker_id(order_id)
        while record is not None and record.order.replaces:
            if record.order.replaces in seen:
                break
            seen.add(record.order.replaces)
            record = self.order_by_broker_id(record.order.replaces)
            if record is not None:
                chain.append(record)
        return chain

    def successors(self, records: Sequence[OrderRecord]) -> list[OrderRecord]:
        """The orders that took the place of these, as far as they are not among them."""
        known = {record.order_id for record in records}
        found: list[OrderRecord] = []
        for new in [record.order.replaced_by for record in records]:
            while new and new not in known:
                known.add(new)
                after = self.order_by_broker_id(new)
                found += [after] if after is not None else []
                new = after.order.replaced_by if after is not None else None
        return found

    def successors_of(self, order_ids: Iterable[str]) -> dict[str, set[str]]:
        """Who says to replace these orders (the broker's ids): client_order_ids by replaced id."""
        sql = f"SELECT replaces, client_order_id FROM orders WHERE replaces {AMONG}"
        found: dict[str, set[str]] = {}
        for row in self._rows(sql, (listed(order_ids),)):
            found.setdefault(row[0], set()).add(row[1])
        return found

    def families(self, records: Iterable[OrderRecord]) -> list[OrderRecord]:
        """The orders with their parents, legs, and the orders that they replaced."""
        found: dict[str, OrderRecord] = {}
        for record in records:
            found[record.client_order_id] = record
            parent = record
            if record.parent_id is not None:
                parent = self.order_by_client_id(record.parent_id) or record
                found[parent.client_order_id] = parent
            for leg in self.legs_of(parent.client_order_id):
                found[leg.client_order_id] = leg
            if record.order.replaces and record.order_id:
                for old in self.chain_before(record.order_id):
                    found[old.client_order_id] = old
        return list(found.values())

    # --- events ----------------------------------------------------------------------------

    def events_of(self, client_order_id: str) -> list[EventRecord]:
        """The whole history of one order, oldest first."""
        rows = self._rows(
            "SELECT * FROM order_events WHERE client_order_id = ? ORDER BY seq", (client_order_id,)
        )
        return [event_of(row) for row in rows]

    def changes_since(self, seq: int, *, limit: int = 1000) -> list[EventRecord]:
        """Events with a higher `seq`, whoever wrote them: how processes follow each other."""
        rows = self._rows(
            "SELECT * FROM order_events WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        )
        return [event_of(row) for row in rows]

    def touched_since(self, seq: int, *, limit: int = 1000) -> tuple[int, list[str]]:
        """The orders with an event of a higher `seq`, as they came, and the last `seq` of these."""
        sql = "SELECT seq, client_order_id FROM order_events WHERE seq > ? ORDER BY seq LIMIT ?"
        rows = self._rows(sql, (seq, limit))
        names = dict.fromkeys(row[1] for row in rows if row[1])
        return (rows[-1][0] if rows else seq), list(names)

    def facts_since(self, seq: int, *, limit: int = 1000) -> list[tuple[int, str]]:
        """`seq` and client_order_id of the events after `seq` that changed an order or contradict
        it, as they came; those of no order (adjustments) have an empty id."""
        sql = (
            "SELECT seq, client_order_id FROM order_events WHERE seq > ? AND result IN (?, ?) "
            "ORDER BY seq LIMIT ?"
        )
        values = (seq, EventResult.APPLIED, EventResult.ILLEGAL, limit)
        return [(row[0], row[1]) for row in self._rows(sql, values)]

    def adjusted_since(self, seq: int) -> set[str]:
        """Symbols whose position was adjusted without a trade after `seq`."""
        sql = (
            "SELECT json_extract(details, '$.symbol') FROM order_events "
            "WHERE seq > ? AND client_order_id = ''"
        )
        return {str(row[0]) for row in self._rows(sql, (seq,)) if row[0]}

    def acts_between(self, after: int, until: int) -> list[EventRecord]:
        """What processes of ours did or concluded, `until` included."""
        sql = "SELECT * FROM order_events WHERE seq > ? AND seq <= ? AND source = ? ORDER BY seq"
        return [event_of(row) for row in self._rows(sql, (after, until, EventSource.LOCAL.value))]

    def has_note(self, client_order_id: str, note: str) -> bool:
        """Has this very remark been recorded for the order before?"""
        sql = "SELECT 1 FROM order_events WHERE client_order_id = ? AND note = ? LIMIT 1"
        return bool(self._rows(sql, (client_order_id, note)))

    def has_act(self, client_order_id: str, kind: str) -> bool:
        """Was this act ever recorded for the order?"""
        sql = "SELECT 1 FROM order_events WHERE client_order_id = ? AND kind = ? LIMIT 1"
        return bool(self._rows(sql, (client_order_id, kind)))

    def last_act(self, client_order_id: str) -> LastAct | None:
        """The last thing that a process did about an order that may reach the broker."""
        rows = self._rows(
            "SELECT seq, recorded_at, details FROM order_events WHERE client_order_id = ? "
            "AND kind IN ('intent', 'release', 'send', 'doubt', 'exists') "
            "ORDER BY seq DESC LIMIT 1",
            (client_order_id,),
        )
        if not rows:
            return None
        seq, recorded_at, details = rows[0]
        mark = Mark.from_json(msgspec.json.decode(details).get(MARK))
        return LastAct(seq, datetime.fromisoformat(recorded_at), mark)

    def changed_since(self, seq: int) -> set[str]:
        """The client_order_ids of all orders with an event of a higher `seq`."""
        sql = "SELECT DISTINCT client_order_id FROM order_events WHERE seq > ?"
        return {row[0] for row in self._rows(sql, (seq,))}

    def last_seq(self) -> int:
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM order_events")[0][0])

    def all_events(self) -> Iterator[EventRecord]:
        """Every event in the order in which it was applied."""
        seq = 0
        while batch := self.changes_since(seq):
            yield from batch
            seq = batch[-1].seq

    # --- fills -----------------------------------------------------------------------------

    def fills(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        symbol: str | None = None,
        *,
        adjustments: bool = False,
    ) -> list[Fill]:
        """Fills as they stand, oldest first: busted ones are gone, corrected ones corrected.

        `adjustments` adds the bookings that were no trades (adopted positions, fees in coins).
        """
        found = self.executions(since, until, symbol)
        return [
            execution.as_fill()
            for execution in found
            if execution.net_qty and (adjustments or execution.client_order_id)
        ]

    def executions(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        symbol: str | None = None,
    ) -> list[Execution]:
        """Everything in the books with its history, busted and inferred executions included."""
        where: list[str] = ["1"]
        values: list[Any] = []
        for clause, value in (
            ("at >= ?", iso(since) if since else None),
            ("at < ?", iso(until) if until else None),
            ("symbol = ?", symbol),
        ):
            if value is not None:
                where.append(clause)
                values.append(value)
        sql = f"SELECT * FROM fills WHERE {' AND '.join(where)} ORDER BY at, execution_id"
        return [execution_of(row) for row in self._rows(sql, values)]

    def executions_of_orders(self, client_order_ids: Iterable[str]) -> dict[str, list[Execution]]:
        """What is in the books of each of these orders, oldest first."""
        found: dict[str, list[Execution]] = {}
        sql = f"SELECT * FROM fills WHERE client_order_id {AMONG} ORDER BY at, execution_id"
        for row in self._rows(sql, (listed(client_order_ids),)):
            found.setdefault(row["client_order_id"], []).append(execution_of(row))
        return found

    def executions_of(self, client_order_id: str) -> list[Execution]:
        rows = self._rows(
            "SELECT * FROM fills WHERE client_order_id = ? ORDER BY at, execution_id",
            (client_order_id,),
        )
        return [execution_of(row) for row in rows]

    def inferred_executions(self) -> list[Execution]:
        """What was concluded and not reported yet, oldest first."""
        rows = self._rows("SELECT * FROM fills WHERE state = 'inferred' ORDER BY at, execution_id")
        return [execution_of(row) for row in rows]

    def execution_owners(self, execution_ids: Iterable[str]) -> dict[str, str]:
        """The client_order_id that has each of these executions in its books, where one has."""
        sql = f"SELECT execution_id, client_order_id FROM fills WHERE execution_id {AMONG}"
        return {row[0]: row[1] for row in self._rows(sql, (listed(execution_ids),))}

    # --- positions -------------------------------------------------------------------------

    def positions(self, *, flat: bool = False) -> list[PositionRecord]:
        """Open positions by symbol; `flat` adds the closed ones with their realised P&L."""
        rows = self._rows("SELECT * FROM positions ORDER BY symbol")
        found = [position_of(row) for row in rows]
        return found if flat else [position for position in found if position.qty]

    def position(self, symbol: str) -> PositionRecord | None:
        rows = self._rows("SELECT * FROM positions WHERE symbol = ?", (symbol,))
        return position_of(rows[0]) if rows else None

    def positions_of(self, symbols: Iterable[str]) -> dict[str, PositionRecord]:
        """The positions of these symbols that were ever held, flat ones included."""
        sql = f"SELECT * FROM positions WHERE symbol {AMONG} ORDER BY symbol"
        rows = self._rows(sql, (listed(symbols),))
        return {row["symbol"]: position_of(row) for row in rows}

    # --- writing (the order ledger of execbot.oms only) ------------------------------------

    def put_orders(
        self, records: Iterable[OrderRecord], kept: Mapping[str, OrderRecord] | None = None
    ) -> None:
        """`kept` has by client_order_id what was read of them in this very transaction."""
        rows: dict[str, list[tuple[Any, ...]]] = {PUT_ORDER: [], MOVE_ORDER: []}
        for record in records:
            before = kept.get(record.client_order_id) if kept else None
            same = before is not None and _found_by(before) == _found_by(record)
            rows[MOVE_ORDER if same else PUT_ORDER].append(order_row(record))
        for sql, some in rows.items():
            if some:
                self._run_many(sql, some)

    def put_executions(self, executions: Iterable[Execution], removed: Iterable[str] = ()) -> None:
        self._run_many("DELETE FROM fills WHERE execution_id = ?", [(name,) for name in removed])
        self._run_many(PUT_FILL, [fill_row(execution) for execution in executions])

    def put_positions(self, positions: Iterable[PositionRecord]) -> None:
        self._run_many(PUT_POSITION, [position_row(position) for position in positions])

    def append_events(self, events: Iterable[EventRecord]) -> int:
        """Append within the caller's transaction; the `seq` of the first, the others follow it."""
        rows = [event_row(event) for event in events]
        self._run_many(ADD_EVENT, rows)
        return int(self._rows("SELECT last_insert_rowid()")[0][0]) - len(rows) + 1

    def clear_derived(self) -> None:
        """Empty what follows from the events, before it is derived again."""
        for table in ("orders", "fills", "positions"):
            self._run(f"DELETE FROM {table}")

    def derived_tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """The derived tables whole and sorted, to compare two derivations."""
        return {
            table: sorted(
                tuple(row[column] for column in columns)
                for row in self._rows(f"SELECT * FROM {table}")
            )
            for table, columns in (
                ("orders", ORDER_COLUMNS_BY_KEY),
                ("fills", FILL_COLUMNS),
                ("positions", POSITION_COLUMNS),
            )
        }

    # --- inside ----------------------------------------------------------------------------

    def _one(self, sql: str, value: str) -> OrderRecord | None:
        rows = self._rows(sql, (value,))
        return self._with_legs([record_of(rows[0])])[0] if rows else None

    def _with_legs(self, records: list[OrderRecord]) -> list[OrderRecord]:
        return [self._with_its_legs(record) for record in records]

    def _with_its_legs(self, record: OrderRecord) -> OrderRecord:
        if not record.order.order_class or record.parent_id is not None:
            return record
        legs = tuple(leg.order for leg in self.legs_of(record.client_order_id))
        return replace(record, order=replace(record.order, legs=legs)) if legs else record


ORDER_COLUMNS_BY_KEY = (
    "client_order_id",
    *[name for name in ORDER_COLUMNS if name != "client_order_id"],
)
