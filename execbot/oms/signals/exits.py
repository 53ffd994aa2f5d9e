"""The exits of a signal's position: the settings' stop and targets, or the signal's own.

The plan is durable before the entry is sent, so that whoever sees the first fill knows where its
stop belongs. With `exits.protect_signals` off, only exits that the signal names are planned.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.broker.port import BrokerClient
from execbot.config.schema import TradingSettings
from execbot.exits.levels import LevelError, LevelFacts, LevelKind, LevelSpec, stop_price
from execbot.exits.plan.attach import Wishes, attach, default_wishes, facts_from_bars
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.store import drop_plan, entry_is, plan_by_id, plan_of, save_plan
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderClass, PositionSide, Side
from execbot.model.order import OrderRequest
from execbot.model.signal import Signal
from execbot.risk.facts import Facts, market_price

BARS_DAYS_BACK = 90
"""Calendar days that hold the bars which averages and key levels look at."""
HUNDRED = Decimal(100)


class SignalExits:
    """Plans exits for the entries of one account."""

    def __init__(self, client: BrokerClient, journal: Journal, settings: TradingSettings) -> None:
        self._client = client
        self._journal = journal
        self._settings = settings

    def wishes(self, signal: Signal) -> Wishes:
        """What the signal says, and what the settings say where it is silent."""
        side = PositionSide.LONG if signal.side == "buy" else PositionSide.SHORT
        given = Wishes()
        if self._settings.exits.protect_signals:
            given = default_wishes(self._settings, side)
        if signal.stop is not None:
            given = replace(given, stop=LevelSpec(LevelKind.PRICE, signal.stop))
        if signal.target is not None:
            target = LevelSpec(LevelKind.PRICE, signal.target)
            given = replace(given, targets=((target, HUNDRED),))
        if given.stop is None and given.trail is None:
            # Without a stop there is no R to measure targets in.
            kept = tuple(t for t in given.targets if t[0].kind is not LevelKind.R_MULTIPLE)
            given = replace(given, targets=kept)
        return given

    def stop_for(self, signal: Signal, side: Side, price: Decimal, at: datetime) -> Decimal | None:
        """Where the stop would stand: what sizing by risk measures. None if there is none."""
        if signal.stop is not None:
            return signal.stop
        position = PositionSide.LONG if side is Side.BUY else PositionSide.SHORT
        wishes = default_wishes(self._settings, position)
        if wishes.stop is None:
            return price * (1 - self._settings.stop_loss.trailing_pct / HUNDRED * side.sign)
        facts = self._level_facts(signal.symbol, at) if wishes.needs_bars else LevelFacts()
        try:
            return stop_price(wishes.stop, position, price, facts)
        except LevelError:
            return None

    def attach(
        self, signal: Signal, request: OrderRequest, facts: Facts, now: datetime
    ) -> tuple[OrderRequest, ExitPlan | None]:
        """The request with its legs (or as it was), and the plan to `save` with its intent.

        Raises LevelError where stop or target make no sense at the price of now.
        """
        held = facts.position(signal.symbol)
        existing = plan_of(self._journal, signal.symbol) if held is not None else None
        if existing is not None:
            return request, existing  # adding: the position's own plan covers the whole
        wishes = self.wishes(signal)
        if wishes.stop is None and wishes.trail is None and not wishes.targets:
            return request, None
        price = market_price(facts, request.side)
        if price is None:
            return request, None
        attached = attach(
            _bare(request),
            wishes,
            entry_price=request.limit_price or price,
            plan_id=f"plan-{signal.id}",
            now=now,
            facts=self._level_facts(signal.symbol, facts.market.at)
            if wishes.needs_bars
            else LevelFacts(),
            is_crypto=facts.asset is not None and facts.asset.is_crypto,
            holds_already=held is not None,
            origin="signal",
            strength=signal.strength,
        )
        known = plan_by_id(self._journal, attached.plan.plan_id)
        plan = attached.plan
        if known is not None:  # queued before: the same plan, priced anew
            plan = replace(plan, version=known.version + 1, created_at=known.created_at)
        return attached.request, plan

    def save(self, plan: ExitPlan) -> None:
        """Make it durable, in the transaction that writes the intent."""
        save_plan(self._journal, plan)

    def belongs_to(self, plan_id: str | None, entry: OrderRecord, now: datetime) -> None:
        """The entry may have gone out under another id (a smaller attempt): tell the plan."""
        if plan_id is not None:
            entry_is(self._journal, plan_id, entry, now)

    def drop(self, plan_id: str | None, now: datetime, reason: str) -> None:
        """The entry never came to be: its plan is closed, unless it protects something by now."""
        if plan_id is not None:
            drop_plan(self._journal, plan_id, now, reason)

    def _level_facts(self, symbol: str, at: datetime) -> LevelFacts:
        bars = self._client.get_bars(symbol, "1Day", start=at - timedelta(days=BARS_DAYS_BACK))
        return facts_from_bars(self._settings, bars)


def _bare(request: OrderRequest) -> OrderRequest:
    return replace(request, order_class=OrderClass.NONE, stop_loss=None, take_profit=None)
