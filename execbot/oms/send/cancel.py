"""Taking orders back. A cancel is a request: the order has ended when the broker says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.broker.errors import BrokerError, NotFound
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.broker.remedy import Remedy
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.model.account import Position
from execbot.model.enums import UNSETTLED_STATUSES, OrderStatus, OrderType
from execbot.model.numbers import ZERO
from execbot.model.order import Order
from execbot.oms.errors import InDoubt, OmsError, UnknownOrder
from execbot.oms.ledger import recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.positions import symbol_key
from execbot.oms.machine.table import Act
from execbot.oms.sync import intake
from execbot.oms.sync.gaps import with_predecessors

if TYPE_CHECKING:
    from execbot.oms.service import OrderManagementSystem

POLL_FIRST_SECONDS = 0.05
POLL_LAST_SECONDS = 1.0
POLL_FACTOR = 1.6
"""Pauses while waiting for an order to end: Alpaca needs milliseconds, or the market is closed."""

MOVES_READ_MAX = 50
"""How far orders are followed that took each other's place."""

CANCEL_ATTEMPTS = 3
"""Asking for the same cancel twice is harmless, so a lost answer is simply asked for again."""

RATE_LIMIT_SECONDS_MAX = 1.0
"""Before a cancel that met a rate limit is asked for again: it stands before everything else."""

EXIT_ROLES = frozenset({Role.STOP, Role.TARGET, Role.EXIT})
STOP_TYPES = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


class Unprotected(Struct, frozen=True):
    """Shares of a position that no working stop covers. Quantities are positive."""

    symbol: str
    qty: Decimal
    uncovered_qty: Decimal


