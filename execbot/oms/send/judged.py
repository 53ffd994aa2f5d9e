"""The gate asked in the transaction of an intent, and the denial written where it says no."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from execbot.journal.journal import Journal
from execbot.model.order import OrderRequest
from execbot.oms.ledger import Ledger
from execbot.oms.machine.table import Act
from execbot.oms.results import Gate, GateVerdict
from execbot.oms.send.intent import intent_details


def judged(
    ledger: Ledger, request: OrderRequest, gate: Gate | None, facts: dict[str, Any], now: datetime
) -> GateVerdict | None:
    """The gate's verdict on the request, None without a gate; a denial is written by then."""
    if gate is None:
        return None
    verdict = gate(ledger.journal)
    if not verdict.passed:
        words = intent_details(request, facts) | {"note": verdict.message}
        ledger.act(Act.DENY, request.client_order_id, now, **words)
        audit_denial(ledger.journal, request.client_order_id, verdict, now)
    return verdict


def is_denied(verdict: GateVerdict | None) -> bool:
    return verdict is not None and not verdict.passed


def audit_denial(
    journal: Journal, client_order_id: str, verdict: GateVerdict, now: datetime
) -> None:
    journal.audit("gate", client_order_id, verdict.code, verdict.facts, "denied", now)
