"""What the order room answers with: a gate's verdict, and what became of a close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from execbot.journal.records import OrderRecord
from execbot.model.enums import ErrorCategory
from execbot.model.numbers import ZERO, text

if TYPE_CHECKING:
    from execbot.journal.journal import Journal


Aside = Callable[[], AbstractContextManager[None]]
"""Entered while an order is on its way: others may go on meanwhile."""


class GateVerdict(Struct, frozen=True):
    """What a gate says inside the transaction that writes the intent.

    `code` is a stable slug (`risk.max_positions`). `facts` go to the audit trail with the result.
    `results` is for whoever wrote the gate; it travels with `Refused` untouched. `before_resend` is
    asked, in a transaction too, each time before an order that passed is sent once more: its
    intent counts by then, and only what may have turned since is to be judged. The order is on its
    way inside `aside`.
    """

    passed: bool
    code: str = ""
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[Any, ...] = ()
    category: ErrorCategory = ErrorCategory.ADJUSTABLE
    hint: str = ""
    next_step: str = ""
    before_resend: Callable[[Journal], GateVerdict] | None = None
    aside: Aside = nullcontext


class CloseResult(Struct, frozen=True):
    """`record` is the closing order, None when the position closed by itself meanwhile.

    `lifted` are the orders that were canceled for it. `unprotected_qty` is what stays open without
    the exits that were lifted: 0 when everything is being closed.
    """

    symbol: str
    record: OrderRecord | None
    lifted: tuple[OrderRecord, ...] = ()
    unprotected_qty: Decimal = ZERO
    note: str = ""

    @property
    def covered_rest(self) -> str:
        """For the trader, where what stays open has its stop again."""
        return f"{text(self.unprotected_qty)} stay open, covered by a stop again"

    def bare_rest(self, bare: Decimal) -> str:
        """For the trader, where `bare` of what stays open (positive) has no stop."""
        rest = f"{text(bare)} of {text(self.unprotected_qty)} stay open without a stop"
        return f"{rest}: `execbot protect {self.symbol}`"


Gate = Callable[["Journal"], GateVerdict]
"""Asked inside the write transaction of the intent: what it reads of the journal and what it
allows are one step for all processes."""
