"""The exit plan of an entry given by hand: durable before the order is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.cli.context import Context
from execbot.journal.records import Role
from execbot.model.account import Asset
from execbot.model.order import OrderRequest
from execbot.oms.errors import OmsError
from execbot.oms.placing import Purposeful


@contextmanager
def planned(
    desk: Context, request: OrderRequest, asset: Asset, *, tif_is_given: bool
) -> Iterator[tuple[OrderRequest, Purposeful]]:
    """The request with its id, and why it is placed; the plan is dropped if nothing was sent."""
    has_legs = request.stop_loss is not None or request.take_profit is not None
    by_default = desk.settings.trading.exits.protect_submitted
    if not has_legs and not by_default:
        yield request, Purposeful()
        return
    if not request.client_order_id:
        request = replace(request, client_order_id=desk.oms.new_id(desk.now()))
    request, plan_id = _plan(desk, request, asset, has_legs, tif_is_given)
    if plan_id is None:
        yield request, Purposeful()
        return
    try:
        yield request, Purposeful(plan_id=plan_id, role=Role.ENTRY)
    except (BrokerError, OmsError) as error:
        if not error.in_doubt:
            _drop(desk, plan_id)
        raise


def _plan(
    desk: Context, request: OrderRequest, asset: Asset, has_legs: bool, tif_is_given: bool
) -> tuple[OrderRequest, str | None]:
    from execbot.exits.attach import attach, default_wishes, plan_of_legs
    from execbot.exits.store import plan_of, save_plan
    from execbot.model.enums import PositionSide, Side

    plan_id = f"plan-{request.client_order_id}"
    now = desk.now()
    if has_legs:
        save_plan(desk.journal, plan_of_legs(request, plan_id=plan_id, now=now))
        return request, plan_id
    held = desk.client.get_position(request.symbol)
    side = PositionSide.LONG if request.side is Side.BUY else PositionSide.SHORT
    if held is not None and held.side is not side:
        return request, None  # it closes or reduces
    if held is not None and plan_of(desk.journal, request.symbol) is not None:
        return request, None  # it adds: the position's own plan covers the whole
    price = request.limit_price
    if price is None:
        quote = desk.client.latest_quote(request.symbol)
        price = None if quote is None else quote.ask if request.side is Side.BUY else quote.bid
    if not price:
        return request, None
    from execbot.cli.held_plans import facts_for

    wishes = default_wishes(desk.settings.trading, side)
    attached = attach(
        request,
        wishes,
        entry_price=price,
        plan_id=plan_id,
        now=now,
        facts=facts_for(desk, request.symbol, wishes),
        is_crypto=asset.is_crypto,
        holds_already=held is not None,
        tif_is_given=tif_is_given,
    )
    save_plan(desk.journal, attached.plan)
    return attached.request, plan_id


def _drop(desk: Context, plan_id: str) -> None:
    """Nothing was sent: the plan has nothing to wait for."""
    from execbot.exits.plan import PlanStatus
    from execbot.exits.store import change_plan

    now = desk.now()
    change_plan(
        desk.journal,
        plan_id,
        lambda plan: (
            plan
            if plan.status is not PlanStatus.PENDING
            else plan.changed(now, status=PlanStatus.CLOSED, note="the entry was not sent")
        ),
    )
