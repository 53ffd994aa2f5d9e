"""The entry that a signal asks for: its size on fresh facts, its shape, the trail of the sizing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from execbot.config.schema import SizingMethod
from execbot.exits.plan.legs import without_legs
from execbot.exits.store import plan_by_id
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.market.sessions import Session
from execbot.model.account import Asset
from execbot.model.enums import OrderClass, OrderType, TimeInForce
from execbot.model.flags import Flag
from execbot.model.numbers import CENT, QTY_STEP, round_down, text
from execbot.model.order import OrderRequest
from execbot.model.signal import Signal, SignalSide, read_signal
from execbot.oms.errors import NeedsWatch, NotPossible
from execbot.oms.place.after_error import marketable_limit
from execbot.oms.place.entry_plans import PricedEntry, asked_again
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_desk import OnPass, flags_given
from execbot.oms.signals.exits import asked_by_signal, stop_for_size
from execbot.oms.signals.rules import client_order_id_of, entry_side
from execbot.risk.facts import Facts, market_price
from execbot.risk.sizing import Sized, SizeRefused, SizeRequest, size
from execbot.risk.sizing import Step as Sizing


class SignalEntries:
    """Turns signals into requests for one account."""

    def __init__(self, placer: Placer, is_watched: Callable[[], bool] = lambda: True) -> None:
        """`is_watched`: whether a `watch` runs that places what cannot go along."""
        self.is_watched = is_watched
        self.oms = placer.oms
        self.desk = placer.desk
        self._planner = placer.planner

    def draft(self, signal: Signal) -> OrderRequest:
        """The entry without its size."""
        return OrderRequest(
            symbol=signal.symbol,
            side=entry_side(signal),
            time_in_force=_natural_tif(self.desk.reader.asset(signal.symbol)),
            client_order_id=client_order_id_of(signal.id),
            position_intent="sell_to_open" if signal.side is SignalSide.SELL_SHORT else None,
            strategy_id=signal.strategy_id,
            reason=f"signal {signal.id}, strength {text(signal.strength)}",
        )

    def facts(self, request: OrderRequest) -> Facts:
        reader = self.desk.reader
        return reader.complete(request, reader.read(request))

    def size_of(self, signal: Signal, facts: Facts) -> Sized | SizeRefused:
        settings = self.desk.settings
        side = entry_side(signal)
        price = market_price(facts, side)
        if price is None:
            return SizeRefused("size.no_price", f"no price for {signal.symbol}")
        stop = signal.stop
        if stop is None and settings.sizing.method is SizingMethod.RISK:
            at = facts.market.at
            stop = stop_for_size(settings, self.desk.reader.levels, signal, side, price, at)
        request = SizeRequest(
            symbol=signal.symbol,
            side=side,
            price=price,
            stop=stop,
            qty=signal.qty,
            notional=signal.notional,
            tier=signal.tier,
            confidence=signal.confidence,
            whole_shares=settings.sizing.whole_shares,
            as_notional=facts.market.session is Session.REGULAR,
        )
        return size(request, facts, settings)

    def priced(
        self, signal: Signal, draft: OrderRequest, sized: Sized, facts: Facts
    ) -> PricedEntry:
        """The entry in its size with its exits. Raises what `EntryPlanner.priced` raises."""
        asked = asked_by_signal(self.desk.settings, signal, is_watched=self.is_watched())
        return self._planner.priced(self._shaped(draft, sized, facts), asked, facts)

    def refuse_without_stop(self, entry: PricedEntry) -> None:
        """Raise NeedsWatch for an entry whose stop is planned and would be placed by nobody."""
        plan = entry.plan
        if plan is None or entry.request.stop_loss is not None or self.is_watched():
            return
        if plan.stop.spec is not None or plan.stop.trail is not None:
            raise NeedsWatch(f"no `execbot watch` is running to place the stop of {plan.symbol}")

    def _shaped(self, draft: OrderRequest, sized: Sized, facts: Facts) -> OrderRequest:
        """A market order; in an extended session a marketable limit, which is all it takes."""
        request = replace(draft, qty=sized.qty, notional=sized.notional, type=OrderType.MARKET)
        if facts.market.session in (Session.PRE, Session.AFTER, Session.OVERNIGHT):
            percent = self.oms.settings.marketable_limit_pct
            limited = marketable_limit(request, facts.quote, percent)
            if limited is not None:
                return replace(limited, extended_hours=True, order_class=OrderClass.NONE)
        return request

    def audit(self, subject: str, sized: Sized) -> None:
        facts = {
            "method": sized.method,
            "qty": sized.qty,
            "notional": sized.notional,
            "steps": _steps(sized.steps),
        }
        self.oms.journal.audit(
            "sizing", subject, sized.binding_rule, facts, "sized", self.oms.now()
        )

    def audit_refusal(self, signal: Signal, refused: SizeRefused) -> None:
        """How far the sizing got."""
        facts = {"steps": _steps(refused.steps)}
        now = self.oms.now()
        self.oms.journal.audit("sizing", signal.id, refused.code, facts, "refused", now)

    def requeued(self, record: OrderRecord, request: OrderRequest) -> tuple[PricedEntry, OnPass]:
        """A queued order when its time has come, its exits measured from the market of now, and
        what is to be written with its release. A signal's is sized afresh.

        Raises NotPossible when nothing of it fits any more, and what `EntryPlanner.priced` raises.
        """
        known = self.oms.journal.signal(record.signal_id) if record.signal_id else None
        if known is None:
            return self._priced_again(record, request), _nothing
        signal = read_signal(
            {name: _as_json(name, value) for name, value in known.body.items()},
            now=self.oms.now(),
            new_id=known.signal_id,
        )
        facts = self.facts(replace(request, qty=None, notional=None))
        sized = self.size_of(signal, facts)
        if isinstance(sized, SizeRefused):
            raise NotPossible(sized.message, record=record)
        tif = _natural_tif(facts.asset)
        draft = replace(
            without_legs(request), type=OrderType.MARKET, limit_price=None, time_in_force=tif
        )
        entry = self.priced(signal, draft, sized, facts)
        if Flag.NAKED not in flags_given(self.oms.journal, record.client_order_id):
            self.refuse_without_stop(entry)
        return entry, lambda journal: self.audit(record.client_order_id, sized)

    def _priced_again(self, record: OrderRecord, request: OrderRequest) -> PricedEntry:
        plan = plan_by_id(self.oms.journal, record.plan_id) if record.plan_id else None
        if plan is None or plan.entry_client_order_id != record.client_order_id:
            return PricedEntry(request)
        asked = asked_again(plan, plan_id=plan.plan_id)
        return self._planner.priced(request, asked, self.facts(request))


def _nothing(journal: Journal) -> None:
    """Nothing is written besides."""


def _natural_tif(asset: Asset | None) -> TimeInForce:
    crypto = asset is not None and asset.is_crypto
    return TimeInForce.GTC if crypto else TimeInForce.DAY


def _as_json(name: str, value: object) -> object:
    """The journal keeps decimals as text; a signal's own words ask for numbers."""
    return Decimal(str(value)) if name in ("strength", "confidence", "ttl_seconds") else value


def _steps(steps: tuple[Sizing, ...]) -> list[list[str]]:
    """Readable: units to nine decimals, worth to the cent."""
    return [
        [s.rule, text(round_down(s.qty, QTY_STEP)), text(round_down(s.value, CENT)), s.note]
        for s in steps
    ]
