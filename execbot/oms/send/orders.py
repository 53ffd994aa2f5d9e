"""Orders of one account as everything that sends needs them: read, looked up, sent, reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.config.schema import OrderManagementSettings
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin
from execbot.model.enums import UNSETTLED_STATUSES
from execbot.model.order import OrderRequest
from execbot.oms.errors import OmsError
from execbot.oms.machine.changes import Change, Subscribers
from execbot.oms.machine.table import REOPENABLE
from execbot.oms.results import Gate
from execbot.oms.send.intent import SubmitTimes, new_client_order_id
from execbot.oms.send.pipeline import SubmitPipeline
from execbot.oms.sync import intake, settle


class Orders:
    """Orders of one account: one is read, looked up, sent, and every change is published.

    `now` and `sleep` are injected for tests and simulations.
    """

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        *,
        settings: OrderManagementSettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        new_id: Callable[[datetime], str] = new_client_order_id,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.client = client
        self.journal = journal
        self.settings = settings or OrderManagementSettings()
        self.now = now
        self.sleep = sleep
        self.new_id = new_id
        self._subscribers = Subscribers()
        self._pipeline = SubmitPipeline(
            client,
            journal,
            times=times_of(self.settings),
            now=now,
            sleep=sleep,
            new_id=new_id,
            on_step=on_step,
            publish=self.publish,
        )

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
        """Send one order exactly once; see `SubmitPipeline.submit` for what it raises."""
        return self._pipeline.submit(
            request,
            gate=gate,
            origin=origin,
            arrival_price=arrival_price,
            signal_id=signal_id,
            plan_id=plan_id,
            role=role,
        )

    def record(self, identifier: str) -> OrderRecord:
        """The order by client or broker id. Raises UnknownOrder."""
        from execbot.oms.errors import UnknownOrder

        found = self.journal.find_order(identifier)
        if found is None:
            raise UnknownOrder(f"there is no order {identifier}")
        return found

    def sent_before(self, client_order_id: str) -> OrderRecord | None:
        """The order that was sent under this id, its fate looked up where it is not known.

        None where none was, or where the id may be used again. Raises BrokerError.
        """
        found = self.journal.order_by_client_id(client_order_id)
        if found is not None and found.status in UNSETTLED_STATUSES:
            self.settle()
            found = self.journal.order_by_client_id(client_order_id)
        return None if found is None or found.status in REOPENABLE else found

    def refresh(self, identifier: str) -> OrderRecord:
        """Read the order from the broker, take it in, and return its record.

        An order that the journal does not know is adopted. Raises UnknownOrder, BrokerError.
        """
        from execbot.oms.sync.look_up import refresh

        record, changes = refresh(self.journal, self.client, identifier, self.now)
        self.publish(changes)
        return record

    def settle(self) -> settle.Settlement:
        """Look up every intent whose fate is unknown; no request when there is none."""
        found = settle.settle(
            self.journal,
            self.client,
            self.now,
            quiet_seconds=float(self.settings.settle_quiet_seconds),
        )
        self.publish(found.changes)
        return found

    def subscribe(self, name: str, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back on `order_submitted`, `order_failed`, `order_canceled`,
        `order_status_updated` or `order_filled`; returns a function that unsubscribes."""
        return self._subscribers.subscribe(name, callback)

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell subscribers of changes that are committed."""
        self._subscribers.publish(changes)


MOVES_READ_MAX = 50
"""How far orders are followed that took each other's place."""


def take_in_open_orders(oms: Orders) -> BrokerError | None:
    """Read the account's open orders, whoever placed them, into the journal.

    Returns why they could not be read: who takes risk away goes on with what the journal knows.
    """
    try:
        listed = oms.client.list_orders(OrderQuery("open", nested=False))
    except BrokerError as error:
        return error
    oms.publish(intake.apply_snapshots(oms.journal, listed, oms.now()))
    return None


def take_in_moved(oms: Orders, records: Iterable[OrderRecord]) -> None:
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


def times_of(settings: OrderManagementSettings) -> SubmitTimes:
    return SubmitTimes(
        attempts=1 + settings.retry_attempts,
        retry_delay_seconds=float(settings.retry_delay_seconds),
        total_seconds=float(settings.timeout_seconds),
        quiet_seconds=float(settings.settle_quiet_seconds),
    )
