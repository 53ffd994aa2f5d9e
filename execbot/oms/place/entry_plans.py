"""The exit plan of an entry given by hand: durable before the order is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.cli.flags.exit_flags import Dressed
from execbot.desk.context import Context
from execbot.journal.records import OrderRecord, Role
from execbot.model.account import Asset
from execbot.model.enums import REOPENABLE
from execbot.model.order import OrderRequest
from execbot.oms.errors import OmsError
from execbot.oms.place.placer import Purposeful

if TYPE_CHECKING:
    from execbot.exits.plan.plan import ExitPlan


@contextmanager
def planned(
    desk: Context, dressed: Dressed, asset: Asset, *, tif_is_given: bool
) -> Iterator[tuple[OrderRequest, Purposeful]]:
    """The request with its id, and why it is placed; the plan is dropped if nothing was sent."""
    request = dressed.request
    if not _has_legs(request) and not desk.settings.trading.exits.protect_submitted:
        yield request, Purposeful()
        return
    if not request.client_order_id:
        request = replace(request, client_order_id=desk.oms.new_id(desk.now()))
    known = given_before(desk, request)
    if known is not None:
        # Under this id nothing is sent a second time, and its plan stays what it is.
        yield request, Purposeful(plan_id=known.plan_id, role=known.role)
        return
    request, plan = _plan(desk, replace(dressed, request=request), asset, tif_is_given)
    if plan is None:
        yield request, Purposeful()
        return
    _save(desk, plan)
    try:
        yield request, Purposeful(plan_id=plan.plan_id, role=Role.ENTRY)
    except (BrokerError, OmsError) as error:
        if not error.in_doubt:
            from execbot.exits.store import drop_plan

            drop_plan(desk.journal, plan.plan_id, desk.now(), "the entry was not sent")
        raise


def given_before(desk: Context, request: OrderRequest) -> OrderRecord | None:
    """The order that was given under this id, so that nothing is sent under it again."""
    if not request.client_order_id:
        return None
    known = desk.journal.order_by_client_id(request.client_order_id)
    return None if known is None or known.status in REOPENABLE else known


def sent_as(desk: Context, why: Purposeful, entry: OrderRecord) -> None:
    """Tell the plan under which id its entry went out in the end."""
    if why.plan_id is None or entry.already:
        return
    from execbot.exits.store import entry_is

    entry_is(desk.journal, why.plan_id, entry, desk.now())


def _has_legs(request: OrderRequest) -> bool:
    return request.stop_loss is not None or request.take_profit is not None


def _save(desk: Context, plan: ExitPlan) -> None:
    """A refused order may be given again under its id: its plan is then the next version."""
    from execbot.exits.store import plan_by_id, save_plan

    known = plan_by_id(desk.journal, plan.plan_id)
    save_plan(desk.journal, plan if known is None else replace(plan, version=known.version + 1))


def _plan(
    desk: Context, dressed: Dressed, asset: Asset, tif_is_given: bool
) -> tuple[OrderRequest, ExitPlan | None]:
    from execbot.exits.plan.attach import attach, default_wishes
    from execbot.exits.store import plan_of
    from execbot.model.enums import PositionSide, Side

    request = dressed.request
    if _has_legs(request):
        return request, plan_of_dressed(desk, dressed)
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
    from execbot.oms.place.held_plans import facts_for

    wishes = default_wishes(desk.settings.trading, side)
    attached = attach(
        request,
        wishes,
        entry_price=price,
        plan_id=_plan_id(request),
        now=desk.now(),
        facts=facts_for(desk, request.symbol, wishes),
        is_crypto=asset.is_crypto,
        holds_already=held is not None,
        tif_is_given=tif_is_given,
        stop_goes_along=True,
    )
    return attached.request, attached.plan


def _plan_id(request: OrderRequest) -> str:
    return f"plan-{request.client_order_id}"


def plan_of_dressed(desk: Context, dressed: Dressed) -> ExitPlan:
    """The plan behind legs that were asked for, not saved."""
    from execbot.exits.plan.attach import in_equal_parts, plan_of_legs

    return plan_of_legs(
        dressed.request,
        plan_id=_plan_id(dressed.request),
        now=desk.now(),
        spread=in_equal_parts(dressed.spread),
        facts=dressed.facts,
    )
