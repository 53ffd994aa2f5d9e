"""Which contracts of one underlying stand together: what one plan keeps, or one order opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec.structs import replace

from execbot.desk.account import Desk
from execbot.desk.look.freshen import freshen
from execbot.desk.options import structures
from execbot.desk.options.structures import NoStructure, Structure
from execbot.exits.structures.plan import kept_together, structure_plans
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.enums import OrderClass
from execbot.model.symbols import option_contract


def shown(desk: Desk) -> tuple[list[Structure], list[str]]:
    """All structures, each by itself, after a look at the broker; and what of it may be old."""
    warnings = freshen(desk)
    return [part for one in structures.held(desk) for part in apart(desk, one)], warnings


def apart(desk: Desk, structure: Structure) -> list[Structure]:
    """Its structures, each by itself. Contracts that were bought or sold one by one, and that no
    plan keeps, are taken as one, since nothing says which of them belong together."""
    held = {position.symbol: position for position in structure.positions}
    groups: list[set[str]] = []
    for symbols in (*_planned(desk), *_named(desk, structure), *_opened(desk, structure)):
        together = symbols & set(held)
        touched = [group for group in groups if group & together]
        if together:
            groups = [group for group in groups if group not in touched]
            groups.append(together.union(*touched))
    rest = set(held).difference(*groups)
    return [
        replace(structure, positions=[held[symbol] for symbol in sorted(group)])
        for group in sorted([*groups, *([rest] if rest else [])], key=min)
    ]


def _planned(desk: Desk) -> Iterator[set[str]]:
    for plan in structure_plans(desk.journal, desk.now()):
        yield set(plan.ratios)


def _named(desk: Desk, structure: Structure) -> Iterator[set[str]]:
    """What a plan has kept as one since it is held, though that may be over."""
    found: dict[tuple[frozenset[str], datetime], set[str]] = {}
    for position in structure.positions:
        known = desk.journal.position(position.symbol)
        since = None if known is None else known.opened_at
        names = kept_together(desk.journal, position.symbol)
        if names and (since is None or names[-1][1] >= since):
            found.setdefault(names[-1], set()).add(position.symbol)
    yield from found.values()


def _opened(desk: Desk, structure: Structure) -> Iterator[set[str]]:
    """The legs that one order opened of what is held now."""
    held = {position.symbol: position for position in structure.positions}
    parents: dict[str, set[str]] = {}
    for symbol, position in held.items():
        known = desk.journal.position(symbol)
        since = known.opened_at if known is not None else None
        for leg in desk.journal.orders(symbol=symbol):
            if leg.parent_id is not None and _opens(leg, position, since):
                parents.setdefault(leg.parent_id, set()).add(symbol)
    yield from parents.values()


def _opens(leg: OrderRecord, position: Position, since: datetime | None) -> bool:
    """It has filled since the position began. A roll closes what was before with its other legs."""
    order = leg.order
    if order.order_class is not OrderClass.MLEG or not order.filled_qty:
        return False
    is_since = since is None or order.filled_at is None or order.filled_at >= since
    return is_since and order.side.sign * position.qty > 0


def one_of(desk: Desk, names: Sequence[str], structure: Structure, what: str) -> Structure:
    """The structure that is meant, where only the underlying was named. Raises NoStructure where
    that may be one of several; `what` is the command that names one."""
    found = apart(desk, structure)
    if len(found) == 1 or any(option_contract(name) is not None for name in names):
        return structure
    each = "; ".join(" ".join(p.symbol for p in one.positions) for one in found)
    error = NoStructure(f"{len(found)} structures of {structure.underlying} are held: {each}")
    error.hint = "Which one is meant is not said. All of their contracts may be named as one."
    error.next_step = f"Name its contracts: execbot option {what}"
    raise error
