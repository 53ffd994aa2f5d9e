"""Brings the broker's answer to a send into the journal: taken, found again, not ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.enums import UNSETTLED_STATUSES
from execbot.model.order import Order, OrderRequest
from execbot.model.order_ids import new_client_order_id
from execbot.model.retrying import polled
from execbot.model.timer import Timer
from execbot.oms.errors import InDoubt
from execbot.oms.ledger import recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.table import Act
from execbot.oms.send.intent import SubmitTimes, is_as_asked, reused
from execbot.oms.send.waiting import (
    OTHER_PROCESS_PAUSE,
    OTHER_PROCESS_SECONDS,
    KeptBack,
    looked_up,
)
from execbot.oms.sync import settle


class Answers:
    """Broker and journal of one account, shared by all that send.

    `on_step` is told of every step by name (tests stop the process there).
    """

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        *,
        times: SubmitTimes = SubmitTimes(),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Timer = Timer(),
        new_id: Callable[[datetime], str] = new_client_order_id,
        on_step: Callable[[str], None] = lambda step: None,
        publish: Callable[[list[Change]], None] = lambda changes: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._times = times
        self._now = now
        self._timer = timer
        self._new_id = new_id
        self._step = on_step
        self._publish = publish
        self._kept_back = KeptBack()

    def _accept(self, client_order_id: str, order: Order) -> OrderRecord:
        # Lost in a power cut, the answer is found again by its id: no wait for the disk.
        with recording(self._journal, recoverable=True) as ledger:
            ledger.snapshot(replace(order, client_order_id=client_order_id), self._now())
        self._publish(ledger.changes)
        self._step("recorded")
        return self._record(client_order_id)

    def _adopt(self, request: OrderRequest, error: BrokerError, *, resent: bool) -> OrderRecord:
        """The broker has an order under this id: ours, from a send whose answer was lost, or one
        that this journal has not heard of. Raises ClientIdReused where that is another order."""
        client_order_id = request.client_order_id
        found = self._find(client_order_id)
        if found is None:
            self._act(Act.EXISTS, client_order_id, note=error.message)
            raise InDoubt(
                "the broker says the order exists, but does not show it",
                record=self._record(client_order_id),
            ) from error
        if resent:
            return self._accept_found(client_order_id, found)
        if is_as_asked(found, request):
            return replace(self._accept(client_order_id, found), already=True)
        self._disown(client_order_id, found)
        raise reused(self._record(client_order_id)) from error

    def _accept_found(self, client_order_id: str, order: Order) -> OrderRecord:
        """Takes in the order that a look-up found after the answer to a send was lost. Raises
        ClientIdReused if the answer must have been that another order has the id."""
        if not settle.is_anothers(order, self._record(client_order_id)):
            return self._accept(client_order_id, order)
        self._disown(client_order_id, order)
        raise reused(self._record(client_order_id))

    def _disown(self, client_order_id: str, order: Order) -> None:
        with recording(self._journal) as ledger:
            settle.disown(ledger, order, client_order_id, self._now())
        self._publish(ledger.changes)

    def _find(self, client_order_id: str) -> Order | None:
        def look() -> Order | None:
            with suppress(BrokerError):  # NotFound, or no answer: asked again
                return self._client.get_order_by_client_id(client_order_id)
            return None

        return looked_up(look, self._timer)

    def _follow_other(self, record: OrderRecord) -> OrderRecord:
        """The id is in use: if its outcome is open, watch its sender, then look it up."""
        name = record.client_order_id
        record = polled(
            lambda: self._record(name),
            lambda record: record.status not in UNSETTLED_STATUSES,
            wait=OTHER_PROCESS_PAUSE,
            seconds=OTHER_PROCESS_SECONDS,
            timer=self._timer,
        )
        if record.status not in UNSETTLED_STATUSES:
            return record
        record, _, changes = settle.settle_one(
            self._journal,
            self._client,
            record,
            self._now,
            quiet_seconds=self._times.quiet_seconds,
            timer=self._timer,
        )
        self._publish(changes)
        return record

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

    def _act(self, act: Act, client_order_id: str, **details: Any) -> None:
        with recording(self._journal) as ledger:
            mark = self._timer.mark().to_json() if act is Act.DOUBT else None
            ledger.act(act, client_order_id, self._now(), mark=mark, **details)
        self._publish(ledger.changes)

    def _record(self, client_order_id: str) -> OrderRecord:
        record = self._journal.order_by_client_id(client_order_id)
        assert record is not None, client_order_id
        return record
