"""Exit levels of a structure of contracts: values, and how the journal keeps them.

A structure is one to four contracts of one underlying. Net prices are those of one unit a share,
signed: what it is worth. One that was bought is worth above 0, one that was sold below: what buying
it back costs. So for both a stop stands below the present worth and a target above.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.journal import Journal
from execbot.journal.ledgers import TOGETHER
from execbot.model.amounts import money_words, price_words
from execbot.model.numbers import ZERO, maybe_decimal, maybe_text, text
from execbot.model.times import iso, parse_time

STRUCTURES_KEY = "options:structures"


class UnderlyingStop(Struct, frozen=True):
    """The price of the underlying at which it is left: at or below it, or at or above it."""

    price: Decimal
    is_below: bool

    def is_reached(self, price: Decimal) -> bool:
        return price <= self.price if self.is_below else price >= self.price


class StructurePlan(Struct, frozen=True):
    """`ratios` are contracts of one unit, signed, by symbol. None: no such level. `entry` is the
    client_order_id of the order that opens it, empty once that has ended.

    `units` is a part of what is held, None: all of it. What is sold otherwise is taken from the
    rest first. Once the part is being left the rest is fixed: `spare`, signed, by symbol.
    """

    plan_id: str
    underlying: str
    ratios: Mapping[str, Decimal]
    created_at: datetime
    entry_net: Decimal | None = None
    stop_net: Decimal | None = None
    target_net: Decimal | None = None
    underlying_stop: UnderlyingStop | None = None
    entry: str = ""
    units: Decimal | None = None
    spare: Mapping[str, Decimal] = {}

    @property
    def has_stop(self) -> bool:
        """A target alone protects nothing."""
        return self.stop_net is not None or self.underlying_stop is not None

    def units_in(self, held: Mapping[str, Decimal]) -> Decimal | None:
        """How many units are held of it; None where the legs do not stand as they should."""
        counts = {self._own(held, symbol) / ratio for symbol, ratio in self.ratios.items()}
        if self.units is not None:
            return self._part(counts)
        count = counts.pop()
        return None if counts or count < 0 else count

    def _own(self, held: Mapping[str, Decimal], symbol: str) -> Decimal:
        return held.get(symbol, ZERO) - self.spare.get(symbol, ZERO)

    def _part(self, counts: Collection[Decimal]) -> Decimal | None:
        """Whole units as far as the scarcest leg goes. More was sold than there was to spare."""
        least = min(counts) if not self.spare else max(min(counts), ZERO)
        if not any(counts) or (self.spare and least < 1):
            return ZERO
        whole = least.to_integral_value(ROUND_FLOOR)
        assert self.units is not None
        return min(self.units, whole) if whole >= 1 else None

    def quantities(self, units: Decimal) -> dict[str, Decimal]:
        """Contracts of so many units, signed."""
        return {symbol: ratio * units for symbol, ratio in self.ratios.items()}

    def left_alone(self, held: Mapping[str, Decimal], units: Decimal) -> StructurePlan:
        """The same, of a part that is left now: what else is held stays, whatever fills when."""
        if self.units is None or self.spare:
            return self
        part = self.quantities(units)
        spare = {symbol: held.get(symbol, ZERO) - qty for symbol, qty in part.items()}
        return replace(self, units=units, spare=spare)

    def worth(self, middles: Mapping[str, Decimal]) -> Decimal | None:
        """Of one unit a share; None where a contract has no price."""
        if any(symbol not in middles for symbol in self.ratios):
            return None
        return sum((q * middles[s] for s, q in self.ratios.items()), Decimal(0))

    def due(self, worth: Decimal | None, underlying: Decimal | None) -> str:
        """Why it must be left now, as a slug; empty while nothing is reached."""
        stop = self.underlying_stop
        if stop is not None and underlying is not None and stop.is_reached(underlying):
            return "underlying_stop"
        if worth is None:
            return ""
        if self.stop_net is not None and worth <= self.stop_net:
            return "stop"
        if self.target_net is not None and worth >= self.target_net:
            return "target"
        return ""

    @property
    def levels(self) -> str:
        """`net stop 0.60, net target 3.50, left when AAPL is at 231.00`; net prices unsigned, as
        people say them."""
        found = (("stop", self.stop_net), ("target", self.target_net))
        said = [f"net {word} {money_words(abs(net))}" for word, net in found if net is not None]
        if self.underlying_stop is not None:
            said.append(
                f"left when {self.underlying} is at {price_words(self.underlying_stop.price)}"
            )
        levels = ", ".join(said)
        return levels if self.units is None else f"{text(self.units)} of them: {levels}"

    def shown(self) -> dict[str, Any]:
        """As the answers of commands say it."""
        stop = self.underlying_stop
        return {
            "plan_id": self.plan_id,
            "legs": sorted(self.ratios),
            "units": self.units,
            "stop_net": self.stop_net,
            "target_net": self.target_net,
            "underlying_stop": None if stop is None else stop.price,
            "held_by": "watch",
        }

    def to_json(self) -> dict[str, Any]:
        stop = self.underlying_stop
        return {
            "underlying": self.underlying,
            "ratios": {symbol: text(qty) for symbol, qty in self.ratios.items()},
            "created_at": iso(self.created_at),
            "entry_net": maybe_text(self.entry_net),
            "stop_net": maybe_text(self.stop_net),
            "target_net": maybe_text(self.target_net),
            "underlying_stop": None if stop is None else text(stop.price),
            "underlying_is_below": None if stop is None else stop.is_below,
            "entry": self.entry,
            "units": maybe_text(self.units),
            "spare": {symbol: text(qty) for symbol, qty in self.spare.items()},
        }

    @classmethod
    def from_json(cls, plan_id: str, data: Mapping[str, Any], now: datetime) -> StructurePlan:
        price = maybe_decimal(data.get("underlying_stop"))
        ratios = data.get("ratios") or {}
        found = {str(s): maybe_decimal(q) or Decimal(1) for s, q in ratios.items()}
        return cls(
            plan_id,
            str(data.get("underlying") or ""),
            found,
            parse_time(data.get("created_at")) or now,
            maybe_decimal(data.get("entry_net")),
            maybe_decimal(data.get("stop_net")),
            maybe_decimal(data.get("target_net")),
            None if price is None else UnderlyingStop(price, bool(data.get("underlying_is_below"))),
            str(data.get("entry") or ""),
            maybe_decimal(data.get("units")),
            {str(s): maybe_decimal(q) or ZERO for s, q in (data.get("spare") or {}).items()},
        )


def structure_plans(journal: Journal, now: datetime) -> list[StructurePlan]:
    """All that are in force, oldest first."""
    kept = journal.meta_get(STRUCTURES_KEY)
    if not isinstance(kept, dict):
        return []
    return [StructurePlan.from_json(name, data, now) for name, data in kept.items()]


def save_structure(journal: Journal, plan: StructurePlan, now: datetime) -> None:
    """In force from now on, in the place of every other one that shares a contract with it."""
    with journal.transaction():
        kept = journal.meta_get(STRUCTURES_KEY)
        plans = dict(kept) if isinstance(kept, dict) else {}
        for name in _sharing(plans, plan.ratios):
            del plans[name]
        journal.meta_set(STRUCTURES_KEY, {**plans, plan.plan_id: plan.to_json()})
        journal.audit("option", plan.plan_id, "protect", plan.to_json(), "saved", now)
        keep_together(journal, plan.ratios, now)


def replace_structure(
    journal: Journal, plan: StructurePlan, new: StructurePlan, why: str, now: datetime
) -> None:
    """Under the same name from now on; for what it is over its contracts have become. Nothing is
    written where they have become something else since `plan` was read: the next look reads it."""
    with journal.transaction():
        kept = journal.meta_get(STRUCTURES_KEY)
        plans = dict(kept) if isinstance(kept, dict) else {}
        if {*(plans.get(plan.plan_id) or {}).get("ratios", ())} == {*plan.ratios}:
            journal.meta_set(STRUCTURES_KEY, {**plans, plan.plan_id: new.to_json()})
            if {*new.ratios} != {*plan.ratios}:
                keep_together(journal, new.ratios, new.created_at)
            journal.audit("option", plan.plan_id, "protect", new.to_json(), f"followed: {why}", now)


def keep_together(journal: Journal, contracts: Iterable[str], at: datetime) -> None:
    """These are one structure from now on, and stay one trade when its plan is long over. Call it
    in the transaction of what makes them one."""
    names = sorted(contracts)
    for name in names if len(names) > 1 else ():
        journal.audit(TOGETHER, name, "option", {"legs": names}, "kept", at)


def kept_together(journal: Journal, contract: str) -> list[tuple[frozenset[str], datetime]]:
    """The structures that a contract was in, each with the moment from which on."""
    rows = journal.decisions(TOGETHER, contract)
    return [(frozenset(map(str, row.facts.get("legs") or ())), row.at) for row in rows]


def end_structures(journal: Journal, names: Sequence[str], why: str, now: datetime) -> None:
    """Take plans out of force."""
    with journal.transaction():
        kept = journal.meta_get(STRUCTURES_KEY)
        plans = dict(kept) if isinstance(kept, dict) else {}
        for name in names:
            if plans.pop(name, None) is not None:
                journal.audit("option", name, "protect", {}, f"ended: {why}", now)
        journal.meta_set(STRUCTURES_KEY, plans)


def _sharing(plans: Mapping[str, Any], ratios: Mapping[str, Decimal]) -> list[str]:
    return [name for name, data in plans.items() if set(data.get("ratios") or ()) & set(ratios)]
