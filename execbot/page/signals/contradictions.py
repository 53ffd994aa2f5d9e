"""Does a signal fit to what the account holds? An alert that was missed shows here: its strategy
says how it stood before, and the account stands otherwise. Pure but for `standing`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.journal.records import Role
from execbot.model.enums import Side
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import symbol_key
from execbot.page.signals.tradingview import Stance

if TYPE_CHECKING:
    from execbot.desk.account import Desk


class Standing(Struct, frozen=True):
    """What is held of a symbol (signed), and what is on its way: entries by side, and a close."""

    qty: Decimal = ZERO
    entering: frozenset[Side] = frozenset()
    is_closing: bool = False


def contradiction(previous: Stance | None, ours: Standing) -> str:
    """In words how the two differ; empty where they may agree, or nothing is said."""
    if previous is None or _may_be(previous, ours):
        return ""
    held = f"{text(ours.qty)} held" if ours.qty else "nothing held"
    return f"its strategy was {previous} before it, and the account is not: {held}"


def _may_be(previous: Stance, ours: Standing) -> bool:
    if previous is Stance.FLAT:
        return ours.qty == 0 or ours.is_closing
    side = Side.BUY if previous is Stance.LONG else Side.SELL
    return ours.qty * side.sign > 0 or (ours.qty == 0 and side in ours.entering)


def standing(desk: Desk, symbol: str) -> Standing:
    """How the account stands in the symbol: by the journal where a `watch` keeps it, else by the
    broker. Raises BrokerError, JournalError."""
    from execbot.desk.protect import watched_by

    key = symbol_key(symbol)
    held = desk.journal.positions() if watched_by(desk) is not None else desk.client.get_positions()
    qty = sum((one.qty for one in held if symbol_key(one.symbol) == key), ZERO)
    working = [r for r in desk.journal.orders("open", legs=False) if symbol_key(r.symbol) == key]
    entering = frozenset(r.order.side for r in working if r.role in (Role.ENTRY, None))
    return Standing(qty, entering, any(r.role == Role.EXIT for r in working))
