"""Two processes, one request: a command hands it over to a running `watch`, and may take it back.

Whoever inserts the intent owns the sending. In the intent's own transaction

- the watch inserts none for a request that the command has revoked (`HandedBack`);
- the command, which has given up waiting, revokes the request with its own intent at the latest,
  so that a watch that was suspended and wakes finds it revoked, whatever became of that intent.

The command revokes only where no order stands for the request (`may_revoke`): else it looks up what
became of that. Which request a thread carries out is set with `carrying`; without one nothing in
here does anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.journal.records import MARK, PROTECTIVE_ROLES, OrderRecord
from execbot.model.enums import REOPENABLE, OrderStatus
from execbot.model.timer import Mark, boot_id
from execbot.oms.errors import HandedBack
from execbot.oms.machine.table import Act


class By(StrEnum):
    """The process that carries a request out."""

    WATCH = "watch"
    COMMAND = "command"


class HandOver(Struct, frozen=True):
    """`name` is what the request goes by: the client_order_id of its order where that was chosen
    beforehand, else one of its own. `since` is when it was handed over, in the machine's seconds.
    """

    name: str
    by: By
    since: float = 0.0


_current: ContextVar[HandOver | None] = ContextVar("hand_over", default=None)


@contextmanager
def carrying(request: HandOver) -> Iterator[None]:
    """Inside, this thread carries out a request that was handed over."""
    before = _current.set(request)
    try:
        yield
    finally:
        _current.reset(before)


def current() -> HandOver | None:
    """The request that this thread carries out, if it was handed over."""
    return _current.get()


# --- the rules ---------------------------------------------------------------------------------


def may_make(by: By, *, is_revoked: bool) -> bool:
    """Whether an intent may be inserted for a request. Pure."""
    return by is By.COMMAND or not is_revoked


def stands(status: OrderStatus | None) -> bool:
    """Whether an order of a request binds whoever asked for it: it may be at the broker. Pure."""
    return status is not None and status not in REOPENABLE


def may_revoke(statuses: tuple[OrderStatus | None, ...]) -> bool:
    """Whether the command may take its request back, by the orders that were made of it. Pure."""
    return not any(map(stands, statuses))


# --- in the journal ----------------------------------------------------------------------------


def claim(journal: Journal, client_order_id: str, role: str | None = None) -> None:
    """In the transaction of an intent, before it is inserted. Raises HandedBack.

    What protects a position is placed whatever became of the request.
    """
    request = _current.get()
    if request is None or role in PROTECTIVE_ROLES:
        return
    refuse_revoked(journal)
    if request.by is By.COMMAND:
        journal.revoke(request.name)
    elif request.name != client_order_id:
        journal.note_handed_order(request.name, client_order_id)


def refuse_revoked(journal: Journal) -> None:
    """Before anything is done for a request. Raises HandedBack where it was taken back."""
    request = _current.get()
    if request is None:
        return
    if not may_make(request.by, is_revoked=journal.is_revoked(request.name)):
        raise HandedBack("the command did not wait any longer: it goes its own way")


def was_handed_back(journal: Journal) -> bool:
    """Whether whoever asked has taken the request back: what is left to do is theirs."""
    request = _current.get()
    if request is None or request.by is By.COMMAND:
        return False
    return journal.is_revoked(request.name)


def orders_of(journal: Journal, name: str) -> list[OrderRecord]:
    """The orders that were made of a request, the one that goes by its name first."""
    found = journal.order_by_client_id(name)
    others = journal.orders_by_client_ids(journal.handed_orders(name))
    return ([] if found is None else [found]) + list(others)


def stood_before(journal: Journal, record: OrderRecord, seconds: float) -> bool:
    """Whether the order was there at a moment, in the machine's own seconds: then it was made of
    another request with the same id. If the age is unknown the order counts as younger."""
    events = journal.events_of(record.client_order_id)
    begun = next((e for e in reversed(events) if e.kind in (Act.INTENT, Act.QUEUE)), None)
    mark = None if begun is None else Mark.from_json(begun.details.get(MARK))
    return mark is not None and mark.boot == boot_id() and mark.seconds < seconds


def take_back(journal: Journal, name: str) -> bool:
    """Revoke the request in one transaction with the look at its orders; False where one stands:
    it belongs to whoever has inserted it."""
    with journal.transaction(must_last=True):
        if not may_revoke(tuple(record.status for record in orders_of(journal, name))):
            return False
        journal.revoke(name)
        return True
