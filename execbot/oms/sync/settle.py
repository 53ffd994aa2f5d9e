"""Settling what was left open: intents whose fate at the broker nobody has recorded.

A process may have died anywhere between writing an intent and recording the broker's answer. Only
a look-up by client_order_id can tell: found, the order is adopted; absent after a quiet period, it
is closed as never sent, unless the broker has refused its id as taken: that proves that it exists
(docs/evidence.md, E-ORD-1). It is never sent by anybody but the process that was asked to: the
price has moved by then. What had been released from the queue waits there again: whoever releases
it next judges it afresh. The quiet period is there because a request can still be on its way when
the first look-up is made.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError, NotFound
from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.journal.records import LastAct, OrderRecord, Origin
from execbot.model.enums import UNSETTLED_STATUSES
from execbot.model.order import Order, kind_of
from execbot.model.timer import Timer, age_seconds
from execbot.oms.ledger import Ledger, recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.table import Act

EXISTS_UNSEEN = (
    "the broker refused its id as taken, so it exists there, and does not show it: "
    "it is looked for until it is found, or until `execbot orders abandon`"
)

NEVER_SENT = "absent at the broker after the quiet period: it was never sent"
CUT_OFF = "its release was cut off before it was sent: it waits again"


class Settlement(Struct, frozen=True):
    """What a round of settling found: `open` are still unknown, each with why."""

    settled: tuple[OrderRecord, ...] = ()
    open: tuple[tuple[OrderRecord, str], ...] = ()
    changes: tuple[Change, ...] = ()


def settle(
    journal: Journal,
    client: BrokerClient,
    now: Callable[[], datetime],
    *,
    quiet_seconds: float,
    timer: Timer = Timer(),
) -> Settlement:
    """Look up every unsettled intent once. Costs nothing when there is none."""
    settled: list[OrderRecord] = []
    still_open: list[tuple[OrderRecord, str]] = []
    changes: list[Change] = []
    for record in journal.unsettled_orders():
        done, why, new = settle_one(
            journal, client, record, now, quiet_seconds=quiet_seconds, timer=timer
        )
        changes.extend(new)
        if why:
            still_open.append((done, why))
        else:
            settled.append(done)
    return Settlement(tuple(settled), tuple(still_open), tuple(changes))


def settle_one(
    journal: Journal,
    client: BrokerClient,
    record: OrderRecord,
    now: Callable[[], datetime],
    *,
    quiet_seconds: float,
    timer: Timer = Timer(),
) -> tuple[OrderRecord, str, list[Change]]:
    """Look one intent up. Returns its record, why it is still open ("" when settled), changes.

    The quiet period is real time, that of networks: neither a wall clock that is set nor an
    exchange that runs faster makes it shorter.
    """
    client_order_id = record.client_order_id
    last_act = journal.last_act(client_order_id)
    try:
        order = client.get_order_by_client_id(client_order_id)
    except NotFound:
        if journal.has_act(client_order_id, Act.EXISTS):
            return record, EXISTS_UNSEEN, []
        at, mark = (last_act.at, last_act.mark) if last_act else (record.intent_at, None)
        age = age_seconds(at or now(), mark, now(), timer.mark())
        if age < quiet_seconds:
            return record, f"not at the broker yet; final in {quiet_seconds - age:.0f} s", []
        return _close_never_sent(journal, client_order_id, last_act, now())
    except BrokerError as error:
        return record, f"the look-up failed: {error.message}", []
    with recording(journal) as ledger:
        if is_anothers(order, record):
            disown(ledger, order, client_order_id, now())
        else:
            ledger.snapshot(order, now())
    return _reread(journal, record), "", ledger.changes


def is_anothers(order: Order, record: OrderRecord) -> bool:
    """Whether the broker's order with the id of ours is none of ours. Pure."""
    return bool(record.request_json) and kind_of(record.order) != kind_of(order)


def disown(ledger: Ledger, order: Order, client_order_id: str, now: datetime) -> None:
    """Somebody else's order has the id: it is followed as such, under no plan of ours."""
    ledger.snapshot(replace(order, client_order_id=client_order_id), now, origin=Origin.FOREIGN)
    ledger.act(
        Act.ANNOTATE,
        client_order_id,
        now,
        plan_id="",
        role="",
        note="another order has this id at the broker; ours was not taken",
    )


def _close_never_sent(
    journal: Journal, client_order_id: str, last_act: LastAct | None, now: datetime
) -> tuple[OrderRecord, str, list[Change]]:
    """Close it, unless a process has acted on it since the look-up began."""
    with recording(journal) as ledger:
        state = ledger.state(client_order_id)
        assert state is not None
        moved_on = state.record.status not in UNSETTLED_STATUSES
        if not moved_on and journal.last_act(client_order_id) != last_act:
            return state.record, "another process is sending it", []
        if not moved_on:
            act, note = (
                (Act.REQUEUE, CUT_OFF)
                if is_released(journal, client_order_id)
                else (Act.NEVER_SENT, NEVER_SENT)
            )
            ledger.act(act, client_order_id, now, note=note)
    return _reread(journal, state.record), "", ledger.changes


def is_released(journal: Journal, client_order_id: str) -> bool:
    """Whether what is under way is an order that was taken from the queue."""
    acts = journal.acts_of(client_order_id, (Act.INTENT, Act.QUEUE, Act.RELEASE))
    return acts[-1:] == [Act.RELEASE]


def _reread(journal: Journal, record: OrderRecord) -> OrderRecord:
    return journal.order_by_client_id(record.client_order_id) or record
