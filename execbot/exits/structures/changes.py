"""Exits of structures follow when a corporate action has made their contracts into others.

Their legs become others one row after the other. A plan follows when all of its legs have, in one
step; until then it sleeps, since neither the old symbols nor the new ones are the whole structure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.structures.plan import (
    StructurePlan,
    UnderlyingStop,
    end_structures,
    replace_structure,
)
from execbot.exits.structures.plan import structure_plans as plans_of
from execbot.journal.journal import Journal
from execbot.model.numbers import maybe_decimal, text
from execbot.model.options.changed import ContractChange
from execbot.model.symbols import option_contract
from execbot.model.times import iso, parse_time

CHANGED_KEY = "options:changed"
"""Meta: of each contract that became another `[new, count, when]`."""

BOOKED_BY = timedelta(seconds=1)
"""A plan that follows is younger than the bookings of the change, which lie microseconds apart."""


def structures_follow(journal: Journal, change: ContractChange, now: datetime) -> None:
    """Keep the change, and have every plan follow whose legs are complete by it. Call it in the
    transaction that books the change. Raises JournalError."""
    kept = journal.meta_get(CHANGED_KEY)
    known = dict(kept) if isinstance(kept, dict) else {}
    known[change.old] = [change.new, text(change.count), iso(now)]
    journal.meta_set(CHANGED_KEY, known)
    plans = plans_of(journal, now)
    for plan in plans:
        new = followed(plan, changes_since(journal, plan.created_at), now)
        if new is None:
            continue
        if any(
            other.plan_id != plan.plan_id and {*other.ratios} & {*new.ratios} for other in plans
        ):
            end_structures(journal, [plan.plan_id], "exits were given anew", now)
        else:
            replace_structure(journal, plan, new, str(change), now)


def changes_since(journal: Journal, moment: datetime) -> Mapping[str, ContractChange]:
    """Those that were booked since a moment, by the old symbol."""
    kept = journal.meta_get(CHANGED_KEY)
    found = {}
    for old, row in (kept if isinstance(kept, dict) else {}).items():
        match row:
            case [str(new), str(count), str(at)]:
                when, many = parse_time(at), maybe_decimal(count)
                if when is not None and many and when >= moment:
                    found[str(old)] = ContractChange(str(old), new, many)
    return found


def followed(
    plan: StructurePlan, changes: Mapping[str, ContractChange], now: datetime
) -> StructurePlan | None:
    """The plan over what its legs have become; None as long as one of them has not.

    Where each contract became several, a unit of them is worth as much less. A price of the
    underlying is known to have moved by the same ratio then; for an adjusted contract it is not
    known by what, and that stop is dropped.
    """
    legs = [changes.get(symbol) for symbol in plan.ratios]
    known = [leg for leg in legs if leg is not None]
    counts = {leg.count for leg in known}
    if not known or len(known) < len(legs) or len(counts) != 1:
        return None
    [count] = counts

    def level(value: Decimal | None) -> Decimal | None:
        return None if value is None else value / count

    stop = plan.underlying_stop
    is_kept = stop is not None and not known[0].is_adjusted
    first = option_contract(known[0].new)
    return replace(
        plan,
        underlying=plan.underlying if first is None else first.root,
        ratios={leg.new: plan.ratios[leg.old] for leg in known},
        created_at=now + BOOKED_BY,
        entry_net=level(plan.entry_net),
        stop_net=level(plan.stop_net),
        target_net=level(plan.target_net),
        units=None if plan.units is None else plan.units * count,
        spare={leg.new: plan.spare[leg.old] * count for leg in known if leg.old in plan.spare},
        underlying_stop=(
            UnderlyingStop(stop.price / count, stop.is_below) if stop and is_kept else None
        ),
    )


def is_asleep(
    plan: StructurePlan,
    booked: Mapping[str, ContractChange],
    pending: Iterable[ContractChange],
    held: Mapping[str, Decimal],
) -> bool:
    """Whether some of its legs have become others, or seem to have, and not all are booked: neither
    the old ones nor the new ones are its structure then. `booked` are the changes since it began,
    `held` what is held, with what seems to have changed as the broker shows it."""
    waiting = {change.old for change in pending}
    if waiting & set(plan.ratios):
        return True
    left = [symbol for symbol in plan.ratios if symbol not in booked]
    return len(left) < len(plan.ratios) and any(held.get(symbol) for symbol in left)
