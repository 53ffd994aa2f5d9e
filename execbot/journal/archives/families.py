"""Which orders belong together, and which of such families may leave the journal. Pure.

An order, its legs, what it replaced or was replaced by, and all orders of one plan or signal are
read and changed together: they stay in one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from execbot.model.enums import TERMINAL_STATUSES, OrderStatus


class Link(Struct, frozen=True, gc=False):
    """The ties of an order to others; `parent_id` is a client_order_id, `replaces` and
    `replaced_by` are the broker's ids."""

    client_order_id: str
    order_id: str = ""
    parent_id: str | None = None
    replaces: str | None = None
    replaced_by: str | None = None
    plan_id: str | None = None
    signal_id: str | None = None

    def names(self) -> list[str]:
        """Every name that a relative shares."""
        tied = [f"o:{self.client_order_id}"]
        tied += [f"b:{name}" for name in (self.order_id, self.replaces, self.replaced_by) if name]
        tied += [f"o:{self.parent_id}"] if self.parent_id else []
        tied += [f"p:{self.plan_id}"] if self.plan_id else []
        return [*tied, f"s:{self.signal_id}"] if self.signal_id else tied


class Member(Struct, frozen=True, gc=False):
    """An order of a family, with what decides whether it may leave. Moments are the journal's own
    texts, which sort in the order of time.

    `last_at` is the latest moment of anything about it: an event, a fill, a change of one.
    `fills` has the moment of each of its executions, by symbol.
    """

    link: Link
    status: str
    last_at: str
    has_alarm: bool = False
    is_inferred: bool = False
    fills: tuple[tuple[str, str], ...] = ()


def families(links: Iterable[Link]) -> list[list[Link]]:
    """Those that are tied to each other, directly or through others; in the order given."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    links = list(links)
    for link in links:
        first, *others = link.names()
        for other in others:
            root[find(other)] = find(first)
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(find(link.names()[0]), []).append(link)
    return list(found.values())


def may_leave(family: Iterable[Member], before: str, flat_before: Mapping[str, str]) -> bool:
    """No order of the family is open, recent, or waits for a person, and no fill of it belongs to a
    position that was still held at `before`.

    `flat_before` has by symbol the last moment, `before` at most, at which the account held none of
    it; a symbol without one has been held from its first fill on.
    """
    return all(_is_past(member, before, flat_before) for member in family)


def _is_past(member: Member, before: str, flat_before: Mapping[str, str]) -> bool:
    if OrderStatus.parse(member.status) not in TERMINAL_STATUSES:
        return False
    if member.has_alarm or member.is_inferred or member.last_at >= before:
        return False
    return all(symbol in flat_before and at < flat_before[symbol] for symbol, at in member.fills)
