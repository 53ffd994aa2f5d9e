"""Positions from before the journal: adopted at their cost before their first fill (E-POS-8).

What the journal closes first thing it has not seen opened. While the broker still shows it, it is
taken over as it is; once it is gone, the closing orders prove how much there was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.exits.exit_orders import is_meant_to_close
from execbot.journal.journal import Journal
from execbot.journal.records import Execution
from execbot.model.account import Position
from execbot.model.numbers import ZERO
from execbot.oms.ledger import recording
from execbot.oms.sync.gaps import fill_gap
from execbot.oms.sync.late_fills import LIST_SETTLES

ADOPTED = "adopted"

JUST_BEFORE = timedelta(microseconds=1)


def take_over(
    journal: Journal, client: BrokerClient, position: Position, now: Callable[[], datetime]
) -> bool:
    """Adopt what the broker holds of a symbol that the journal knows nothing of; True if it did.

    Called before an order that closes. What it was bought by lately is read first: then the fills
    tell. Raises JournalError; a broker that does not answer holds no exit up.
    """
    if not position.qty or _is_known(journal, position.symbol):
        return False
    with suppress(BrokerError):
        fill_gap(journal, client, now)
        at = now()
        with recording(journal) as ledger:
            if _is_known(journal, position.symbol):
                return False
            ledger.adjust(
                position.symbol,
                position.qty,
                position.avg_entry_price or ZERO,
                reason=ADOPTED,
                asset_class=position.asset_class,
                at=at,
                now=at,
                held=position.qty,
            )
        return True
    return False


def _is_known(journal: Journal, symbol: str) -> bool:
    """Held here once, or an order of it may have filled unheard."""
    if journal.position(symbol) is not None:
        return True
    return any(
        record.order_id and (not record.order.is_terminal or record.order.filled_qty)
        for record in journal.orders(symbol=symbol)
    )


def held_before(executions: Iterable[Execution], closing: Collection[str]) -> Decimal:
    """The signed quantity that must have been held before the first of these executions, which are
    in their order; `closing` are the client_order_ids that can only have closed.

    Nothing where the first of them opened: then whatever differs later has another cause.
    """
    before = held = ZERO
    for number, item in enumerate(item for item in executions if item.net_qty):
        if number == 0 and item.client_order_id not in closing:
            return ZERO
        held += item.signed_qty
        if item.client_order_id in closing and held * item.side.sign > 0:
            before -= held
            held = ZERO
    return before


def shows_less(ours: Decimal, theirs: Decimal) -> bool:
    """The broker shows less than the fills make, on their side. It leaves something out: that
    proves no position of the other side from before (E-ALL-1)."""
    return ours * theirs > 0 and abs(theirs) < abs(ours)


def shows_the_past(executions: Iterable[Execution], theirs: Decimal, now: datetime) -> bool:
    """The broker shows what was held at a moment of the last `LIST_SETTLES`: its list may lag. The
    executions are those of the symbol, in their order."""
    held, known = ZERO, set[Decimal]()
    for item in executions:
        if item.net_qty and now - item.at < LIST_SETTLES:
            known.add(held)
        held += item.signed_qty
    return theirs in known


def closing_orders(journal: Journal, executions: Iterable[Execution]) -> frozenset[str]:
    """Those of the orders of these executions that were given to close."""
    names = {item.client_order_id for item in executions if item.client_order_id}
    records = journal.orders_alone(names)
    return frozenset(r.client_order_id for r in records if is_meant_to_close(r))
