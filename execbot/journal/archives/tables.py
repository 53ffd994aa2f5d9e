"""Which rows go with an order, its plan and its signal, table by table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from execbot.journal.packing.texts import Kind


class IdKind(StrEnum):
    """The kind of an id in `archived_ids`; one letter, since each past order has four."""

    ORDER = "o"
    BROKER = "b"
    EXECUTION = "x"
    SIGNAL = "s"
    PLAN = "p"


class Taken(Struct, frozen=True):
    """Rows that leave the journal, or come back. `seqs` are audit rows that concern none of
    them."""

    orders: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()
    executions: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    seqs: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.orders or self.signals or self.seqs)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that audit rows may have."""
        return (*self.orders, *self.plans, *self.signals)

    def ids(self) -> list[tuple[str, str]]:
        """Every id with its kind: never to be used again."""
        kinds: Mapping[IdKind, tuple[str, ...]] = {
            IdKind.ORDER: self.orders,
            IdKind.BROKER: self.order_ids,
            IdKind.EXECUTION: self.executions,
            IdKind.SIGNAL: self.signals,
            IdKind.PLAN: self.plans,
        }
        return [(name, kind.value) for kind, names in kinds.items() for name in names]

    def rows(self) -> dict[str, tuple[str, list[str] | list[int]]]:
        """Of each table the column that tells its rows, and the values of those that go along."""
        return {
            "orders": ("client_order_id", list(self.orders)),
            "order_events": ("client_order_id", list(self.orders)),
            "fills": ("client_order_id", list(self.orders)),
            "signals": ("signal_id", list(self.signals)),
            "exit_plans": ("plan_id", list(self.plans)),
            "plans_in_force": ("plan_id", list(self.plans)),
            "audit": ("subject", list(self.subjects)),
        }


LINKS = "client_order_id, order_id, parent_id, replaces, replaced_by, plan_id, signal_id"
"""Columns of `orders` that make a `families.Link`, in its order."""

KINDS: Mapping[tuple[str, str], Kind] = {
    ("order_events", "details"): Kind.ACT,
    ("order_events", "raw"): Kind.REPORT,
    ("audit", "facts"): Kind.DECISION,
    ("signals", "body"): Kind.DECISION,
    ("exit_plans", "body"): Kind.PLAN,
    ("confirmations", "body"): Kind.CONFIRMATION,
}
PACKED = frozenset({"request_json", *(column for _, column in KINDS)})
"""What the journal packs by itself. In an archive all of it is compressed together, which takes
less than half of that."""
