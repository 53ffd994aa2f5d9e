"""Decides which queued orders go now, and in which order, once the market opens or a halt ends.

Pure: the queue itself is the journal's orders in status `queued`. An order that is released is
sized and checked afresh by whoever releases it; this page only says that its time has come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class QueueAction(StrEnum):
    KEEP = "keep"
    RELEASE = "release"
    EXPIRE = "expire"


class Queued(Struct, frozen=True):
    """One waiting order. `is_exit`: it closes or reduces; such orders go before entries."""

    client_order_id: str
    symbol: str
    queued_at: datetime
    is_exit: bool = False


class QueueDecision(Struct, frozen=True):
    item: Queued
    action: QueueAction
    reason: str


def expires_at(queued_at: datetime, expires_hours: Decimal) -> datetime:
    return queued_at + timedelta(hours=float(expires_hours))


def decide(
    items: Sequence[Queued],
    now: datetime,
    expires_hours: Decimal,
    wait_reason: Callable[[Queued], str | None],
) -> list[QueueDecision]:
    """One decision for each item; exits first, then by age.

    `wait_reason(item)` says why the order could not trade now (closed, halted), or None. An
    expired order is never released, even if the market has just opened.
    """
    ordered = sorted(items, key=lambda i: (not i.is_exit, i.queued_at, i.client_order_id))
    decisions = []
    for item in ordered:
        if now >= expires_at(item.queued_at, expires_hours):
            reason = f"queued for more than {expires_hours} h"
            decisions.append(QueueDecision(item, QueueAction.EXPIRE, reason))
            continue
        waiting_for = wait_reason(item)
        action = QueueAction.RELEASE if waiting_for is None else QueueAction.KEEP
        decisions.append(QueueDecision(item, action, waiting_for or "the market is open"))
    return decisions
