"""The trader's decision on a failed order: send it again, or give it up. Both are audited."""

from __future__ import annotations

from itertools import count

from msgspec.structs import replace

from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.amounts import money_words
from execbot.model.enums import CUT_SHORT, UNCONFIRMED, UNSETTLED_STATUSES
from execbot.model.numbers import CENT, ZERO, round_down, text
from execbot.model.order import OrderRequest
from execbot.oms.errors import NotPossible
from execbot.oms.place.after_error import MIN_NOTIONAL
from execbot.oms.place.again import place_again
from execbot.oms.place.family import Family, family_of, filled, worth
from execbot.oms.place.placed import Placed
from execbot.oms.place.placer import Placer
from execbot.oms.send.intent import request_of
from execbot.oms.send.orders import take_in_moved


def retry(placer: Placer, identifier: str) -> Placed:
    """Send what was asked for once more, as a new order that passes every check afresh.

    It asks for what neither the order nor any other attempt at the same wish has traded, in shares
    or dollars, whoever made them: a retry before this, execbot itself after a refusal, the queue.
    An entry with an exit plan comes with its wishes again, measured from the market of now: under a
    new plan, or as an addition where the old one holds what had filled. Raises NotPossible, and
    whatever `prepare` and `place` raise.
    """
    oms = placer.oms
    record = oms.record(identifier)
    if record.status in UNSETTLED_STATUSES:
        raise NotPossible(
            f"{record.client_order_id} is in doubt: the broker may have it",
            record=record,
            hint="Run `execbot reconcile` first; it finds out.",
        )
    if record.status not in CUT_SHORT:
        raise NotPossible(f"{record.client_order_id} is {record.status}", record=record)
    if not record.request_json:
        raise NotPossible(
            f"{record.client_order_id} was not sent by execbot: its request is not known",
            record=record,
        )
    family = _read(placer, record)
    new_id = _next_id(oms.journal, family.name)
    request = _rest(family, record, request_of(record, client_order_id=new_id))
    now = oms.now()
    oms.journal.audit(
        "by_hand", record.client_order_id, "retry", {"new_id": new_id}, "retried", now
    )
    facts = {"of": record.client_order_id, "was": record.status}
    oms.journal.audit("by_hand", new_id, "retry", facts, "retried", now)
    return place_again(placer, record, family, request)


def _read(placer: Placer, record: OrderRecord) -> Family:
    """Every order of the wish; the broker is asked for those that may have ended meanwhile.

    Raises NotPossible while one of them may still fill.
    """
    oms = placer.oms
    family = family_of(oms.journal, record)
    if any(one.order_id for one in family.open):
        take_in_moved(oms, family.open)
        family = family_of(oms.journal, record)
    for one in family.open:
        raise NotPossible(
            f"{family.name} was tried again: {one.client_order_id} is {one.status}",
            record=record,
            hint="Two of them would buy or sell twice.",
        )
    return family


def _rest(family: Family, record: OrderRecord, request: OrderRequest) -> OrderRequest:
    """The request for what is left of the wish, and not more than this order of it asked for.

    The wish may be of dollars and this order of shares, where the broker took no dollars. Raises
    NotPossible when nothing is left.
    """
    later = family.since(record)
    shares, dollars = family.left_qty, family.left_notional
    if (shares is not None and shares <= 0) or (dollars is not None and dollars < MIN_NOTIONAL):
        raise _nothing_left(family)
    if record.leaves_qty is not None:
        left = min(record.leaves_qty - filled(later), shares or record.leaves_qty)
        request, is_done = replace(request, qty=left), left <= 0
    else:
        asked = record.order.notional or ZERO
        left = round_down(min(asked - worth((record, *later)), dollars or asked), CENT)
        request, is_done = replace(request, notional=left), left < MIN_NOTIONAL
    if is_done:
        raise _nothing_left(family)
    return request


def _nothing_left(family: Family) -> NotPossible:
    done = f"{text(filled(family.orders))} {family.asked.symbol}"
    if family.asked.order.notional is not None:
        done = f"{money_words(round_down(worth(family.orders), CENT))} USD"
    return NotPossible(
        f"nothing of {family.name} is left to retry: {done} of it are filled",
        record=family.asked,
        hint="What it asked for has been done.",
    )


def abandon(placer: Placer, identifier: str, reason: str) -> OrderRecord:
    """Give up an order that the broker is not known to have. Raises NotPossible."""
    oms = placer.oms
    record = oms.record(identifier)
    if record.status not in UNCONFIRMED:
        raise NotPossible(
            f"{record.client_order_id} is {record.status}",
            record=record,
            hint="An order that works at the broker is canceled: `execbot cancel ID`.",
        )
    facts = {"was": record.status, "reason": reason}
    oms.journal.audit("by_hand", record.client_order_id, "abandon", facts, "abandoned", oms.now())
    return oms.abandon(record.client_order_id, reason=reason)


def _next_id(journal: Journal, name: str) -> str:
    """The first `<id>.h1`, `.h2`, ... that no order has."""
    taken = {one.client_order_id for one in journal.orders_named(f"{name}.h")}
    return next(one for n in count(1) if (one := f"{name}.h{n}") not in taken)
