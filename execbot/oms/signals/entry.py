"""The entry that a signal asks for: its size on fresh facts, its shape, the trail of the sizing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.config.schema import SizingMethod
from execbot.exits.plan.legs import without_legs
from execbot.exits.store import plan_by_id
from execbot.journal.records import OrderRecord
from execbot.market.sessions import EXTENDED, Session
from execbot.model.account import Asset
from execbot.model.enums import OrderClass, OrderType, Side, TimeInForce
from execbot.model.flags import Flag, Flags
from execbot.model.numbers import text
from execbot.model.order import OrderRequest
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal, SignalSide, read_signal
from execbot.model.symbols import is_option
from execbot.oms.errors import NeedsWatch, NotPossible
from execbot.oms.place.after_error import marketable_limit
from execbot.oms.place.entry_plans import PricedEntry, asked_again
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import Checked
from execbot.oms.place.sized import audit_size, steps_of
from execbot.oms.send.intent import request_of
from execbot.oms.signals.exits import asked_by_signal, stop_for_size
from execbot.oms.signals.rules import Skip, entry_side, skip_entry
from execbot.risk.facts import Facts, market_price
from execbot.risk.sizing import Sized, SizeRefused, SizeRequest, size


class Decided(Struct, frozen=True, eq=False):
    """An entry in its size and with its exits, and what the checks say of it."""

    sized: Sized
    priced: PricedEntry
    checked: Checked


class SignalEntries:
    """Turns signals into requests for one account."""

    def __init__(self, placer: Placer, is_watched: Callable[[], bool] = lambda: True) -> None:
        """`is_watched`: whether a `watch` runs that places what cannot go along."""
        self.is_watched = is_watched
        self.oms = placer.oms
        self.risk = placer.risk
        self._planner = placer.planner

    def decide(
        self, signal: Signal, flags: Flags, on_size: Callable[[Sized], None] = lambda sized: None
    ) -> Decided | Skip | SizeRefused:
        """What an entry comes to on one reading of the facts; on a second one where it was refused
        for facts that had been kept (`rests_on_kept`). `on_size` is told its size as soon as it is
        known. Nothing is written.

        Raises what `EntryPlanner.priced` raises, NeedsWatch where nobody would place its stop, and
        BrokerError when the facts cannot be read.
        """
        found = self._decide_once(signal, flags, on_size)
        if isinstance(found, Decided) and self.risk.rests_on_kept(found.checked):
            found = self._decide_once(signal, flags, on_size, is_second=True)
        if isinstance(found, Decided) and found.checked.verdict.passed and Flag.NAKED not in flags:
            # Otherwise the refusal of the checks is said, and who waits for the open is asked then.
            self.refuse_without_stop(found.priced)
        return found

    def _decide_once(
        self,
        signal: Signal,
        flags: Flags,
        on_size: Callable[[Sized], None],
        *,
        is_second: bool = False,
    ) -> Decided | Skip | SizeRefused:
        """`is_second`: what may have passed was forgotten for this one."""
        draft = self.draft(signal)
        read = self.risk.reader.read(draft)
        facts = self.risk.reader.complete(draft, read)
        skip = skip_entry(signal, facts, self.risk.settings)
        if skip is not None:
            if not is_second and self.risk.has_moved(facts):
                return self._decide_once(signal, flags, on_size, is_second=True)
            return skip
        sized = self.size_of(signal, facts)
        if isinstance(sized, SizeRefused):
            return sized
        on_size(sized)
        priced = self.priced(signal, draft, sized, facts)
        return Decided(sized, priced, self.risk.judge(priced.request, read, facts, flags))

    def draft(self, signal: Signal) -> OrderRequest:
        """The entry without its size."""
        return OrderRequest(
            symbol=signal.symbol,
            side=entry_side(signal),
            time_in_force=_natural_tif(self.risk.reader.asset(signal.symbol)),
            client_order_id=client_order_id_of(signal.id),
            position_intent="sell_to_open" if signal.side is SignalSide.SELL_SHORT else None,
            strategy_id=signal.strategy_id,
            reason=f"signal {signal.id}, strength {text(signal.strength)}",
            cancel_after=self.oms.settings.timeout_seconds,
        )

    def facts(self, request: OrderRequest) -> Facts:
        reader = self.risk.reader
        return reader.complete(request, reader.read(request))

    def size_of(self, signal: Signal, facts: Facts) -> Sized | SizeRefused:
        settings = self.risk.settings
        side = entry_side(signal)
        price = market_price(facts, side)
        if price is None:
            return SizeRefused("size.no_price", f"no price for {signal.symbol}")
        stop = signal.stop
        if stop is None and settings.sizing.method is SizingMethod.RISK:
            at = facts.market.at
            stop = stop_for_size(settings, self.risk.reader.levels, signal, side, price, at)
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
        asked = asked_by_signal(self.risk.settings, signal, is_watched=self.is_watched())
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
        quote = facts.quote
        if is_option(draft.symbol) and quote is not None and quote.is_two_sided:
            # Quotes of contracts are wide: no more than the other side asks for now.
            far = quote.ask if draft.side is Side.BUY else quote.bid
            return replace(request, type=OrderType.LIMIT, limit_price=far)
        if facts.market.session in EXTENDED:
            percent = self.oms.settings.marketable_limit_pct
            limited = marketable_limit(request, facts.quote, percent)
            if limited is not None:
                return replace(limited, extended_hours=True, order_class=OrderClass.NONE)
        return request

    def audit(self, subject: str, sized: Sized) -> None:
        audit_size(self.oms.journal, subject, sized, self.oms.now())

    def audit_refusal(self, signal: Signal, refused: SizeRefused) -> None:
        """How far the sizing got."""
        facts = {"steps": steps_of(refused)}
        now = self.oms.now()
        self.oms.journal.audit("sizing", signal.id, refused.code, facts, "refused", now)

    def requeued(self, record: OrderRecord, flags: Flags) -> tuple[PricedEntry, Checked]:
        """A queued order when its time has come, and what the checks say of it, on one reading of
        the facts: its exits are measured from the market of now, and a signal's is sized and shaped
        afresh for the session of now.

        `flags` are given to the checks. Nothing is written. Raises NotPossible when nothing of it
        fits any more, what `EntryPlanner.priced` raises, and BrokerError.
        """
        signal = self._signal_of(record)

        def judged() -> tuple[PricedEntry, Checked]:
            if signal is not None and not signal.legs:
                return self._signaled_again(record, signal, flags)
            return self._ordered_again(record, flags)

        found = judged()
        return judged() if self.risk.rests_on_kept(found[1]) else found

    def _ordered_again(self, record: OrderRecord, flags: Flags) -> tuple[PricedEntry, Checked]:
        request = request_of(record)
        read = self.risk.reader.read(request)
        facts = self.risk.reader.complete(request, read)
        plan = plan_by_id(self.oms.journal, record.plan_id) if record.plan_id else None
        entry = PricedEntry(request)
        if plan is not None and plan.entry_client_order_id == record.client_order_id:
            asked = asked_again(plan, plan_id=plan.plan_id)
            entry = self._planner.priced(request, asked, facts)
        return entry, self.risk.judge(entry.request, read, facts, flags)

    def _signal_of(self, record: OrderRecord) -> Signal | None:
        known = self.oms.journal.signal(record.signal_id) if record.signal_id else None
        if known is None:
            return None
        body = {name: _as_json(name, value) for name, value in known.body.items()}
        return read_signal(body, now=self.oms.now(), new_id=known.signal_id)

    def _signaled_again(
        self, record: OrderRecord, signal: Signal, flags: Flags
    ) -> tuple[PricedEntry, Checked]:
        name = record.client_order_id
        draft = replace(self.draft(signal), client_order_id=name)
        read = self.risk.reader.read(draft)
        facts = self.risk.reader.complete(draft, read)
        sized = self.size_of(signal, facts)
        if isinstance(sized, SizeRefused):
            raise NotPossible(sized.message, record=record)
        entry = self.priced(signal, draft, sized, facts)
        if Flag.NAKED not in flags:
            self.refuse_without_stop(entry)
        checked = self.risk.judge(entry.request, read, facts, flags)
        checked.on_pass = lambda journal: self.audit(name, sized)
        return entry, checked


def shaped_for(session: Session, request: OrderRequest) -> OrderRequest:
    """How an entry of a signal goes out in a session, its price aside: that decides whether it may,
    whatever it was shaped for when it was given."""
    is_extended = session in EXTENDED
    return replace(
        without_legs(request),
        type=OrderType.LIMIT if is_extended else OrderType.MARKET,
        extended_hours=is_extended,
    )


def _natural_tif(asset: Asset | None) -> TimeInForce:
    crypto = asset is not None and asset.is_crypto
    return TimeInForce.GTC if crypto else TimeInForce.DAY


def _as_json(name: str, value: object) -> object:
    """The journal keeps decimals as text; a signal's own words ask for numbers."""
    return Decimal(str(value)) if name in ("strength", "confidence", "ttl_seconds") else value
