"""The journal's questions, asked of the archives as well where they are about that time.

What is asked for by a time opens the archives of that time only; what is asked for by an id is
looked for in the journal first. So whoever asks for nothing of the past opens no archive, and
whoever does gets the same answer as before the months were archived. Both are asked as of one
moment: what is archived, or comes back, in between would be told twice, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from execbot.journal.archives.past import Past
from execbot.journal.archives.returning import bring_back
from execbot.journal.archives.tables import IdKind
from execbot.journal.books import Books
from execbot.journal.order_book import Which
from execbot.journal.records import (
    AuditRow,
    EventRecord,
    Execution,
    LastAct,
    OrderRecord,
    PlanRecord,
    SignalRecord,
    SignalTimes,
    Trail,
)
from execbot.model.times import day_begins, iso

P = ParamSpec("P")
S = TypeVar("S", bound=Past)
T = TypeVar("T")


def at_one_moment(
    read: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T]:
    """Ask the journal and its archives without a commit of others in between."""

    @wraps(read)
    def asked(journal: S, /, *values: P.args, **named: P.kwargs) -> T:
        with journal.as_of_one_moment():
            return read(journal, *values, **named)

    return asked


class OrderReads(Past):
    """Orders."""

    @at_one_moment
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
        def read(books: Books, most: int | None) -> list[OrderRecord]:
            return Books.orders(
                books, status, symbol=symbol, since=since, until=until, limit=most, legs=legs
            )

        found = read(self, limit)
        if status == "open":
            return found
        for archive in self.archives(since, until):
            if limit is not None and len(found) >= limit:
                oldest = found[-1].intent_at
                if oldest is not None and iso(oldest) > archive.last_at:
                    break
            with self._opened(archive) as (books, returned):
                more = read(books, None if limit is None else limit + len(returned))
            found += [record for record in more if record.client_order_id not in returned]
            found = _newest_first(found)[:limit]
        return found

    @at_one_moment
    def orders_of_days(
        self, since: datetime, until: datetime, *, with_open: bool = False, legs: bool = True
    ) -> list[OrderRecord]:
        found = super().orders_of_days(since, until, with_open=with_open, legs=legs)
        past = self._of_span(
            lambda books: books.orders_of_days(since, until, legs=legs), _order_id, since, until
        )
        return _newest_first([*found, *past]) if past else found

    @at_one_moment
    def order_by_client_id(self, client_order_id: str) -> OrderRecord | None:
        found = super().order_by_client_id(client_order_id)
        return found or self._one_of(
            IdKind.ORDER, client_order_id, lambda books: books.order_by_client_id(client_order_id)
        )

    @at_one_moment
    def order_by_broker_id(self, order_id: str) -> OrderRecord | None:
        found = super().order_by_broker_id(order_id)
        return found or self._one_of(
            IdKind.BROKER, order_id, lambda books: books.order_by_broker_id(order_id)
        )

    def _one_of(
        self, kind: IdKind, name: str, read: Callable[[Books], OrderRecord | None]
    ) -> OrderRecord | None:
        found = self._of_ids([name], kind, lambda books, _: [read(books)]) if name else []
        return found[0] if found else None

    @at_one_moment
    def orders_alone(self, client_order_ids: Iterable[str]) -> list[OrderRecord]:
        wanted = set(client_order_ids)
        found = super().orders_alone(wanted)
        missing = wanted - {record.client_order_id for record in found}
        if not missing:
            return found
        return [*found, *self._of_ids(missing, IdKind.ORDER, Books.orders_alone)]

    @at_one_moment
    def orders_named(self, prefix: str) -> list[OrderRecord]:
        rows = self._rows(
            "SELECT id FROM archived_ids WHERE id >= ? AND id < ? AND kind = ?",
            (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1), IdKind.ORDER.value),
        )
        past = self._of_ids([row[0] for row in rows], IdKind.ORDER, Books.orders_alone)
        return sorted([*super().orders_named(prefix), *past], key=_order_id)

    @at_one_moment
    def legs_of(self, client_order_id: str) -> list[OrderRecord]:
        found = super().legs_of(client_order_id)
        return found or self._of_ids(
            [client_order_id], IdKind.ORDER, lambda books, _: books.legs_of(client_order_id)
        )

    @at_one_moment
    def client_ids_of(self, order_ids: Iterable[str]) -> dict[str, str]:
        wanted = set(order_ids)
        found = super().client_ids_of(wanted)
        past = self._of_ids(
            wanted - found.keys(),
            IdKind.BROKER,
            lambda books, names: list(books.client_ids_of(names).items()),
        )
        return found | dict(past)

    @at_one_moment
    def successors_of(self, order_ids: Iterable[str]) -> dict[str, set[str]]:
        wanted = set(order_ids)
        found = super().successors_of(wanted)
        for replaced, names in self._of_ids(
            wanted,
            IdKind.BROKER,
            lambda books, some: list(books.successors_of(some).items()),
        ):
            found.setdefault(replaced, set()).update(names)
        return found

    # --- writing ---------------------------------------------------------------------------

    def put_orders(
        self, records: Iterable[OrderRecord], kept: Mapping[str, OrderRecord] | None = None
    ) -> None:
        records = list(records)
        self._bring_back(record.client_order_id for record in records)
        super().put_orders(records, kept)

    def _bring_back(self, client_order_ids: Iterable[str]) -> None:
        """Brings archived orders back that something new was reported of."""
        past = self.archived_ids(client_order_ids, IdKind.ORDER)
        for number in sorted(set(past.values())):
            with self.transaction(), self._opened(self._numbered(number)) as (books, _):
                bring_back(self, books, number, [name for name in past if past[name] == number])


class ExecutionReads(OrderReads):
    """Executions."""

    @at_one_moment
    def executions(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        symbol: str | None = None,
    ) -> list[Execution]:
        found = super().executions(since, until, symbol)
        past = self._of_span(
            lambda books: books.executions(since, until, symbol), _owner, since, until
        )
        return sorted([*found, *past], key=_when) if past else found

    @at_one_moment
    def executions_of_orders(self, client_order_ids: Iterable[str]) -> dict[str, list[Execution]]:
        wanted = set(client_order_ids)
        found = super().executions_of_orders(wanted)
        past = self._of_ids(
            wanted - found.keys(),
            IdKind.ORDER,
            lambda books, names: list(books.executions_of_orders(names).items()),
        )
        return found | dict(past)

    @at_one_moment
    def executions_of(self, client_order_id: str) -> list[Execution]:
        return super().executions_of(client_order_id) or self._of_ids(
            [client_order_id], IdKind.ORDER, lambda books, _: books.executions_of(client_order_id)
        )

    @at_one_moment
    def first_execution(self, symbol: str) -> Execution | None:
        found = super().first_execution(symbol)
        if self.position(symbol) is None:
            return found  # nobody ever had it: no archive need be opened
        # All of them: the first of an archive may have come back.
        past = self._of_span(lambda books: books.executions(symbol=symbol), _owner)
        return min([*([found] if found else []), *past], key=_when, default=None)

    @at_one_moment
    def first_execution_at(self) -> datetime | None:
        firsts = [super().first_execution_at()]
        for archive in self.archives():
            with self._opened(archive) as (books, _):
                firsts.append(books.first_execution_at())
        return min((at for at in firsts if at is not None), default=None)

    @at_one_moment
    def was_traded(self, symbol: str) -> bool:
        if super().was_traded(symbol):
            return True
        if self.position(symbol) is None:
            return False
        return any(self._of_span(lambda books: [books.was_traded(symbol)], lambda _: ""))

    @at_one_moment
    def execution_owners(self, execution_ids: Iterable[str]) -> dict[str, str]:
        wanted = set(execution_ids)
        found = super().execution_owners(wanted)
        past = self._of_ids(
            wanted - found.keys(),
            IdKind.EXECUTION,
            lambda books, names: list(books.execution_owners(names).items()),
        )
        return found | dict(past)

    @at_one_moment
    def _has_executions(self, symbol: str, since: datetime, until: datetime | None) -> bool:
        if super()._has_executions(symbol, since, until):
            return True
        return any(
            self._of_span(
                lambda books: [books._has_executions(symbol, since, until)],
                lambda _: "",
                since,
                until,
            )
        )

    @at_one_moment
    def archived_symbols(self) -> list[str]:
        """Every symbol with executions in an archive."""
        found = self._of_span(
            lambda books: [str(row[0]) for row in books._rows("SELECT DISTINCT symbol FROM fills")],
            lambda _: "",
        )
        return sorted(set(found))


class EventReads(ExecutionReads):
    """The history of one order."""

    @at_one_moment
    def events_of(self, client_order_id: str, *, after: int = 0) -> list[EventRecord]:
        return super().events_of(client_order_id, after=after) or self._of_order(
            client_order_id, lambda books: books.events_of(client_order_id, after=after)
        )

    @at_one_moment
    def trails(self, client_order_ids: Iterable[str]) -> list[Trail]:
        wanted = set(client_order_ids)
        found = super().trails(wanted)
        missing = wanted - {trail.client_order_id for trail in found}
        past = self._of_ids(missing, IdKind.ORDER, lambda books, names: books.trails(names))
        return sorted([*found, *past], key=lambda trail: trail.client_order_id) if past else found

    @at_one_moment
    def has_note(self, client_order_id: str, note: str) -> bool:
        return super().has_note(client_order_id, note) or any(
            self._of_order(client_order_id, lambda b: [b.has_note(client_order_id, note)])
        )

    @at_one_moment
    def has_act(self, client_order_id: str, kind: str) -> bool:
        return super().has_act(client_order_id, kind) or any(
            self._of_order(client_order_id, lambda b: [b.has_act(client_order_id, kind)])
        )

    @at_one_moment
    def acts_of(self, client_order_id: str, kinds: Iterable[str]) -> list[str]:
        wanted = list(kinds)
        return super().acts_of(client_order_id, wanted) or self._of_order(
            client_order_id, lambda books: books.acts_of(client_order_id, wanted)
        )

    @at_one_moment
    def last_act(self, client_order_id: str) -> LastAct | None:
        found = super().last_act(client_order_id)
        if found is not None:
            return found
        past = self._of_order(client_order_id, lambda books: [books.last_act(client_order_id)])
        return past[0] if past else None

    def _of_order(self, name: str, read: Callable[[Books], list[Any]]) -> list[Any]:
        return self._of_ids([name], IdKind.ORDER, lambda books, _: read(books))

    def append_events(self, events: Iterable[EventRecord]) -> int:
        events = list(events)
        self._bring_back({event.client_order_id for event in events if event.client_order_id})
        return super().append_events(events)


class LedgerReads(EventReads):
    """Decisions, signals and plans."""

    @at_one_moment
    def audit_of(self, subject: str) -> list[AuditRow]:
        found = super().audit_of(subject)
        past = self._about(subject, lambda books: books.audit_of(subject))
        return sorted([*found, *past], key=lambda row: row.seq) if past else found

    @at_one_moment
    def last_audit(self, kind: str, subject: str) -> AuditRow | None:
        found = super().last_audit(kind, subject)
        past = self._about(subject, lambda b: [b.last_audit(kind, subject)]) if not found else []
        return found or (past[0] if past else None)

    def _about(self, subject: str, read: Callable[[Books], list[Any]]) -> list[Any]:
        for kind in (IdKind.ORDER, IdKind.PLAN, IdKind.SIGNAL):
            found = self._of_ids([subject], kind, lambda books, _: read(books))
            if found:
                return found
        return []

    @at_one_moment
    def recoveries(self, since: datetime, until: datetime | None = None) -> list[AuditRow]:
        found = super().recoveries(since, until)
        past = self._of_span(
            lambda books: books.recoveries(since, until), lambda row: row.subject, since, until
        )
        return sorted([*found, *past], key=lambda row: (row.at, row.seq)) if past else found

    @at_one_moment
    def reported(self, since: datetime, until: datetime | None = None) -> list[AuditRow]:
        found = super().reported(since, until)
        past = self._of_span(
            lambda books: books.reported(since, until), lambda row: row.subject, since, until
        )
        return sorted([*found, *past], key=lambda row: (row.at, row.seq)) if past else found

    @at_one_moment
    def signal_times(self, since: datetime, until: datetime | None = None) -> list[SignalTimes]:
        found = super().signal_times(since, until)
        past = self._of_span(
            lambda books: books.signal_times(since, until), lambda _: "", since, until
        )
        return sorted([*found, *past], key=lambda one: one.received_at) if past else found

    def claim_signal(
        self, signal_id: str, symbol: str, body: Mapping[str, Any], at: datetime
    ) -> bool:
        with self.transaction():
            if self.archived_ids([signal_id], IdKind.SIGNAL):
                return False
            return super().claim_signal(signal_id, symbol, body, at)

    @at_one_moment
    def signal(self, signal_id: str) -> SignalRecord | None:
        found = super().signal(signal_id)
        if found is not None:
            return found
        past = self._of_ids([signal_id], IdKind.SIGNAL, lambda b, _: [b.signal(signal_id)])
        return past[0] if past else None

    @at_one_moment
    def signals(self, *, since: datetime | None = None, limit: int = 1000) -> list[SignalRecord]:
        found = super().signals(since=since, limit=limit)
        if len(found) >= limit:
            return found
        past = self._of_span(
            lambda books: books.signals(since=since, limit=limit), lambda one: one.signal_id, since
        )
        return sorted([*found, *past], key=_signal_age)[:limit] if past else found

    @at_one_moment
    def plan(self, plan_id: str) -> PlanRecord | None:
        found = super().plan(plan_id)
        if found is not None:
            return found
        past = self._of_ids([plan_id], IdKind.PLAN, lambda books, _: [books.plan(plan_id)])
        return past[0] if past else None

    @at_one_moment
    def plan_history(self, plan_id: str) -> list[PlanRecord]:
        return super().plan_history(plan_id) or self._of_ids(
            [plan_id], IdKind.PLAN, lambda books, _: books.plan_history(plan_id)
        )

    @at_one_moment
    def plan_ends(self, plan_ids: Iterable[str]) -> list[PlanRecord]:
        wanted = set(plan_ids)
        found = super().plan_ends(wanted)
        missing = wanted - {record.plan_id for record in found}
        if not missing:
            return found
        past = self._of_ids(missing, IdKind.PLAN, lambda books, names: books.plan_ends(names))
        return sorted([*found, *past], key=lambda record: (record.plan_id, record.version))

    @at_one_moment
    def plan_ids_of(
        self, symbols: Iterable[str], since: datetime | None = None, until: datetime | None = None
    ) -> list[str]:
        wanted = set(symbols)
        past = self._of_span(
            lambda books: books.plan_ids_of(wanted, since, until), lambda plan_id: plan_id, since
        )
        return sorted({*super().plan_ids_of(wanted, since, until), *past})

    def save_plan(
        self,
        plan_id: str,
        symbol: str,
        status: str,
        body: Mapping[str, Any],
        at: datetime,
        *,
        version: int,
    ) -> bool:
        with self.transaction():
            owners = self._of_ids(
                [plan_id],
                IdKind.PLAN,
                lambda books, _: books._rows(
                    "SELECT client_order_id FROM orders WHERE plan_id = ?", (plan_id,)
                ),
            )
            self._bring_back(row[0] for row in owners)
            return super().save_plan(plan_id, symbol, status, body, at, version=version)

    @at_one_moment
    def first_written(self) -> datetime | None:
        first = super().first_written()
        past = [datetime.fromisoformat(archive.first_at) for archive in self.archives()]
        return min([*past, *([first] if first else [])], default=None)


def _order_id(record: OrderRecord) -> str:
    return record.client_order_id


def _owner(execution: Execution) -> str:
    return execution.client_order_id


def _when(execution: Execution) -> tuple[datetime, str]:
    return execution.at, execution.execution_id


def _signal_age(record: SignalRecord) -> tuple[float, str]:
    return -record.received_at.timestamp(), record.signal_id


def _newest_first(records: Sequence[OrderRecord]) -> list[OrderRecord]:
    by_id = sorted(records, key=_order_id, reverse=True)
    return sorted(by_id, key=lambda record: record.intent_at or _NEVER, reverse=True)


_NEVER = day_begins(date(1970, 1, 1))
