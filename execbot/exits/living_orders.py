"""The living orders of one symbol, seen as what they mean for its position.

Orders that hold the same shares form one group: a plain stop, a trailing stop, the pair of an
OCO, the legs of a bracket or OTO. The broker counts such shares once, and so must we.

Three quantities of a group matter, and they are not the same:
- `held`: shares it may still sell. Orders in doubt or being canceled count: they may yet fill.
- `covered`: shares with a stop that the broker has acknowledged and that is armed. The stop leg
  of an OCO or bracket shows as `held` while it waits for its trigger, and is armed when its
  parent is (behaviour of Alpaca: legs arm only when the entry has filled completely).
- `arriving`: shares whose stop was sent and not yet acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.exit_orders import leaves_now
from execbot.exits.tags import tag_of, target_index
from execbot.journal.records import OrderRecord, Origin
from execbot.model.enums import (
    ACKNOWLEDGED,
    ACTIVATED,
    ARRIVING,
    STOP_TYPES,
    UNSETTLED_STATUSES,
    UNSTEADY,
    OrderClass,
    OrderStatus,
    Side,
)
from execbot.model.numbers import ZERO
from execbot.model.order import Order
from execbot.model.symbols import symbol_key


class Standing(StrEnum):
    """How well the stop of a group protects now."""

    NONE = "none"
    ARRIVING = "arriving"
    COVERED = "covered"
    UNCERTAIN = "uncertain"


_COVERED_UNLESS = {False: Standing.COVERED, True: Standing.NONE}


class SymbolOrder(Struct, frozen=True):
    """One order of the symbol. `parent` is the client_order_id of the order whose leg it is."""

    order: Order
    parent: str | None = None
    role: str | None = None
    origin: str = ""
    sent_at: datetime | None = None
    plan_id: str | None = None
    chain_qty: Decimal = ZERO
    """What the orders that it replaced had filled: the broker counts it in the quantity."""

    @classmethod
    def from_record(cls, record: OrderRecord) -> SymbolOrder:
        return cls(
            order=record.order,
            parent=record.parent_id,
            role=record.role,
            origin=record.origin,
            sent_at=record.sent_at or record.intent_at,
            plan_id=record.plan_id,
            chain_qty=record.progress.chain_qty,
        )

    @property
    def name(self) -> str:
        return self.order.client_order_id

    @property
    def is_ours(self) -> bool:
        return self.origin != Origin.FOREIGN

    @property
    def is_planned(self) -> bool:
        """Placed for an exit plan, not by the trader's own command."""
        return self.is_ours and (self.parent is not None or tag_of(self.name) is not None)

    @property
    def is_anothers(self) -> bool:
        """An exit that another execbot of the account has placed for a plan of its own."""
        return not self.is_ours and tag_of(self.name) is not None

    @property
    def successor(self) -> str | None:
        """The broker's id of the order that took its place, while that is all we know of it."""
        return self.order.replaced_by if self.order.status is OrderStatus.IN_DOUBT else None

    @property
    def leaves(self) -> Decimal:
        return max((self.order.leaves_qty or ZERO) - self.chain_qty, ZERO)

    @property
    def is_stop(self) -> bool:
        return self.order.type in STOP_TYPES

    @property
    def is_alive(self) -> bool:
        """May still trade, or is on its way to where it may."""
        return self.order.is_open and self.order.status is not OrderStatus.QUEUED


