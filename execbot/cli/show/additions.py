"""Orders that add to a position with an exit plan: the whole protected, and what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from execbot.cli.errors import Failure
from execbot.desk.context import Context
from execbot.desk.protect import Restorer
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus
from execbot.model.numbers import maybe_text, text

if TYPE_CHECKING:
    from execbot.exits.plan.plan import ExitPlan
    from execbot.oms.place.add_to_position import Addition


def would_lift(addition: Addition | None) -> dict[str, Any] | None:
    """What a dry run says of the exits in the way; `None` when the order adds to nothing."""
    if addition is None:
        return None
    return {
        "plan_id": addition.plan.plan_id,
        "lifts": sorted(addition.lifts),
        "stop": maybe_text(addition.plan.stop.price),
        "refusal": addition.refusal or None,
    }


def would_lift_line(addition: Addition | None) -> str | None:
    if addition is None:
        return None
    plan = addition.plan
    if not addition.lifts:
        return f"It adds to {plan.symbol}, whose exit plan then covers the whole."
    if addition.refusal:
        return f"It would be refused: {addition.refusal}."
    names = ", ".join(sorted(addition.lifts))
    return (
        f"It adds to {plan.symbol}: {names} would be lifted for it, "
        "and the whole protected again once it has filled."
    )


def added(desk: Context, addition: Addition, restorer: Restorer) -> dict[str, Any]:
    """What became of the position that was added to."""
    plan = _plan_now(desk, addition)
    position = desk.journal.position(plan.symbol)
    return {
        "plan_id": plan.plan_id,
        "lifted": sorted(addition.lifts),
        "position_qty": text(position.qty) if position is not None else None,
        "stop": maybe_text(plan.stop.price),
        "protected": restorer.is_protected,
    }


def added_line(data: dict[str, Any], symbol: str) -> str:
    stop = f" at {data['stop']}" if data["stop"] else ""
    lifted = "was lifted for the order and " if data["lifted"] else ""
    if not data["protected"]:
        return f"Added to {symbol}, {data['position_qty']} held now."
    return f"Added to {symbol}: its stop {lifted}covers all {data['position_qty']}{stop}."


def warnings_of(
    desk: Context, addition: Addition, record: OrderRecord, restorer: Restorer
) -> list[str]:
    symbol, found = record.symbol, []
    if addition.lifts and record.status is OrderStatus.CANCELED:
        found.append(
            "Its rest was canceled: the position cannot stay without its stop while an addition "
            "waits."
        )
    if _plan_now(desk, addition).status == "suspended":
        found.append(f"The exit plan of {symbol} is suspended: `execbot protect {symbol}` resumes.")
    elif record.status is not OrderStatus.QUEUED and not restorer.is_protected:
        found.append(f"Shares of {symbol} have no stop yet: `execbot exits show {symbol}`.")
    return found


def told(error: Failure, restorer: Restorer) -> Failure:
    """A refused addition, with what became of the exits that were lifted for it."""
    if restorer.symbol:
        error.extra = {**error.extra, "addition": {"protected": restorer.is_protected}}
        if not restorer.is_protected:
            error.next_step = f"execbot protect {restorer.symbol}"
    return error


def _plan_now(desk: Context, addition: Addition) -> ExitPlan:
    from execbot.exits.store import plan_by_id

    return plan_by_id(desk.journal, addition.plan.plan_id) or addition.plan
