"""Exits that go with the order that opens a structure: from words to net levels. Pure.

Prices are said without a sign, distances are measured from the order's limit: of a debit of 1.20 a
stop of 50% is 0.60, of a credit of 1.20 a stop of 100% is to buy it back at 2.40.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from execbot.exits.levels import (
    LevelError,
    LevelFacts,
    LevelKind,
    LevelSpec,
    naming,
    stop_price,
    target_price,
)
from execbot.exits.plan.wishes import Wishes
from execbot.exits.structures.plan import StructurePlan
from execbot.model.amounts import money_words
from execbot.model.enums import PositionSide
from execbot.model.numbers import CENT
from execbot.model.options.spreads import underlying_of
from execbot.model.options.structure import Holding, worst_value
from execbot.model.order import OrderRequest
from execbot.model.symbols import OPTION_MULTIPLIER, option_contract

PLAN_OF_ENTRY = "structure-"
"""Begins the name of a plan that came with an order; the client_order_id follows."""

_MEASURED = frozenset({LevelKind.PRICE, LevelKind.PERCENT, LevelKind.OFFSET, LevelKind.R_MULTIPLE})
_NETS = LevelFacts(tick=CENT)


def plan_of_entry(request: OrderRequest, wishes: Wishes, now: datetime) -> StructurePlan:
    """What keeps the structure from its first fill on. Raises LevelError where a level makes no
    sense for it."""
    net = request.limit_price
    if not net:
        raise LevelError(
            "exits.no_net_price",
            "a net price of 0 does not say whether its exits lie above or below",
            "Exits are measured from a debit or from a credit.",
            "Leave them out; once it has filled: execbot option protect",
        )
    if len(wishes.targets) > 1:
        raise LevelError(
            "exits.one_target",
            f"a structure has one target, {len(wishes.targets)} were given",
            "It is closed as one order.",
            "Give --take-profit once.",
        )
    ratios = {leg.symbol: Decimal(leg.signed) for leg in request.spread}
    stop, target = _levels(net, wishes)
    refuse_unreachable(ratios, stop, target)
    name = request.client_order_id
    return StructurePlan(
        plan_id=f"{PLAN_OF_ENTRY}{name}",
        underlying=underlying_of(request),
        ratios=ratios,
        created_at=now,
        entry_net=net,
        stop_net=stop,
        target_net=target,
        entry=name,
    )


def _levels(net: Decimal, wishes: Wishes) -> tuple[Decimal | None, Decimal | None]:
    """Signed, as what the structure is worth."""
    sign = 1 if net > 0 else -1
    side, entry = (PositionSide.LONG if net > 0 else PositionSide.SHORT), abs(net)
    stop = target = None
    if wishes.stop is not None:
        _refuse_unmeasured("stop", wishes.stop)
        with naming("stop", wishes.stop):
            stop = stop_price(wishes.stop, side, entry, _NETS)
    for spec, _ in wishes.targets:
        _refuse_unmeasured("target", spec)
        with naming("target", spec):
            target = target_price(spec, side, entry, stop=stop, facts=_NETS)
    return (None if stop is None else stop * sign), (None if target is None else target * sign)


def _refuse_unmeasured(name: str, spec: LevelSpec) -> None:
    if spec.kind not in _MEASURED:
        raise LevelError(
            "exits.structure_level",
            f"the {name} of a structure was {spec.words}",
            "The true range and the key levels are of shares.",
            f"Give the {name} as a net price (0.60), or as a distance (50%, 0.30USD).",
        )


def refuse_unreachable(
    ratios: Mapping[str, Decimal], stop: Decimal | None, target: Decimal | None
) -> None:
    """Raise LevelError for a level beyond the least or the most that exercise could make of one
    unit: nobody would ever be there, and the slip (60 for 0.60) would look like a stop."""
    least, most = _bounds(ratios)
    if stop is not None and least is not None and stop < least:
        raise _never("stop", stop, least)
    if target is not None and most is not None and target > most:
        raise _never("target", target, most)


def _never(name: str, level: Decimal, bound: Decimal) -> LevelError:
    return LevelError(
        "exits.unreachable",
        f"the {name} at {money_words(abs(level))} would never be reached",
        f"The net price of one unit goes no further than {money_words(abs(bound))}.",
        f"Give the {name} as the net price of one unit a share.",
    )


def _bounds(ratios: Mapping[str, Decimal]) -> tuple[Decimal | None, Decimal | None]:
    """The least and the most that one unit can be worth a share; None: without end, or unknown."""
    held = [
        Holding(contract, qty)
        for symbol, qty in ratios.items()
        if (contract := option_contract(symbol)) is not None
    ]
    if len({item.contract.expires for item in held}) != 1:
        return None, None  # of several days what lives longer has a time value beyond it
    least = worst_value(held)
    most = worst_value([Holding(item.contract, -item.qty) for item in held])
    return (
        None if least is None else least / OPTION_MULTIPLIER,
        None if most is None else -most / OPTION_MULTIPLIER,
    )
