"""Adding to a protected position, step by step, so that it is never left without its stop.

The stop that would make the broker refuse the buy is lifted for as long as the buying takes, and
whatever fails on the way, the lift ends: a running `watch` then protects all that is held by one
stop, and `protect` (a function of the caller's) does where none runs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from execbot.broker.errors import BrokerError
from execbot.exits.orders import SymbolOrder, read_orders
from execbot.exits.scale_in import Step, next_step
from execbot.exits.store import lifted, plan_by_id
from execbot.journal.records import OrderRecord
from execbot.model.order import OrderRequest
from execbot.oms.cancel import POLL_FIRST_SECONDS, Canceler
from execbot.oms.errors import NotPossible, OmsError
from execbot.oms.service import OrderManagementSystem


def add_to_position(
    oms: OrderManagementSystem,
    request: OrderRequest,
    place: Callable[[OrderRequest], OrderRecord],
    *,
    wait_seconds: float = 15.0,
    protect: Callable[[str], None] = lambda symbol: None,
) -> OrderRecord:
    """Send `request` by `place` once nothing of ours stands in its way; its record at the end.

    `request` must have its `client_order_id`. An addition that has not ended after `wait_seconds`
    is canceled: the position cannot stay without a stop for its sake. Raises what `place` raises,
    and NotPossible when the exits did not end in time. `protect(symbol)` is called in every case.
    """
    adding = lifted(
        oms.journal,
        request.symbol,
        oms.now,
        "scale in",
        seconds=wait_seconds,
        entry_client_order_id=request.client_order_id,
    )
    try:
        with adding as plan:
            plan_id = plan.plan_id if plan is not None else None
            return _add(oms, request, place, plan_id, wait_seconds)
    finally:
        protect(request.symbol)


def _add(
    oms: OrderManagementSystem,
    request: OrderRequest,
    place: Callable[[OrderRequest], OrderRecord],
    plan_id: str | None,
    wait_seconds: float,
) -> OrderRecord:
    until = oms.now() + timedelta(seconds=wait_seconds)
    record: OrderRecord | None = None
    while True:
        if oms.now() >= until:
            return _too_late(oms, request, record)
        records = oms.journal.orders("open", symbol=request.symbol)
        parents = [oms.journal.order_by_client_id(r.parent_id) for r in records if r.parent_id]
        family = [*records, *(p for p in parents if p is not None)]
        orders = read_orders([SymbolOrder.from_record(r) for r in family], request.side.opposite)
        plan = plan_by_id(oms.journal, plan_id) if plan_id is not None else None
        order = record.order if record is not None else None
        step = next_step(request, orders, plan, order, oms.now())
        if step.step is Step.DONE:
            assert record is not None
            return record
        if step.step is Step.GIVE_UP:
            return _too_late(oms, request, record)
        if step.step in (Step.BUY, Step.BUY_AT_ONCE):
            record = place(request)
            continue
        _wait(oms, step.cancel, [r.order_id for r in records if r.order_id], record)
        if record is not None:
            record = oms.record(request.client_order_id)


def _wait(
    oms: OrderManagementSystem,
    cancel: tuple[SymbolOrder, ...],
    open_ids: list[str],
    record: OrderRecord | None,
) -> None:
    """Ask for the cancels, give them a moment, and read how things stand."""
    canceler = Canceler(oms)
    for order in cancel:
        error = canceler.request(oms.record(order.name))
        if error is not None:
            raise error
    oms.sleep(POLL_FIRST_SECONDS)
    for order_id in [record.order_id] if record is not None else open_ids:
        try:
            oms.refresh(order_id)
        except (BrokerError, OmsError):
            continue  # looked at again by the next round


def _too_late(
    oms: OrderManagementSystem, request: OrderRequest, record: OrderRecord | None
) -> OrderRecord:
    if record is None:
        raise NotPossible(
            f"nothing was added to {request.symbol}: its exits did not end in time",
            hint="They are put back.",
        )
    return oms.cancel(record.client_order_id, wait_seconds=5)
