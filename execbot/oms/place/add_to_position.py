"""Adding to a protected position, step by step, so that it is never left without its stop.

The stop that would make the broker refuse the buy is lifted for as long as the buying takes, and
whatever fails on the way, the lift ends: a running `watch` then protects all that is held by one
stop, and `protect` (a function of the caller's) does where none runs. The lift is held on a short
lease, so a process that dies with it in its hands leaves the position alone for seconds only.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.exits.living_orders import SymbolOrder, SymbolOrders, read_orders
from execbot.exits.plan.plan import ExitPlan, Lift
from execbot.exits.rules.make_room import RoomDecision, RoomStep, conflicts, next_step
from execbot.exits.store import (
    KEPT,
    keep_lifted,
    keep_moves,
    lease,
    lifted,
    plan_by_id,
    plan_of,
)
from execbot.journal.journal import Journal
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord
from execbot.model.amounts import price_words
from execbot.model.enums import STOP_TYPES, OrderType, TimeInForce
from execbot.model.order import OrderRequest
from execbot.model.retrying import polled
from execbot.model.symbols import symbol_key
from execbot.oms.errors import NotPossible, OmsError
from execbot.oms.send.cancel import Canceler
from execbot.oms.send.orders import take_in_moved
from execbot.oms.send.waiting import UNTIL_ENDED
from execbot.oms.service import OrderManagementSystem
from execbot.risk.facts import Facts, market_price
from execbot.risk.pending import PendingOrder

WAIT_SECONDS = 15.0
"""How long an addition may take while the stop is off; its rest is canceled then."""

REASON = "scale in"


class Addition(Struct, frozen=True):
    """The position that an order adds to. `lifts` are the client_order_ids of the exits in its way.

    `refusal` says why it cannot be sent although every check passes: it would rest, and the
    position would be without its stop for as long.
    """

    plan: ExitPlan
    held: Decimal
    """The signed position that the order was judged against."""
    lifts: frozenset[str] = frozenset()
    refusal: str = ""


def addition_of(journal: Journal, request: OrderRequest, facts: Facts) -> Addition | None:
    """How `request` enlarges a position that has an exit plan; None when it does not.

    A position that is being left is not enlarged: its exits are no business of an addition.
    """
    held = facts.counted(request.symbol)
    if held is None or held.qty * request.side.sign <= 0:
        return None
    plan = plan_of(journal, request.symbol)
    if plan is None or plan.exit_side is not request.side.opposite:
        return None
    if plan.exit is not None:
        return None
    # The broker's list leaves out legs whose parent has filled; the journal has them.
    exits = {
        record.client_order_id
        for record in journal.orders("open", symbol=plan.symbol)
        if record.role in PROTECTIVE_ROLES and conflicts(request, record.order)
    }
    others = [p for p in facts.pending if _is_stranger(p, plan.symbol) and conflicts(request, p)]
    if plan.status not in KEPT or others:
        return Addition(plan, held.qty)
    refusal = _refusal(request, facts) if exits else ""
    return Addition(plan, held.qty, frozenset(exits), refusal)


def _refusal(request: OrderRequest, facts: Facts) -> str:
    """Only what fills at once may be bought with the stop off."""
    what = ""
    if request.type in STOP_TYPES:
        what = f"a {request.type} order waits for its trigger"
    elif request.time_in_force in (TimeInForce.OPG, TimeInForce.CLS):
        what = f"{request.time_in_force} waits for the auction"
    elif request.type is OrderType.LIMIT and request.limit_price is not None:
        there = market_price(facts, request.side)
        better = there is not None and (request.limit_price - there) * request.side.sign < 0
        what = f"a limit of {price_words(request.limit_price)} would rest, the market is at "
        what = what + price_words(there) if there is not None and better else ""
    if not what:
        return ""
    return f"{request.symbol} would be without its stop meanwhile: {what}"


def _is_stranger(order: PendingOrder, symbol: str) -> bool:
    """On the symbol, and none of the exits that are ours to lift."""
    return symbol_key(order.symbol) == symbol_key(symbol) and not order.protective


def add_to_position(
    oms: OrderManagementSystem,
    request: OrderRequest,
    place: Callable[[OrderRequest], OrderRecord],
    *,
    held: Decimal | None = None,
    wait_seconds: float = WAIT_SECONDS,
    protect: Callable[[str], None] = lambda symbol: None,
) -> OrderRecord:
    """Send `request` by `place` once nothing of ours stands in its way; its record at the end.

    `request` must have its `client_order_id`. An addition that has not ended after `wait_seconds`
    is canceled: the position cannot stay without a stop for its sake. Raises what `place` raises,
    and NotPossible when the exits did not end in time, or when less than `held` (signed) is left
    because they were taken while they were being lifted. `protect(symbol)` is called in every case.
    """
    holding = lifted(
        oms.journal,
        request.symbol,
        oms.now,
        REASON,
        entry_client_order_id=request.client_order_id,
    )
    try:
        with holding as plan:
            plan_id = plan.plan_id if plan is not None else None
            return _Steps(oms, request, place, plan_id, held, wait_seconds).run()
    finally:
        protect(request.symbol)


class _Steps:
    """One addition on its way."""

    def __init__(
        self,
        oms: OrderManagementSystem,
        request: OrderRequest,
        place: Callable[[OrderRequest], OrderRecord],
        plan_id: str | None,
        held: Decimal | None,
        wait_seconds: float,
    ) -> None:
        self._oms = oms
        self._request = request
        self._place = place
        self._plan_id = plan_id
        self._wait_seconds = wait_seconds
        self._held = held
        self._record: OrderRecord | None = None

    def run(self) -> OrderRecord:
        self._read_exits()
        timer = self._oms.timer
        until = timer.monotonic() + self._wait_seconds
        waited_for: list[OrderRecord] = []

        def look() -> RoomStep:
            self._refresh(waited_for)
            records = self._open_records()
            step = self._next(records)
            if step.step in (RoomStep.BUY, RoomStep.BUY_AT_ONCE):
                if timer.monotonic() >= until:
                    return RoomStep.GIVE_UP
                self._refuse_if_taken()
                self._record = self._place(self._request)
                step = self._next(records)
            self._lift(step.cancel)
            waited_for[:] = records if self._record is None else [self._record]
            return step.step

        last = polled(
            look,
            lambda step: step in (RoomStep.DONE, RoomStep.GIVE_UP),
            wait=UNTIL_ENDED,
            seconds=self._wait_seconds,
            timer=timer,
        )
        if last is RoomStep.DONE and self._record is not None:
            return self._record
        return self._too_late()

    def _next(self, records: list[OrderRecord]) -> RoomDecision:
        return next_step(
            self._request,
            self._exits(records),
            self._held_plan(),
            self._record.order if self._record is not None else None,
            self._oms.now(),
        )

    def _read_exits(self) -> None:
        """As they stand at the broker, with what has been moved there since the last look."""
        take_in_moved(self._oms, self._open_records())
        if self._plan_id is not None:
            keep_moves(self._oms.journal, self._plan_id, self._oms.now())

    def _open_records(self) -> list[OrderRecord]:
        return self._oms.journal.orders("open", symbol=self._request.symbol)

    def _exits(self, records: list[OrderRecord]) -> SymbolOrders:
        journal = self._oms.journal
        parents = [journal.order_by_client_id(r.parent_id) for r in records if r.parent_id]
        family = {r.client_order_id: r for r in (*records, *(p for p in parents if p is not None))}
        family |= {r.client_order_id: r for r in journal.successors(tuple(family.values()))}
        seen = [SymbolOrder.from_record(r) for r in family.values()]
        return read_orders(seen, self._request.side.opposite)

    def _held_plan(self) -> ExitPlan | None:
        """The plan, its lift made longer when that is due and the addition has not ended."""
        if self._plan_id is None:
            return None
        oms, now = self._oms, self._oms.now()
        plan = plan_by_id(oms.journal, self._plan_id)
        ended = self._record is not None and self._record.order.is_terminal
        if plan is None or ended:
            return plan
        name = (self._record or self._request).client_order_id
        keep_lifted(oms.journal, plan.plan_id, now, Lift(REASON, now + lease(oms.now), name))
        return plan_by_id(oms.journal, self._plan_id)

    def _lift(self, orders: tuple[SymbolOrder, ...]) -> None:
        canceler = Canceler(self._oms)
        for order in orders:
            error = canceler.request(self._oms.record(order.name))
            if error is not None:
                raise error

    def _refuse_if_taken(self) -> None:
        """An exit filled instead of being canceled: this is not what was decided on."""
        if self._held is None:
            return
        position = self._oms.client.get_position(self._request.symbol)
        left = position.qty * self._held if position is not None else Decimal(0)
        if left < self._held * self._held:
            raise NotPossible(
                f"nothing was added to {self._request.symbol}: its exit was taken while it was "
                "being lifted",
                hint="The position is smaller now, or closed.",
            )

    def _refresh(self, records: list[OrderRecord]) -> None:
        for record in records:
            if not record.order_id:
                continue
            try:
                self._oms.refresh(record.order_id)
            except (BrokerError, OmsError):
                continue  # looked at again by the next round
        if self._record is not None:
            self._record = self._oms.record(self._record.client_order_id)

    def _too_late(self) -> OrderRecord:
        if self._record is None:
            raise NotPossible(
                f"nothing was added to {self._request.symbol}: its exits did not end in time",
                hint="They are put back.",
            )
        return self._oms.cancel(self._record.client_order_id, wait_seconds=5)
