"""A reversal is two signals: what is held is closed, and then the other side is entered. Pure.

kept        both in one commit; the entry's id follows from the close's, so each acts once
the turn    of the entry comes when the close's order is filled and nothing is held any more
no entry    where the close was refused, ended otherwise, or takes longer than the entry is good
            for, and where another exit of the symbol came meanwhile
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from execbot.model.enums import Outcome
from execbot.model.numbers import text
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal, SignalSide
from execbot.oms.signals.rules import Skip
from execbot.page.signals.rows import Row, State

NOT_CLOSED = "signal.not_closed"
SHORTS_OFF = "signal.shorts_off"


class Close(StrEnum):
    """How far the close of a reversal has come."""

    UNDER_WAY = "under_way"
    DONE = "done"
    FAILED = "failed"


def close_of(first: Row | None) -> Close:
    """`first` is the row of the close as it is kept now; None where it is known no longer."""
    if first is None:
        return Close.FAILED
    if first.state is not State.DONE or first.is_followed:
        return Close.UNDER_WAY
    latest = _latest(first)
    outcome = latest.get("outcome")
    # Nothing was held, and the entry that was on its way was taken back before it filled.
    took_back = (
        outcome == Outcome.CANCELED
        and first.order is None
        and not latest.get("reason")
        and latest.get("client_order_id") not in (None, client_order_id_of(first.id))
    )
    return Close.DONE if outcome == Outcome.FILLED or took_back else Close.FAILED


def why_failed(close_id: str, first: Row | None) -> Skip:
    """Of an entry whose close has ended otherwise than filled."""
    if first is None:
        return Skip(NOT_CLOSED, f"its close {close_id} is not known any more")
    latest = _latest(first)
    reason = f" ({latest['reason']})" if latest.get("reason") else ""
    said = f": {latest['message']}" if latest.get("message") else ""
    return Skip(NOT_CLOSED, f"its close {close_id} ended as {latest.get('outcome')}{reason}{said}")


def why_late(close_id: str, stage: Close, held: Decimal, *, is_overtaken: bool) -> Skip:
    """Of an entry that waits no longer for its close."""
    how = f"is filled, and {text(held)} are still held" if stage is Close.DONE else "has not ended"
    why = "another exit of the symbol came meanwhile" if is_overtaken else "its time is over"
    return Skip(NOT_CLOSED, f"{why}: its close {close_id} {how}")


def refused_short(entry: Signal, *, allows_short: bool) -> Skip | None:
    """A reversal only closes where the configuration takes no shorts."""
    if allows_short or entry.side is not SignalSide.SELL_SHORT:
        return None
    return Skip(SHORTS_OFF, "`risk.allow_short` is off: what was held is closed, no short opened")


def may_be_mended(first: Row | None) -> bool:
    """Whether the same alert may be given again, and both of it are then carried out."""
    return first is not None and first.may_come_again


def _latest(row: Row) -> dict[str, Any]:
    """The latest that is known of its order, or of it."""
    return row.order or row.result or {}
