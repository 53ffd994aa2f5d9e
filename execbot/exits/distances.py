"""How far stop and targets lie from the entry: in percent, in R, and in dollars."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.exits.levels import LevelError, r_multiple
from execbot.exits.plan.plan import ExitPlan, priced
from execbot.model.amounts import price_words
from execbot.model.enums import PositionSide
from execbot.model.numbers import CENT, ZERO, maybe_text, text
from execbot.model.symbols import OPTION_MULTIPLIER, multiplier_of

if TYPE_CHECKING:
    from execbot.exits.structures.plan import StructurePlan

HUNDRED = Decimal(100)


class Distance(Struct, frozen=True):
    """One level. A gain counts positive, a loss negative.

    `pct` is of the entry price; `r` in multiples of the risk first taken, None without a stop;
    `usd` for the shares or contracts that it takes, None while their number is not known. `symbol`
    is what the price is of; of a structure one of its contracts.
    """

    level: str
    asked: str
    price: Decimal
    pct: Decimal
    r: Decimal | None
    usd: Decimal | None
    symbol: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "asked": self.asked,
            "price": text(self.price),
            "pct": text(self.pct),
            "r": maybe_text(self.r),
            "usd": maybe_text(self.usd),
        }

    def words(self) -> str:
        """`stop 147.98 (2%): -2 %, -1R, 30.20 USD at risk`."""
        asked = f" ({self.asked})" if self.asked not in ("", text(self.price)) else ""
        parts = [f"{text(self.pct)} %"]
        if self.r is not None:
            parts.append(f"{text(self.r)}R")
        if self.usd is not None:
            parts.append(_dollars(self.usd))
        return f"{self.level} {price_words(self.price, self.symbol)}{asked}: {', '.join(parts)}"


def _dollars(usd: Decimal) -> str:
    return f"{-usd:,} USD at risk" if usd < 0 else f"{usd:,} USD gained"


def distances_of(
    plan: ExitPlan, entry: Decimal | None, qty: Decimal | None, now: datetime
) -> tuple[Distance, ...]:
    """Of the stop, then of each target that is not taken; `entry` stands in until the plan has an
    entry price of its own. Empty while no price is known. `qty` is that of the position."""
    shown, price = plan, plan.entry_price or entry
    if not price:
        return ()
    if plan.entry_price is None:
        with suppress(LevelError):
            shown = priced(plan, price, now)
    size = None if qty is None else abs(qty) * multiplier_of(plan.symbol)
    found: list[Distance] = []
    if shown.stop.price is not None:
        asked = shown.stop.spec or shown.stop.trail
        words = "" if asked is None else str(asked)
        found.append(_distance("stop", words, shown.stop.price, shown, price, size))
    for number, target in enumerate(shown.targets, start=1):
        if target.price is None or target.done:
            continue
        name = "target" if len(shown.targets) == 1 else f"target {number}"
        part = None if size is None else size * target.weight / HUNDRED
        found.append(_distance(name, str(target.spec), target.price, shown, price, part))
    return tuple(found)


def distances_of_structure(
    plan: StructurePlan, entry: Decimal | None, qty: Decimal | None
) -> tuple[Distance, ...]:
    """The same of net levels; prices without a sign, as people say them. `entry` is signed. R of a
    structure is its largest loss, which no level moves: none is told here."""
    net = entry or plan.entry_net
    if not net:
        return ()
    side = PositionSide.LONG if net > 0 else PositionSide.SHORT
    size = None if qty is None else abs(qty) * OPTION_MULTIPLIER
    levels = (("stop", plan.stop_net), ("target", plan.target_net))
    return tuple(
        _measured(name, "", abs(at), side, abs(net), None, size, min(plan.ratios))
        for name, at in levels
        if at is not None
    )


def _distance(
    name: str,
    asked: str,
    at: Decimal,
    plan: ExitPlan,
    entry: Decimal,
    qty: Decimal | None,
) -> Distance:
    return _measured(name, asked, at, plan.side, entry, plan.stop.initial, qty, plan.symbol)


def _measured(
    name: str,
    asked: str,
    at: Decimal,
    side: PositionSide,
    entry: Decimal,
    stop: Decimal | None,
    qty: Decimal | None,
    symbol: str,
) -> Distance:
    won = at - entry if side is PositionSide.LONG else entry - at
    r = r_multiple(side, entry, stop, at)
    return Distance(
        name,
        asked,
        at,
        _cents(won / entry * HUNDRED),
        None if r is None else _cents(r),
        None if qty is None else _cents(won * qty),
        symbol,
    )


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_EVEN) + ZERO
