"""The orders of one wish: the first, every further attempt at it, and what took their places.

Whoever tries an order again gives it an id that is made of the first one's: `<id>.r1` sent once
more, `<id>.2` altered, `<id>.q` kept for the open, `<id>.h1` tried by hand. An id alone proves
nothing, since a trader may have chosen it: the event of an intent says `of` which order it is an
attempt. Histories that do not say it yet are read by their ids.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.journal.records import OF, OrderRecord
from execbot.model.enums import CUT_SHORT, FAILED, OrderStatus
from execbot.model.numbers import ZERO
from execbot.model.order import Order
from execbot.oms.errors import NotPossible
from execbot.oms.machine.table import Act
from execbot.oms.results import Gate, GateVerdict

_SUFFIX = re.compile(r"\.(?:[hrq]\d*|\d+)$")
_WISHES = frozenset({Act.INTENT, Act.QUEUE, Act.DENY})


class Family(Struct, frozen=True):
    """`asked` says how much was wanted: the first order, or what it was replaced by. `before` are
    the orders whose place that took, `attempts` all others, oldest first."""

    asked: OrderRecord
    before: tuple[OrderRecord, ...] = ()
    attempts: tuple[OrderRecord, ...] = ()

    @property
    def orders(self) -> tuple[OrderRecord, ...]:
        return (*self.before, self.asked, *self.attempts)

    @property
    def name(self) -> str:
        """The id of the order that was tried first."""
        return self.orders[0].client_order_id

    @property
    def open(self) -> tuple[OrderRecord, ...]:
        """Those that may still fill, as far as is known here."""
        there = {one.order_id for one in self.orders}
        return tuple(one for one in self.orders if not _has_ended(one, there))

    @property
    def left_qty(self) -> Decimal | None:
        """The shares that none of them has bought or sold; None where dollars were asked for."""
        leaves = self.asked.leaves_qty
        return None if leaves is None else leaves - filled(self.attempts)

    @property
    def left_notional(self) -> Decimal | None:
        """The dollars that none of them has traded; None where shares were asked for."""
        notional = self.asked.order.notional
        return None if notional is None else notional - worth(self.orders)

    def since(self, one: OrderRecord) -> tuple[OrderRecord, ...]:
        """The attempts after one of them."""
        others = [other for other in self.attempts if other.client_order_id != one.client_order_id]
        return tuple(other for other in others if _age(other) >= _age(one))


def family_of(journal: Journal, record: OrderRecord) -> Family:
    """Every order of the wish that `record` belongs to."""
    first = _first_of(journal, record)
    found, unread = {first.client_order_id: first}, [first]
    while unread:
        one = unread.pop()
        for other in (*_replacements_of(journal, one), *_attempts_of(journal, one)):
            if other.client_order_id not in found:
                found[other.client_order_id] = other
                unread.append(other)
    asked = (journal.successors([first]) or [first])[-1]
    chain = {one.client_order_id for one in journal.chain_before(asked.order_id)}
    del found[asked.client_order_id]
    rest = sorted(found.values(), key=_age)
    return Family(
        asked,
        tuple(one for one in rest if one.client_order_id in chain),
        tuple(one for one in rest if one.client_order_id not in chain),
    )


def standing_for(journal: Journal, record: OrderRecord) -> OrderRecord:
    """The order that goes by this one's id today: where the broker refused it and it was tried
    again under another one, the last of those that were not refused as well."""
    if record.status is not OrderStatus.REJECTED:
        return record
    later = [one for one in family_of(journal, record).since(record) if one.status not in FAILED]
    return later[-1] if later else record


def name_in_signal(
    journal: Journal, old: OrderRecord, new: OrderRecord, why: str, now: datetime
) -> None:
    """Where an entry of a signal goes on under another id, the signal's own row says so."""
    if old.signal_id and new.client_order_id != old.client_order_id:
        journal.finish_signal(
            old.signal_id,
            new.outcome.value,
            now,
            reason=why,
            client_order_id=new.client_order_id,
        )


