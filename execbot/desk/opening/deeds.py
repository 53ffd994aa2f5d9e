"""What one command has really done at the broker, noted at the wire whatever fails afterwards.

A deed is noted before its first byte leaves; until its answer was read its fate is unknown. From
this, and not from where an error came up, `desk.opening.outcomes` says how a command ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from execbot.broker.errors import BrokerError
from execbot.model.enums import OVER, OrderStatus, Outcome
from execbot.model.order import Order


class What(StrEnum):
    """What was asked of the broker."""

    ORDER = "order"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel_all"
    EXERCISE = "exercise"
    DO_NOT_EXERCISE = "do_not_exercise"


CANCELS = (What.CANCEL, What.CANCEL_ALL)


class Fate(StrEnum):
    """What is known of it."""

    UNKNOWN = "unknown"
    DONE = "done"
    UNDONE = "undone"


class Deed(Struct):
    """One write. `name` is the client_order_id of an order, the broker's id of what is canceled."""

    what: What
    name: str
    symbol: str = ""
    fate: Fate = Fate.UNDONE
    order: Order | None = None

    def is_done(self, order: Order | None = None) -> None:
        self.fate, self.order = Fate.DONE, order or self.order

    def is_undone(self) -> None:
        self.fate = Fate.UNDONE

    @property
    def outcome(self) -> Outcome:
        if self.fate is Fate.UNKNOWN:
            return Outcome.IN_DOUBT
        if self.what is What.ORDER:
            return self.order.outcome if self.order is not None else Outcome.ACCEPTED
        return Outcome.CANCELED if self.what in CANCELS else Outcome.ACCEPTED

    def to_dict(self) -> Mapping[str, Any]:
        key = "client_order_id" if self.what is What.ORDER else "id"
        found = {"what": self.what.value, key: self.name, "symbol": self.symbol}
        return {**{k: v for k, v in found.items() if v}, "outcome": self.outcome.value}


class Deeds(Struct, eq=False):
    """The writes of one command, each once, in the order of their first try."""

    all: dict[tuple[What, str], Deed] = field(default_factory=dict)

    @property
    def has_begun(self) -> bool:
        """Whether a byte may have left."""
        return bool(self.all)

    @property
    def done(self) -> list[Deed]:
        return [deed for deed in self.all.values() if deed.fate is Fate.DONE]

    @property
    def unknown(self) -> list[Deed]:
        return [deed for deed in self.all.values() if deed.fate is Fate.UNKNOWN]

    def saw(self, order: Order) -> None:
        """Note that the broker shows the order: what was unknown of it is known now."""
        sent = self.all.get((What.ORDER, order.client_order_id))
        if sent is not None:
            sent.is_done(order)
        canceled = self.all.get((What.CANCEL, order.id))
        if canceled is not None:
            canceled.symbol = order.symbol
            if canceled.fate is Fate.UNKNOWN and order.status in OVER:
                fate = Fate.DONE if order.status is OrderStatus.CANCELED else Fate.UNDONE
                canceled.fate = fate
        for leg in order.legs:
            self.saw(leg)


def outcome_of(done: Sequence[Deed]) -> Outcome:
    """The outcome of all deeds in one word: an order or an exercise weighs more than a cancel.
    Pure."""
    heavy = [deed.outcome for deed in done if deed.what not in CANCELS]
    if heavy:
        return heavy[-1]
    return Outcome.CANCELED if done else Outcome.NOT_SENT


_current: ContextVar[Deeds | None] = ContextVar("deeds", default=None)


def current() -> Deeds | None:
    """The deeds of the command that this thread carries out."""
    return _current.get()


@contextmanager
def noting(deeds: Deeds) -> Iterator[None]:
    """Note writes of this thread there, inside the block."""
    before = _current.set(deeds)
    try:
        yield
    finally:
        _current.reset(before)


@contextmanager
def doing(what: What, name: str, symbol: str = "") -> Iterator[Deed]:
    """One write: its fate is unknown until the block says what it is. A refusal, or an error before
    the first byte, means that this try did nothing; an earlier one may have."""
    deed, deeds = Deed(what, name, symbol), current()
    if deeds is not None:
        deed = deeds.all.setdefault((what, name), deed)
    before = deed.fate
    if before is not Fate.DONE:
        deed.fate = Fate.UNKNOWN
    try:
        yield deed
    except BrokerError as error:
        if not error.in_doubt:
            deed.fate = before
        raise


def seen(order: Order) -> Order:
    """Return the order, after noting that the broker has shown it."""
    deeds = current()
    if deeds is not None:
        deeds.saw(order)
    return order
