"""Placing an order through the risk gate, and what is done when the broker says no.

`Placer.place` is the one way from a request to the broker for commands, signals and the queue:
check, queue or submit, and after a failure whatever `after_error` decides, a bounded number of
times. Each decision leaves an audit row under the order's client_order_id, so that `orders show`
can tell the whole story, and `recovery` rows are what the report counts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.alerts import Alert, Alerter
from execbot.broker.errors import BrokerError
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.account import Asset
from execbot.model.enums import REOPENABLE, AssetClass, ErrorCategory
from execbot.model.flags import NO_FLAGS, Flag, Flags
from execbot.model.order import OrderRequest
from execbot.model.retrying import Backoff, Pauses, Schedule
from execbot.oms.errors import FlagNotAllowed, OmsError, Refused, WouldRest
from execbot.oms.place.after_error import History, Next, Step, next_step
from execbot.oms.place.entry_plans import (
    PricedEntry,
    check_same_exits,
    entry_failed,
    entry_went_out,
    save_entry_plan,
)
from execbot.oms.place.risk_desk import Checked, OnPass, RiskDesk
from execbot.oms.service import OrderManagementSystem
from execbot.risk.facts import Purpose

if TYPE_CHECKING:
    from execbot.exits.plan.plan import ExitPlan
    from execbot.journal.journal import Journal
    from execbot.oms.place.add_to_position import Addition
    from execbot.oms.place.entry_plans import EntryPlanner, ExitsAsked

ATTEMPTS_MAX = 12
"""Every path below ends by its own bound; this one is the belt to those braces."""

HELD_WAIT = Schedule((0.1, 0.2, 0.4, 0.8), spread=Backoff(first=0.1, most=0.8))
"""Before an order is given again whose shares are still held by orders that end: they were seen
free 60 ms after their cancel."""

Protect = Callable[[str, OrderRecord | None], None]
"""Called with symbol and order (None: nothing was sent) after an addition to a position, so that
somebody covers the whole. It must not raise."""

Resize = Callable[[OrderRequest], OrderRequest | None]
"""Size again on fresh facts after a refusal that a smaller order may pass; None gives up."""


class Placed(Struct, frozen=True):
    """What became of it. `attempts` counts the orders given to the pipeline.

    `addition` is set when it enlarged a position that has an exit plan; `entry` is what was
    planned.
    """

    record: OrderRecord
    checked: Checked | None = None
    attempts: int = 1
    adjusted: tuple[str, ...] = ()
    queued_for: str = ""
    addition: Addition | None = None
    entry: PricedEntry | None = None

    @property
    def opens_short(self) -> str:
        """In words, where it sells what is not held; else empty."""
        return _opens_short(self.checked)


class Prepared(Struct, frozen=True):
    """An order as it would be sent, and what the checks say of it; None once they are stale."""

    entry: PricedEntry
    checked: Checked | None
    flags: Flags = NO_FLAGS

    @property
    def opens_short(self) -> str:
        """In words, where it sells what is not held; else empty."""
        return _opens_short(self.checked)


def _opens_short(checked: Checked | None) -> str:
    if checked is None or not checked.opens_short:
        return ""
    held = checked.facts.position(checked.request.symbol)
    return "opens a SHORT" if held is None else "adds to a SHORT"


class Purposeful(Struct, frozen=True):
    """Why an order is placed; these facts stay in the journal with it."""

    origin: str = Origin.SUBMIT
    signal_id: str | None = None
    plan_id: str | None = None
    role: str | None = None
    arrival_price: Decimal | None = None


class Placer:
    """Places orders for one account."""

    def __init__(
        self,
        oms: OrderManagementSystem,
        desk: RiskDesk,
        *,
        alerter: Alerter | None = None,
        protect: Protect = lambda symbol, record: None,
    ) -> None:
        self.oms = oms
        self.desk = desk
        self.protect = protect
        self._alerter = alerter

    @cached_property
    def planner(self) -> EntryPlanner:
        from execbot.oms.place.entry_plans import EntryPlanner

        return EntryPlanner(self.oms.journal, self.desk.reader.levels, self.oms.now)

    def prepare(
        self,
        request: OrderRequest,
        asked: ExitsAsked | None = None,
        *,
        asset: Asset | None = None,
        flags: Flags = NO_FLAGS,
        implied: Flags = NO_FLAGS,
    ) -> Prepared:
        """Plan the exits of an order and judge it as it would be sent, on one reading of the facts.

        `flags` were given, `implied` follow from what is done. Nothing is written. An id that was
        given before is not planned again. Raises FlagNotAllowed, ClientIdReused (other exits), what
        `EntryPlanner.priced` raises, and BrokerError.
        """
        self.refuse_flags(flags)
        if not request.client_order_id:
            request = replace(request, client_order_id=self.oms.new_id(self.oms.now()))
        read = self.desk.reader.read(request, asset=asset)
        facts = self.desk.reader.complete(request, read)
        entry = PricedEntry(request)
        if asked is not None and asked.wishes.has_levels:
            known = self._known(request)
            if known is None:
                entry = self.planner.priced(request, asked, facts)
            elif asked.must_go_along:
                check_same_exits(self.oms.journal, known, asked)
        checked = self.desk.judge(entry.request, read, facts, flags | implied)
        return Prepared(entry, checked, flags | implied)

    def refuse_flags(self, flags: Flags) -> None:
        """Raise FlagNotAllowed for a flag that the configuration forbids."""
        for flag in sorted(flags - set(self.desk.settings.risk.allow_flags)):
            raise FlagNotAllowed(f"{flag.option} is not allowed here")

    def place(
        self,
        what: OrderRequest | PricedEntry,
        why: Purposeful = Purposeful(),
        *,
        asset: Asset | None = None,
        checked: Checked | None = None,
        adjust: bool = False,
        flags: Flags = NO_FLAGS,
        resize: Resize | None = None,
    ) -> Placed:
        """Check and send, or queue where only time is missing.

        The plan of a `PricedEntry` is durable with the intent, or not at all. `adjust` allows a
        smaller or different order after a refusal of the broker; without it only the very same
        order is ever sent. An order that adds to a position is sent while the exits in its way are
        lifted. Raises Refused (by the checks), BrokerError (by the broker),
        InDoubt, StaleIntent, ClientIdReused, NotPossible (exits could not be lifted),
        LegsRefused, WouldRest or JournalError.
        """
        entry = _entry_of(what)
        request, plan = entry.request, entry.plan
        if not request.client_order_id:
            request = replace(request, client_order_id=self.oms.new_id(self.oms.now()))
        is_new = self._known(request) is None
        if checked is None:
            checked = self.desk.check(request, asset=asset, flags=flags)
        request = closing_only(request, checked)
        addition = self.addition(request, checked) if is_new else None
        if is_new:
            refuse_conflict(entry, checked)
        joined = addition.plan.plan_id if addition is not None else entry.joins
        if plan is not None:
            why = replace(why, plan_id=plan.plan_id, role=Role.ENTRY)
            checked.on_pass = _saving(checked.on_pass, plan)
        elif joined is not None and why.plan_id is None:
            why = replace(why, plan_id=joined, role=Role.ENTRY)

        def attempts(request: OrderRequest) -> Placed:
            return self._attempts(
                request,
                why,
                checked=checked,
                is_new=is_new,
                adjust=adjust,
                flags=flags,
                resize=resize,
            )

        if plan is None:
            return replace(self._adding(request, addition, checked, attempts), entry=entry)
        try:
            placed = self._adding(request, addition, checked, attempts)
        except (BrokerError, OmsError) as error:
            if not error.in_doubt:
                entry_failed(self.oms.journal, plan, self.oms.now(), f"not sent: {error.message}")
            raise
        if not placed.record.already:
            entry_went_out(self.oms.journal, plan, placed.record, self.oms.now())
        return replace(placed, entry=entry)

    def _known(self, request: OrderRequest) -> OrderRecord | None:
        """The order that was given under the id; None where something may be sent under it."""
        known = self.oms.journal.order_by_client_id(request.client_order_id)
        return None if known is None or known.status in REOPENABLE else known

    def addition(self, request: OrderRequest, checked: Checked) -> Addition | None:
        """What the request adds to; `checked` is judged anew without the exits in its way."""
        held = checked.facts.position(request.symbol)
        if held is None or held.qty * request.side.sign <= 0:
            return None
        from execbot.oms.place.add_to_position import addition_of

        found = addition_of(self.oms.journal, request, checked.facts)
        if found is not None and found.lifts:
            checked.lifting(found.lifts)
        return found

    def release(self, what: OrderRequest | PricedEntry, checked: Checked) -> OrderRecord:
        """Send a queued order as it is judged now; see `OrderManagementSystem.release`.

        Its plan, priced anew, is durable with the release.
        """
        entry = _entry_of(what)
        request = closing_only(entry.request, checked)
        if entry.plan is not None:
            checked.on_pass = _saving(checked.on_pass, entry.plan)
        addition = self.addition(request, checked)

        def send(request: OrderRequest) -> Placed:
            return Placed(self.oms.release(request, gate=checked.gate), checked)

        return self._adding(request, addition, checked, send).record

    def _adding(
        self,
        request: OrderRequest,
        addition: Addition | None,
        checked: Checked,
        send: Callable[[OrderRequest], Placed],
    ) -> Placed:
        """Lift what stands in the way, but only for an order that passes every check."""
        if addition is None:
            return send(request)
        placed: list[Placed] = []
        if not addition.lifts or not checked.verdict.passed:
            placed.append(send(request))
            if placed[0].record.order.is_working or placed[0].record.order.filled_qty:
                self.protect(request.symbol, placed[0].record)
            return replace(placed[0], addition=addition)

        if addition.refusal:
            raise WouldRest(addition.refusal)
        from execbot.oms.place.add_to_position import add_to_position

        def place(request: OrderRequest) -> OrderRecord:
            placed.append(send(request))
            return placed[0].record

        record = add_to_position(
            self.oms,
            request,
            place,
            held=addition.held,
            protect=lambda symbol: self.protect(symbol, placed[0].record if placed else None),
        )
        return replace(placed[0], record=record, addition=addition)

    def _attempts(
        self,
        request: OrderRequest,
        why: Purposeful,
        *,
        checked: Checked,
        is_new: bool,
        adjust: bool,
        flags: Flags,
        resize: Resize | None,
    ) -> Placed:
        history, adjusted, pauses = History(), list[str](), Pauses(HELD_WAIT)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            if is_new and checked.should_queue:
                return self._queue(request, why, checked, attempt, adjusted)
            try:
                record = self._submit(request, why, checked)
            except Refused as refused:
                self.tell_if_tripped(checked)
                smaller = self._smaller(refused, request, resize, history)
                if smaller is None:
                    raise
                adjusted.append("sized again for the limits as they are now")
                history = replace(history, adjustments=history.adjustments + 1)
                request, checked = smaller, self._again(smaller, checked, flags)
                continue
            except BrokerError as error:
                following = self._decide(error, request, history, checked, adjust)
                if following.step is Step.QUEUE:
                    return self._requeue(request, why, checked, following, attempt, adjusted)
                if following.step not in (Step.RETRY, Step.ADJUST):
                    raise
                if following.step is Step.RETRY:
                    self.oms.timer.sleep(pauses.after(error))
                request, history = self._next_request(following, request, history)
                adjusted.append(following.reason)
                checked = self._again(request, checked, flags | {Flag.ALLOW_DUPLICATE})
                continue
            self._note_recovered(record, history, adjusted)
            return Placed(record, checked, attempt, tuple(adjusted))
        raise AssertionError("a bound was forgotten")

    # --- steps -----------------------------------------------------------------------------

    def _again(self, request: OrderRequest, before: Checked, flags: Flags) -> Checked:
        """Check the next attempt; what was to be written with the intent still is."""
        checked = self.desk.check(request, flags=flags)
        checked.lifting(before.lifts)
        checked.on_pass = None if before.did_pass else before.on_pass
        return checked

    def _submit(self, request: OrderRequest, why: Purposeful, checked: Checked) -> OrderRecord:
        return self.oms.submit(
            request,
            gate=checked.gate,
            origin=why.origin,
            arrival_price=why.arrival_price or checked.arrival_price,
            signal_id=why.signal_id,
            plan_id=why.plan_id,
            role=_role(why, checked),
        )

    def _queue(
        self,
        request: OrderRequest,
        why: Purposeful,
        checked: Checked,
        attempt: int,
        adjusted: list[str],
    ) -> Placed:
        reason = checked.verdict.message
        with self.oms.journal.transaction():
            if checked.on_pass is not None:
                checked.on_pass(self.oms.journal)
            record = self.oms.queue(
                request,
                origin=why.origin,
                note=reason,
                signal_id=why.signal_id,
                plan_id=why.plan_id,
                role=_role(why, checked),
            )
            name = record.client_order_id
            self._audit("queue", name, "session", checked.audited(), "queued")
        return Placed(record, checked, attempt, tuple(adjusted), queued_for=reason)

    def _requeue(
        self,
        request: OrderRequest,
        why: Purposeful,
        checked: Checked,
        following: Next,
        attempt: int,
        adjusted: list[str],
    ) -> Placed:
        """The broker said closed although we thought open: kept under a new id."""
        again = replace(request, client_order_id=self._unused(f"{request.client_order_id}.q"))
        record = self.oms.queue(
            again,
            origin=why.origin,
            note=following.reason,
            signal_id=why.signal_id,
            plan_id=why.plan_id,
            role=_role(why, checked),
        )
        facts = {**checked.audited(), "reason": following.reason}
        self._audit("queue", record.client_order_id, "broker", facts, "queued")
        return Placed(record, checked, attempt, tuple(adjusted), queued_for=following.reason)

    def _smaller(
        self, refused: Refused, request: OrderRequest, resize: Resize | None, history: History
    ) -> OrderRequest | None:
        """Another process took part of the room between sizing and the gate: size again."""
        limit = self.oms.settings.adjust_attempts
        if refused.category is not ErrorCategory.ADJUSTABLE or resize is None:
            return None
        if history.adjustments >= limit:
            return None
        smaller = resize(request)
        if smaller is None or smaller == request:
            return None
        return replace(smaller, client_order_id=request.client_order_id)

    def tell_if_tripped(self, checked: Checked) -> None:
        """A refusal may have raised the kill switch: that is worth an alert."""
        if checked.tripped is not None:
            self._alert(Alert("halted", checked.tripped.describe(), "account"))

    def _decide(
        self,
        error: BrokerError,
        request: OrderRequest,
        history: History,
        checked: Checked,
        adjust: bool,
    ) -> Next:
        following = next_step(
            error,
            request,
            history,
            self.oms.settings,
            quote=checked.facts.quote,
        )
        if following.step is Step.ADJUST and not adjust:
            following = Next(Step.STOP, error.message)
        if following.step is Step.QUEUE and not self.desk.settings.market_hours.queue_when_closed:
            following = Next(Step.STOP, error.message)
        facts = {"kind": error.kind, "category": error.category, "reason": following.reason}
        self._audit("recovery", request.client_order_id, error.kind, facts, following.step)
        if following.tell:
            self._alert(Alert(error.kind, f"{request.symbol}: {error}", request.symbol))
        return following

    def _next_request(
        self, following: Next, request: OrderRequest, history: History
    ) -> tuple[OrderRequest, History]:
        sent = (*history.sent, request)
        if following.step is Step.ADJUST:
            assert following.request is not None
            changed = following.request
            changed = replace(changed, client_order_id=self._unused(changed.client_order_id))
            count = history.adjustments + 1
            return changed, replace(history, adjustments=count, sent=sent, retried_id="")
        base = history.retried_id or request.client_order_id
        name = self._unused(f"{base}.r{history.retries + 1}")
        again = replace(request, client_order_id=name)
        return again, replace(history, retries=history.retries + 1, retried_id=base)

    def _unused(self, client_order_id: str) -> str:
        """This id, or one like it: an order of somebody else's choice of words may have it."""
        name, number = client_order_id, 1
        while self.oms.journal.order_by_client_id(name) is not None:
            number += 1
            name = f"{client_order_id}.{number}"
        return name

    def _note_recovered(self, record: OrderRecord, history: History, adjusted: list[str]) -> None:
        """One row when it took more than the first try, whoever did the retrying."""
        events = self.oms.journal.events_of(record.client_order_id)
        resent = [event.kind for event in events if event.kind in ("send", "doubt")]
        if not adjusted and not resent:
            return
        category = ErrorCategory.ADJUSTABLE if adjusted else ErrorCategory.RETRYABLE
        facts = {"category": category, "adjusted": adjusted, "resent": resent}
        self._audit("recovery", record.client_order_id, "recovered", facts, "recovered")

    # --- telling ---------------------------------------------------------------------------

    def _audit(self, kind: str, subject: str, rule: str, facts: Any, result: str) -> None:
        with self.oms.journal.transaction(recoverable=True) as journal:
            journal.audit(kind, subject, rule, facts, result, self.oms.now())

    def _alert(self, alert: Alert) -> None:
        if self._alerter is not None:
            self._alerter.alert(alert)


