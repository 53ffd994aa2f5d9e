"""The answer of `reconcile`: breaks, differences, and what was done about them."""

from __future__ import annotations

from execbot.schemas.base import Number, Output, Slug
from execbot.schemas.operation.emergency import Unprotected
from execbot.schemas.orders import OrderRecord


class Break(Output):
    """A difference between journal and broker that could not be explained."""

    kind: Slug
    """What differs."""
    subject: str
    """The order or the symbol."""
    ours: str
    """What the journal says."""
    theirs: str
    """What the broker says."""
    cause: str
    """The likely cause, for people."""
    hint: str
    """What to do, for people."""


class Difference(Output):
    """A quantity that was taken over from the broker."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    ours: Number
    """Shares by the sum of the fills, signed."""
    theirs: Number
    """Shares by the broker, signed."""


class Reconciled(Output):
    """How journal and broker were brought together."""

    breaks: list[Break]
    """What stays unexplained; empty is good."""
    settled: list[OrderRecord]
    """Orders in doubt whose fate is known now."""
    adopted_orders: list[OrderRecord]
    """Orders that were placed elsewhere."""
    adopted_positions: list[Difference]
    """Positions from before the journal began."""
    adjusted_positions: list[Difference]
    """Quantities that were accepted by hand."""
    orders_checked: int
    """How many orders were compared."""
    positions_checked: int
    """How many positions were compared."""
    fills_added: int
    """How many executions were new to the journal."""
    inferred_fills: list[str]
    """Execution ids of fills that were concluded and not reported yet."""
    notes: list[str]
    """What was booked, for people."""
    unprotected: list[Unprotected]
    """Positions without the protection that their plan or the configuration promises."""
    without_plan: list[str]
    """Symbols of positions that have no exit plan."""
