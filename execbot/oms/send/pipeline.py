"""Submitting exactly once: from a request to a recorded outcome, whatever happens on the way.

1. The gate is asked and the intent written in one transaction; it is durable before a byte leaves.
2. The request is sent under its client_order_id, with a timeout.
3. Accepted or refused, the answer is recorded. Otherwise the order is *in doubt*: it is looked up
   by client_order_id a few times. Found, it is adopted. Absent, it is sent again under the very
   same id, as long as the intent is fresh: the broker accepts an id once, so two arrivals of it
   still make one order ("client_order_id must be unique" means: it is there).
4. What stays in doubt is left to `settle`, which looks but never sends.

A process that dies at any point leaves `pending` or `in_doubt` behind; nothing else is needed.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.budget import Priority, reading_at
from execbot.broker.errors import BrokerError, DuplicateClientOrderId, NotFound
from execbot.broker.port import BrokerClient
from execbot.journal.codec import dumps
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.enums import LOCAL_STATUSES, UNSETTLED_STATUSES, OrderStatus
from execbot.model.numbers import maybe_text
from execbot.model.order import Order, OrderRequest
from execbot.oms.errors import InDoubt, Refused, StaleIntent
from execbot.oms.ledger import Ledger, recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.table import REOPENABLE, Act
from execbot.oms.results import Gate, GateVerdict
from execbot.oms.send.intent import (
    SubmitTimes,
    check_same_order,
    did_not_arrive,
    new_client_order_id,
    pause_before_resend,
    wording,
)
from execbot.oms.sync import settle

LOOKUP_PAUSES_SECONDS = (0.05, 0.2, 0.5, 1.0)
"""Before each look-up of an order in doubt. A new order was seen on REST within milliseconds;
gateways that time out have been slower."""

OTHER_PROCESS_POLLS = 20
OTHER_PROCESS_PAUSE_SECONDS = 0.1
"""How long to watch another process that is sending the same id right now."""


_PRIORITY: dict[str | None, Priority] = {
    Role.EXIT: Priority.EXIT,
    Role.STOP: Priority.PROTECT,
    Role.TARGET: Priority.PROTECT,
}
"""For the rate limit; everything else is an entry."""


def _random() -> float:
    """Imported when a retry is due: most orders need none."""
    import random

    return random.random()


class _Sending(Struct, frozen=True):
    """One order on its way; `unsent` is what it becomes when it certainly did not arrive."""

    request: OrderRequest
    priority: Priority
    intent_at: datetime
    again: Gate | None
    unsent: Act


class SubmitPipeline:
    """Sends orders. `on_step` is told of every step by name (tests stop the process there)."""

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        *,
        times: SubmitTimes = SubmitTimes(),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        new_id: Callable[[datetime], str] = new_client_order_id,
        jitter: Callable[[], float] = _random,
        on_step: Callable[[str], None] = lambda step: None,
        publish: Callable[[list[Change]], None] = lambda changes: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._times = times
        self._now = now
        self._sleep = sleep
        self._new_id = new_id
        self._jitter = jitter
        self._step = on_step
        self._publish = publish

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
    ) -> OrderRecord:
        """Send one order; returns its record once the broker has answered.

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
        }
        known, verdict = self._write_intent(request, gate, facts)
        if known is not None:
            known = self._follow_other(known)
            if known.status in REOPENABLE:
                known, verdict = self._write_intent(request, gate, facts)
            if known is not None:
                return replace(known, already=True)
        return self._send(request, role, verdict)

    def release(self, request: OrderRequest, *, gate: Gate | None = None) -> OrderRecord:
        """Send an order that was queued under this client_order_id, as `request` now says it.

        Raises like `submit`. What certainly did not arrive is back in the queue by then.
        """
        with recording(self._journal) as ledger:
            state = ledger.state(request.client_order_id)
            if state is None or state.record.status is not OrderStatus.QUEUED:
                return replace(self._record(request.client_order_id), already=True)
            role = state.record.role
            verdict = gate(self._journal) if gate is not None else None
            denied = verdict is not None and not verdict.passed
            if denied:
                assert verdict is not None
                self._deny(ledger, request, verdict, {})
            else:
                wire = request.to_wire()
                details: dict[str, Any] = {"request": wire, "request_json": dumps(wire)}
                kept = state.record
                details |= {
                    "origin": kept.origin,
                    "strategy_id": kept.strategy_id,
                    "reason": kept.reason,
                    "signal_id": kept.signal_id,
                    "plan_id": kept.plan_id,
                    "role": kept.role,
                    "arrival_price": maybe_text(kept.arrival_price),
                }
                ledger.act(Act.RELEASE, request.client_order_id, self._now(), **details)
        self._publish(ledger.changes)
        if denied:
            assert verdict is not None
            raise Refused(verdict, self._record(request.client_order_id))
        return self._send(request, role, verdict, unsent=Act.REQUEUE)

    # --- the intent ------------------------------------------------------------------------

    def _write_intent(
        self, request: OrderRequest, gate: Gate | None, facts: dict[str, Any]
    ) -> tuple[OrderRecord | None, GateVerdict | None]:
        """Write the intent, or return the order that has this id; and what the gate said."""
        self._step("before_intent")
        verdict = None
        with recording(self._journal) as ledger:
            state = ledger.state(request.client_order_id)
            if state is not None and state.record.status not in REOPENABLE:
                check_same_order(state.record, request)
                return self._record(request.client_order_id), None
            verdict = gate(self._journal) if gate is not None else None
            if verdict is not None and not verdict.passed:
                self._deny(ledger, request, verdict, facts)
            else:
                ledger.act(
                    Act.INTENT, request.client_order_id, self._now(), **wording(request, facts)
                )
        self._publish(ledger.changes)
        if verdict is not None and not verdict.passed:
            raise Refused(verdict, self._record(request.client_order_id))
        self._step("intent_written")
        return None, verdict

    def _deny(
        self, ledger: Ledger, request: OrderRequest, verdict: GateVerdict, facts: dict[str, Any]
    ) -> None:
        now = self._now()
        ledger.act(
            Act.DENY,
            request.client_order_id,
            now,
            **(wording(request, facts) | {"note": verdict.message}),
        )
        self._audit_denial(request.client_order_id, verdict)

    def _audit_denial(self, client_order_id: str, verdict: GateVerdict) -> None:
        self._journal.audit(
            "gate", client_order_id, verdict.code, verdict.facts, "denied", self._now()
        )

    def _follow_other(self, record: OrderRecord) -> OrderRecord:
        """The id is in use: if its outcome is open, watch its sender, then look it up."""
        for _ in range(OTHER_PROCESS_POLLS):
            if record.status not in UNSETTLED_STATUSES:
                return record
            self._sleep(OTHER_PROCESS_PAUSE_SECONDS)
            record = self._record(record.client_order_id)
        record, _, changes = settle.settle_one(
            self._journal,
            self._client,
            record,
            self._now,
            quiet_seconds=self._times.quiet_seconds,
        )
        self._publish(changes)
        return record

    # --- sending ---------------------------------------------------------------------------

    def _send(
        self,
        request: OrderRequest,
        role: str | None,
        verdict: GateVerdict | None,
        unsent: Act = Act.NEVER_SENT,
    ) -> OrderRecord:
        client_order_id = request.client_order_id
        sending = _Sending(
            request,
            _PRIORITY.get(role, Priority.ENTRY),
            self._record(client_order_id).sent_at or self._now(),
            verdict.before_resend if verdict is not None else None,
            unsent,
        )
        self._refuse_stale(sending)
        try:
            with reading_at(sending.priority):
                return self._post(sending)
        except JournalError as error:
            raise self._unrecorded(client_order_id, error) from error

    def _unrecorded(self, client_order_id: str, error: JournalError) -> InDoubt:
        """The journal failed after the request was made: the durable intent is all it knows."""
        record = None
        with suppress(JournalError):
            record = self._record(client_order_id)
        return InDoubt(
            f"{client_order_id} was sent, and the answer could not be recorded: {error.message}",
            record=record,
            hint="The broker may have the order. " + error.next_step,
        )

    def _post(self, sending: _Sending) -> OrderRecord:
        """Everything from the first byte on: a journal error in here is no proof of anything."""
        request, client_order_id = sending.request, sending.request.client_order_id
        doubtful = False
        for attempt in itertools.count(1):
            if attempt > 1 and not self._claim(sending, doubtful):
                break
            self._step("before_post")
            try:
                order = self._client.place_order(request, priority=sending.priority)
            except DuplicateClientOrderId as error:
                self._step("after_post")
                return self._adopt(request, error, resent=attempt > 1)
            except BrokerError as error:
                self._step("after_post")
                doubtful = doubtful or error.in_doubt
                found = self._after_failure(client_order_id, error, doubtful)
                if found is not None:
                    return found
                pause = pause_before_resend(
                    error, attempt, sending.priority, self._times, self._jitter
                )
                if not self._may_repeat(pause, sending.intent_at, doubtful):
                    settled = self._give_up(sending, error, doubtful)
                    if settled is not None:
                        return settled
                    raise
            else:
                self._step("after_post")
                return self._accept(client_order_id, order)
        return self._settled_elsewhere(sending, doubtful)

    def _settled_elsewhere(self, sending: _Sending, doubtful: bool) -> OrderRecord:
        """While we waited or were in doubt, a report or another process's look-up has decided."""
        client_order_id = sending.request.client_order_id
        record = self._record(client_order_id)
        if record.status is not OrderStatus.NEVER_SENT:
            return record
        note = "found absent at the broker and closed as never sent"
        if sending.unsent is Act.REQUEUE and not doubtful:
            note = "held up before it was sent"
            self._act(Act.REQUEUE, client_order_id, note=note)
        raise StaleIntent(f"the order was {note}", record=self._record(client_order_id))

    def _refuse_stale(self, sending: _Sending) -> None:
        """Between the intent and the POST lie microseconds, unless the process was suspended."""
        client_order_id = sending.request.client_order_id
        age = self._now() - sending.intent_at
        if age <= timedelta(seconds=self._times.first_send_seconds):
            return
        note = f"held up for {age.total_seconds():.0f} s before sending: not sent"
        self._act(sending.unsent, client_order_id, note=note)
        record = self._record(client_order_id)
        if record.status in LOCAL_STATUSES:
            raise StaleIntent(f"the order was {note}", record=record)

    def _claim(self, sending: _Sending, doubtful: bool) -> bool:
        """Say that it is being sent again, unless its fate became known in the meantime.

        Raises Refused, or InDoubt where the first send may have arrived, when the gate does not
        allow it any more.
        """
        client_order_id, again = sending.request.client_order_id, sending.again
        with recording(self._journal) as ledger:
            state = ledger.state(client_order_id)
            if state is None or state.record.status not in UNSETTLED_STATUSES:
                return False
            verdict = again(self._journal) if again is not None else GateVerdict(True)
            if verdict.passed:
                ledger.act(Act.SEND, client_order_id, self._now())
            elif not doubtful:
                ledger.act(sending.unsent, client_order_id, self._now(), note=verdict.message)
            if not verdict.passed:
                self._audit_denial(client_order_id, verdict)
        self._publish(ledger.changes)
        if verdict.passed:
            return True
        record = self._record(client_order_id)
        if not doubtful:
            raise Refused(verdict, record)
        raise InDoubt(
            f"whether the broker has the order is not known, and it is not sent again: "
            f"{verdict.message}",
            record=record,
        )

    def _accept(self, client_order_id: str, order: Order) -> OrderRecord:
        # Lost in a power cut, the answer is found again by its id: no wait for the disk.
        with recording(self._journal, recoverable=True) as ledger:
            ledger.snapshot(replace(order, client_order_id=client_order_id), self._now())
        self._publish(ledger.changes)
        self._step("recorded")
        return self._record(client_order_id)

    def _adopt(self, request: OrderRequest, error: BrokerError, *, resent: bool) -> OrderRecord:
        """The broker has an order under this id: ours, from a send whose answer was lost, or one
        that this journal has not heard of."""
        found = self._look_up(request.client_order_id)
        if found is None:
            self._act(Act.DOUBT, request.client_order_id, note=error.message)
            raise InDoubt(
                "the broker says the order exists, but does not show it",
                record=self._record(request.client_order_id),
            ) from error
        check_same_order(found, request)
        return replace(found, already=not resent)

    def _after_failure(
        self, client_order_id: str, error: BrokerError, doubtful: bool
    ) -> OrderRecord | None:
        """Record the doubt and look the order up; the record if the broker has it."""
        if not doubtful:
            return None
        self._act(Act.DOUBT, client_order_id, note=error.message)
        self._step("in_doubt")
        return self._look_up(client_order_id)

    def _look_up(self, client_order_id: str) -> OrderRecord | None:
        for pause in LOOKUP_PAUSES_SECONDS:
            self._sleep(pause)
            try:
                order = self._client.get_order_by_client_id(client_order_id)
            except NotFound:
                continue
            except BrokerError:
                continue
            return self._accept(client_order_id, order)
        return None

    def _may_repeat(self, pause: float | None, intent_at: datetime, doubtful: bool) -> bool:
        """Wait and say yes while the order is young enough to be sent once more."""
        if pause is None:
            return False
        young = self._times.quiet_seconds if doubtful else self._times.total_seconds
        if (self._now() - intent_at).total_seconds() + pause > young:
            return False
        if pause:
            self._sleep(pause)
        return True

    def _give_up(self, sending: _Sending, error: BrokerError, doubtful: bool) -> OrderRecord | None:
        """Close what is certain; raise InDoubt for what is not. A record means: settled by now."""
        client_order_id = sending.request.client_order_id
        if doubtful:
            record = self._record(client_order_id)
            if record.status not in UNSETTLED_STATUSES:
                return self._settled_elsewhere(sending, doubtful)
            raise InDoubt(
                f"whether the broker has the order is not known: {error.message}", record=record
            ) from error
        act = sending.unsent if did_not_arrive(error) else Act.REFUSE
        self._act(act, client_order_id, note=error.message, error_kind=error.kind)
        error.client_order_id = client_order_id
        return None

    def _act(self, act: Act, client_order_id: str, **details: Any) -> None:
        with recording(self._journal) as ledger:
            ledger.act(act, client_order_id, self._now(), **details)
        self._publish(ledger.changes)

    def _record(self, client_order_id: str) -> OrderRecord:
        record = self._journal.order_by_client_id(client_order_id)
        assert record is not None, client_order_id
        return record
