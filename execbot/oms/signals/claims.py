"""Who has a signal, and which order stands for it.

A signal is claimed in the journal before anything else is done for it, and the id of its order
follows from its own: so one process acts on it, once, and another can go on where that one died.
"""

from __future__ import annotations

from datetime import timedelta

from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role, SignalRecord
from execbot.model.enums import REOPENABLE, UNSETTLED_STATUSES
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal
from execbot.model.timer import boot_seconds
from execbot.oms.errors import refuse_unsettled
from execbot.oms.send import hand_over
from execbot.oms.service import OrderManagementSystem

UNFINISHED_SECONDS = 30
"""A claim this old without a result belongs to a process that died: it may be taken over."""

CLAIM_MARGIN = timedelta(days=1)
"""Attempts are looked for from so long before the claim, whatever clocks were set meanwhile."""

CLAIMED = "claimed"
OPEN = "open"
"""A signal for which nothing was sent, for a reason that passes: it may be given again."""


class SignalClaims:
    """The claims of one account's signals. Every method may raise JournalError."""

    def __init__(self, oms: OrderManagementSystem) -> None:
        self._oms = oms

    def is_taken(self, signal: Signal) -> bool:
        """Whether anybody has this signal. One whose process died with it may be taken over."""
        known = self._oms.journal.signal(signal.id)
        if known is None:
            return False
        age = self._oms.now() - known.updated_at
        if known.outcome == OPEN or self._was_taken_back(signal, known):
            return False
        return known.outcome != CLAIMED or age < timedelta(seconds=UNFINISHED_SECONDS)

    def _was_taken_back(self, signal: Signal, known: SignalRecord) -> bool:
        """Whether `watch` had this signal from this very command, and made no order of it."""
        request = hand_over.current()
        if request is None or request.by is not hand_over.By.COMMAND:
            return False
        asked_at = self._oms.now() - timedelta(seconds=boot_seconds() - request.since)
        found = hand_over.orders_of(self._oms.journal, request.name)
        return known.updated_at >= asked_at and not any(hand_over.stands(r.status) for r in found)

    def claim(self, signal: Signal, journal: Journal) -> bool:
        """Take it, in a transaction that is open; False when somebody else was faster."""
        now = self._oms.now()
        if journal.claim_signal(signal.id, signal.symbol, signal.to_dict(), now):
            return True
        if self.is_taken(signal):
            return False
        journal.finish_signal(signal.id, CLAIMED, now)  # taken over, by one process only
        return True

    def order_of(self, signal: Signal) -> OrderRecord | None:
        """The order that stands for this signal, whichever process made it; a smaller attempt comes
        after the one that was refused. One that never left stands for nothing: the signal is acted
        on."""
        journal, found = self._oms.journal, list[OrderRecord]()
        claimed = journal.signal(signal.id)
        if claimed is not None:
            since = claimed.received_at - CLAIM_MARGIN
            ours = journal.orders(symbol=signal.symbol, since=since, legs=False)
            found = [r for r in ours if r.signal_id == signal.id and r.role == Role.ENTRY]
        first = journal.order_by_client_id(client_order_id_of(signal.id))
        if first is not None:
            found.append(first)
        return next((r for r in found if r.status not in REOPENABLE), None)

    def settled_order_of(self, signal: Signal) -> OrderRecord | None:
        """The same with its fate looked up. Raises InDoubt while that is not known, and
        BrokerError."""
        found = self.order_of(signal)
        if found is None or found.status not in UNSETTLED_STATUSES:
            return found
        self._oms.settle()
        found = self.order_of(signal)
        if found is not None:
            refuse_unsettled(found)
        return found
