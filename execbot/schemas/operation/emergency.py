"""Answers of the brake, the kill switch and the queue."""

from __future__ import annotations

from typing import Literal

from execbot.market.queue import QueueAction
from execbot.model.enums import Outcome
from execbot.risk.kill_switch import Level
from execbot.schemas.base import Number, Output, Slug, Time
from execbot.schemas.orders import OrderRecord


class NotCanceled(OrderRecord):
    """An order that was to be canceled and is not."""

    error: str
    """Why: the broker's word, `not ended yet` or `in doubt`."""


class Unprotected(Output):
    """A position that is left without a stop."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    qty: Number
    """Shares held, without a sign."""
    uncovered_qty: Number
    """Shares without a stop."""
    missing: str
    """What is missing, in words."""


class CanceledAll(Output):
    """What the emergency brake did."""

    canceled: list[OrderRecord]
    """Orders that are canceled now."""
    filled: list[OrderRecord]
    """Orders whose fill was faster than the cancel."""
    failed: list[NotCanceled]
    """Orders that are not: look at them."""
    unprotected: list[Unprotected]
    """Positions that are left without a stop."""
    recorded: bool
    """What was done is in the journal."""


class KillSwitch(Output):
    """Whether entries are stopped."""

    level: Level
    """Whether entries are stopped, and how strictly."""
    reason: str
    """Why, in words; may be empty."""
    by: str
    """`trader`, or the rule that tripped it."""
    at: Time | None
    """Since when; null when it is off."""


class ClosedByHalt(Output):
    """A position that `halt --flatten` closes."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    qty: Number
    """Shares, without a sign."""
    client_order_id: str | None
    """The closing order; null where nothing was left to close."""
    outcome: Outcome
    """What became of the closing order."""


class HaltFailure(Output):
    """Something that a halt was asked for and could not do."""

    error: str
    """What could not be done, for people."""
    symbol: str | None = None
    """The position that could not be closed."""
    client_order_id: str | None = None
    """The order that could not be canceled."""


class Halted(KillSwitch):
    """The switch as it is now, and what was done beside."""

    changed: bool
    """False: it stood like this before."""
    canceled: list[str]
    """client_order_ids of entries that were canceled."""
    closed: list[ClosedByHalt]
    """Positions that are being closed."""
    failed: list[HaltFailure]
    """What could not be done."""
    declined: Literal["confirm.needed", "confirm.declined"] | None
    """Why positions were not closed although it was asked for: nobody agreed (exit 11)."""
    recorded: bool
    """The halt is in the journal: false means that other processes do not know of it."""


class Resumed(Output):
    """Entries are allowed again."""

    level: Literal["off"]
    """Entries are allowed."""
    before: KillSwitch
    """The switch as it was."""


class QueuedOrder(OrderRecord):
    """An order that is kept for the open."""

    due: QueueAction
    """What `queue release` would do with it now."""
    waits_for: str
    """Why, in words."""
    expires_at: Time | None
    """When it is dropped."""


class Released(Output):
    """What became of a queued order."""

    client_order_id: str
    """Our id of the order, or that of whoever placed it."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    action: QueueAction
    """What was done with it."""
    outcome: Outcome
    """What became of the order."""
    reason: str
    """Why, in words."""
    error_kind: Slug | None
    """Why it could not be sent; null when nothing went wrong."""
