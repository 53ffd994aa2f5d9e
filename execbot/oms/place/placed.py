"""Values of placing: the order, its provenance, and its result."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.plan.legs import has_legs
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.flags import NO_FLAGS, Flags
from execbot.model.order import OrderRequest
from execbot.oms.place.entry_basis import EntryBasis
from execbot.oms.place.entry_plans import PricedEntry
from execbot.oms.place.family import Family
from execbot.oms.place.risk_gate import Checked
from execbot.risk.pending import Purpose

if TYPE_CHECKING:
    from execbot.exits.plan.plan import ExitPlan
    from execbot.journal.journal import Journal
    from execbot.oms.place.add_to_position import Addition


class Placed(Struct, frozen=True):
    """The result of placing an order. `attempts` counts the orders given to the pipeline.

    `addition` is set when it enlarged a position that has an exit plan; `entry` is what was
    planned. Of one that was given before, `basis` is what it was judged by, and `plan` the one
    whose stop limits what it can lose, its own or that of the position.
    """

    record: OrderRecord
    checked: Checked | None = None
    attempts: int = 1
    adjusted: tuple[str, ...] = ()
    queued_for: str = ""
    addition: Addition | None = None
    entry: PricedEntry | None = None
    basis: EntryBasis | None = None
    plan: ExitPlan | None = None

    @property
    def lacks_legs(self) -> bool:
        """Whether stop and target were sent along, and its record does not show them."""
        if self.entry is None or not self.record.order_id or self.record.order.legs:
            return False
        return has_legs(self.entry.request)

    @property
    def opens_short(self) -> str:
        """In words, where it sells what is not held; else empty."""
        if self.basis is not None:
            return self.basis.opens_short
        return "" if self.checked is None else self.checked.short_words


class Prepared(Struct, frozen=True):
    """An order as it would be sent, and what the checks say of it; None once they are stale.

    `given`: what became of it already, where its id was given before.
    """

    entry: PricedEntry
    checked: Checked | None
    flags: Flags = NO_FLAGS
    given: Placed | None = None

    @property
    def opens_short(self) -> str:
        """In words, where it sells what is not held; else empty."""
        if self.given is not None:
            return self.given.opens_short
        return "" if self.checked is None else self.checked.short_words


class Provenance(Struct, frozen=True):
    """Why an order is placed; these facts stay in the journal with it.

    `of` is the order that was tried before, None for a first attempt; `counted` are the attempts
    that were taken into account when another one was decided on. `sent_back`: the broker had it
    wait for the open before. `unattended`: nobody waits for the answer, so what ends it is told.
    """

    origin: str = Origin.SUBMIT
    signal_id: str | None = None
    plan_id: str | None = None
    role: str | None = None
    arrival_price: Decimal | None = None
    of: str | None = None
    counted: frozenset[str] = frozenset()
    sent_back: bool = False
    unattended: bool = False


def why_again(family: Family, record: OrderRecord) -> Provenance:
    """Why one of the orders of a wish is placed once more."""
    return Provenance(
        record.origin,
        record.signal_id,
        role=record.role,
        of=family.name,
        counted=frozenset(one.client_order_id for one in family.orders),
    )


def was_sent_back(journal: Journal, record: OrderRecord) -> bool:
    """Whether the broker had it wait for the open."""
    rows = journal.audit_of(record.client_order_id)
    return any((row.kind, row.rule) == SENT_BACK for row in rows)


SENT_BACK = ("queue", "broker")
"""The audit row of an order that the broker called too early, and that waits under a new id."""


def another_attempt(why: Provenance, tried: OrderRequest) -> Provenance:
    """Why the order is placed that comes after `tried`."""
    name = tried.client_order_id
    return replace(why, of=why.of or name, counted=why.counted | {name})


def role_of(why: Provenance, checked: Checked) -> str | None:
    """An exit stays one while it waits, whatever becomes of the position."""
    if why.role is None and checked.purpose is Purpose.EXIT:
        return Role.EXIT
    return why.role
