"""The journal's history: what was reported and done, in the order in which it was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from execbot.journal.codec import AMONG, event_of, event_row, listed, payload
from execbot.journal.packing.form import Packing
from execbot.journal.packing.texts import Kind, unpacked
from execbot.journal.records import MARK, EventRecord, EventResult, LastAct, Trail
from execbot.journal.statements import ADD_EVENT, EVENTS, FIRST_RAWS
from execbot.model.enums import EventSource
from execbot.model.timer import Mark
from execbot.model.times import iso


class EventBook(Packing):
    """The truth: only ever appended to."""

    def events_of(self, client_order_id: str, *, after: int = 0) -> list[EventRecord]:
        """The history of one order, oldest first; of events with a higher `seq` than `after`."""
        return self._read(
            event_of,
            f"{EVENTS} WHERE client_order_id = ? AND seq > ? ORDER BY seq",
            (client_order_id, after),
        )

    def changes_since(self, seq: int, *, limit: int = 1000) -> list[EventRecord]:
        """Events with a higher `seq`, whoever wrote them: how processes follow each other."""
        return self._read(event_of, f"{EVENTS} WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit))

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
        sql = f"{EVENTS} WHERE seq > ? AND client_order_id = ''"
        found = (event.details.get("symbol") for event in self._read(event_of, sql, (seq,)))
        return {str(symbol) for symbol in found if symbol}

    def acts_between(self, after: int, until: int) -> list[EventRecord]:
        """Acts and conclusions of our own processes, `until` included."""
        sql = f"{EVENTS} WHERE seq > ? AND seq <= ? AND source = ? ORDER BY seq"
        return self._read(event_of, sql, (after, until, EventSource.LOCAL.value))

    def trails(self, client_order_ids: Iterable[str]) -> list[Trail]:
        """The wish for each of these orders (intent, queue, denial) and the reports of their
        executions, by order and as they were written."""
        return self._read(
            _trail_of,
            "SELECT client_order_id, kind, source, execution_id, at, recorded_at, result "
            f"FROM order_events WHERE client_order_id {AMONG} AND "
            "(kind IN ('intent', 'queue', 'deny') OR execution_id IS NOT NULL) "
            "ORDER BY client_order_id, seq",
            (listed(client_order_ids),),
        )

    def wishes(self, client_order_ids: Iterable[str]) -> list[EventRecord]:
        """The intents of these orders, and how they came into the queue, as they were written."""
        return self._read(
            event_of,
            f"{EVENTS} WHERE client_order_id {AMONG} AND kind IN ('intent', 'queue') ORDER BY seq",
            (listed(client_order_ids),),
        )

    def has_note(self, client_order_id: str, note: str) -> bool:
        """Has this very remark been recorded for the order before?"""
        sql = "SELECT 1 FROM order_events WHERE client_order_id = ? AND note = ? LIMIT 1"
        return bool(self._rows(sql, (client_order_id, note)))

    def has_act(self, client_order_id: str, kind: str) -> bool:
        """Was this act ever recorded for the order?"""
        sql = "SELECT 1 FROM order_events WHERE client_order_id = ? AND kind = ? LIMIT 1"
        return bool(self._rows(sql, (client_order_id, kind)))

    def acts_of(self, client_order_id: str, kinds: Iterable[str]) -> list[str]:
        """Which of these acts were recorded for the order, oldest first, each time."""
        sql = (
            f"SELECT kind FROM order_events WHERE client_order_id = ? AND kind {AMONG} ORDER BY seq"
        )
        return [row[0] for row in self._rows(sql, (client_order_id, listed(kinds)))]

    def last_act(self, client_order_id: str) -> LastAct | None:
        """The last thing that a process did about an order that may reach the broker."""
        found = self._read(
            _last_act_of,
            "SELECT seq, recorded_at, details FROM order_events WHERE client_order_id = ? "
            "AND kind IN ('intent', 'release', 'send', 'doubt', 'exists') "
            "ORDER BY seq DESC LIMIT 1",
            (client_order_id,),
        )
        return found[0] if found else None

    def changed_since(self, seq: int) -> set[str]:
        """The client_order_ids of all orders with an event of a higher `seq`."""
        # DISTINCT would have SQLite go through a whole index in the order of the ids.
        sql = "SELECT client_order_id FROM order_events WHERE seq > ?"
        return {row[0] for row in self._rows(sql, (seq,))}

    def last_seq(self) -> int:
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM order_events")[0][0])

    def seq_before(self, moment: datetime) -> int:
        """The last `seq` that was written before a moment; found by halving, since they are in the
        order in which they were written."""
        low, high, stamp = 0, self.last_seq(), iso(moment)
        sql = "SELECT seq, recorded_at FROM order_events WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
        while low < high:
            middle = (low + high + 1) // 2
            found = self._rows(sql, (middle,))
            if not found or str(found[0][1]) < stamp:
                low = middle
            else:
                high = found[0][0] - 1
        return low

    def last_written(self) -> datetime | None:
        """When the last event was written down."""
        sql = "SELECT recorded_at FROM order_events ORDER BY seq DESC LIMIT 1"
        found = self._read(_written_at, sql)
        return found[0] if found else None

    def first_written(self) -> datetime | None:
        found = self._read(_written_at, "SELECT recorded_at FROM order_events ORDER BY seq LIMIT 1")
        return found[0] if found else None

    def all_events(self) -> Iterator[EventRecord]:
        """Every event in the order in which it was applied."""
        seq = 0
        while batch := self.changes_since(seq):
            yield from batch
            seq = batch[-1].seq

    def append_events(self, events: Iterable[EventRecord]) -> int:
        """Append within the caller's transaction; the `seq` of the first, the others follow it."""
        events = list(events)
        raws = self._packed_raws(events)
        rows = [
            event_row(event, self._packed(payload(event.details), Kind.ACT), raw)
            for event, raw in zip(events, raws, strict=True)
        ]
        self._run_many(ADD_EVENT, rows)
        return int(self._rows("SELECT last_insert_rowid()")[0][0]) - len(rows) + 1

    def _packed_raws(self, events: Sequence[EventRecord]) -> list[str | bytes]:
        """What was reported, each after the first report of the same order."""
        reported = {event.client_order_id for event in events if event.raw} - {""}
        first = self._first_raws(reported) if reported else {}
        found = list[str | bytes]()
        for event in events:
            text, name = payload(event.raw), event.client_order_id
            found.append(self._packed(text, Kind.REPORT, first.get(name)))
            if event.raw and name:
                first.setdefault(name, text)
        return found

    def _first_raws(self, client_order_ids: Iterable[str]) -> dict[str, str | None]:
        """The first report of each of these orders that has one; None where it cannot be read."""
        rows = self._rows(FIRST_RAWS, (listed(client_order_ids),))
        return {row[0]: _readable(row[1]) for row in rows}


def _readable(raw: str | bytes) -> str | None:
    try:
        return unpacked(raw)
    except ValueError:
        return None  # `doctor` and `verify` tell of it; what comes now must not be lost with it


def _written_at(row: sqlite3.Row) -> datetime:
    return datetime.fromisoformat(row["recorded_at"])


def _last_act_of(row: sqlite3.Row) -> LastAct:
    mark = Mark.from_json(msgspec.json.decode(unpacked(row["details"])).get(MARK))
    return LastAct(row["seq"], _written_at(row), mark)


def _trail_of(row: sqlite3.Row) -> Trail:
    return Trail(
        row["client_order_id"],
        row["kind"],
        row["source"],
        row["execution_id"],
        None if row["at"] is None else datetime.fromisoformat(row["at"]),
        datetime.fromisoformat(row["recorded_at"]),
        row["result"],
    )
