"""The exit plan of an entry given by hand: durable before the order is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.cli.context import Context
from execbot.cli.legs import Dressed
from execbot.journal.records import OrderRecord, Role
from execbot.model.account import Asset
from execbot.model.numbers import ZERO, maybe_text, text
from execbot.model.order import OrderRequest
from execbot.oms.errors import OmsError
from execbot.oms.pipeline import REOPENABLE
from execbot.oms.placing import Purposeful

if TYPE_CHECKING:
    from execbot.exits.plan import ExitPlan, TargetPlan


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
    from execbot.exits.attach import attach, default_wishes
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
    from execbot.cli.held_plans import facts_for

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
    from execbot.exits.attach import in_equal_parts, plan_of_legs

    return plan_of_legs(
        dressed.request,
        plan_id=_plan_id(dressed.request),
        now=desk.now(),
        spread=in_equal_parts(dressed.spread),
        facts=dressed.facts,
    )


# --- what is told of targets that are not at the broker yet --------------------------------------


class Spread(Struct, frozen=True):
    """Targets that become orders after the fill: how many shares at which price each.

    `stop` is the price of the stop that goes along with the entry; None where none does. `plan_id`
    is empty in a dry run, which has no plan.
    """

    plan_id: str
    symbol: str
    qty: Decimal
    stop: Decimal | None
    parts: tuple[tuple[TargetPlan, Decimal], ...]
    watch_pid: int | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "plan_id": self.plan_id or None,
            "stop": maybe_text(self.stop),
            "targets": [
                {"level": str(t.spec), "price": maybe_text(t.price), "qty": text(qty)}
                for t, qty in self.parts
            ],
            "watched": self.watch_pid is not None,
        }

    def line(self) -> str:
        """Who makes orders of them, when, and what protects the shares until then."""
        listed = ", ".join(
            f"{text(qty)} at {text(t.price)} ({t.spec})" if t.price else f"{text(qty)} at {t.spec}"
            for t, qty in self.parts
        )
        until = "nothing stands at the broker"
        if self.stop is not None:
            until = f"the stop at {text(self.stop)} is for all {text(self.qty)}"
        return f"Targets after the fill: {listed}; until then {until}."

    def warnings(self) -> list[str]:
        if self.watch_pid is not None:
            return []
        stop = "the stop works from the complete fill on" if self.stop else "there is no stop"
        return [
            f"No `execbot watch` is running: {stop}, and no target becomes an order before `watch` "
            f"runs, or `execbot protect {self.symbol}` after the fill."
        ]


def spread_behind(
    desk: Context, record: OrderRecord, quoted: Decimal | None = None
) -> Spread | None:
    """What of the plan of an entry did not go along with it. `quoted` is where it would trade."""
    if record.plan_id is None or record.role != Role.ENTRY:
        return None
    from execbot.exits.store import plan_by_id

    plan = plan_by_id(desk.journal, record.plan_id)
    if plan is None or plan.entry_client_order_id != record.client_order_id:
        return None  # it added to a position: the plan is that of the whole
    from execbot.oms.queue_release import request_of

    price = record.order.filled_avg_price or quoted or record.arrival_price
    return spread_of(desk, plan, request_of(record), price)


def spread_of(
    desk: Context, plan: ExitPlan, request: OrderRequest, entry: Decimal | None
) -> Spread | None:
    """What of the plan does not go along with `request`; None where nothing is left out.

    `entry` is what the levels are measured from as long as the real price is not known.
    """
    if not plan.targets or request.take_profit is not None:
        return None
    from execbot.exits.allocate import whole_part
    from execbot.exits.levels import LevelError
    from execbot.exits.plan import PlanStatus, priced
    from execbot.exits.shape import target_quantities
    from execbot.watch.lock import holder_of

    qty = whole_part(request.qty or ZERO)
    if not qty or plan.status is PlanStatus.CLOSED:
        return None
    shown = plan
    if plan.entry_price is None and entry:
        with suppress(LevelError):
            shown = priced(plan, entry, desk.now())
    found = target_quantities(shown, qty)
    parts = tuple((shown.targets[n], q) for n, q in found.items() if n is not None)
    stop = request.stop_loss.stop_price if request.stop_loss is not None else None
    plan_id = "" if desk.is_dry_run else plan.plan_id
    return Spread(plan_id, plan.symbol, qty, stop, parts, holder_of(desk.directory))
