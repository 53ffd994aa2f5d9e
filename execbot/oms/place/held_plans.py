"""The exit plan of a position that is held already: what `protect` and `exits move` ask for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.exits.level_facts import LevelReader
from execbot.exits.levels import (
    LevelError,
    LevelKind,
    LevelSpec,
    check_near,
    check_stop,
    stop_price,
)
from execbot.exits.plan.attach import moved, new_plan
from execbot.exits.plan.plan import NO_RULES, PlanStatus, priced, trail_spec
from execbot.exits.plan.wishes import Wishes, default_rules, default_wishes
from execbot.exits.store import change_plan, plan_of, save_plan
from execbot.model.enums import PositionSide
from execbot.model.symbols import is_option, option_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from execbot.broker.port import BrokerClient
    from execbot.config.schema import TradingSettings
    from execbot.exits.plan.plan import ExitPlan, StopPlan, Trail
    from execbot.journal.journal import Journal
    from execbot.model.account import Position


class HeldPlanner:
    """Plans exits of positions of one account. `now` is the broker's time."""

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        settings: TradingSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._journal = journal
        self._settings = settings
        self._now = now
        self._levels = LevelReader(client, settings)

    def protect(
        self,
        symbol: str,
        position: Position,
        wishes: Wishes,
        *,
        far: bool = False,
        keeps_rules: bool = True,
    ) -> None:
        """Make the plan durable that gives the position these exits; without levels those of
        trading.yaml, or a suspended plan again.

        `far`: levels further than half the price away are meant. The plan changes by the rules of
        trading.yaml unless `keeps_rules` is False. Raises LevelError where a level makes no sense
        or the stop would be taken at once, and BrokerError.
        """
        if is_option(symbol):
            listed = self._client.get_positions()
            self._refuse_changed(symbol, listed)
            self._refuse_leg(symbol, listed)
        now = self._now()
        known = plan_of(self._journal, symbol)
        if known is not None and not wishes.has_levels:
            self._refuse(known, None, [], far=True)
            change_plan(self._journal, known.plan_id, self._again)
            return
        if not wishes.has_levels:
            wishes = default_wishes(self._settings, position.side)
        rules = default_rules(self._settings) if keeps_rules else NO_RULES
        plan = self._plan(symbol, position, replace(wishes, rules=rules))
        self._refuse(plan, plan.stop.price, [t.price for t in plan.targets], far=far)
        if known is not None:
            entry = known.entry_client_order_id
            plan = replace(plan, entry_client_order_id=entry, opened_at=known.opened_at)
        with self._journal.transaction():
            save_plan(self._journal, plan)
            if known is not None:
                # A plan of its own, so that what the old targets filled is not counted for the new.
                change_plan(
                    self._journal,
                    known.plan_id,
                    lambda p: p.changed(now, status=PlanStatus.CLOSED, note="protected anew"),
                )

    def _refuse_changed(self, symbol: str, listed: Sequence[Position]) -> None:
        """The books do not have it yet: `watch` would keep no exit of it."""
        from execbot.oms.sync.options.pending_events import pending_changes

        for change in pending_changes(self._journal, listed, self._now()):
            if symbol in (change.old, change.new):
                raise LevelError(
                    "exits.contract_changed",
                    f"by a corporate action {change}; the broker's rows are not there yet",
                    "No exit of it is kept until they are; those that it had follow then.",
                    f"execbot option close {change.new}, if it shall not wait for them",
                )

    def _refuse_leg(self, symbol: str, listed: Sequence[Position]) -> None:
        """A stop that sells one leg would leave the others alone, sold ones without cover."""
        contract = option_contract(symbol)
        others = [
            position.symbol
            for position in listed
            if position.symbol != symbol
            and (other := option_contract(position.symbol)) is not None
            and contract is not None
            and other.root == contract.root
        ]
        if others:
            raise LevelError(
                "exits.option_leg",
                f"{symbol} is held beside {', '.join(sorted(others))}: no stop for one leg alone",
                "Sold alone it could leave a sold contract without cover.",
                "execbot option protect, for the structure as one",
            )

    def _again(self, plan: ExitPlan) -> ExitPlan:
        """In force, and for what is held now, even if the plan is older than that."""
        held, now = self._journal.position(plan.symbol), self._now()
        is_older = held is not None and held.opened_at is not None and held.opened_at > plan.said_at
        if plan.status is PlanStatus.ACTIVE and not is_older:
            return plan
        stop = replace(plan.stop, moved_at=now) if is_older else plan.stop
        return plan.changed(now, status=PlanStatus.ACTIVE, stop=stop, note="protected again")

    def move(
        self,
        plan: ExitPlan,
        stop: LevelSpec | None,
        targets: Sequence[LevelSpec],
        *,
        far: bool = False,
    ) -> None:
        """Move the stop or the open targets of a plan. Raises LevelError, and BrokerError."""
        now = self._now()
        changed = moved(plan, now, stop=stop, targets=targets)
        new = [_asked_at(t.price, t.spec) for t in changed.targets if t not in plan.targets]
        stop_at = None if stop is None else _asked_at(changed.stop.price, stop)
        self._refuse(changed, stop_at, new, far=far, is_moved=stop is not None)
        change_plan(
            self._journal, plan.plan_id, lambda p: moved(p, now, stop=stop, targets=targets)
        )

    def _refuse(
        self,
        plan: ExitPlan,
        stop: Decimal | None,
        targets: Sequence[Decimal | None],
        *,
        far: bool,
        is_moved: bool = True,
    ) -> None:
        """Raise LevelError for a stop that would be taken at once, and for levels that are far from
        entry and market alike."""
        price = self._market_price(plan.symbol)
        if is_moved:
            _refuse_if_taken(plan, price)
        if far:
            return
        if stop is not None:
            check_near("stop", stop, price, plan.entry_price)
        for target in targets:
            if target is not None:
                check_near("target", target, price, plan.entry_price)

    def _plan(self, symbol: str, position: Position, wishes: Wishes) -> ExitPlan:
        now = self._now()
        plan = new_plan(
            symbol,
            position.side,
            wishes,
            plan_id=_new_plan_id(now),
            now=now,
            facts=self._levels.facts(symbol, now, needs_bars=wishes.needs_bars),
            origin="protect",
            status=PlanStatus.ACTIVE,
        )
        entry = position.avg_entry_price or position.current_price
        if entry is None:
            return plan
        if wishes.stop is None and wishes.trail is not None:
            plan = replace(plan, stop=self._trail_from_now(plan, wishes.trail, entry))
        plan = replace(priced(plan, entry, now), version=1, base_qty=abs(position.qty))
        return replace(plan, opened_at=now, note="protected by hand")

    def _trail_from_now(self, plan: ExitPlan, trail: Trail, entry: Decimal) -> StopPlan:
        """The first stop of a trail alone: behind the market where that is worse than the entry."""
        price = self._market_price(plan.symbol) or entry
        mark = min(entry, price) if plan.side is PositionSide.LONG else max(entry, price)
        first = stop_price(trail_spec(trail), plan.side, mark, plan.facts)
        return replace(plan.stop, price=first, initial=first)

    def _market_price(self, symbol: str) -> Decimal | None:
        trade = self._client.latest_trade(symbol)
        return trade.price if trade is not None and trade.price > 0 else None


def _new_plan_id(now: datetime) -> str:
    return f"plan-{int(now.timestamp() * 1000):012x}{os.urandom(4).hex()}"


def _asked_at(price: Decimal | None, spec: LevelSpec) -> Decimal | None:
    """Where a level would stand; of an entry that has not filled only prices are known."""
    return spec.value if price is None and spec.kind is LevelKind.PRICE else price


def _refuse_if_taken(plan: ExitPlan, price: Decimal | None) -> None:
    """A stop at or through the market would be taken at once: that is `close`, not this."""
    if plan.stop.price is None or price is None:
        return
    try:
        check_stop(plan.stop.price, plan.side, price)
    except LevelError as error:
        hint = f"{error.hint}; to leave the position now: execbot close {plan.symbol}"
        raise LevelError(error.kind, error.message, hint) from None
