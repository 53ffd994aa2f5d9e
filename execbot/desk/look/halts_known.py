"""Whether a halt of a symbol would have been known when its entry was sent.

No REST endpoint tells of halts: only a `watch` that follows the symbol hears of them
(docs/evidence.md, E-HALT-3). A short subscription would prove nothing: no status is promised on
subscribing, silence is no answer, and Alpaca takes one data connection an account. Entries go all
the same, and the answer says what was not known: in words once a day, in its data each time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.exits.exit_orders import is_meant_to_close
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.market.halts import FOLLOWED_KEY, WITNESS
from execbot.model.enums import AssetClass, OrderStatus
from execbot.model.times import eastern

if TYPE_CHECKING:
    from execbot.desk.account import Desk

SAID_KEY = "halts:unknown_said"
"""The New York day on which it was said last."""


class HaltsKnown(Struct, frozen=True):
    """`known` is None for what no halt holds up: pairs, exits, and what was not sent. `line` says
    in words that a halt was not known, and why; empty where that was said today."""

    known: bool | None = None
    line: str = ""


def halts_known(desk: Desk, record: OrderRecord) -> HaltsKnown:
    """Whether a halt was known when this order was sent, and what to say of it."""
    from execbot.desk.protect import watched_by

    is_stock = record.order.asset_class == AssetClass.US_EQUITY and not record.order.is_spread
    waits = record.sent_at is None or record.status is OrderStatus.QUEUED
    if not is_stock or waits or is_meant_to_close(record):
        return HaltsKnown()
    symbol = record.symbol
    if watched_by(desk) is None:
        return _unknown(desk, symbol, "no `watch` runs")
    if is_followed(desk, symbol):
        return HaltsKnown(True)
    return _unknown(desk, symbol, "the `watch` that runs did not follow it")


def is_followed(desk: Desk, symbol: str) -> bool:
    """Whether the last `watch` that ran was subscribed to the halts of a symbol, and had seen that
    they come."""
    followed = desk.journal.meta_get(FOLLOWED_KEY)
    return isinstance(followed, list) and {symbol, WITNESS} <= set(followed)


def _unknown(desk: Desk, symbol: str, why: str) -> HaltsKnown:
    """The sentence under every order would soon be read by nobody."""
    today = str(eastern(desk.now()).date())
    with suppress(JournalError):  # better said twice than a sent order reported as failed
        if desk.journal.meta_get(SAID_KEY) == today:
            return HaltsKnown(False)
        desk.journal.meta_set(SAID_KEY, today)
    said = f"Whether {symbol} is halted was not known: {why} (said once a day)."
    return HaltsKnown(False, said)
