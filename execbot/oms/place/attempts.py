"""One order and its attempts: sent, and after a failure whatever `after_error` decides.

A bounded number of times: the same order once more, an altered one, or one that waits for the open,
each under an id of its own. Each decision leaves an audit row under the order's client_order_id, so
that `orders show` can tell the whole story, and `recovery` rows are what the report counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from execbot.alerts import Alert, Alerter
from execbot.broker.errors import BrokerError
from execbot.journal.records import OrderRecord
from execbot.model.enums import REOPENABLE, ErrorCategory, OrderStatus
from execbot.model.flags import Flag, Flags
from execbot.model.order import OrderRequest
from execbot.model.retrying import Backoff, Pauses, Schedule
from execbot.oms.errors import Refused
from execbot.oms.machine.table import Act
from execbot.oms.place.after_error import History, RetryDecision, RetryStep, next_step
from execbot.oms.place.family import alone, refuse_second
from execbot.oms.place.placed import SENT_BACK, Placed, Provenance, another_attempt, role_of
from execbot.oms.place.risk_gate import AskAnew, Checked, RiskGate
from execbot.oms.results import Gate
from execbot.oms.send.intent import check_same_order, did_not_arrive
from execbot.oms.service import OrderManagementSystem

ATTEMPTS_MAX = 12
"""Safety net: every path below ends by a bound of its own, so reaching this one is a bug."""

HELD_WAIT = Schedule((0.1, 0.2, 0.4, 0.8), spread=Backoff(first=0.1, most=0.8))
"""Before an order is given again whose shares are still held by orders that end: they were seen
free 60 ms after their cancel."""

First = Callable[[OrderRequest, Provenance, Checked], OrderRecord]
"""Sends the first attempt: `submit`, or the release of what was queued."""

Resize = Callable[[OrderRequest], OrderRequest | None]
"""Size again on fresh facts after a refusal that a smaller order may pass; None gives up."""


class Attempts:
    """Sends orders for one account, each as often as it takes."""

    def __init__(
        self, oms: OrderManagementSystem, risk: RiskGate, *, alerter: Alerter | None = None
    ) -> None:
        self.oms = oms
        self.risk = risk
        self._alerter = alerter

    def _attempts(
        self,
        request: OrderRequest,
        why: Provenance,
        *,
        checked: Checked,
        first: First,
        may_queue: bool,
        adjust: bool,
        flags: Flags,
        resize: Resize | None,
    ) -> Placed:
        """Send by `first`, and submit again what may be; `may_queue`: also the first may wait."""
        history, adjusted, pauses = History(), list[str](), Pauses(HELD_WAIT)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            if checked.should_queue and (may_queue or attempt > 1):
                return self._queue(request, why, checked, attempt, adjusted)
            try:
                send = first if attempt == 1 else self._submit
                try:
                    record = send(request, why, checked)
                except AskAnew:
                    checked = self._again(request, checked, flags)
                    record = send(request, why, checked)
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
                following = self._decide(error, request, history, checked, why, adjust)
                if following.step is RetryStep.QUEUE:
                    return self._requeue(request, why, checked, following, attempt, adjusted)
                if following.step not in (RetryStep.RETRY, RetryStep.ADJUST):
                    raise
                if following.step is RetryStep.RETRY:
                    self.oms.timer.sleep(pauses.after(error))
                why = another_attempt(why, request)
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
        checked = self.risk.check(request, flags=flags)
        checked.lifting(before.lifts)
        checked.on_pass = None if before.did_pass else before.on_pass
        checked.on_denial = None if before.did_pass else before.on_denial
        checked.entry_price, checked.shortfall = before.entry_price, before.shortfall
        checked.aside, checked.joins = before.aside, before.joins
        return checked

    def _submit(
        self, request: OrderRequest, why: Provenance, checked: Checked, *, is_new: bool = True
    ) -> OrderRecord:
        return self.oms.submit(
            request,
            gate=self._alone(request, why, checked),
            origin=why.origin,
            arrival_price=why.arrival_price or checked.arrival_price,
            signal_id=why.signal_id,
            plan_id=why.plan_id,
            role=role_of(why, checked),
            of=why.of,
            is_new=is_new,
        )

    def _alone(self, request: OrderRequest, why: Provenance, checked: Checked) -> Gate:
        """The gate that lets no second order of the same wish pass."""
        name = request.client_order_id
        return alone(checked.gate, why.of or name, why.counted, name)

    def _queue(
        self,
        request: OrderRequest,
        why: Provenance,
        checked: Checked,
        attempt: int,
        adjusted: list[str],
    ) -> Placed:
        reason = checked.waits_for or checked.verdict.message
        name = request.client_order_id
        with self.oms.journal.transaction():
            known = self.oms.journal.order_by_client_id(name)
            if known is not None and known.status not in REOPENABLE:
                # Another process was given the same id, and was faster: its exits stand, too.
                check_same_order(known, request)
                return Placed(replace(known, already=True), checked, attempt)
            refuse_second(self.oms.journal, why.of or name, why.counted, name)
            if checked.on_pass is not None:
                checked.on_pass(self.oms.journal)
            record = self.oms.queue(
                request,
                origin=why.origin,
                note=reason,
                signal_id=why.signal_id,
                plan_id=why.plan_id,
                role=role_of(why, checked),
                of=why.of or name,
            )
            self._audit("queue", name, "session", checked.audited(), "queued")
        return Placed(record, checked, attempt, tuple(adjusted), queued_for=reason)

    def _requeue(
        self,
        request: OrderRequest,
        why: Provenance,
        checked: Checked,
        following: RetryDecision,
        attempt: int,
        adjusted: list[str],
    ) -> Placed:
        """The broker said closed although we thought open: kept under a new id."""
        why = another_attempt(why, request)
        name = self.unused(f"{request.client_order_id}.q")
        with self.oms.journal.transaction():
            refuse_second(self.oms.journal, str(why.of), why.counted, name)
            record = self.oms.queue(
                replace(request, client_order_id=name),
                origin=why.origin,
                note=following.reason,
                signal_id=why.signal_id,
                plan_id=why.plan_id,
                role=role_of(why, checked),
                of=why.of,
            )
            facts = {**checked.audited(), "reason": following.reason}
            kind, rule = SENT_BACK
            self._audit(kind, name, rule, facts, "queued")
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
            self.alert(Alert("halted", checked.tripped.describe(), "account"))

    def _decide(
        self,
        error: BrokerError,
        request: OrderRequest,
        history: History,
        checked: Checked,
        why: Provenance,
        adjust: bool,
    ) -> RetryDecision:
        following = next_step(
            error,
            request,
            history,
            self.oms.settings,
            quote=checked.facts.quote,
        )
        if following.step is RetryStep.ADJUST and not adjust:
            following = RetryDecision(RetryStep.STOP, error.message)
        waits = self.risk.settings.market_hours.queue_when_closed and not why.sent_back
        if following.step is RetryStep.QUEUE and not waits:
            following = RetryDecision(RetryStep.STOP, error.message)
        facts = {"kind": error.kind, "category": error.category, "reason": following.reason}
        self._audit("recovery", request.client_order_id, error.kind, facts, following.step)
        ends = following.step is RetryStep.STOP and not did_not_arrive(error)
        if following.tell or (why.unattended and ends):
            self.alert(Alert(error.kind, f"{request.symbol}: {error}", request.symbol))
        return following

    def _next_request(
        self, following: RetryDecision, request: OrderRequest, history: History
    ) -> tuple[OrderRequest, History]:
        sent = (*history.sent, request)
        if following.step is RetryStep.ADJUST:
            assert following.request is not None
            changed = following.request
            changed = replace(changed, client_order_id=self.unused(changed.client_order_id))
            count = history.adjustments + 1
            return changed, replace(history, adjustments=count, sent=sent, retried_id="")
        base = history.retried_id or request.client_order_id
        name = self.unused(f"{base}.r{history.retries + 1}")
        again = replace(request, client_order_id=name)
        return again, replace(history, retries=history.retries + 1, retried_id=base)

    def unused(self, client_order_id: str) -> str:
        """This id, or one like it: an order of somebody else's choice of words may have it."""
        name, number = client_order_id, 1
        while self.oms.journal.order_by_client_id(name) is not None:
            number += 1
            name = f"{client_order_id}.{number}"
        return name

    def _note_recovered(self, record: OrderRecord, history: History, adjusted: list[str]) -> None:
        """One row when it took more than the first try, whoever did the retrying."""
        if record.status is OrderStatus.QUEUED:
            return  # for the rate limit: it is not sent yet
        resent = self.oms.journal.acts_of(record.client_order_id, (Act.SEND, Act.DOUBT))
        if not adjusted and not resent:
            return
        category = ErrorCategory.ADJUSTABLE if adjusted else ErrorCategory.RETRYABLE
        facts = {"category": category, "adjusted": adjusted, "resent": resent}
        self._audit("recovery", record.client_order_id, "recovered", facts, "recovered")

    # --- telling ---------------------------------------------------------------------------

    def _audit(self, kind: str, subject: str, rule: str, facts: Any, result: str) -> None:
        with self.oms.journal.transaction(recoverable=True) as journal:
            journal.audit(kind, subject, rule, facts, result, self.oms.now())

    def alert(self, alert: Alert) -> None:
        """Tell a person."""
        if self._alerter is not None:
            self._alerter.alert(alert)
