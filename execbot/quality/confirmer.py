"""Makes confirmations durable: once for every order that filled, whoever learns of it first.

    confirmer = Confirmer(journal, client, settings, table, now)
    confirmer.take_in()      # what the journal has learned since anybody last looked
    confirmer.look_up(6)     # what is due: quotes of past moments, the broker's position

A mark in the journal says up to which event orders are confirmed. It moves in the transaction that
writes what was found, and a version of an order can be written only once: a process that is killed
at any step leaves nothing twice, and the next one goes on from the mark.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.config.schema import TradingSettings
from execbot.journal.confirmation import Confirmation, QuoteSeen
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.numbers import ZERO
from execbot.model.symbols import is_option, symbol_key
from execbot.oms.sync.options.pending_events import pending_events
from execbot.quality.arrival import seen_at
from execbot.quality.confirm import confirmation_of, missed_qty, says_the_same
from execbot.quality.facts import Facts, Looked, PositionFacts
from execbot.quality.gather import Table, facts_of, needs_broker_position
from execbot.quality.looks import (
    GIVE_UP,
    RETRY,
    Look,
    answered,
    due_at,
    given_up,
    is_old,
    looks_left,
)

MARK = "quality:confirmed_seq"
"""Meta: every event up to this one has been looked at."""

EVENTS_A_TIME = 500

QUIET = timedelta(seconds=2)
"""An order that goes on filling gets its next version when it has been quiet for so long."""

SETTLED = timedelta(seconds=30)
"""Sooner after a fill a difference to the broker's position is not believed."""

WITHIN = timedelta(seconds=60)
"""How much older than a moment the last quote before it may be to be looked up."""


