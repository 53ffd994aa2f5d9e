"""Where orders and activities go when they are over, so that the live state stays small."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from execbot.sim.engine.order import Order
from execbot.sim.types import Ns


@dataclass(frozen=True, slots=True)
class Activity:
    """One account activity; `data` is the body Alpaca answers with, `seq` its place in time."""

    account_id: str
    seq: int
    id: str
    kind: str
    at: Ns
    order_id: str | None
    data: Mapping[str, Any]


OrderKey = tuple[Ns, int]
"""`(submitted_at, seq)`: the order in which orders are listed."""


class Archive(Protocol):
    """Storage of what is over. Keys: an order by id, and by account and client order id.

    `put_order` replaces an order already there (a parent's legs can change after it filled).
    `find_orders` answers keys strictly between `after` and `until`, sorted by
    `(submitted_at, seq)`, at most `limit`; `top_only` leaves out orders with a `parent_id`.
    `find_activities` answers `(at, seq)` strictly between `after` and `until`.
    """

    def put_order(self, order: Order) -> None: ...

    def get_order(self, order_id: str) -> Order | None: ...

    def order_by_client_id(self, account_id: str, client_order_id: str) -> Order | None: ...

    def find_orders(
        self,
        account_id: str,
        *,
        after: OrderKey | None,
        until: OrderKey | None,
        ascending: bool,
        limit: int,
        symbols: Collection[str] | None = None,
        side: str | None = None,
        asset_classes: Collection[str] | None = None,
        top_only: bool = False,
    ) -> list[Order]: ...

    def put_activity(self, activity: Activity) -> None: ...

    def get_activity(self, account_id: str, activity_id: str) -> Activity | None: ...

    def find_activities(
        self,
        account_id: str,
        *,
        kinds: Collection[str] | None,
        after: OrderKey | None,
        until: OrderKey | None,
        ascending: bool,
        limit: int | None,
        order_id: str | None = None,
    ) -> list[Activity]: ...


class MemoryArchive:
    """Keeps everything in memory; for tests and simulations in one process."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._client_ids: dict[tuple[str, str], str] = {}
        self._order_keys: dict[str, list[tuple[Ns, int, str]]] = {}
        self._activities: dict[str, list[tuple[Ns, int, Activity]]] = {}
        self._activity_ids: dict[tuple[str, str], Activity] = {}

    def put_order(self, order: Order) -> None:
        if order.id not in self._orders:
            keys = self._order_keys.setdefault(order.account_id, [])
            insort(keys, (order.submitted_at, order.seq, order.id))
            self._client_ids[order.account_id, order.client_order_id] = order.id
        self._orders[order.id] = order

    def get_order(self, order_id: str) -> Order | None:
        return self._orders.get(order_id)

    def order_by_client_id(self, account_id: str, client_order_id: str) -> Order | None:
        order_id = self._client_ids.get((account_id, client_order_id))
        return self._orders.get(order_id) if order_id else None

    def find_orders(
        self,
        account_id: str,
        *,
        after: OrderKey | None,
        until: OrderKey | None,
        ascending: bool,
        limit: int,
        symbols: Collection[str] | None = None,
        side: str | None = None,
        asset_classes: Collection[str] | None = None,
        top_only: bool = False,
    ) -> list[Order]:
        keys = self._order_keys.get(account_id, [])
        low = bisect_right(keys, (*after, "~")) if after else 0
        high = bisect_left(keys, (*until, "")) if until else len(keys)
        walk = range(low, high) if ascending else range(high - 1, low - 1, -1)
        found: list[Order] = []
        for index in walk:
            order = self._orders[keys[index][2]]
            if symbols is not None and order.symbol not in symbols:
                continue
            if side is not None and order.side != side:
                continue
            if asset_classes is not None and order.asset_class not in asset_classes:
                continue
            if top_only and order.parent_id is not None:
                continue
            found.append(order)
            if len(found) >= limit:
                break
        return found

    def put_activity(self, activity: Activity) -> None:
        rows = self._activities.setdefault(activity.account_id, [])
        rows.append((activity.at, activity.seq, activity))
        self._activity_ids[activity.account_id, activity.id] = activity

    def get_activity(self, account_id: str, activity_id: str) -> Activity | None:
        return self._activity_ids.get((account_id, activity_id))

    def find_activities(
        self,
        account_id: str,
        *,
        kinds: Collection[str] | None,
        after: OrderKey | None,
        until: OrderKey | None,
        ascending: bool,
        limit: int | None,
        order_id: str | None = None,
    ) -> list[Activity]:
        rows = self._activities.get(account_id, [])
        low = bisect_right(rows, after, key=_key) if after else 0
        high = bisect_left(rows, until, key=_key) if until else len(rows)
        walk = range(low, high) if ascending else range(high - 1, low - 1, -1)
        found: list[Activity] = []
        for index in walk:
            activity = rows[index][2]
            if kinds is not None and activity.kind not in kinds:
                continue
            if order_id is not None and activity.order_id != order_id:
                continue
            found.append(activity)
            if limit is not None and len(found) >= limit:
                break
        return found


def _key(row: tuple[Ns, int, Activity]) -> OrderKey:
    return row[0], row[1]
