"""What is closed as one order: which contracts, under which id, and room for it at the broker.

Ids follow from what is closed, why, on which day and at which try: another process, or this one
after a kill, meets them in the journal and at the broker, and never closes twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from decimal import Decimal
from hashlib import blake2s
from math import gcd

from msgspec.structs import replace

from execbot.exits.store import lifted
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.enums import Side
from execbot.model.numbers import ZERO, text
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.options.structure import LEGS_MAX
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote
from execbot.model.retrying import polled
from execbot.model.times import eastern
from execbot.oms.send.cancel import Canceler
from execbot.oms.send.waiting import UNTIL_ENDED
from execbot.oms.service import OrderManagementSystem
from execbot.watch.options.rules import Leave

ROOM_SECONDS = 3.0
"""So long the end of the orders in the way is waited for; the broker's word decides after that."""


CLOSING_ID = "execbot-o-"
"""Begins the ids of all orders that close together."""


def as_listed(leave: Leave, listed: Mapping[str, Decimal] | None) -> Leave:
    """What the broker shows of it: no order for more is taken, and one for several contracts is
    refused whole for a single one that is gone. What was exercised stands in our books until its
    row comes. `listed` is None where the broker does not say."""
    if listed is None:
        return leave
    there = {symbol: listed.get(symbol, ZERO) for symbol in leave.held}
    held = {s: min(q, there[s], key=abs) for s, q in leave.held.items() if q * there[s] > 0}
    return replace(leave, held=held)


def piece_of(leave: Leave) -> Leave:
    """What one order takes. Of more legs the sold ones go first: to buy them back leaves nothing
    without cover, and the next look finds fewer."""
    if len(leave.held) <= LEGS_MAX:
        return leave
    sold = {s: q for s, q in sorted(leave.held.items()) if q < 0}
    first = sold or dict(sorted(leave.held.items()))
    return replace(leave, held=dict(list(first.items())[:LEGS_MAX]))


def closing_request(leave: Leave, name: str, quotes: Iterable[Quote] = ()) -> OrderRequest:
    units = gcd(*(int(abs(qty)) for qty in leave.held.values()))
    legs = tuple(
        Leg(symbol, Side.SELL if qty > 0 else Side.BUY, int(abs(qty)) // units, opens=False)
        for symbol, qty in sorted(leave.held.items())
    )
    return replace(
        spread_request(legs, Decimal(units), None, client_order_id=name, reason=leave.reason),
        decided_by=tuple(quotes),
    )


def name_of(leave: Leave, at: datetime) -> str:
    """What is closed, why, on which day, of which plan: the same wish has the same name."""
    what = "|".join((leave.plan_id, leave.reason, *sorted(leave.held)))
    mark = blake2s(what.encode(), digest_size=8).hexdigest()
    return f"{CLOSING_ID}{eastern(at):%Y%m%d}-{mark}-"


def words_of(leave: Leave) -> str:
    return ", ".join(
        f"{text(qty)} {symbol}" for symbol, qty in sorted(leave.held.items()) if qty != ZERO
    )


@contextmanager
def room_for(oms: OrderManagementSystem, leave: Leave) -> Iterator[None]:
    """Our own orders that hold these contracts are taken back first: stops of single ones, a limit
    that somebody has left to work. The broker refuses a closing of what they hold.

    Their plans put nothing back until the block is over. Raises BrokerError, JournalError.
    """
    in_the_way = _in_the_way(oms, leave)
    if not in_the_way:
        yield
        return
    with ExitStack() as stack:
        for symbol in sorted(leave.held):
            stack.enter_context(lifted(oms.journal, symbol, oms.now, "close"))
        canceler = Canceler(oms)
        for record in in_the_way:
            error = canceler.request(record)
            if error is not None:
                raise error
        canceler.wait_ended(in_the_way, ROOM_SECONDS)
        _wait_free(oms, leave)
        yield


def _wait_free(oms: OrderManagementSystem, leave: Leave) -> None:
    """The broker keeps contracts reserved for a moment after their order has ended."""

    def are_free(positions: Sequence[Position]) -> bool:
        free = {p.symbol: p.qty_available for p in positions if p.qty_available is not None}
        return all(
            abs(free[symbol]) >= abs(wanted)
            for symbol, wanted in leave.held.items()
            if symbol in free
        )

    polled(
        oms.client.get_positions,
        are_free,
        wait=UNTIL_ENDED,
        seconds=ROOM_SECONDS,
        timer=oms.timer,
    )


def _in_the_way(oms: OrderManagementSystem, leave: Leave) -> list[OrderRecord]:
    """Orders of ours; of several legs the whole order."""
    found: dict[str, OrderRecord] = {}
    for record in oms.journal.orders("open"):
        if record.symbol not in leave.held:
            continue
        whole = record if record.parent_id is None else oms.journal.order_by_client_id(
            record.parent_id
        )  # fmt: skip
        if whole is not None and whole.is_ours and whole.order_id and whole.order.is_working:
            found[whole.client_order_id] = whole
    return list(found.values())
