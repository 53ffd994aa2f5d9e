"""Submitting exactly once: from a request to a recorded outcome, whatever happens on the way.

1. The gate is asked and the intent written in one transaction; it is durable before a byte leaves.
2. The request is sent under its client_order_id, with a timeout.
3. Accepted or refused, the answer is recorded. Otherwise the order is *in doubt*: it is looked up
   by client_order_id a few times. Found, it is adopted. Absent, it is sent again under the very
   same id, as long as the intent is fresh: the broker accepts an id once, so two arrivals of it
   still make one order ("client_order_id must be unique" means: it is there).
4. Orders still in doubt are left to `settle`, which looks but never sends.

A process that dies at any point leaves `pending` or `in_doubt` behind; nothing else is needed.
"""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError, DuplicateClientOrderId, RateLimited
from execbot.journal.errors import JournalError
from execbot.journal.records import OF, OrderRecord, Origin, Role
from execbot.model.enums import LOCAL_STATUSES, REOPENABLE, UNSETTLED_STATUSES, OrderStatus
from execbot.model.numbers import maybe_text
from execbot.model.order import OrderRequest
from execbot.model.retrying import error_of, retried
from execbot.oms.errors import InDoubt, Refused, StaleIntent
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.results import Aside, Gate, GateVerdict
from execbot.oms.send.intent import check_same_order, did_not_arrive
from execbot.oms.send.intents import Intents, Written
from execbot.oms.send.judged import audit_denial
from execbot.oms.send.waiting import (
    RATE_WAIT,
    ResendWait,
    is_urgent,
    may_resend,
    waits_for_rate_limit,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

HELD_UP = "network.held_up"

_PRIORITY: dict[str | None, RequestPriority] = {
    Role.EXIT: RequestPriority.EXIT,
    Role.STOP: RequestPriority.PROTECT,
    Role.TARGET: RequestPriority.PROTECT,
}
"""For the rate limit; everything else is an entry."""


class _Sending(Struct):
    """One order on its way.

    `began` is when its intent was written, in the timer's seconds, `acted` when the last word of
    it was written that others go by; `unsent` is what it becomes when it certainly did not arrive,
    which is ruled out once it is `doubtful`. It is on its way inside `aside`. `waits`: what the
    rate limit keeps from being sent is queued.
    """

    request: OrderRequest
    priority: RequestPriority
    began: float
    acted: float
    again: Gate | None
    unsent: Act
    aside: Aside
    number: int
    waits: bool = False
    turn: int = 1
    """How often the order was on its way by this intent (`Intents._turns`)."""
    sends: int = 0
    doubtful: bool = False
    may_be_there: bool = False
    """Whether a try may have been taken, answered or not."""


class SubmitPipeline(Intents):
    """Sends orders."""

    def submit(
        self,
        request: OrderRequest,
        *,
        gate: Gate | None = None,
        origin: str = Origin.SUBMIT,
        arrival_price: Decimal | None = None,
        signal_id: str | None = None,
        plan_id: str | None = None,
        role: str | None = None,
        of: str | None = None,
        is_new: bool = True,
    ) -> OrderRecord:
        """Send one order; returns its record once the broker has answered. The entry of a signal
        that the rate limit keeps from being sent comes back queued.

        `of` is the client_order_id of the order that this is another attempt at. Not `is_new`: the
        id was given before, so that the request was not planned, and is never what is sent.
        Raises Refused (by the gate), BrokerError (by the broker, or never reached), InDoubt,
        StaleIntent, ClientIdReused or JournalError. An id that was given before returns its
        record with `already` set, and nothing is sent.
        """
        if not request.client_order_id:
            request = replace(request, client_order_id=self._new_id(self._now()))
        facts = {
            "origin": str(origin),
            "arrival_price": maybe_text(arrival_price),
            "signal_id": signal_id,
            "plan_id": plan_id,
            "role": role,
            OF: of or request.client_order_id,
        }
        written = self._write_intent(request, gate, facts, is_new=is_new)
        if isinstance(written, OrderRecord):
            known = self._follow_other(written)
            if known.status not in REOPENABLE:
                return replace(known, already=True)
            if not is_new:
                raise StaleIntent(
                    f"{known.client_order_id} was never sent, and its plan is too old to be sent",
                    record=known,
                )
            written = self._write_intent(request, gate, facts)
            if isinstance(written, OrderRecord):
                return replace(written, already=True)
        is_signals = signal_id is not None and role == Role.ENTRY
        return self._send(request, role, written, waits=is_signals)

    def release(self, request: OrderRequest, *, gate: Gate | None = None) -> OrderRecord:
        """Send an order that was queued under this client_order_id, as `request` now says it.

        Raises like `submit`. An order that certainly did not arrive is back in the queue by then.
        One that another process has taken is watched until that has an answer.
        """
        self._step("before_intent")
        taken = self._take_from_queue(request, gate)
        if taken is None:
            known = self._record(request.client_order_id)
            return replace(self._follow_other(known), already=True)
        self._step("intent_written")
        role, written = taken
        return self._send(request, role, written, unsent=Act.REQUEUE)

    # --- sending ---------------------------------------------------------------------------

    def _send(
        self,
        request: OrderRequest,
        role: str | None,
        written: Written,
        unsent: Act = Act.NEVER_SENT,
        *,
        waits: bool = False,
    ) -> OrderRecord:
        client_order_id, verdict = request.client_order_id, written.verdict
        sending = _Sending(
            request,
            _PRIORITY.get(role, RequestPriority.ENTRY),
            written.began,
            written.began,
            verdict.before_resend if verdict is not None else None,
            unsent,
            verdict.aside if verdict is not None else nullcontext,
            self._kept_back.number(),
            waits=waits,
            turn=written.turn,
        )
        if self._is_late(sending) and self._was_given_again(sending):
            return self._settled_elsewhere(sending)
        self._refuse_stale(sending)
        try:
            with reading_at(sending.priority):
                return self._post(sending)
        except JournalError as error:
            if not sending.may_be_there:
                raise
            raise self._unrecorded(client_order_id, error) from error
        finally:
            self._kept_back.let_go(sending.number)

    def _post(self, sending: _Sending) -> OrderRecord:
        """Everything from the first byte on: a journal error in here is no proof of anything."""
        try:
            return retried(
                lambda: self._send_once(sending),
                may_retry=may_resend,
                wait=ResendWait(sending.priority, self._times.retry_delay_seconds),
                stop=lambda tries: self._is_enough(sending, tries),
                sleep=self._timer.sleep,
            )
        except BrokerError as error:
            settled = self._give_up(sending, error)
            if settled is None:
                raise
            return settled

    def _send_once(self, sending: _Sending) -> OrderRecord:
        """One POST and what it led to. Raises the broker's error where its fate is not known, or
        where it was refused."""
        sending.sends += 1
        if sending.sends > 1 and not self._claim(sending):
            return self._settled_elsewhere(sending)
        with sending.aside():
            return self._on_its_way(sending)

    def _on_its_way(self, sending: _Sending) -> OrderRecord:
        request, client_order_id = sending.request, sending.request.client_order_id
        if sending.waits and not sending.doubtful and self._would_overtake(sending):
            self._act(Act.REQUEUE, client_order_id, note=RATE_WAIT)
            return self._record(client_order_id)
        self._step("before_post")
        sending.may_be_there = True
        try:
            order = self._client.place_order(
                request, priority=sending.priority, is_late=lambda: self._is_late(sending)
            )
        except DuplicateClientOrderId as error:
            self._step("after_post")
            return self._adopt(request, error, resent=sending.doubtful)
        except BrokerError as error:
            self._step("after_post")
            if error.kind == HELD_UP and not sending.doubtful:
                sending.may_be_there = False
                if self._was_given_again(sending):
                    return self._settled_elsewhere(sending)
                raise self._stale(sending) from error
            sending.doubtful = sending.may_be_there = sending.doubtful or error.in_doubt
            if sending.waits and isinstance(error, RateLimited):
                self._kept_back.keep(sending.number)
            found = self._after_failure(sending, error)
            if found is None:
                raise
            return found
        self._step("after_post")
        return self._accept(client_order_id, order)

    def _would_overtake(self, sending: _Sending) -> bool:
        """Whether an entry that was decided before this one waits for the rate limit: it met that
        while this one was on its way out."""
        kept = self._kept_back
        if kept.stands_before(sending.number):
            return True
        if not kept.was_used:
            return False
        since = self._record(sending.request.client_order_id).intent_at
        return waits_for_rate_limit(self._journal, since)

    def _is_enough(self, sending: _Sending, tries: RetryCallState) -> bool:
        """Whether it is not sent again: it was sent often enough, or would be too old by then."""
        urgent = is_urgent(error_of(tries), sending.priority)
        if sending.sends >= self._times.attempts and not urgent:
            return True
        young = self._times.quiet_seconds if sending.doubtful else self._times.total_seconds
        return self._timer.monotonic() - sending.began + tries.upcoming_sleep > young

    def _settled_elsewhere(self, sending: _Sending) -> OrderRecord:
        """While we waited or were in doubt, a report or another process's look-up has decided."""
        client_order_id = sending.request.client_order_id
        record = self._record(client_order_id)
        if record.status is OrderStatus.NEVER_SENT:
            note = "found absent at the broker and closed as never sent"
            raise StaleIntent(f"the order was {note}", record=record)
        if record.status is OrderStatus.QUEUED:
            raise StaleIntent("the order was held up, and waits again", record=record)
        if self._was_given_again(sending):
            if sending.unsent is not Act.REQUEUE:  # who releases an order sizes it anew
                check_same_order(record, sending.request)
            return replace(record, already=True)
        return replace(record, already=sending.unsent is Act.REQUEUE and not record.order_id)

    def _refuse_stale(self, sending: _Sending) -> None:
        """Between the intent and the POST lie microseconds, unless the process was suspended."""
        if not self._is_late(sending):
            return
        stale = self._stale(sending)
        if stale.record is not None and stale.record.status in LOCAL_STATUSES:
            raise stale

    def _is_late(self, sending: _Sending) -> bool:
        """Others conclude that it was never sent when the quiet time after its last word is over;
        a request must have left long before, whatever held this process up."""
        return self._timer.monotonic() - sending.acted > self._times.first_send_seconds

    def _stale(self, sending: _Sending) -> StaleIntent:
        client_order_id = sending.request.client_order_id
        age = self._timer.monotonic() - sending.acted
        note = f"held up for {age:.0f} s before sending: not sent"
        if self._record(client_order_id).status is not OrderStatus.QUEUED:
            self._end(sending, sending.unsent, note=note)
        return StaleIntent(f"the order was {note}", record=self._record(client_order_id))

    def _claim(self, sending: _Sending) -> bool:
        """Say that it is being sent again, unless its fate became known in the meantime.

        Raises Refused, or InDoubt where the first send may have arrived, when the gate does not
        allow it any more.
        """
        client_order_id, again = sending.request.client_order_id, sending.again
        with recording(self._journal, must_last=True) as ledger:
            state = ledger.state(client_order_id)
            if state is None or state.record.status not in UNSETTLED_STATUSES:
                return False
            if self._was_given_again(sending):
                return False
            verdict = again(self._journal) if again is not None else GateVerdict(True)
            if verdict.passed:
                mark = self._timer.mark()
                sending.acted = mark.seconds
                ledger.act(Act.SEND, client_order_id, self._now(), mark=mark.to_json())
            elif not sending.doubtful:
                ledger.act(sending.unsent, client_order_id, self._now(), note=verdict.message)
            if not verdict.passed:
                audit_denial(self._journal, client_order_id, verdict, self._now())
        self._publish(ledger.changes)
        if verdict.passed:
            return True
        record = self._record(client_order_id)
        if not sending.doubtful:
            raise Refused(verdict, record)
        raise InDoubt(
            f"whether the broker has the order is not known, and it is not sent again: "
            f"{verdict.message}",
            record=record,
        )

    def _was_given_again(self, sending: _Sending) -> bool:
        """Whether another process has taken the order meanwhile, as this one was held up: from the
        queue, or given under its id again once it counted as never sent. It is on its way as that
        one judged it."""
        return sending.turn != self._turns(sending.request.client_order_id)

    def _end(self, sending: _Sending, act: Act, **details: Any) -> bool:
        """Write what became of the order; False, and nothing, where it is another process's."""
        with recording(self._journal) as ledger:
            if self._was_given_again(sending):
                return False
            mark = self._timer.mark().to_json() if act is Act.DOUBT else None
            name = sending.request.client_order_id
            ledger.act(act, name, self._now(), mark=mark, **details)
        self._publish(ledger.changes)
        return True

    def _after_failure(self, sending: _Sending, error: BrokerError) -> OrderRecord | None:
        """Record the doubt and look the order up; the record if the broker has it."""
        client_order_id = sending.request.client_order_id
        if not sending.doubtful:
            return None
        if not self._end(sending, Act.DOUBT, note=error.message):
            return self._settled_elsewhere(sending)
        self._step("in_doubt")
        found = self._find(client_order_id)
        return None if found is None else self._accept_found(client_order_id, found)

    def _give_up(self, sending: _Sending, error: BrokerError) -> OrderRecord | None:
        """Close what is certain; raise InDoubt for what is not. A record means: settled by now."""
        client_order_id = sending.request.client_order_id
        if sending.doubtful:
            record = self._record(client_order_id)
            if record.status not in UNSETTLED_STATUSES:
                return self._settled_elsewhere(sending)
            raise InDoubt(
                f"whether the broker has the order is not known: {error.message}", record=record
            ) from error
        if isinstance(error, RateLimited) and (sending.waits or sending.unsent is Act.REQUEUE):
            if not self._end(sending, Act.REQUEUE, note=RATE_WAIT, error_kind=error.kind):
                return self._settled_elsewhere(sending)
            if sending.waits:
                return self._record(client_order_id)
            error.client_order_id = client_order_id
            return None
        act = sending.unsent if did_not_arrive(error) else Act.REFUSE
        error.client_order_id = client_order_id
        try:
            if not self._end(sending, act, note=error.message, error_kind=error.kind):
                return self._settled_elsewhere(sending)
        except JournalError as trouble:  # the answer was read, and it stands
            error.noted = {**error.noted, "unrecorded": trouble.message}
        return None