class ExitGroup(Struct, frozen=True):
    """Orders holding the same shares on the closing side. See the module."""

    key: str
    stop: SymbolOrder | None = None
    target: SymbolOrder | None = None
    armed: bool = True
    spare: tuple[SymbolOrder, ...] = ()
    """More of the same kind: replaced by a member, with the report of that lost or on its way."""

    @property
    def members(self) -> tuple[SymbolOrder, ...]:
        if self.target is None:
            return (self.stop,) if self.stop is not None else ()
        return (self.target, self.stop) if self.stop is not None else (self.target,)

    @property
    def held(self) -> Decimal:
        """Shares it may still sell; the legs of an entry that has not filled hold none.

        A partly filled target has lowered its stop at the broker, whether or not that was
        reported, so a pair holds what its smaller member has left.
        """
        return min((m.leaves for m in self.members), default=ZERO) if self.armed else ZERO

    @property
    def covered(self) -> Decimal:
        return self.held if self._standing is Standing.COVERED else ZERO

    @property
    def arriving(self) -> Decimal:
        return self.held if self._standing is Standing.ARRIVING else ZERO

    @property
    def is_uncertain(self) -> bool:
        """A stop leg still `held` whose partner is gone: only the broker knows if it lives."""
        return self._standing is Standing.UNCERTAIN

    @property
    def _standing(self) -> Standing:
        if self.stop is None or not self.armed:
            return Standing.NONE
        status = self.stop.order.status
        if status is OrderStatus.HELD:
            if self.target is not None:
                arriving = self.target.order.status in ARRIVING
                leaving = self.target.order.status is OrderStatus.PENDING_CANCEL
                return Standing.ARRIVING if arriving else _COVERED_UNLESS[leaving]
            is_oto = self.stop.order.order_class is OrderClass.OTO
            return Standing.ARRIVING if is_oto else Standing.UNCERTAIN
        if status in ARRIVING:
            return Standing.ARRIVING
        return Standing.COVERED if status in ACKNOWLEDGED else Standing.NONE

    @property
    def is_settled(self) -> bool:
        """No member is on its way in or out, or being replaced by another."""
        return not self.spare and all(
            m.order.status not in UNSTEADY for m in self.members if m.is_alive
        )

    @property
    def is_triggered(self) -> bool:
        """The stop was elected and is selling: it has filled in part, or the target that it was
        paired with has gone and it works."""
        if self.stop is None or self.target is not None:
            return False
        if self.stop.order.filled_qty > 0:
            return True
        paired = self.stop.order.order_class in (OrderClass.OCO, OrderClass.BRACKET)
        return paired and self.stop.order.status in ACTIVATED

    @property
    def is_leaving(self) -> bool:
        return any(m.order.status is OrderStatus.PENDING_CANCEL for m in self.members)

    @property
    def is_pair(self) -> bool:
        return self.stop is not None and self.target is not None

    @property
    def is_advanced(self) -> bool:
        """A member of a bracket, OTO or OCO: its quantity cannot be replaced."""
        simple = (OrderClass.NONE, OrderClass.SIMPLE)
        return any(m.order.order_class not in simple for m in self.members)

    @property
    def target_number(self) -> int | None:
        """Which target of the plan it serves, counted from 0; None for a stop alone."""
        if self.target is None or not self.is_planned:
            return None
        # A target that the trader has moved has a name of the broker's; its group keeps its own.
        names = (*(m.name for m in self.members), self.key)
        known = [target_index(name) for name in names]
        return next((n for n in known if n is not None), 0)

    @property
    def is_planned(self) -> bool:
        """Its target was placed for the plan, wherever it has been moved since."""
        return self.target is not None and (self.target.is_planned or tag_of(self.key) is not None)

    @property
    def is_anothers(self) -> bool:
        """It protects, and no plan of ours changes it (docs/evidence.md, E-OWN-3)."""
        tagged = tag_of(self.key) is not None
        return any(m.is_anothers or (tagged and not m.is_ours) for m in self.members)

    @property
    def is_traders_own(self) -> bool:
        """A limit that the trader lets rest: it holds shares, and is no part of the plan."""
        return self.stop is None and self.target is not None and not self.is_planned

    @property
    def lead(self) -> SymbolOrder:
        """The member to cancel; the broker takes the other one along."""
        alive = [m for m in self.members if m.is_alive]
        return (alive or list(self.members))[0]


class SymbolOrders(Struct, frozen=True):
    """The living orders of a symbol, sorted by what they do to a position of `side`."""

    groups: tuple[ExitGroup, ...] = ()
    exits: tuple[SymbolOrder, ...] = ()
    """Orders that leave the position now: market orders, and exits of ours on their way there."""
    entries: tuple[SymbolOrder, ...] = ()

    @property
    def held(self) -> Decimal:
        return sum((g.held for g in self.groups), ZERO) + self.leaving

    @property
    def leaving(self) -> Decimal:
        return sum((e.leaves for e in self.exits), ZERO)

    @property
    def covered(self) -> Decimal:
        return sum((g.covered for g in self.groups), ZERO)

    @property
    def arriving(self) -> Decimal:
        return sum((g.arriving for g in self.groups), ZERO)

    @property
    def unsettled(self) -> tuple[SymbolOrder, ...]:
        """Closing orders whose fate at the broker is unknown."""
        members = [m for g in self.groups for m in g.members] + list(self.exits)
        return tuple(m for m in members if m.order.status in UNSETTLED_STATUSES)

    def without_unsettled(self) -> SymbolOrders:
        """The same without the groups and exits of `unsettled`."""
        doubtful = {m.name for m in self.unsettled}
        if not doubtful:
            return self
        groups = tuple(g for g in self.groups if not any(m.name in doubtful for m in g.members))
        exits = tuple(e for e in self.exits if e.name not in doubtful)
        return SymbolOrders(groups, exits, self.entries)