def _entry_of(what: OrderRequest | PricedEntry) -> PricedEntry:
    return what if isinstance(what, PricedEntry) else PricedEntry(what)


def refuse_conflict(entry: PricedEntry, checked: Checked) -> None:
    """Raise what stands against the exits that were asked for; every other refusal comes first."""
    if entry.conflict is not None and checked.verdict.passed:
        raise entry.conflict


def _saving(before: OnPass | None, plan: ExitPlan) -> OnPass:
    """What is written with the intent, and the plan of the entry besides."""

    def on_pass(journal: Journal) -> None:
        if before is not None:
            before(journal)
        save_entry_plan(journal, plan)

    return on_pass


def closing_only(request: OrderRequest, checked: Checked) -> OrderRequest:
    """An exit says so to the broker, which then refuses it should it open a position instead.

    What was judged as an exit passed no limit on entries, and the position may be gone when the
    order arrives. Crypto knows no intent and cannot be sold short; nor can dollar amounts.
    """
    held = checked.facts.position(request.symbol)
    if checked.purpose is not Purpose.EXIT or held is None or request.qty is None:
        return request
    if held.asset_class == AssetClass.CRYPTO:
        return request
    return replace(request, position_intent=request.side.to_close)


def _role(why: Purposeful, checked: Checked) -> str | None:
    """An exit stays one while it waits, whatever becomes of the position."""
    if why.role is None and checked.purpose is Purpose.EXIT:
        return Role.EXIT
    return why.role
