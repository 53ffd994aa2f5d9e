"""Closing gaps from REST: the stream replays nothing, so after every (re)connect we ask.

Asked are the open orders, every order submitted since the last look, the orders that are open here
and in neither list, and the FILL activities since the last look. Activities are booked before
conclusions are drawn from an order's totals, so a fill is inferred only where the broker counts
one and does not list it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from execbot.broker.errors import NotFound
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.account import Activity
from execbot.model.order import Order
from execbot.model.times import iso, parse_time
from execbot.oms.changes import Change
from execbot.oms.events import activity_event
from execbot.oms.ledger import Ledger, recording

SYNC_KEY = "sync"
"""Meta: up to where orders and activities have been read, in the broker's time."""

FIRST_WINDOW = timedelta(days=7)
"""How far back the first look of a new journal goes; older positions are adopted as they are."""

MARGIN = timedelta(minutes=5)
"""Each look overlaps the last one by this much: what comes twice changes nothing."""

CHUNK = 500
"""Orders or activities in one transaction, so that other writers never wait long."""

SINGLE_LOOKS_MAX = 25
"""Up to this many orders are asked for one by one; more are read as a list."""


@dataclass(frozen=True, slots=True)
class GapFill:
    """What a look at REST brought. `missing` are orders that are open here and unknown there."""

    at: datetime
    changes: tuple[Change, ...] = ()
    orders: tuple[Order, ...] = ()
    missing: tuple[OrderRecord, ...] = ()
    activities: int = 0
    strangers: tuple[Activity, ...] = ()
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class _Marks:
    orders: datetime
    activities: datetime
    is_first: bool


def fill_gap(journal: Journal, client: BrokerClient, now: Callable[[], datetime]) -> GapFill:
    """Read what happened since the last look and take it in. Raises BrokerError."""
    marks = _marks(journal, client, now)
    orders, missing = _read_orders(journal, client, marks)
    activities = client.get_activities(("FILL",), after=marks.activities - MARGIN)
    changes: list[Change] = []
    _take_orders(journal, orders, now, changes, infer=False)
    strangers = _take_activities(journal, activities, now, changes)
    strangers, adopted = _adopt_strangers(journal, client, strangers, now, changes)
    orders.extend(adopted)
    _take_orders(journal, _with_shortfall(journal, orders), now, changes)
    _keep_marks(journal, marks, orders, activities)
    return GapFill(
        at=now(),
        changes=tuple(changes),
        orders=tuple(orders),
        missing=tuple(missing),
        activities=len(activities),
        strangers=tuple(strangers),
        is_first=marks.is_first,
    )


# --- reading -------------------------------------------------------------------------------


def _marks(journal: Journal, client: BrokerClient, now: Callable[[], datetime]) -> _Marks:
    kept: dict[str, Any] = journal.meta_get(SYNC_KEY) or {}
    orders, activities = parse_time(kept.get("orders")), parse_time(kept.get("activities"))
    if orders is not None and activities is not None:
        return _Marks(orders, activities, is_first=False)
    start = (client.get_clock().timestamp or now()) - FIRST_WINDOW
    return _Marks(start, start, is_first=True)


def _keep_marks(
    journal: Journal, marks: _Marks, orders: Iterable[Order], activities: Iterable[Activity]
) -> None:
    submitted = [order.submitted_at for order in orders if order.submitted_at is not None]
    executed = [activity.at for activity in activities if activity.at is not None]
    last_order = max([marks.orders, *submitted])
    last_activity = max([marks.activities, *executed])
    with journal.transaction():
        kept: dict[str, Any] = journal.meta_get(SYNC_KEY) or {}
        # Another process may have looked later than we did; its mark is no further than it saw.
        journal.meta_set(
            SYNC_KEY,
            {
                "orders": max(iso(last_order), str(kept.get("orders") or "")),
                "activities": max(iso(last_activity), str(kept.get("activities") or "")),
            },
        )


