"""How a contract stands by the plan of its structure: one answer for every surface. Pure.

What counts as protected is decided here and nowhere else: the screen of `watch`, its core, and what
reads the journal without one (`exits/protection.py`) ask `standing_of`, and turn its answer into
words by the same rule (`exits/rules/guard.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from execbot.exits.structures.plan import StructurePlan
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import option_contract

NOBODY_LOOKS = "no `watch` looks after its exits"


class StructureStanding(Struct, frozen=True):
    """One contract's part in it. `plan` is None where none names the contract; `trouble` says why
    the plan's stop is not kept, empty while it is. `has_others`: other contracts of its underlying
    are held, so that it is not to be sold alone. `bare` are contracts of it, unsigned, that a plan
    over a part does not keep."""

    plan: StructurePlan | None = None
    trouble: str = ""
    has_others: bool = False
    bare: Decimal = ZERO

    @property
    def is_kept(self) -> bool:
        """A stop was given, the legs stand as the plan says, and somebody looks."""
        return self.plan is not None and self.plan.has_stop and not self.trouble


def standing_of(
    symbol: str,
    plans: Iterable[StructurePlan],
    held: Mapping[str, Decimal],
    *,
    is_looked_after: bool,
) -> StructureStanding:
    """`held` are the contracts of the account, signed; `is_looked_after`: a `watch` keeps the exits
    of structures."""
    contract = option_contract(symbol)
    if contract is None:
        return StructureStanding()
    others = any(
        name != symbol and qty and (other := option_contract(name)) is not None
        and other.root == contract.root
        for name, qty in held.items()
    )  # fmt: skip
    plan = next((one for one in plans if symbol in one.ratios), None)
    if plan is None:
        return StructureStanding(has_others=others)
    trouble = _trouble(plan, held, is_looked_after)
    return StructureStanding(plan, trouble, others, _bare(plan, symbol, held))


def _bare(plan: StructurePlan, symbol: str, held: Mapping[str, Decimal]) -> Decimal:
    units = plan.units_in(held)
    if plan.units is None or units is None:
        return ZERO
    return abs(held.get(symbol, ZERO) - plan.quantities(units)[symbol])


def _trouble(plan: StructurePlan, held: Mapping[str, Decimal], is_looked_after: bool) -> str:
    if not is_looked_after:
        return NOBODY_LOOKS
    if plan.units_in(held) is not None:
        return ""
    legs = ", ".join(f"{text(held.get(s, ZERO))} {s}" for s in sorted(plan.ratios))
    return f"its legs do not stand as its plan says: {legs}"


def how_to_protect(symbol: str, standing: StructureStanding) -> str:
    """The command that gives it exits, or has those that it has kept."""
    contract = option_contract(symbol)
    if contract is None or (standing.plan is None and not standing.has_others):
        return f"execbot protect {symbol}"
    if standing.plan is not None and standing.trouble == NOBODY_LOOKS:
        return "execbot watch"
    return f"execbot option protect {contract.root} --stop PRICE"
