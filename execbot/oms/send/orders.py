"""Orders of one account as everything that sends needs them: read, looked up, sent, reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError, UnreadRow
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.config.schema import OrderManagementSettings
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin
from execbot.model.account import Position
from execbot.model.enums import REOPENABLE, UNSETTLED_STATUSES
from execbot.model.order import Order, OrderRequest
from execbot.model.order_ids import new_client_order_id
from execbot.model.symbols import symbol_key
from execbot.model.timer import Timer
from execbot.model.unread import Rows, unread_of
from execbot.oms.errors import OmsError
from execbot.oms.machine.changes import Change, Subscribers
from execbot.oms.recounts import recount
from execbot.oms.results import Gate
from execbot.oms.send.closing_tries import last_try
from execbot.oms.send.intent import SubmitTimes
from execbot.oms.send.pipeline import SubmitPipeline
from execbot.oms.sync import intake, settle
from execbot.oms.sync.gaps import GapFill, fill_gap
from execbot.risk.holding_evidence import counted_positions, holding


class Orders:
    """Orders of one account: one is read, looked up, sent, and every change is published.

    `now` and `timer` are injected for tests and simulations.
    """

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        *,
        settings: OrderManagementSettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Timer = Timer(),
        new_id: Callable[[datetime], str] = new_client_order_id,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.client = client
        self.journal = journal
        self.settings = settings or OrderManagementSettings()
        self.now = now
        self.timer = timer
        self.new_id = new_id
        self._subscribers = Subscribers()
        self._pipeline = SubmitPipeline(
            client,
            journal,
            times=times_of(self.settings),
            now=now,
            timer=timer,
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
        of: str | None = None,
        is_new: bool = True,
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
            of=of,
            is_new=is_new,
        )

    def record(self, identifier: str) -> OrderRecord:
        """The order by client or broker id. Raises UnknownOrder."""
        from execbot.oms.errors import UnknownOrder

        found = self.journal.find_order(identifier)
        if found is None:
            raise UnknownOrder(f"there is no order {identifier}")
        return found

    def sent_before(self, client_order_id: str) -> OrderRecord | None:
        """The order that was sent under this id (of a closing order its last try), its fate looked
        up where it is not known.

        None where none was, or where the id may be used again. Raises BrokerError.
        """
        found = last_try(self.journal, client_order_id)
        if found is not None and found.status in UNSETTLED_STATUSES:
            self.settle()
            found = last_try(self.journal, client_order_id)
        return None if found is None or found.status in REOPENABLE else found

    def refresh(self, identifier: str) -> OrderRecord:
        """Read the order from the broker, take it in, and return its record.

        An order that the journal does not know is adopted. Raises UnknownOrder, BrokerError.
        """
        from execbot.oms.sync.look_up import refresh

        record, changes = refresh(self.journal, self.client, identifier, self.now)
        self.publish(changes)
        return record

    def refresh_together(self, names: Sequence[str]) -> list[OrderRecord]:
        """Read several orders by one question, take them in, and return their records.

        What the broker's list leaves out is as the journal has it. Raises BrokerError.
        """
        from execbot.oms.sync.look_up import refresh_together

        records, changes = refresh_together(self.journal, self.client, names, self.now)
        self.publish(changes)
        return records

    def settle(self) -> settle.Settlement:
        """Look up every intent whose fate is unknown; no request when there is none."""
        found = settle.settle(
            self.journal,
            self.client,
            self.now,
            quiet_seconds=float(self.settings.settle_quiet_seconds),
            timer=self.timer,
        )
        self.publish(found.changes)
        return found

    def gap_fill(self) -> GapFill:
        """Read from REST what happened since the last look: after every (re)connect."""
        filled = fill_gap(self.journal, self.client, self.now)
        self.publish(filled.changes)
        return filled

    def recount(self, filled: GapFill, positions: Sequence[Position]) -> list[Change]:
        """Book what that look and the positions asked for after it prove (E-EXE-12)."""
        changes = recount(self.journal, filled.orders, positions, self.now())
        self.publish(changes)
        return changes

    def subscribe(self, name: str, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back on `order_submitted`, `order_failed`, `order_canceled`,
        `order_status_updated` or `order_filled`; returns a function that unsubscribes."""
        return self._subscribers.subscribe(name, callback)

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell subscribers of changes that are committed."""
        self._subscribers.publish(changes)


MOVES_READ_MAX = 50
"""How far orders are followed that took each other's place."""


class Listed(Struct, frozen=True):
    """The account's open orders as the broker lists them, whoever placed them.

    `unread` says why they (or one of them) could not be read: who takes risk away goes on with
    what the journal knows.
    """

    orders: tuple[Order, ...] = ()
    unread: BrokerError | None = None


def take_in_open_orders(oms: Orders) -> Listed:
    """Read the account's open orders into the journal."""
    try:
        listed = oms.client.list_orders(OrderQuery("open", nested=False))
    except BrokerError as error:
        return Listed(unread=error)
    oms.publish(intake.apply_snapshots(oms.journal, listed, oms.now()))
    unread = next(iter(unread_of(listed)), None)
    return Listed(tuple(listed), None if unread is None else UnreadRow.of(unread, "GET"))


def held_position(oms: Orders, symbol: str) -> Position | None:
    """The position of a symbol: the broker's, or the sum of the fills if the broker shows none or
    an impossible one.

    All fills are read before they are believed against the broker. Raises BrokerError.
    """
    theirs, unread = None, None
    try:
        theirs = oms.client.get_position(symbol)
    except UnreadRow as error:
        unread = error
    if theirs is not None and theirs.qty:
        return theirs
    if not _by_fills(oms, symbol):
        if unread is not None:
            raise unread
        return None
    oms.gap_fill()
    ours = oms.journal.position(symbol)
    if ours is None or not ours.qty:
        return None
    return Position(ours.symbol, ours.qty, ours.avg_entry_price, ours.asset_class)


def _by_fills(oms: Orders, symbol: str) -> bool:
    ours = oms.journal.position(symbol)
    return ours is not None and bool(ours.qty)


def held_positions(oms: Orders, listed: Sequence[Position] | None = None) -> Rows[Position]:
    """Positions that may be held: the broker's list (`listed`, if it was read already), with each
    quantity that the fills make larger; rows that cannot be read are `unread`.

    The journal's alone where the broker does not answer. A symbol that the list leaves out is held
    until its fills say otherwise (docs/evidence.md, E-POS-2).
    """
    return held_and_listed(oms, listed)[0]


def held_and_listed(
    oms: Orders, listed: Sequence[Position] | None = None
) -> tuple[Rows[Position], Sequence[Position] | None]:
    """Positions that may be held, and the broker's own list: for shares missing there the broker
    takes no closing order. None where it does not answer."""
    ours = {symbol_key(record.symbol): record for record in oms.journal.positions()}
    if listed is None:
        with suppress(BrokerError):
            listed = oms.client.get_positions()
    rows: Sequence[Position] = () if listed is None else listed
    theirs = {symbol_key(item.symbol): item for item in rows}
    held = [holding(record, theirs.get(key)) for key, record in ours.items()]
    found = Rows(counted_positions(held, theirs, ours).values(), unread_of(rows))
    return found, listed


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
