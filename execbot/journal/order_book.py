"""The journal's orders: found by id, status, symbol, time and family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

from msgspec.structs import replace

from execbot.journal.codec import AMONG, listed, order_row, record_of
from execbot.journal.connection import Connection
from execbot.journal.records import EXIT_ROLES, OrderRecord
from execbot.journal.statements import FOUND_BY, MOVE_ORDER, PUT_ORDER
from execbot.model.enums import OPEN_STATUSES, TERMINAL_STATUSES, UNSETTLED_STATUSES, OrderStatus
from execbot.model.times import iso

_found_by = attrgetter(*("order.submitted_at" if n == "submitted_at" else n for n in FOUND_BY))

Which = Literal["open", "closed", "rejected", "all"]

_STATUSES = {
    "open": tuple(sorted(status.value for status in OPEN_STATUSES)),
    "closed": tuple(sorted(status.value for status in TERMINAL_STATUSES)),
}
_UNSETTLED = tuple(sorted(status.value for status in UNSETTLED_STATUSES))

_LATER = ("submitted_at", "filled_at", "canceled_at")
"""Moments that put an order into a day as well as `intent_at` and `sent_at` do. Most are of the
same day of UTC as `intent_at`: only the others have an index."""

_OF_DAYS = (
    "SELECT rowid FROM orders WHERE intent_at >= ? AND intent_at < ? AND ("
    + " OR ".join(f"({name} >= ? AND {name} < ?)" for name in ("intent_at", *_LATER))
    + ")",
    "SELECT rowid FROM orders WHERE sent_at >= ? AND sent_at < ?",
    *(
        f"SELECT rowid FROM orders WHERE substr({name}, 1, 10) != substr(intent_at, 1, 10) "
        f"AND {name} >= ? AND {name} < ?"
        for name in _LATER
    ),
    "SELECT o.rowid FROM fills f CROSS JOIN orders o USING (client_order_id) "
    "WHERE f.at >= ? AND f.at < ?",
)
"""The first asks for whole days of UTC, the others for the span itself, `_SPANS` times in all."""

_SPANS = 2 * len(_LATER) + 3

_EXIT_ROLES = tuple(sorted(role.value for role in EXIT_ROLES))


class OrderBook(Connection):
    """Every order of the account as it stands."""

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
        where: list[str] = []
        values: list[Any] = []
        if status == "rejected":
            where.append("status = 'rejected'")  # in so many words: they have an index of their own
        elif status != "all":
            # Open orders are few and found by their status. Nearly all are closed: these are found
            # by time, newest first, so that a limit ends the search.
            by_status = "status" if status == "open" else "+status"
            where.append(f"{by_status} IN ({','.join('?' * len(_STATUSES[status]))})")
            values.extend(_STATUSES[status])
        plus = "+" if status == "open" else ""
        for clause, value in (
            (f"{plus}symbol = ?", symbol),
            (f"{plus}intent_at >= ?", iso(since) if since else None),
            (f"{plus}intent_at < ?", iso(until) if until else None),
        ):
            if value is not None:
                where.append(clause)
                values.append(value)
        if not legs:
            where.append("+parent_id IS NULL")
        sql = (
            f"SELECT * FROM orders WHERE {' AND '.join(where)}" if where else "SELECT * FROM orders"
        )
        sql += f" ORDER BY {plus}intent_at DESC, client_order_id DESC"
        sql += f" LIMIT {int(limit)}" if limit is not None else ""
        return self._with_legs(self._read(record_of, sql, values))

    def orders_of_days(
        self, since: datetime, until: datetime, *, with_open: bool = False, legs: bool = True
    ) -> list[OrderRecord]:
        """Orders that were wanted, sent, submitted, filled (in part) or canceled in a span of time,
        newest first; `with_open` adds all that are open now."""
        span = (iso(since), iso(until))
        values: list[Any] = [span[0][:10], f"{span[1][:10]}~", *span * _SPANS]
        found = list(_OF_DAYS)
        if with_open:
            marks = ",".join("?" * len(_STATUSES["open"]))
            found.append(f"SELECT rowid FROM orders WHERE status IN ({marks})")
            values += _STATUSES["open"]
        sql = f"SELECT * FROM orders WHERE rowid IN ({' UNION '.join(found)})"
        sql += "" if legs else " AND +parent_id IS NULL"
        sql += " ORDER BY +intent_at DESC, client_order_id DESC"
        return self._with_legs(self._read(record_of, sql, values))

    def order_by_client_id(self, client_order_id: str) -> OrderRecord | None:
        return self._one("SELECT * FROM orders WHERE client_order_id = ?", client_order_id)

    def orders_alone(self, client_order_ids: Iterable[str]) -> list[OrderRecord]:
        """Those that exist, without their legs: what the state machine works on."""
        sql = f"SELECT * FROM orders WHERE client_order_id {AMONG}"
        return self._read(record_of, sql, (listed(client_order_ids),))

    def orders_by_client_ids(self, client_order_ids: Sequence[str]) -> list[OrderRecord]:
        """Those that exist, in the order in which they were asked for."""
        found = {record.client_order_id: record for record in self.orders_alone(client_order_ids)}
        return self._with_legs([found[name] for name in client_order_ids if name in found])

    def orders_named(self, prefix: str) -> list[OrderRecord]:
        """Those whose client_order_id begins with `prefix`, by their ids, without their legs."""
        return self._read(
            record_of,
            "SELECT * FROM orders WHERE client_order_id >= ? AND client_order_id < ? "
            "ORDER BY client_order_id",
            (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)),
        )

    def order_by_broker_id(self, order_id: str) -> OrderRecord | None:
        return self._one("SELECT * FROM orders WHERE order_id = ?", order_id) if order_id else None

    def find_order(self, identifier: str) -> OrderRecord | None:
        """By broker id or client id, whichever it is."""
        return self.order_by_client_id(identifier) or self.order_by_broker_id(identifier)

    def unsettled_orders(self) -> list[OrderRecord]:
        """Intents whose fate at the broker is unknown, oldest first."""
        return self._read(
            record_of,
            f"SELECT * FROM orders WHERE status IN ({','.join('?' * len(_UNSETTLED))}) "
            "ORDER BY intent_at",
            _UNSETTLED,
        )

    def working_orders(self, symbol: str) -> list[OrderRecord]:
        """Orders of a symbol that have not ended, legs as rows of their own."""
        marks = ",".join("?" * len(_STATUSES["open"]))
        return self._read(
            record_of,
            f"SELECT * FROM orders WHERE status IN ({marks}) AND +symbol = ?",
            (*_STATUSES["open"], symbol),
        )

    def count_sent(self, *, since: datetime) -> int:
        """How many orders of ours were given to the broker since a moment; legs do not count."""
        rows = self._rows(
            "SELECT count(*) FROM orders WHERE sent_at >= ? "
            "AND parent_id IS NULL AND origin != 'foreign' AND status != ?",
            (iso(since), OrderStatus.NEVER_SENT),
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
        return self._read(
            record_of,
            "SELECT * FROM orders WHERE parent_id = ? ORDER BY intent_at, client_order_id",
            (client_order_id,),
        )

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
        """The orders that name one of these as replaced (the broker's ids): client_order_ids by
        replaced id."""
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

    # --- inside ----------------------------------------------------------------------------

    def _one(self, sql: str, value: str) -> OrderRecord | None:
        found = self._read(record_of, sql, (value,))
        return self._with_its_legs(found[0]) if found else None

    def _with_legs(self, records: list[OrderRecord]) -> list[OrderRecord]:
        return [self._with_its_legs(record) for record in records]

    def _with_its_legs(self, record: OrderRecord) -> OrderRecord:
        if not record.order.order_class or record.parent_id is not None:
            return record
        legs = tuple(leg.order for leg in self.legs_of(record.client_order_id))
        return replace(record, order=replace(record.order, legs=legs)) if legs else record
