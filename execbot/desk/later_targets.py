"""What a command says of targets that are not at the broker yet, because they come after the
fill."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.exits.plan.plan import TargetPlan
from execbot.journal.records import OrderRecord, Role
from execbot.model.amounts import price_words
from execbot.model.numbers import ZERO, maybe_text, text
from execbot.model.order import OrderRequest

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.exits.plan.plan import ExitPlan


def _where(target: TargetPlan, symbol: str) -> str:
    """Its price with what was asked for, `152.50 (1R)`; that alone until the price is known."""
    asked = target.spec.words
    if target.price is None:
        return asked
    price = price_words(target.price, symbol)
    return price if asked == price else f"{price} ({asked})"


class LaterTargets(Struct, frozen=True):
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
        listed = ", ".join(f"{text(qty)} at {_where(t, self.symbol)}" for t, qty in self.parts)
        until = "nothing stands at the broker"
        if self.stop is not None:
            until = f"the stop at {price_words(self.stop, self.symbol)} is for all {text(self.qty)}"
        return f"Targets after the fill: {listed}; until then {until}."

    def warnings(self) -> list[str]:
        if self.watch_pid is not None:
            return []
        stop = "the stop works from the complete fill on" if self.stop else "there is no stop"
        return [
            f"No `execbot watch` is running: {stop}, and no target becomes an order before `watch` "
            f"runs, or `execbot protect {self.symbol}` after the fill."
        ]


def later_targets_behind(
    desk: Desk, record: OrderRecord, quoted: Decimal | None = None
) -> LaterTargets | None:
    """What of the plan of an entry did not go along with it. `quoted` is where it would trade."""
    if record.plan_id is None or record.role != Role.ENTRY:
        return None
    from execbot.exits.store import plan_by_id

    plan = plan_by_id(desk.journal, record.plan_id)
    if plan is None or plan.entry_client_order_id != record.client_order_id:
        return None  # it added to a position: the plan is that of the whole
    from execbot.oms.send.intent import request_of

    price = record.order.filled_avg_price or quoted or record.arrival_price
    return later_targets_of(desk, plan, request_of(record), price)


def later_targets_of(
    desk: Desk, plan: ExitPlan, request: OrderRequest, entry: Decimal | None
) -> LaterTargets | None:
    """What of the plan does not go along with `request`; None where nothing is left out.

    `entry` is what the levels are measured from as long as the real price is not known.
    """
    if not plan.targets or request.take_profit is not None:
        return None
    from execbot.desk.protect import watched_by
    from execbot.exits.levels import LevelError
    from execbot.exits.plan.plan import PlanStatus, priced
    from execbot.exits.rules.shape import target_quantities
    from execbot.model.numbers import whole_part

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
    return LaterTargets(plan_id, plan.symbol, qty, stop, parts, watched_by(desk))
