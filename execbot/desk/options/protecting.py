"""A stop and a target for what stands together: on its net price, or on the underlying's price.

No broker holds such exits: a running `watch` keeps them and closes the structure as one order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.errors import DeskError
from execbot.desk.look.protection import protection_of
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.desk.options.held_apart import one_of
from execbot.desk.options.structures import NoStructure, Structure, structure_of
from execbot.desk.protect import watched_by
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.view import WORST_FIRST, Guarded
from execbot.exits.store import change_plan, plan_of
from execbot.exits.structures.asked import refuse_unreachable
from execbot.exits.structures.plan import (
    StructurePlan,
    UnderlyingStop,
    end_structures,
    keep_together,
    save_structure,
    structure_plans,
)
from execbot.model.amounts import money_words, price_words
from execbot.model.numbers import text
from execbot.model.options.contract import is_plain_root
from execbot.model.options.structure import LEGS_MAX, LEGS_MIN


class BadStructureExits(DeskError):
    kind = "exits.structure"
    hint = "At a stop the structure is worth less than now, at a target more."
    next_step = "See what it is worth: execbot option held"


class StructureExits(Struct, frozen=True):
    """What is in force. `warnings` say what keeps it from being kept."""

    structure: Structure
    plan: StructurePlan
    warnings: list[str] = []


class Levels(Struct, frozen=True):
    """Net prices are unsigned, as people say them: what it is worth, or what buying back costs."""

    stop: Decimal | None = None
    target: Decimal | None = None
    underlying_stop: Decimal | None = None


@carried_out(CommandStep.PLAN, CommandStep.DECISION)
def protect_structure(
    desk: Desk, names: Sequence[str], levels: Levels, units: int | None = None
) -> StructureExits:
    """Put the levels in force, in the place of those before; `units`: for so many alone. Raises
    NoStructure, BadStructureExits, LevelError, BrokerError."""
    what = "protect SYMBOL SYMBOL --stop PRICE"
    structure = one_of(desk, names, structure_of(desk, names), what)
    if len(structure.positions) > LEGS_MAX:
        raise BadStructureExits(
            f"{len(structure.positions)} contracts of {structure.underlying} are held: "
            f"name at most {LEGS_MAX} that belong together"
        )
    if units is not None and units > structure.units:
        error = BadStructureExits(
            f"you hold {structure.units} of {structure.underlying}'s structure; {units} is too many"
        )
        error.hint = "--qty counts its units; without it the exits are for all of them."
        raise error
    paid = structure.paid
    worth = structure.worth
    if paid is None or worth is None:
        raise BadStructureExits("the broker gives no price for one of the contracts")
    sign = -1 if paid < 0 else 1
    stop = None if levels.stop is None else levels.stop * sign
    target = None if levels.target is None else levels.target * sign
    _check(stop, target, worth)
    ratios = {p.symbol: p.qty / structure.units for p in structure.positions}
    refuse_unreachable(ratios, stop, target)
    _end_own_plans(desk, structure)
    now = desk.now()
    plan = StructurePlan(
        plan_id=f"structure-{int(now.timestamp() * 1000):012x}{os.urandom(4).hex()}",
        underlying=structure.underlying,
        ratios=ratios,
        created_at=now,
        entry_net=paid,
        stop_net=stop,
        target_net=target,
        underlying_stop=_underlying_stop(desk, structure, levels.underlying_stop),
        units=None if units is None else Decimal(units),
    )
    save_structure(desk.journal, plan, now)
    return StructureExits(structure, plan, [*_unwatched(desk), *_could_stand(structure, levels)])


@carried_out(CommandStep.DECISION)
def stand_together(desk: Desk, names: Sequence[str]) -> Structure:
    """Say that these contracts are one structure, however they were opened: shown, closed and
    reported as one. Raises NoStructure, BadStructureExits, BrokerError."""
    structure = structure_of(desk, names)
    contracts = {p.symbol for p in structure.positions}
    if not LEGS_MIN <= len(contracts) <= LEGS_MAX:
        raise NoStructure(
            f"a structure is {LEGS_MIN} to {LEGS_MAX} contracts, named: {len(contracts)}"
        )
    for plan in structure_plans(desk.journal, desk.now()):
        if contracts & {*plan.ratios} and contracts != {*plan.ratios}:
            error = BadStructureExits(f"{', '.join(sorted(plan.ratios))} have exits as one")
            error.hint = "A contract that leaves its structure would leave its exits behind."
            error.next_step = f"Take them off: execbot option protect {plan.underlying} --off"
            raise error
    with desk.journal.transaction():
        keep_together(desk.journal, contracts, desk.now())
    return structure


@carried_out(CommandStep.PLAN, CommandStep.DECISION)
def unprotect_structure(desk: Desk, names: Sequence[str]) -> StructureExits:
    """Take the levels out of force. Raises NoStructure, BadStructureExits."""
    structure = structure_of(desk, names)
    held = {p.symbol for p in structure.positions}
    plans = [p for p in structure_plans(desk.journal, desk.now()) if held & set(p.ratios)]
    if not plans:
        raise BadStructureExits(f"{', '.join(sorted(held))}: no exits are in force")
    end_structures(desk.journal, [p.plan_id for p in plans], "by hand", desk.now())
    return StructureExits(structure, plans[-1], ["It has no stop now."])


class Kept(Struct, frozen=True):
    """How a structure stands: as the contract of it does that stands worst. `plans` are those that
    rule its contracts; `missing` says what was promised and is not there."""

    guarded: Guarded
    plans: Sequence[StructurePlan] = ()
    missing: str = ""

    @property
    def is_part(self) -> bool:
        """Its exits stand, and are not for all of it."""
        is_kept = self.guarded is Guarded.NO_PLAN and not self.missing
        return is_kept and any(plan.units is not None for plan in self.plans)

    def to_dict(self) -> dict[str, object]:
        return {
            "exits": self.plans[0].shown() if self.plans else None,
            "guarded": self.guarded,
            "missing": self.missing or None,
        }


def kept(desk: Desk, structures: Sequence[Structure]) -> list[Kept]:
    """How each structure is protected, as every command shows it. Raises BrokerError."""
    protected = {one.symbol: one for one in protection_of(desk)}
    found = []
    for structure in structures:
        legs = [protected[p.symbol] for p in structure.positions if p.symbol in protected]
        plans = {p.plan_id: p for one in legs if (p := one.structure_plan) is not None}
        states = {one.state for one in legs} or {Guarded.NO_PLAN}
        missing = dict.fromkeys(one.missing for one in legs if one.missing)
        worst = next(state for state in WORST_FIRST if state in states)
        found.append(Kept(worst, list(plans.values()), "; ".join(missing)))
    return found


def _end_own_plans(desk: Desk, structure: Structure) -> None:
    """End the plans of single contracts, which could sell one leg alone: a plan in force must be
    taken off first, one that was suspended ends here. Raises BadStructureExits."""
    if len(structure.positions) < 2:
        return
    plans = [plan for p in structure.positions if (plan := plan_of(desk.journal, p.symbol))]
    in_force = [plan.symbol for plan in plans if plan.status is not PlanStatus.SUSPENDED]
    if in_force:
        error = BadStructureExits(f"{', '.join(in_force)} has exits of its own, for one leg alone")
        error.next_step = f"Take them off: execbot cancel-all --symbol {in_force[0]}"
        raise error
    now, note = desk.now(), "kept with its structure"
    for plan in plans:
        change_plan(
            desk.journal,
            plan.plan_id,
            lambda old: old.changed(now, status=PlanStatus.CLOSED, note=note),
        )


def _check(stop: Decimal | None, target: Decimal | None, worth: Decimal) -> None:
    """Raise BadStructureExits for a level that would be reached at once, or that cannot be
    meant."""
    shown = f"it is worth {money_words(abs(worth))} now"
    if stop is not None and stop >= worth:
        raise BadStructureExits(
            f"the stop at {money_words(abs(stop))} would be taken at once: {shown}"
        )
    if target is not None and target <= worth:
        level = money_words(abs(target))
        raise BadStructureExits(f"the target at {level} would be taken at once: {shown}")


def _underlying_stop(
    desk: Desk, structure: Structure, price: Decimal | None
) -> UnderlyingStop | None:
    """Which side of it the underlying is on now says from where it is reached."""
    if price is None:
        return None
    stock = structure.underlying
    if not is_plain_root(stock):  # of contracts that a corporate action has changed
        stock = desk.client.get_contract(structure.positions[0].symbol).underlying
    trade = desk.client.latest_trade(stock)
    if trade is None or trade.price == price:
        raise BadStructureExits(f"{stock} stands at {price_words(price)}, or has no price")
    return UnderlyingStop(price, is_below=price < trade.price)


def _could_stand(structure: Structure, levels: Levels) -> list[str]:
    """One contract with a stop of its own: the broker would hold it."""
    if len(structure.positions) > 1 or levels.stop is None:
        return []
    command = f"execbot protect {structure.positions[0].symbol} --stop {text(levels.stop)}"
    return [f"`watch` alone keeps this stop. The broker would hold it by: {command}"]


def _unwatched(desk: Desk) -> list[str]:
    if watched_by(desk) is not None:
        return []
    return ["No `watch` runs: nobody keeps these exits until one does. Start: execbot watch"]