def alone(gate: Gate, name: str, known: Collection[str], own: str) -> Gate:
    """The gate for an attempt at the order `name`, see `refuse_second`: asked in the transaction of
    the intent, where no other process can come between."""

    def only_one(journal: Journal) -> GateVerdict:
        refuse_second(journal, name, known, own)
        return gate(journal)

    return only_one


def refuse_second(journal: Journal, name: str, known: Collection[str], own: str) -> None:
    """Raise NotPossible where `own` would buy or sell a second time what `name` asks for.

    `known` are the ids that were counted when it was decided on: any other order of the wish that
    came to something was made meanwhile, and of those that were counted none may fill any more.
    """
    first = journal.order_by_client_id(name)
    if first is None:
        return
    family = family_of(journal, first)
    may_fill = {one.client_order_id for one in family.open}
    for other in family.orders:
        came_to_nothing = other.status in CUT_SHORT and not other.order.filled_qty
        is_known = other.client_order_id in known or came_to_nothing
        if other.client_order_id != own and (not is_known or other.client_order_id in may_fill):
            raise NotPossible(
                f"{name} was tried again meanwhile: {other.client_order_id} is {other.status}",
                record=other,
                hint="Two of them would buy or sell twice.",
            )


def made_before(family: Family, record: OrderRecord) -> frozenset[str]:
    """The ids of the wish that stood when this order of it was made, its own among them."""
    found = [one for one in family.orders if _age(one) <= _age(record)]
    return frozenset(one.client_order_id for one in found)


def _first_of(journal: Journal, record: OrderRecord) -> OrderRecord:
    """The first order of the wish: from a replacement back to the replaced order, from an attempt
    to the order that it repeats."""
    seen: set[str] = set()
    while record.client_order_id not in seen:
        seen.add(record.client_order_id)
        record = [record, *journal.chain_before(record.order_id)][-1]
        name = _of(journal, record)
        record = journal.order_by_client_id(name) or record
    return record


def _replacements_of(journal: Journal, record: OrderRecord) -> list[OrderRecord]:
    """Also one that says so while the order itself does not: it was refused, or that is not read
    yet."""
    names = journal.successors_of([record.order_id] if record.order_id else [])
    said = journal.orders_by_client_ids(sorted(names.get(record.order_id, ())))
    return [*journal.successors([record]), *said]


def _attempts_of(journal: Journal, first: OrderRecord) -> list[OrderRecord]:
    name = first.client_order_id
    return [one for one in journal.orders_named(f"{name}.") if _of(journal, one) == name]


def _of(journal: Journal, record: OrderRecord) -> str:
    """The id of the order that this is an attempt of; its own where it is the first."""
    for event in reversed(journal.events_of(record.client_order_id)):
        if event.kind in _WISHES and OF in event.details:
            return str(event.details[OF])
    return _of_by_id(journal, record)


def _of_by_id(journal: Journal, record: OrderRecord) -> str:
    """By the id alone, where the history does not say: the shortest that it can be made of and that
    an order of the same symbol and side has. Rather one order too many than one bought twice."""
    name = found = record.client_order_id
    while (shorter := _SUFFIX.sub("", name)) != name:
        name = shorter
        other = journal.order_by_client_id(name)
        if other is not None and _kind(other) == _kind(record):
            found = name
    return found


def _kind(record: OrderRecord) -> tuple[str, str]:
    return record.symbol, record.order.side


def _has_ended(record: OrderRecord, there: Collection[str]) -> bool:
    """A replaced order lives on in the one that took its place; that one must be known."""
    if record.status is OrderStatus.REPLACED:
        return record.order.replaced_by in there
    return record.status is OrderStatus.FILLED or record.status in CUT_SHORT


def filled(records: Iterable[OrderRecord]) -> Decimal:
    """The shares that these orders have traded."""
    return sum((one.order.filled_qty for one in records), ZERO)


def worth(records: Iterable[OrderRecord]) -> Decimal:
    """The dollars that these orders have traded."""
    return sum((_cost(one.order) for one in records), ZERO)


def _cost(order: Order) -> Decimal:
    return order.filled_qty * (order.filled_avg_price or ZERO)


def _age(record: OrderRecord) -> datetime:
    return record.intent_at or _LONG_AGO


_LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
