"""Taking orders back. A cancel is a request: the order has ended when the broker says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.remedy import Remedy
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.enums import OVER, UNSETTLED_STATUSES, WORKING_STATUSES, OrderStatus
from execbot.model.order import Order
from execbot.model.retrying import polled, retried
from execbot.model.symbols import symbol_key
from execbot.oms.errors import InDoubt
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.send import hand_over
from execbot.oms.send.exits_of import Unprotected, is_exit_of, unprotected
from execbot.oms.send.orders import Orders, held_positions, take_in_open_orders
from execbot.oms.send.waiting import (
    CANCEL_ATTEMPTS,
    UNTIL_ENDED,
    before_cancel,
    may_cancel_again,
)


class CancelAllResult(Struct, frozen=True):
    """The result for every order that was to be canceled.

    `failed` could not be asked for, `still_open` had not ended when the wait was over, `in_doubt`
    cannot be canceled because the broker may not have them. `unread` says why the broker's list of
    open orders could not be read: then only what the journal knows is named.
    """

    canceled: tuple[OrderRecord, ...] = ()
    filled: tuple[OrderRecord, ...] = ()
    still_open: tuple[OrderRecord, ...] = ()
    in_doubt: tuple[OrderRecord, ...] = ()
    failed: tuple[tuple[OrderRecord, str], ...] = ()
    unprotected: tuple[Unprotected, ...] = ()
    unread: str = ""


class Canceler:
    """Cancels one order or all of them."""

    def __init__(self, oms: Orders) -> None:
        self._oms = oms
        self._client = oms.client
        self._journal = oms.journal
        self._contradicted: set[str] = set()
        """Broker ids of orders that have ended here and work there."""

    def cancel(self, identifier: str, *, wait_seconds: float = 0.0) -> OrderRecord:
        """See `OrderManagementSystem.cancel`."""
        record = self._journal.find_order(identifier) or self._oms.refresh(identifier)
        if record.status is OrderStatus.QUEUED:
            record = self._withdraw(record)
        if record.status in UNSETTLED_STATUSES:
            record = self._settled(record)
        if record.order.is_terminal:
            there = self._status_there(record.order_id)
            if there is None:
                return record
            record = _as_there(record, there)
        error = self.request(record)
        if error is not None:
            raise error
        return self.wait_ended([record], wait_seconds)[0]

    def cancel_all(
        self,
        *,
        symbol: str | None,
        entries_only: bool,
        mine_only: bool,
        wait_seconds: float,
    ) -> CancelAllResult:
        """See `OrderManagementSystem.cancel_all`."""
        with suppress(BrokerError):
            self._oms.settle()  # what stays unsettled is named as in doubt
        listed = take_in_open_orders(self._oms)
        unread = listed.unread
        positions = held_positions(self._oms)
        wanted = [
            self._withdraw(record) if record.status is OrderStatus.QUEUED else record
            for record in (*self._journal.orders("open"), *self._reopened(listed.orders))
            if _selected(record, positions, symbol, entries_only, mine_only)
        ]
        withdrawn = [record for record in wanted if record.status is OrderStatus.CANCELED]
        in_doubt = [record for record in wanted if record.status in UNSETTLED_STATUSES]
        working = [record for record in wanted if record.order.is_working and record.order_id]
        everything = symbol is None and not entries_only and not mine_only
        if everything:
            failed = self._request_all(working, unread)
        else:
            failed = self._request_each(working)
        asked = [item for item in working if item.client_order_id not in failed]
        if unread is not None and not (everything or asked or withdrawn):
            raise unread
        ended = self.wait_ended(asked, wait_seconds)
        with suppress(BrokerError):
            self._oms.gap_fill()  # a stop that is spared may have ended, and no list says so
        return CancelAllResult(
            canceled=(*withdrawn, *_ended_without_fill(ended)),
            filled=tuple(item for item in ended if item.status is OrderStatus.FILLED),
            still_open=tuple(item for item in ended if not has_ended(item)),
            in_doubt=tuple(in_doubt),
            failed=tuple(
                (item, failed[item.client_order_id])
                for item in working
                if item.client_order_id in failed
            ),
            unprotected=tuple(unprotected(self._journal, held_positions(self._oms))),
            unread="" if unread is None else unread.message,
        )

    def request(self, record: OrderRecord) -> BrokerError | None:
        """Ask for one cancel; None when it was taken, or the order has ended anyway. Raises
        HandedBack."""
        hand_over.refuse_revoked(self._journal)
        try:
            retried(
                lambda: self._client.cancel_order(record.order_id),
                may_retry=may_cancel_again,
                wait=before_cancel,
                stop=CANCEL_ATTEMPTS,
                sleep=self._oms.timer.sleep,
            )
        except BrokerError as error:
            if error.remedy is not Remedy.ALREADY_DONE:
                return error
            self._reread(record)  # its end was not reported, or is on its way
            return None
        self._remark([record])
        return None

    def wait_ended(self, records: Sequence[OrderRecord], seconds: float) -> list[OrderRecord]:
        """Poll until every order has ended or the time is up; the records as they then are.

        One that was replaced meanwhile, by whomever, has not ended: what it became is canceled too
        and stands in its place.
        """
        current = {record.order_id: record for record in records}

        def look() -> list[OrderRecord]:
            for order_id, record in current.items():
                if not record.order.is_terminal:
                    current[order_id] = self._reread(record)
                current[order_id] = self._followed(current[order_id])
            return list(current.values())

        return polled(
            look,
            lambda seen: all(map(has_ended, seen)),
            wait=UNTIL_ENDED,
            seconds=seconds,
            timer=self._oms.timer,
        )

    # --- inside ----------------------------------------------------------------------------

    def _reread(self, record: OrderRecord) -> OrderRecord:
        try:
            if record.order_id in self._contradicted:
                status = self._client.get_order(record.order_id).status
                if status in WORKING_STATUSES:
                    return _as_there(record, status)
            return self._oms.refresh(record.order_id)
        except BrokerError:
            # A look that fails is repeated at the next poll; the last known state stands.
            return self._journal.order_by_broker_id(record.order_id) or record

    def _followed(self, record: OrderRecord) -> OrderRecord:
        """The record, or the order that took its place, whose cancel is asked for at once."""
        while record.status is OrderStatus.REPLACED and record.order.replaced_by:
            try:
                successor = self._oms.refresh(record.order.replaced_by)
            except BrokerError:
                return record  # looked for again at the next poll
            if not successor.order.is_terminal and self.request(successor) is None:
                successor = self._reread(successor)
            record = successor
        return record

    def _status_there(self, order_id: str) -> OrderStatus | None:
        """It has ended here. Only the broker knows whether it has there: a report of its end may
        have been wrong, and a cancel must never be left out for one (docs/evidence.md, E-ORD-5)."""
        if not order_id:
            return None
        try:
            status = self._client.get_order(order_id).status
        except BrokerError:
            return None  # its end was reported, and nothing speaks against it
        if status not in WORKING_STATUSES:
            return None
        self._contradicted.add(order_id)
        return status

    def _reopened(self, listed: Iterable[Order]) -> list[OrderRecord]:
        """Orders that the broker lists as working although they have ended here."""
        found = []
        for order in listed:
            record = self._journal.order_by_broker_id(order.id)
            if record is not None and record.order.is_terminal and order.is_working:
                self._contradicted.add(order.id)
                found.append(_as_there(record, order.status))
        return found

    def _settled(self, record: OrderRecord) -> OrderRecord:
        self._oms.settle()
        current = self._oms.record(record.client_order_id)
        if current.status in UNSETTLED_STATUSES:
            raise InDoubt("whether the broker has the order is not known yet", record=current)
        return current

    def _withdraw(self, record: OrderRecord) -> OrderRecord:
        with recording(self._journal) as ledger:
            ledger.act(Act.WITHDRAW, record.client_order_id, self._oms.now())
        self._oms.publish(ledger.changes)
        return self._oms.record(record.client_order_id)

    def _remark(self, records: Iterable[OrderRecord]) -> None:
        with recording(self._journal) as ledger:
            for record in records:
                ledger.act(Act.CANCEL_REQUESTED, record.client_order_id, self._oms.now())

    def _request_each(self, records: Iterable[OrderRecord]) -> dict[str, str]:
        failed: dict[str, str] = {}
        for record in records:
            error = self.request(record)
            if error is not None:
                failed[record.client_order_id] = error.message
        return failed

    def _request_all(
        self, records: Sequence[OrderRecord], unread: BrokerError | None
    ) -> dict[str, str]:
        """One request for everything; what its answer does not cover is asked for one by one.

        Raises BrokerError when the broker neither shows its orders nor cancels them.
        """
        try:
            results = self._client.cancel_all_orders()
        except BrokerError:
            if unread is not None:
                raise
            return self._request_each(records)
        taken = {item.id for item in results if item.ok}
        taken |= {leg.id for item in results if item.ok and item.order for leg in item.order.legs}
        taken |= {item.order.id for item in results if item.ok and item.order is not None}
        self._remark(record for record in records if record.order_id in taken)
        return self._request_each(
            record
            for record in records
            if record.order_id not in taken and record.status is not OrderStatus.HELD
        )


def _as_there(record: OrderRecord, status: OrderStatus) -> OrderRecord:
    """The record as the broker has the order: here it has ended."""
    return replace(record, order=replace(record.order, status=status))


def _ended_without_fill(records: Iterable[OrderRecord]) -> list[OrderRecord]:
    return [
        record
        for record in records
        if has_ended(record) and record.status is not OrderStatus.FILLED
    ]


def has_ended(record: OrderRecord) -> bool:
    """A replaced order lives on in the order that it became."""
    return record.status in OVER


def _selected(
    record: OrderRecord,
    positions: Iterable[Position],
    symbol: str | None,
    entries_only: bool,
    mine_only: bool,
) -> bool:
    if symbol is not None and symbol_key(record.symbol) != symbol_key(symbol):
        return False
    if mine_only and not record.is_ours:
        return False
    return not (entries_only and is_exit_of(record, positions))
