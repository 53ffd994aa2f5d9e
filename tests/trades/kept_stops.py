"""Stops of a played month: plans in the journal as orders with a stop leave them, and beside them
what the player knows of each stop, by which the judge works R out again.

Nothing sends them to the exchange: the month's own orders end its trades.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from msgspec.structs import replace
from support.desk import Desk

from execbot.exits.plan.plan import ExitPlan, PlanStatus, StopPlan
from execbot.exits.store import plan_by_id, save_plan
from execbot.model.enums import PositionSide, Side

CENT = Decimal("0.01")


class Stops:
    """Most entries have one; additions may move it; a split counts it anew."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.chance = random.Random(f"stops-{seed}")
        self.plans: dict[str, ExitPlan] = {}
        self.counted_anew: set[str] = set()
        self.stood: defaultdict[str, list[tuple[datetime, Fraction]]] = defaultdict(list)
        """By plan: from when on the stop stood where."""
        self.lives: defaultdict[str, list[tuple[datetime, str | None]]] = defaultdict(list)
        """By symbol: from when on which plan was in force, None for none."""

    def for_order(self, symbol: str, side: Side, held: Decimal, price: Decimal) -> str | None:
        """The plan that an order belongs to, made or moved before it is sent."""
        away = 1 if side is Side.BUY else -1
        known = self.plans.get(symbol)
        if held * away < 0:
            return None if known is None else known.plan_id
        stop = (price * (1 - away * Decimal(self.chance.uniform(0.01, 0.06)))).quantize(CENT)
        if not held:
            self._end(symbol)
            if self.chance.random() < 0.25:
                return None
            return self._begin(symbol, side, stop)
        if known is None:
            return None
        if self.chance.random() < 0.5 or symbol in self.counted_anew:
            self._move(symbol, stop)
        return known.plan_id

    def split(self, symbol: str) -> None:
        """execbot counts its plans anew by itself; the player gives the next addition a stop."""
        self.counted_anew.add(symbol)

    def plan_at(self, symbol: str, at: datetime) -> str | None:
        return next((name for since, name in reversed(self.lives[symbol]) if since <= at), None)

    def stop_at(self, plan_id: str, at: datetime) -> Fraction:
        stood = self.stood[plan_id]
        return next((stop for since, stop in reversed(stood) if since <= at), stood[0][1])

    def _begin(self, symbol: str, side: Side, stop: Decimal) -> str:
        now, name = self.desk.now(), f"plan-{len(self.stood) + 1}"
        self.lives[symbol].append((now, name))
        self.plans[symbol] = ExitPlan(
            name,
            symbol,
            PositionSide.LONG if side is Side.BUY else PositionSide.SHORT,
            now,
            now,
            status=PlanStatus.ACTIVE,
            stop=StopPlan(price=stop, initial=stop),
        )
        self._keep(symbol, stop)
        return name

    def _move(self, symbol: str, stop: Decimal) -> None:
        plan = self._written(symbol)
        self.plans[symbol] = replace(
            plan,
            version=plan.version + 1,
            updated_at=self.desk.now(),
            stop=replace(plan.stop, price=stop),
        )
        self._keep(symbol, stop)

    def _written(self, symbol: str) -> ExitPlan:
        found = plan_by_id(self.desk.journal, self.plans[symbol].plan_id)
        assert found is not None
        return found

    def _end(self, symbol: str) -> None:
        self.counted_anew.discard(symbol)
        if symbol not in self.plans:
            return
        plan, now = self._written(symbol), self.desk.now()
        self.lives[symbol].append((now, None))
        ended = replace(plan, version=plan.version + 1, updated_at=now, status=PlanStatus.CLOSED)
        assert save_plan(self.desk.journal, ended)
        del self.plans[symbol]

    def _keep(self, symbol: str, stop: Decimal) -> None:
        plan = self.plans[symbol]
        self.stood[plan.plan_id].append((self.desk.now(), Fraction(stop)))
        assert save_plan(self.desk.journal, plan)
