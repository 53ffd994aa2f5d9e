"""Orders that add to a position with an exit plan: what protects the whole, and what to say of
it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.journal.records import OrderRecord
from execbot.model.amounts import level_words
from execbot.model.enums import OrderStatus
from execbot.model.numbers import maybe_text, text

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.desk.protect import Restorer
    from execbot.exits.plan.plan import ExitPlan
    from execbot.oms.place.add_to_position import Addition as Addition


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


class Added(Struct, frozen=True):
    """What became of the position that was added to. Numbers are decimal text."""

    symbol: str
    plan_id: str
    lifted: tuple[str, ...]
    position_qty: str | None
    stop: str | None
    protected: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "plan_id": self.plan_id,
            "lifted": list(self.lifted),
            "position_qty": self.position_qty,
            "stop": self.stop,
            "protected": self.protected,
        }

    def line(self) -> str:
        stop = f" at {level_words(self.stop, self.symbol)}" if self.stop else ""
        lifted = "was lifted for the order and " if self.lifted else ""
        if not self.protected:
            return f"Added to {self.symbol}, {self.position_qty} held now."
        return f"Added to {self.symbol}: its stop {lifted}covers all {self.position_qty}{stop}."


def added(desk: Desk, addition: Addition, restorer: Restorer) -> Added:
    """Read after the order was placed and the whole protected."""
    plan = _plan_now(desk, addition)
    position = desk.journal.position(plan.symbol)
    return Added(
        plan.symbol,
        plan.plan_id,
        tuple(sorted(addition.lifts)),
        text(position.qty) if position is not None else None,
        maybe_text(plan.stop.price),
        restorer.is_protected,
    )


def addition_warnings(
    desk: Desk, addition: Addition, record: OrderRecord, restorer: Restorer
) -> list[str]:
    """What the trader must know of the position after it was added to."""
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


def _plan_now(desk: Desk, addition: Addition) -> ExitPlan:
    from execbot.exits.store import plan_by_id

    return plan_by_id(desk.journal, addition.plan.plan_id) or addition.plan
