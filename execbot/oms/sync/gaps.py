"""Closing gaps from REST: the stream replays nothing, so after every (re)connect we ask.

Asked are the open orders, every order submitted since the last look, the orders that are open here
and in neither list, and the FILL activities since the last look. Activities are booked before
conclusions are drawn from an order's totals, so a fill is inferred only where the broker counts
one and does not list it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import NotFound, UnreadRow
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.account import Activity
from execbot.model.order import Order
from execbot.model.plausible import believed_time
from execbot.model.times import iso, parse_time
from execbot.model.unread import Unread, unread_of
from execbot.oms.ledger import Ledger, recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.events import activity_event
from execbot.oms.sync.unread_rows import keep_unread

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


class GapFill(Struct, frozen=True):
    """What a look at REST brought. `missing` are orders that are open here and unknown there;
    `unread` are impossible rows: their symbols are unknown."""

    at: datetime
    changes: tuple[Change, ...] = ()
    orders: tuple[Order, ...] = ()
    missing: tuple[OrderRecord, ...] = ()
    activities: int = 0
    strangers: tuple[Activity, ...] = ()
    is_first: bool = False
    unread: tuple[Unread, ...] = ()


class _Marks(Struct, frozen=True):
    orders: datetime
    activities: datetime
    is_first: bool


def fill_gap(journal: Journal, client: BrokerClient, now: Callable[[], datetime]) -> GapFill:
    """Read what happened since the last look and take it in. Raises BrokerError."""
    marks = _marks(journal, client, now)
    unread: list[Unread] = []
    orders, missing = _read_orders(journal, client, marks, unread)
    activities = client.get_activities(("FILL",), after=marks.activities - MARGIN)
    unread += unread_of(activities)
    orders.extend(_read_strangers(journal, client, orders, activities, unread))
    changes, strangers = _take_in(journal, orders, activities, now)
    keep_unread(journal, unread, now())
    if not unread:  # else the next look reads all this again
        _keep_marks(journal, marks, orders, activities, now())
    return GapFill(
        at=now(),
        changes=tuple(changes),
        orders=tuple(orders),
        missing=tuple(missing),
        activities=len(activities),
        strangers=tuple(strangers),
        is_first=marks.is_first,
        unread=tuple(unread),
    )


# --- reading -------------------------------------------------------------------------------


def _marks(journal: Journal, client: BrokerClient, now: Callable[[], datetime]) -> _Marks:
    kept = kept_marks(journal, now())
    orders, activities = parse_time(kept.get("orders")), parse_time(kept.get("activities"))
    if orders is not None and activities is not None:
        return _Marks(orders, activities, is_first=False)
    start = (client.get_clock().timestamp or now()) - FIRST_WINDOW
    return _Marks(start, start, is_first=True)


def kept_marks(journal: Journal, now: datetime) -> dict[str, str]:
    """Those that can be: one in the future would hide everything that happens until then."""
    kept = journal.meta_get(SYNC_KEY)
    if not isinstance(kept, dict):
        return {}
    return {name: str(at) for name, at in kept.items() if believed_time(at, now) is not None}


def _keep_marks(
    journal: Journal,
    marks: _Marks,
    orders: Iterable[Order],
    activities: Iterable[Activity],
    now: datetime,
) -> None:
    submitted = [order.submitted_at for order in orders if order.submitted_at is not None]
    executed = [activity.at for activity in activities if activity.at is not None]
    last_order = max([marks.orders, *submitted])
    seen = {"orders": iso(last_order), "activities": iso(max([marks.activities, *executed]))}

    def furthest() -> dict[str, str]:
        """Another process may have looked later than we did; its mark is no further than it saw."""
        kept = kept_marks(journal, now)
        return {name: max(at, kept.get(name, "")) for name, at in seen.items()}

    if furthest() == kept_marks(journal, now):
        return  # as of nearly every look: a quiet account's journal waits for no disk
    with journal.transaction():
        journal.meta_set(SYNC_KEY, furthest())


def _read_orders(
    journal: Journal, client: BrokerClient, marks: _Marks, unread: list[Unread]
) -> tuple[list[Order], list[OrderRecord]]:
    """Open ones, recent ones, and what is open here but in neither list. Oldest first."""
    found: dict[str, Order] = {}
    recent = client.list_orders(OrderQuery("all", after=marks.orders - MARGIN))
    working = client.list_orders(OrderQuery("open", nested=False))
    for order in recent:
        found[order.id] = order
    for order in working:
        found.setdefault(order.id, order)
    unread += [row for row in (*unread_of(recent), *unread_of(working)) if row.id not in found]
    listed = _ids(found.values())
    unlisted = [
        record
        for record in journal.orders("open")
        if record.order_id and record.order_id not in listed
    ]
    more, missing = _read_unlisted(client, unlisted, unread)
    # Known here before they were replaced elsewhere: what they filled counts in those that follow.
    return with_predecessors(journal, client, [*more, *found.values()], unread), missing


def _read_unlisted(
    client: BrokerClient, records: Sequence[OrderRecord], unread: list[Unread]
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
        except UnreadRow as error:
            _note(error, record.symbol, unread)
    return found, missing


def _note(error: UnreadRow, symbol: str, unread: list[Unread]) -> None:
    """The order of this symbol was asked for, whatever the answer says of itself."""
    if error.unread is not None:
        unread.append(replace(error.unread, symbol=symbol))


def with_predecessors(
    journal: Journal,
    client: BrokerClient,
    orders: Sequence[Order],
    unread: list[Unread] | None = None,
) -> list[Order]:
    """The orders, and before each those that it replaced and nobody here knows.

    The broker counts in an order's quantities what the ones before it had filled, and lists no leg
    that was replaced: without them such fills would be booked twice. Where one of those cannot be
    read its successor is left out, into `unread` where that is given. Raises BrokerError.
    """
    done: list[Order] = []
    listed = _ids(orders)
    looks = 0
    for order in orders:
        chain: list[Order] = []
        try:
            for item in (order, *order.legs):
                older: list[Order] = []
                before = item.replaces
                while before and before not in listed and looks < SINGLE_LOOKS_MAX:
                    listed.add(before)
                    if journal.order_by_broker_id(before) is not None:
                        break
                    looks += 1
                    try:
                        older.append(client.get_order(before))
                    except NotFound:
                        break
                    before = older[-1].replaces
                chain.extend(reversed(older))
        except UnreadRow as error:
            if unread is None:
                raise
            _note(error, order.symbol, unread)
            continue
        done += [*chain, order]
    return done


def _read_strangers(
    journal: Journal,
    client: BrokerClient,
    orders: Iterable[Order],
    activities: Iterable[Activity],
    unread: list[Unread],
) -> list[Order]:
    """Orders that filled lately, and are older than the window and unknown here."""
    found: list[Order] = []
    listed = _ids(orders)
    symbols = {activity.order_id: activity.symbol or "" for activity in activities}
    for order_id, symbol in symbols.items():
        if not order_id or order_id in listed or journal.order_by_broker_id(order_id):
            continue
        try:
            found.append(client.get_order(order_id))
        except NotFound:
            continue
        except UnreadRow as error:
            _note(error, symbol, unread)
    return found


def _ids(orders: Iterable[Order]) -> set[str]:
    found: set[str] = set()
    for order in orders:
        found.add(order.id)
        found.update(leg.id for leg in order.legs)
    return found


# --- taking in -----------------------------------------------------------------------------


def _take_in(
    journal: Journal,
    orders: Sequence[Order],
    activities: Sequence[Activity],
    now: Callable[[], datetime],
) -> tuple[list[Change], list[Activity]]:
    """Each order with its activities in one transaction; returns what stays unexplained."""
    rows: defaultdict[str, list[Activity]] = defaultdict(list)
    for activity in activities:
        rows[activity.order_id or ""].append(activity)
    changes: list[Change] = []
    for start in range(0, len(orders), CHUNK):
        chunk = orders[start : start + CHUNK]
        with recording(journal) as ledger:
            ledger.reads.expect_orders(chunk, activities)
            for order in chunk:
                _take_order(ledger, order, rows, now())
        changes.extend(ledger.changes)
    strangers: list[Activity] = []
    if not rows:
        return changes, strangers
    with recording(journal) as ledger:
        for order_id in list(rows):
            if not _book_rows(ledger, order_id, rows, now()):
                strangers.extend(rows[order_id])
    changes.extend(ledger.changes)
    return changes, strangers


def _take_order(
    ledger: Ledger, order: Order, rows: defaultdict[str, list[Activity]], now: datetime
) -> None:
    """Make the order known, book its fills, then believe its totals."""
    ids = [order.id, *(leg.id for leg in order.legs)]
    if any(ledger.key_of(order_id) is None for order_id in ids):
        ledger.snapshot(order, now, infer=False)
    for order_id in ids:
        _book_rows(ledger, order_id, rows, now)
    ledger.snapshot(order, now)


def _book_rows(
    ledger: Ledger, order_id: str, rows: defaultdict[str, list[Activity]], now: datetime
) -> bool:
    """Book the FILL rows of one order once; False when nobody knows the order."""
    key = ledger.key_of(order_id)
    if key is None:
        return not rows.get(order_id)
    for activity in rows.pop(order_id, ()):
        ledger.apply(activity_event(activity, key, now))
    return True