class CancelAllResult(Struct, frozen=True):
    """What became of every order that was asked for.

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


def refresh(
    journal: Journal, client: BrokerClient, identifier: str, now: Callable[[], datetime]
) -> tuple[OrderRecord, list[Change]]:
    """Read one order from the broker by whichever id is known, and take it in."""
    record = journal.find_order(identifier)
    try:
        if record is not None and record.order_id:
            order = client.get_order(record.order_id)
        elif record is not None:
            order = client.get_order_by_client_id(record.client_order_id)
        else:
            order = _stranger(client, identifier)
    except NotFound as error:
        raise UnknownOrder(f"the broker has no order {identifier}", record=record) from error
    changes = intake.apply_snapshots(journal, with_predecessors(journal, client, [order]), now())
    found = journal.order_by_broker_id(order.id)
    assert found is not None
    return found, changes


def _stranger(client: BrokerClient, identifier: str) -> Order:
    """Broker ids are UUIDs; anything else can only be a client id."""
    is_uuid = len(identifier) == 36 and identifier.count("-") == 4
    if is_uuid:
        try:
            return client.get_order(identifier)
        except NotFound:
            pass
    return client.get_order_by_client_id(identifier)


def take_in_open_orders(oms: OrderManagementSystem) -> BrokerError | None:
    """Read the account's open orders, whoever placed them, into the journal.

    Returns why they could not be read: who takes risk away goes on with what the journal knows.
    """
    try:
        listed = oms.client.list_orders(OrderQuery("open", nested=False))
    except BrokerError as error:
        return error
    oms.publish(intake.apply_snapshots(oms.journal, listed, oms.now()))
    return None


def take_in_moved(oms: OrderManagementSystem, records: Iterable[OrderRecord]) -> None:
    """Read these orders from the broker, and those that have taken their place there."""
    for record in records:
        new: str | None = record.order_id
        for _ in range(MOVES_READ_MAX):
            if not new:
                break
            try:
                new = oms.refresh(new).order.replaced_by
            except (BrokerError, OmsError):
                break  # what is not known holds its shares, and the broker says so


class Canceler:
    """Cancels one order or all of them."""

    def __init__(self, oms: OrderManagementSystem) -> None:
        self._oms = oms
        self._client = oms.client
        self._journal = oms.journal

    def cancel(self, identifier: str, *, wait_seconds: float = 0.0) -> OrderRecord:
        """See `OrderManagementSystem.cancel`."""
        record = self._journal.find_order(identifier) or self._oms.refresh(identifier)
        if record.status is OrderStatus.QUEUED:
            record = self._withdraw(record)
        if record.status in UNSETTLED_STATUSES:
            record = self._settled(record)
        if record.order.is_terminal:
            return record
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
        unread = take_in_open_orders(self._oms)
        positions = self._positions()
        wanted = [
            self._withdraw(record) if record.status is OrderStatus.QUEUED else record
            for record in self._journal.orders("open")
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
        return CancelAllResult(
            canceled=(*withdrawn, *_ended_without_fill(ended)),
            filled=tuple(item for item in ended if item.status is OrderStatus.FILLED),
            still_open=tuple(item for item in ended if not _has_ended(item)),
            in_doubt=tuple(in_doubt),
            failed=tuple(
                (item, failed[item.client_order_id])
                for item in working
                if item.client_order_id in failed
            ),
            unprotected=tuple(unprotected(self._positions(), self._open())),
            unread="" if unread is None else unread.message,
        )

    def request(self, record: OrderRecord) -> BrokerError | None:
        """Ask for one cancel; None when it was taken, or the order has ended anyway."""
        error: BrokerError | None = None
        for _ in range(CANCEL_ATTEMPTS):
            try:
                self._client.cancel_order(record.order_id)
            except BrokerError as caught:
                error = caught
                if caught.remedy is Remedy.RETRY_AFTER:
                    told = caught.retry_after_seconds
                    most = RATE_LIMIT_SECONDS_MAX
                    self._oms.sleep(most if told is None else min(told, most))
                    continue
                if caught.in_doubt or caught.remedy is Remedy.RETRY:
                    self._oms.sleep(POLL_FIRST_SECONDS)
                    continue
                if caught.remedy is Remedy.ALREADY_DONE:
                    self._reread(record)  # its end was not reported, or is on its way
                    return None
                return caught
            self._remark([record])
            return None
        return error

    def wait_ended(self, records: Sequence[OrderRecord], seconds: float) -> list[OrderRecord]:
        """Poll until every order has ended or the time is up; the records as they then are.

        One that was replaced meanwhile, by whomever, has not ended: what it became is canceled too
        and stands in its place.
        """
        until = self._oms.now() + timedelta(seconds=seconds)
        current = {record.order_id: record for record in records}
        pause = POLL_FIRST_SECONDS
        while True:
            for order_id, record in current.items():
                if not record.order.is_terminal:
                    current[order_id] = self._reread(record)
                current[order_id] = self._followed(current[order_id])
            open_still = [item for item in current.values() if not _has_ended(item)]
            if not open_still or self._oms.now() >= until:
                return list(current.values())
            self._oms.sleep(pause)
            pause = min(pause * POLL_FACTOR, POLL_LAST_SECONDS)

    # --- inside ----------------------------------------------------------------------------

    def _reread(self, record: OrderRecord) -> OrderRecord:
        try:
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

    def _positions(self) -> list[Position]:
        """The broker's, or the journal's where it does not answer."""
        try:
            return self._client.get_positions()
        except BrokerError:
            return [Position(held.symbol, held.qty) for held in self._journal.positions()]

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

    def _open(self) -> list[OrderRecord]:
        return self._journal.orders("open")


def _ended_without_fill(records: Iterable[OrderRecord]) -> list[OrderRecord]:
    return [
        record
        for record in records
        if _has_ended(record) and record.status is not OrderStatus.FILLED
    ]


def _has_ended(record: OrderRecord) -> bool:
    """A replaced order lives on in the order that it became."""
    return record.order.is_terminal and record.status is not OrderStatus.REPLACED


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
    return not (entries_only and is_exit(record, positions))


def is_exit(record: OrderRecord, positions: Iterable[Position]) -> bool:
    """Is the order there to close: by its role, as a leg, or by its side against the position?"""
    if record.role in EXIT_ROLES or record.parent_id is not None:
        return True
    if record.role == Role.ENTRY:
        return False
    key = symbol_key(record.symbol)
    for position in positions:
        if symbol_key(position.symbol) == key and position.qty:
            return position.qty * record.order.side.sign < 0
    return False


def unprotected(
    positions: Iterable[Position], open_orders: Iterable[OrderRecord]
) -> list[Unprotected]:
    """Positions whose quantity is not covered by working stops on the closing side."""
    covered: dict[tuple[str, int], Decimal] = {}
    for record in open_orders:
        order = record.order
        if order.type in STOP_TYPES and order.is_working:
            key = (symbol_key(order.symbol), order.side.sign)
            covered[key] = covered.get(key, ZERO) + (record.leaves_qty or ZERO)
    found: list[Unprotected] = []
    for position in positions:
        closing = -1 if position.qty > 0 else 1
        stop_qty = covered.get((symbol_key(position.symbol), closing), ZERO)
        if stop_qty < abs(position.qty):
            found.append(
                Unprotected(position.symbol, abs(position.qty), abs(position.qty) - stop_qty)
            )
    return found