def _read_orders(
    journal: Journal, client: BrokerClient, marks: _Marks
) -> tuple[list[Order], list[OrderRecord]]:
    """Open ones, recent ones, and what is open here but in neither list. Oldest first."""
    found: dict[str, Order] = {}
    for order in client.list_orders(OrderQuery("all", after=marks.orders - MARGIN)):
        found[order.id] = order
    for order in client.list_orders(OrderQuery("open", nested=False)):
        found.setdefault(order.id, order)
    listed = _ids(found.values())
    unlisted = [
        record
        for record in journal.orders("open")
        if record.order_id and record.order_id not in listed
    ]
    more, missing = _read_unlisted(client, unlisted)
    return [*found.values(), *more], missing


def _read_unlisted(
    client: BrokerClient, records: Sequence[OrderRecord]
) -> tuple[list[Order], list[OrderRecord]]:
    """Held legs, and orders that ended since: by their own id, or all since the oldest of them."""
    found: list[Order] = []
    missing: list[OrderRecord] = []
    known: set[str] = set()
    dates = [record.order.submitted_at or record.intent_at for record in records]
    oldest = min((date for date in dates if date is not None), default=None)
    if len(records) > SINGLE_LOOKS_MAX and oldest is not None:
        found = client.list_orders(OrderQuery("all", after=oldest - MARGIN))
        known = _ids(found)
    for record in records:
        if record.order_id in known:
            continue
        try:
            found.append(client.get_order(record.order_id))
        except NotFound:
            missing.append(record)
    return found, missing


def _ids(orders: Iterable[Order]) -> set[str]:
    found: set[str] = set()
    for order in orders:
        found.add(order.id)
        found.update(leg.id for leg in order.legs)
    return found


# --- taking in -----------------------------------------------------------------------------


def _take_orders(
    journal: Journal,
    orders: Sequence[Order],
    now: Callable[[], datetime],
    changes: list[Change],
    *,
    infer: bool = True,
) -> None:
    for start in range(0, len(orders), CHUNK):
        with recording(journal) as ledger:
            for order in orders[start : start + CHUNK]:
                if infer:
                    ledger.snapshot(order, now())
                else:
                    ledger.snapshot(order, now(), infer=False)
        changes.extend(ledger.changes)


def _with_shortfall(journal: Journal, orders: Iterable[Order]) -> list[Order]:
    """Orders (or parents of legs) of which the broker has counted more than is booked here."""
    with journal.transaction():
        ledger = Ledger(journal)
        return [
            order
            for order in orders
            if any(_is_short(ledger, each) for each in (order, *order.legs))
        ]


def _is_short(ledger: Ledger, order: Order) -> bool:
    if not order.filled_qty:
        return False
    state = ledger.state(ledger.key_of(order.id) or "")
    return state is None or state.record.order.filled_qty < order.filled_qty


def _take_activities(
    journal: Journal,
    activities: Sequence[Activity],
    now: Callable[[], datetime],
    changes: list[Change],
) -> list[Activity]:
    strangers: list[Activity] = []
    for start in range(0, len(activities), CHUNK):
        with recording(journal) as ledger:
            for activity in activities[start : start + CHUNK]:
                key = ledger.key_of(activity.order_id or "")
                if key is None:
                    strangers.append(activity)
                else:
                    ledger.apply(activity_event(activity, key, now()))
        changes.extend(ledger.changes)
    return strangers


def _adopt_strangers(
    journal: Journal,
    client: BrokerClient,
    strangers: Sequence[Activity],
    now: Callable[[], datetime],
    changes: list[Change],
) -> tuple[list[Activity], list[Order]]:
    """Fills of orders older than the window: read those orders, then book the fills."""
    orders: list[Order] = []
    for order_id in dict.fromkeys(activity.order_id for activity in strangers):
        if not order_id:
            continue
        try:
            orders.append(client.get_order(order_id))
        except NotFound:
            continue
    if not orders:
        return list(strangers), []
    _take_orders(journal, orders, now, changes, infer=False)
    return _take_activities(journal, strangers, now, changes), orders
