"""Keeps orders and activities that are over, so that the live state stays small."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from execbot.sim.chains.contract import TAIL, Contract
from execbot.sim.engine.order import Order
from execbot.sim.types import Ns

Kept = TypeVar("Kept")


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


@dataclass(frozen=True, slots=True)
class Span:
    """Keys strictly between `after` and `until`, in one direction."""

    after: OrderKey | None = None
    until: OrderKey | None = None
    ascending: bool = True

    def holds(self, key: OrderKey) -> bool:
        if self.after is not None and key <= self.after:
            return False
        return self.until is None or key < self.until


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a listing wants; None wants all. `top_only` leaves out legs."""

    symbols: Collection[str] | None = None
    side: str | None = None
    asset_classes: Collection[str] | None = None
    top_only: bool = False

    def wants(self, symbol: str, side: str, asset_class: str, parent_id: str | None) -> bool:
        return (
            (self.symbols is None or symbol in self.symbols or _underlying(symbol) in self.symbols)
            and (self.side is None or side == self.side)
            and (self.asset_classes is None or asset_class in self.asset_classes)
            and not (self.top_only and parent_id is not None)
        )

    def wants_order(self, order: Order) -> bool:
        return self.wants(order.symbol, order.side, order.asset_class, order.parent_id)


def _underlying(symbol: str) -> str | None:
    """The underlying of a contract, by which its orders are found too; None for other symbols."""
    contract = Contract.parse(symbol) if len(symbol) > TAIL else None
    return None if contract is None else contract.root.rstrip("0123456789")


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which activities a listing wants; None wants all."""

    kinds: Collection[str] | None = None
    order_id: str | None = None

    def wants(self, kind: str, order_id: str | None) -> bool:
        if self.kinds is not None and kind not in self.kinds:
            return False
        return self.order_id is None or order_id == self.order_id


class Archive(Protocol):
    """Storage of what is over. Keys: an order by id, and by account and client order id.

    `put_order` replaces an order already there (a parent's legs can change after it filled).
    Orders are sorted by `(submitted_at, seq)`, activities by `(at, seq)`; at most `limit` are
    answered, all of them where it is None.
    """

    def put_order(self, order: Order) -> None: ...

    def get_order(self, order_id: str) -> Order | None: ...

    def order_by_client_id(self, account_id: str, client_order_id: str) -> Order | None: ...

    def find_orders(
        self, account_id: str, span: Span, wanted: OrderFilter, limit: int
    ) -> list[Order]: ...

    def put_activity(self, activity: Activity) -> None: ...

    def get_activity(self, account_id: str, activity_id: str) -> Activity | None: ...

    def find_activities(
        self, account_id: str, span: Span, wanted: ActivityFilter, limit: int | None
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
        self, account_id: str, span: Span, wanted: OrderFilter, limit: int
    ) -> list[Order]:
        rows = _within(self._order_keys.get(account_id, []), span)
        found = (self._orders[order_id] for _, _, order_id in rows)
        return list(islice(filter(wanted.wants_order, found), limit))

    def put_activity(self, activity: Activity) -> None:
        rows = self._activities.setdefault(activity.account_id, [])
        insort(rows, (activity.at, activity.seq, activity), key=_key)  # some carry an earlier time
        self._activity_ids[activity.account_id, activity.id] = activity

    def get_activity(self, account_id: str, activity_id: str) -> Activity | None:
        return self._activity_ids.get((account_id, activity_id))

    def find_activities(
        self, account_id: str, span: Span, wanted: ActivityFilter, limit: int | None
    ) -> list[Activity]:
        rows = _within(self._activities.get(account_id, []), span)
        found = (row for _, _, row in rows if wanted.wants(row.kind, row.order_id))
        return list(islice(found, limit))


def _within(rows: Sequence[tuple[Ns, int, Kept]], span: Span) -> Iterator[tuple[Ns, int, Kept]]:
    """The rows of a span, in its direction."""
    low = bisect_right(rows, span.after, key=_key) if span.after else 0
    high = bisect_left(rows, span.until, key=_key) if span.until else len(rows)
    walk = range(low, high) if span.ascending else range(high - 1, low - 1, -1)
    return (rows[index] for index in walk)


def _key(row: tuple[Ns, int, Any]) -> OrderKey:
    return row[0], row[1]