@dataclass
class Confirmer:
    """All of it may raise JournalError; `look_up` never raises BrokerError."""

    journal: Journal
    client: BrokerClient
    settings: TradingSettings
    table: Table
    now: Callable[[], datetime]
    step: Callable[[str], None] = field(default=lambda _: None)
    """Told of every step; tests kill here."""

    # --- what the journal has learned --------------------------------------------------------

    def take_in(self, *, batches: int = 1, events: int = EVENTS_A_TIME) -> list[Confirmation]:
        """Confirm the orders that events since the mark have touched, so many events in each of at
        most so many transactions; what was written."""
        written: list[Confirmation] = []
        for _ in range(batches):
            mark = self.journal.meta_get(MARK, 0)
            if self.journal.last_seq() <= mark:
                break
            self.step("before")
            with self.journal.transaction(recoverable=True):
                mark = self.journal.meta_get(MARK, 0)
                last, names = self.journal.touched_since(mark, limit=events)
                if last <= mark:
                    break
                for record in self.journal.orders_by_client_ids([n for n in names if n]):
                    written += self._take(record)
                    self.step("confirmed")
                self.journal.meta_set(MARK, last)
                self.step("marked")
            self.step("committed")
        return written

    def _take(self, record: OrderRecord) -> list[Confirmation]:
        previous = self.journal.confirmation(record.client_order_id)
        if previous is None and not record.order.filled_qty and not record.order.is_terminal:
            return []
        facts = self._facts(record, previous)
        if not self._is_worth(facts, previous):
            return []
        last = facts.last_fill
        is_filling = not record.order.is_terminal and last is not None
        if previous is not None and is_filling and last and facts.now - last < QUIET:
            self.journal.put_off_confirmation(record.client_order_id, last + QUIET)
            return []
        return self._write(facts, previous)

    def _is_worth(self, facts: Facts, previous: Confirmation | None) -> bool:
        """It has filled, or had once, or is an entry that ended without."""
        if previous is not None or facts.fills:
            return True
        made = confirmation_of(facts)
        return missed_qty(facts, made.arrival) > ZERO

    def _write(
        self, facts: Facts, previous: Confirmation | None, *, has_looked: bool = False
    ) -> list[Confirmation]:
        """A version, where it says something new; else only when to look again. What was asked for
        just now (`has_looked`) and could not be told is not asked for again at once."""
        facts = replace(facts, looked=_settled(facts))
        made = confirmation_of(facts, previous)
        due = due_at(facts, needs_position=needs_broker_position(facts))
        if has_looked and due is not None and due <= facts.now and needs_broker_position(facts):
            due = facts.now + RETRY
        if previous is not None and says_the_same(previous, made):
            self.journal.put_off_confirmation(made.client_order_id, due)
            return []
        self.journal.add_confirmation(made, due_at=due)
        return [made]

    def _facts(self, record: OrderRecord, previous: Confirmation | None) -> Facts:
        return facts_of(self.journal, record, self.now(), self.settings, self.table, previous)

    # --- what is looked up ---------------------------------------------------------------------

    def look_up(self, requests: int) -> list[Confirmation]:
        """Ask for what is due, with at most so many requests; what was written.

        Nothing is asked while the rate limit leaves no room for it.
        """
        written: list[Confirmation] = []
        for item in self.journal.confirmations_due(self.now(), limit=requests):
            if requests <= 0 or not self.client.has_room():
                break
            record = self.journal.order_by_client_id(item.client_order_id)
            if record is None:
                self.journal.put_off_confirmation(item.client_order_id, None)
                continue
            facts = self._facts(record, item)
            try:
                facts, asked = self._look(facts, requests)
                requests -= asked
            except BrokerError:
                requests -= 1
                again = self.now() + RETRY
                if looks_left(facts) and self.now() - looks_left(facts)[-1].at < GIVE_UP:
                    self.journal.put_off_confirmation(item.client_order_id, again)
                    continue
                facts = replace(facts, looked=given_up(facts))
            written += self._write_looked(facts)
        return written

    def _look(self, facts: Facts, most: int) -> tuple[Facts, int]:
        """The facts with what could be had now, and how many requests it took."""
        asked = 0
        for look in looks_left(facts):
            if look.due > self.now() or asked >= most:
                break
            asked += 1
            quote = self._quote(facts, look)
            facts = replace(facts, looked=answered(facts.looked, look, quote))
        if asked < most and needs_broker_position(facts) and _is_quiet(self.journal, facts):
            asked += 1
            facts = replace(facts, position=self._read_position(facts))
        return facts, asked

    def _quote(self, facts: Facts, look: Look) -> QuoteSeen:
        found = self.client.quote_at(facts.record.symbol, look.at, within=WITHIN)
        return seen_at(found, look.at)

    def _read_position(self, facts: Facts) -> PositionFacts | None:
        """Both read together: ours before theirs and after, so that a fill in between shows. A
        contract that waits for its row (it expired, was exercised or split) tells nothing."""
        known, symbol = facts.position, facts.record.symbol
        before = self.journal.position(symbol)
        if is_option(symbol):
            listed = self.client.get_positions()
            held = next((one for one in listed if one.symbol == symbol), None)
            if symbol in pending_events(self.journal, listed, self.now()):
                return known
        else:
            held = self.client.get_position(symbol_key(symbol))
        after = self.journal.position(symbol)
        if known is None or before != after:
            return known
        theirs = ZERO if held is None else held.qty
        ours = ZERO if after is None else after.qty
        last = facts.last_fill
        if theirs != ours and last is not None and self.now() - last < SETTLED:
            return known  # a fill may be on its way to our books
        return replace(known, ours_now=ours, theirs_now=theirs)

    def _write_looked(self, facts: Facts) -> list[Confirmation]:
        """On the journal as it is now: what was looked up counts while its moments do."""
        with self.journal.transaction(recoverable=True):
            name = facts.record.client_order_id
            record = self.journal.order_by_client_id(name)
            previous = self.journal.confirmation(name)
            if record is None:
                return []
            fresh = self._facts(record, previous)
            if fresh.last_fill != facts.last_fill:
                self.journal.put_off_confirmation(name, self.now())
                return []
            position = fresh.position
            read = facts.position
            if position is not None and read is not None and read.theirs_now is not None:
                position = replace(position, ours_now=read.ours_now, theirs_now=read.theirs_now)
            known = replace(fresh, looked=facts.looked, position=position)
            made = self._write(known, previous, has_looked=True)
            self.step("looked")
        return made


def _settled(facts: Facts) -> Looked:
    """Of what was learned late nothing is looked up; nor again what could not be had for long."""
    looked = facts.looked
    for look in looks_left(facts):
        if is_old(look.at, facts.now):
            looked = answered(looked, look, QuoteSeen())
    return looked


def _is_quiet(journal: Journal, facts: Facts) -> bool:
    """No fill of the symbol may be on its way to our books."""
    last = facts.last_fill
    if last is None or facts.now - last < QUIET:
        return False
    open_ones = journal.orders("open", symbol=facts.record.symbol)
    return not any(one.order.is_working and one.order.filled_qty for one in open_ones)
