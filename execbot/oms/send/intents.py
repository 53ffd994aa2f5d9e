"""Intents: what is about to be sent is durable before a byte of it leaves."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from execbot.journal.codec import dumps
from execbot.journal.records import MARK, OrderRecord
from execbot.model.enums import REOPENABLE, OrderStatus
from execbot.model.numbers import maybe_text
from execbot.model.order import OrderRequest
from execbot.oms.errors import Refused
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.results import Gate, GateVerdict
from execbot.oms.send import hand_over
from execbot.oms.send.answers import Answers
from execbot.oms.send.intent import check_same_order, intent_details, lifetime
from execbot.oms.send.judged import is_denied, judged


class Written(Struct, frozen=True):
    """An intent is durable: since when, in the timer's seconds, what the gate said, and how often
    the order was on its way by then (`Intents._turns`)."""

    began: float
    verdict: GateVerdict | None
    turn: int = 1


class Intents(Answers):
    """Writes intents, each judged in its own transaction."""

    def _take_from_queue(
        self, request: OrderRequest, gate: Gate | None
    ) -> tuple[str | None, Written] | None:
        """The role of the order, and its intent; None where it does not wait any more."""
        with recording(self._journal, must_last=True) as ledger:
            state = ledger.state(request.client_order_id)
            if state is None or state.record.status is not OrderStatus.QUEUED:
                return None
            role = state.record.role
            verdict = judged(ledger, request, gate, {}, self._now())
            written = Written(
                self._timer.monotonic(), verdict, 1 + self._turns(request.client_order_id)
            )
            if not is_denied(verdict):
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
                    **lifetime(request),
                }
                details[MARK] = self._timer.mark().to_json()
                ledger.act(Act.RELEASE, request.client_order_id, self._now(), **details)
        self._publish(ledger.changes)
        if verdict is not None and not verdict.passed:
            raise Refused(verdict, self._record(request.client_order_id))
        return role, written

    def _write_intent(
        self,
        request: OrderRequest,
        gate: Gate | None,
        facts: dict[str, Any],
        *,
        is_new: bool = True,
    ) -> OrderRecord | Written:
        """Write the intent, or return the order that has this id."""
        self._step("before_intent")
        with recording(self._journal, must_last=True) as ledger:
            hand_over.claim(self._journal, request.client_order_id, facts["role"])
            state = ledger.state(request.client_order_id)
            if state is not None and not (is_new and state.record.status in REOPENABLE):
                check_same_order(state.record, request)
                return self._record(request.client_order_id)
            verdict = judged(ledger, request, gate, facts, self._now())
            if not is_denied(verdict):
                began = self._timer.monotonic()
                turn = 1 if state is None else 1 + self._turns(request.client_order_id)
                ledger.act(
                    Act.INTENT,
                    request.client_order_id,
                    self._now(),
                    mark=self._timer.mark().to_json(),
                    **intent_details(request, facts),
                )
        self._publish(ledger.changes)
        if verdict is not None and not verdict.passed:
            raise Refused(verdict, self._record(request.client_order_id))
        self._step("intent_written")
        return Written(began, verdict, turn)

    def _turns(self, client_order_id: str) -> int:
        """How often an order was about to be sent: given, given again, and taken from the queue."""
        return len(self._journal.acts_of(client_order_id, (Act.INTENT, Act.RELEASE)))
