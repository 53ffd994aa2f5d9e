"""Reports what happens to orders: each change once in a run, under an id that stays the same.

A fact is an event of the journal that changed an order's status or the quantity filled, or that a
person must look at (a contradiction, say), whoever wrote it: the stream, a look at REST, another
process. Its id is the journal's number of that event, so the next run reports it under the same id,
and the mark kept in the journal says whether an earlier run has reported it (`replayed`). Of facts
from before the mark it reports only the last one of each order that is still of interest, so that a
reader knows where things stand.

The mark is written after the report: a run that is killed between the two reports its last facts
again, without `replayed` and with the ids that they had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from execbot.exits.ownership import other_execbot
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import EventResult, OrderRecord
from execbot.oms.machine.changes import Change, change_of
from execbot.oms.machine.events import OrderEvent, OrderState
from execbot.oms.machine.state import apply_event
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm, fact_notes, order_note

REPORTED_KEY = "watch:told_seq"

MISSED_MAX = 1000
"""How many events of the time without a `watch` are looked through; older ones are history."""

MISSED_FOR = timedelta(hours=24)

CONTRADICTIONS_MAX = 1000
"""So many of the last ones are not reported again."""

KEPT_MAX = 200
"""Of so many orders it is kept how they stood after the events that were read last."""


class OrderNews:
    """The facts that are to be reported next. Reads of the journal may raise JournalError."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._mark = 0
        """Every fact up to this event has been reported."""
        self._reported: set[int] = set()
        """Events after the mark that are done with."""
        self._saved = 0
        self._missed_symbols: frozenset[str] = frozenset()
        """Symbols in which something happened that no earlier run has reported."""
        self._is_first_run = True
        self._contradictions: dict[tuple[str, str], None] = {}
        """Those reported in this run: client_order_id and words."""
        self._come_to: dict[str, tuple[int, OrderState | None]] = {}
        """By client_order_id the last event that was applied, and the order after it."""
        self._reported_other = False
        """Whether this run has reported another execbot on the account."""

    def begin(self, records: Iterable[OrderRecord], now: datetime) -> list[Note]:
        """At the start of a run: where each of these orders stands, then what was missed."""
        last = self._journal.last_seq()
        mark = self._journal.meta_get(REPORTED_KEY)
        self._is_first_run = not isinstance(mark, int)
        self._mark = min(mark, last) if isinstance(mark, int) else last
        notes = [*self._other_execbot(now)]
        notes += [
            order_note(fact, now, replayed=not self._is_first_run)
            for record in records
            if (fact := self._last_fact(record.client_order_id)) is not None
        ]
        missed = self._missed(max(self._mark, last - MISSED_MAX), last)
        self._missed_symbols = frozenset(fact.record.symbol for fact in missed)
        self._missed_symbols |= self._journal.adjusted_since(self._mark)
        self._mark, self._saved = last, -1 if self._is_first_run else self._mark
        fresh = (fact for fact in missed if fact.at is None or now - fact.at <= MISSED_FOR)
        return notes + [note for fact in fresh for note in self._notes(fact, now)]

    def keep_first_mark(self) -> None:
        """A first run that ends before it has reported anything leaves what comes from now on to
        the next one, which would else take itself for the first. A journal that takes no writes now
        gets the mark with the others."""
        if self._is_first_run:
            with suppress(JournalError):
                self.saved(self.save())

    def was_reported(self, symbol: str) -> bool:
        """An earlier run has reported the position of this symbol as it stands."""
        return not self._is_first_run and symbol not in self._missed_symbols

    def of_changes(self, changes: Sequence[Change], now: datetime) -> list[Note]:
        """Facts that this process has just written itself."""
        notes: list[Note] = []
        for change in changes:
            if change.seq <= self._mark or change.seq in self._reported:
                continue
            self._reported.add(change.seq)
            notes += self._notes(change, now)
        return notes

    def _notes(self, change: Change, now: datetime) -> list[Note]:
        """The same contradiction comes with every repeat of its report, and is reported once."""
        if change.contradiction is not None:
            words = (change.record.client_order_id, change.contradiction)
            if words in self._contradictions:
                return []
            self._contradictions[words] = None
            while len(self._contradictions) > CONTRADICTIONS_MAX:
                del self._contradictions[next(iter(self._contradictions))]
        is_new = change.previous_status is None and not change.record.is_ours
        return [*fact_notes(change, now), *(self._other_execbot(now) if is_new else ())]

    def _other_execbot(self, now: datetime) -> list[Note]:
        """Reported once in a run, whichever of its orders comes first."""
        words = "" if self._reported_other else other_execbot(self._journal, now)
        if not words:
            return []
        self._reported_other = True
        return [alarm("other_execbot", "", words, critical=True)]

    def read_on(self, now: datetime) -> Iterator[Note]:
        """Facts that anybody has written since the last look."""
        while rows := self._journal.facts_since(self._mark):
            fresh = [(seq, name) for seq, name in rows if seq not in self._reported]
            notes = [note for fact in self._facts(fresh) for note in self._notes(fact, now)]
            self._mark = rows[-1][0]
            self._reported = {seq for seq in self._reported if seq > self._mark}
            yield from notes

    @property
    def is_unsaved(self) -> bool:
        return bool(self._reported) or self._mark > self._saved

    def save(self) -> int:
        """Keep for later runs what has been reported, in the caller's transaction; see `saved`."""
        if self._reported:
            self._advance()
        if self._mark > self._saved:
            self._journal.meta_set(REPORTED_KEY, self._mark)
        return self._mark

    def saved(self, mark: int) -> None:
        """The transaction with this mark is committed."""
        self._saved = mark

    def _advance(self) -> None:
        """Move the mark over what was reported, up to the first event that was not."""
        for seq, _ in self._journal.facts_since(self._mark):
            if seq not in self._reported:
                break
            self._reported.discard(seq)
            self._mark = seq

    def _missed(self, after: int, until: int) -> list[Change]:
        rows = self._journal.facts_since(after, limit=MISSED_MAX)
        return list(self._facts([(seq, name) for seq, name in rows if seq <= until]))

    def _last_fact(self, client_order_id: str) -> Change | None:
        """The youngest one up to the mark."""
        facts = [fact for fact in self._history(client_order_id) if fact.seq <= self._mark]
        return max(
            (fact for fact in facts if fact.is_news), key=lambda fact: fact.seq, default=None
        )

    def _facts(self, rows: Sequence[tuple[int, str]]) -> Iterator[Change]:
        """The facts among these events, as they came."""
        wanted = {seq for seq, _ in rows}
        found: list[Change] = []
        for name in dict.fromkeys(name for _, name in rows if name):
            first = min(seq for seq, of in rows if of == name)
            found += (fact for fact in self._history(name, first) if fact.seq in wanted)
        return iter(sorted(found, key=lambda fact: fact.seq))

    def _history(self, client_order_id: str, first: int = 0) -> Iterator[Change]:
        """An order's events applied again, from `first` at the latest: what each of them changed.

        Where it had come to the last time is kept: an order of many fills has many events.
        """
        seq, state = self._come_to.pop(client_order_id, (0, None))
        if seq >= first:
            seq, state = 0, None
        for record in self._journal.events_of(client_order_id, after=seq):
            seq = record.seq
            if record.result not in (EventResult.APPLIED, EventResult.ILLEGAL):
                continue
            event = OrderEvent.from_record(record)
            applied = apply_event(state, event)
            if applied.changed:
                state = applied.state
            change = change_of(event, applied, record.seq)
            if change.is_news or change.alarm:
                yield change
        self._come_to[client_order_id] = seq, state
        while len(self._come_to) > KEPT_MAX:
            self._come_to.pop(next(iter(self._come_to)))