def by_symbol(records: Iterable[OrderRecord]) -> dict[str, list[SymbolOrder]]:
    """The orders by the key of their symbol."""
    found: dict[str, list[SymbolOrder]] = {}
    for record in records:
        found.setdefault(symbol_key(record.symbol), []).append(SymbolOrder.from_record(record))
    return found


def read_orders(orders: Sequence[SymbolOrder], closing: Side) -> SymbolOrders:
    """Sort a symbol's orders for a position that is closed by `closing`.

    `orders` holds the living orders and, for legs, their family living or not (the parent, the
    other leg) and the orders they replaced: the replacement of a leg has no link to its parent.
    """
    family = Family.of(orders)
    pairs: dict[str, list[SymbolOrder]] = {}
    exits: list[SymbolOrder] = []
    entries: list[SymbolOrder] = []
    for item in (*orders, *family.unheard_of()):
        if not item.is_alive:
            continue
        if item.order.side is not closing:
            if item.parent is None:
                entries.append(item)
        elif item.parent is None and leaves_now(item.order):
            exits.append(item)
        else:
            pairs.setdefault(family.root(item), []).append(item)
    groups = [_group(key, members, family) for key, members in sorted(pairs.items())]
    return SymbolOrders(tuple(groups), tuple(exits), tuple(entries))


class Family(Struct, frozen=True):
    """Descent of orders: by broker id for replaced ones, by client id for legs."""

    by_id: Mapping[str, SymbolOrder]
    by_name: Mapping[str, SymbolOrder]

    @classmethod
    def of(cls, orders: Sequence[SymbolOrder]) -> Family:
        return cls({o.order.id: o for o in orders if o.order.id}, {o.name: o for o in orders})

    def unheard_of(self) -> Iterator[SymbolOrder]:
        """Stand-ins for orders of which only their predecessor tells: it was replaced elsewhere.

        They hold its shares, as orders in doubt do, until the broker was asked for them.
        """
        replaced = {item.order.replaces for item in self.by_name.values() if item.is_alive}
        for item in self.by_name.values():
            order = item.order
            successor = order.replaced_by if order.status is OrderStatus.REPLACED else None
            if successor and successor not in self.by_id and order.id not in replaced:
                yield replace(item, order=replace(order, status=OrderStatus.IN_DOUBT))

    def is_without_past(self, item: SymbolOrder) -> bool:
        """It took the place of an order that nobody here has seen."""
        return bool(item.order.replaces) and item.order.replaces not in self.by_id

    def target_index(self, item: SymbolOrder) -> int | None:
        """The target that the order serves by its own name, or by that of one it replaced."""
        known = (target_index(link.name) for link in self.chain(item))
        return next((number for number in known if number is not None), None)

    def root(self, item: SymbolOrder) -> str:
        """The client_order_id that the order's group is known by."""
        last = item
        for link in self.chain(item):
            last = link
            if link.parent:
                return self.root_of_name(link.parent)
        return last.name

    def root_of_name(self, name: str) -> str:
        parent = self.by_name.get(name)
        if parent is None or not parent.order.replaces:
            return name
        return list(self.chain(parent))[-1].name

    def latest(self, item: SymbolOrder) -> SymbolOrder:
        """The order's last successor, as far as known; itself if it was never replaced."""
        seen = {item.name}
        while (later := self.by_id.get(item.order.replaced_by or "")) and later.name not in seen:
            seen.add(later.name)
            item = later
        return item

    def chain(self, item: SymbolOrder) -> Iterator[SymbolOrder]:
        """The order and the ones it replaced, newest first."""
        seen: set[str] = set()
        current: SymbolOrder | None = item
        while current is not None and current.name not in seen:
            seen.add(current.name)
            yield current
            current = self.by_id.get(current.order.replaces or "")


def _group(key: str, members: Sequence[SymbolOrder], family: Family) -> ExitGroup:
    # While a replacement is in doubt both are there: the one that the broker knows counts.
    known_first = sorted(members, key=lambda m: m.order.status in ARRIVING)
    stop = next((m for m in known_first if m.is_stop), None)
    target = next((m for m in known_first if not m.is_stop), None)
    parent = family.by_name.get(key)
    armed = True
    if parent is not None and parent.order.order_class in (OrderClass.BRACKET, OrderClass.OTO):
        is_itself = any(m.name == key for m in members)
        armed = is_itself or family.latest(parent).order.status is OrderStatus.FILLED
    spare = tuple(m for m in known_first if m is not stop and m is not target)
    return ExitGroup(key, stop, target, armed, spare)
