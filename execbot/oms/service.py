"""The order room's front door: everything a command, the watch loop or a program asks of it.

    oms = OrderManagementSystem(client, journal)
    oms.subscribe("order_filled", print)
    record = oms.submit(OrderRequest("AAPL", Side.BUY, qty=Decimal(10)))

Each call reads and writes the journal in transactions of its own; nothing is kept in memory, so
any number of processes may work on one account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from execbot.broker.budget import RequestPriority, reading_at
from execbot.journal.records import OrderRecord, Origin
from execbot.model.enums import EventSource
from execbot.model.order import Order, OrderRequest
from execbot.oms.ledger import recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.table import Act
from execbot.oms.results import Gate
from execbot.oms.send.orders import Orders
from execbot.oms.sync import intake

if TYPE_CHECKING:
    from execbot.broker.port import ReplaceRequest, TradeUpdate
    from execbot.model.quote import Quote
    from execbot.oms.results import CloseResult
    from execbot.oms.send.cancel import CancelAllResult
    from execbot.oms.send.replace import Judge
    from execbot.oms.sync.reconcile import ReconcileResult


class OrderManagementSystem(Orders):
    """Orders of one account: submit, follow, change, cancel, close, reconcile.

    `now` and `timer` are injected for tests and simulations. Methods raise BrokerError,
    OmsError and JournalError as documented on each.
    """

    # --- orders ----------------------------------------------------------------------------

    def queue(
        self,
        request: OrderRequest,
        *,
        origin: str = Origin.QUEUE,
        note: str | None = None,
        **facts: Any,
    ) -> OrderRecord:
        """Keep an order for the open. `release` sends it, `cancel` takes it back."""
        from execbot.oms.send import hand_over
        from execbot.oms.send.intent import intent_details

        if not request.client_order_id:
            request = replace(request, client_order_id=self.new_id(self.now()))
        details = intent_details(request, {"origin": str(origin), "note": note, **facts})
        with recording(self.journal, must_last=True) as ledger:
            hand_over.claim(self.journal, request.client_order_id)
            ledger.act(Act.QUEUE, request.client_order_id, self.now(), **details)
        self.publish(ledger.changes)
        return self.record(request.client_order_id)

    def release(self, request: OrderRequest, *, gate: Gate | None = None) -> OrderRecord:
        """Send a queued order, sized and checked afresh as `request` says it now."""
        return self._pipeline.release(request, gate=gate)

    def lapse(self, client_order_id: str, *, reason: str) -> OrderRecord:
        """Close a queued order that waited too long."""
        return self._act(Act.LAPSE, client_order_id, note=reason)

    def abandon(self, client_order_id: str, *, reason: str) -> OrderRecord:
        """Give an order up by hand; should the broker report it again, it is reopened."""
        return self._act(Act.ABANDON, client_order_id, note=reason)

    def annotate(self, client_order_id: str, **facts: Any) -> OrderRecord:
        """Set plan_id, role, note, alarm, strategy_id, reason or arrival_price; "" clears."""
        return self._act(Act.ANNOTATE, client_order_id, **facts)

    @reading_at(RequestPriority.EXIT)
    def cancel(self, identifier: str, *, wait_seconds: float = 0.0) -> OrderRecord:
        """Ask for a cancel; with `wait_seconds`, poll until the order has ended.

        Returns the record as it then is: an order that ended in another way (filled) is returned,
        not raised. A queued order is taken back. Raises UnknownOrder, InDoubt, BrokerError.
        """
        from execbot.oms.send.cancel import Canceler

        canceler = Canceler(self)
        return canceler.cancel(identifier, wait_seconds=wait_seconds)

    @reading_at(RequestPriority.EXIT)
    def cancel_all(
        self,
        *,
        symbol: str | None = None,
        entries_only: bool = False,
        mine_only: bool = False,
        wait_seconds: float = 10.0,
    ) -> CancelAllResult:
        """Cancel every open order of the account, wait for each to end, say what is unprotected."""
        from execbot.oms.send.cancel import Canceler

        return Canceler(self).cancel_all(
            symbol=symbol,
            entries_only=entries_only,
            mine_only=mine_only,
            wait_seconds=wait_seconds,
        )

    @reading_at(RequestPriority.PROTECT)
    def replace(
        self, identifier: str, request: ReplaceRequest, *, judge: Judge | None = None
    ) -> OrderRecord:
        """Change price or quantity; returns the record of the new order that takes its place.

        `judge` gives the gate of a change; see `replace_order` for what is raised.
        """
        from execbot.oms.send.replace import replace_order

        return replace_order(self, identifier, request, judge=judge)

    @reading_at(RequestPriority.EXIT)
    def close(
        self,
        symbol: str,
        *,
        qty: Decimal | None = None,
        percentage: Decimal | None = None,
        client_order_id: str = "",
        gate: Gate | None = None,
        reason: str | None = None,
        decided_by: tuple[Quote, ...] = (),
        wait_seconds: float = 15.0,
    ) -> CloseResult:
        """Close a position or part of it at market, lifting the exits that hold its shares.
        `decided_by`: the quote of a contract, for whoever measures what it costs.

        Raises NotPossible (no position), CloseFailed (orders were lifted, then it failed: its
        `result` says what is unprotected), ClientIdReused, Refused, InDoubt, BrokerError.
        """
        from execbot.oms.send.close import Closer

        return Closer(self, wait_seconds).close(
            symbol,
            qty=qty,
            percentage=percentage,
            client_order_id=client_order_id,
            gate=gate,
            reason=reason,
            decided_by=decided_by,
        )

    # --- what the broker reports -----------------------------------------------------------

    def apply_update(
        self, update: TradeUpdate, *, source: EventSource = EventSource.STREAM
    ) -> list[Change]:
        """Take in one stream frame; durable when this returns."""
        return self.apply_batch([update], source=source)

    def apply_batch(
        self, updates: Iterable[TradeUpdate], *, source: EventSource = EventSource.STREAM
    ) -> list[Change]:
        """Take in stream frames in one durable transaction."""
        changes = intake.apply_batch(self.journal, updates, self.now(), source=source)
        self.publish(changes)
        return changes

    def apply_snapshot(
        self, order: Order, *, source: EventSource = EventSource.REST
    ) -> list[Change]:
        """Take in an order as REST showed it."""
        changes = intake.apply_snapshot(self.journal, order, self.now(), source=source)
        self.publish(changes)
        return changes

    def add_order(self, order: Order) -> OrderRecord:
        """Take in an order that was placed without us; from then on it is followed like any other.

        An order that is known already is brought up to date.
        """
        self.apply_snapshot(order)
        return self.record(order.id or order.client_order_id)

    def reconcile(
        self,
        *,
        accept_positions: bool = False,
        costs: Mapping[str, Decimal] | None = None,
        wait: bool = False,
    ) -> ReconcileResult:
        """Bring journal and broker together and explain every difference. Writes nothing there.

        `wait` waits out the quiet period of intents in doubt. `accept_positions` takes the
        broker's quantities where they differ, as recorded adjustments, at the broker's average or
        at `costs`, by symbol key.
        """
        from execbot.oms.sync.reconcile import reconcile

        result = reconcile(
            self.journal,
            self.client,
            self.now,
            quiet_seconds=float(self.settings.settle_quiet_seconds),
            timer=self.timer,
            accept_positions=accept_positions,
            costs=costs or {},
            wait=wait,
        )
        self.publish(result.changes)
        return result

    # --- events ----------------------------------------------------------------------------

    def _act(self, act: Act, identifier: str, **details: Any) -> OrderRecord:
        """Record an act that must be possible now. Raises NotPossible."""
        from execbot.oms.errors import NotPossible

        known = self.record(identifier)
        with recording(self.journal) as ledger:
            applied = ledger.act(act, known.client_order_id, self.now(), **details)
        self.publish(ledger.changes)
        if applied.contradiction:
            raise NotPossible(applied.contradiction, record=known)
        return self.record(known.client_order_id)
