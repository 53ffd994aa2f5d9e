"""The exchange's own record of an account, and what follows from it. Nothing of execbot is used.

Orders and rows are read as any client may; numbers are fractions, so that nothing is rounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, Protocol

from week.course import NEW_YORK

ZERO = Fraction(0)
STOPS = {"stop", "stop_limit", "trailing_stop"}
ENDS = ("filled_at", "canceled_at", "expired_at", "replaced_at", "failed_at")
MOVING = ("FILL", "SPLIT", "NC", "SPIN", "MA", "JNLS", "ACATS")
"""Rows that change what is held."""


class Reading(Protocol):
    """Who answers a request of an account."""

    def get(self, path: str, key: str) -> Any: ...


def moment(text: str | None) -> datetime | None:
    """Alpaca's nanoseconds are cut to what a datetime holds."""
    if not text:
        return None
    head, _, tail = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{tail[:6]:0<6}+00:00")


@dataclass(frozen=True)
class Change:
    """A change of what is held; `price` of an execution, None of a company's doing."""

    at: datetime
    symbol: str
    qty: Fraction
    price: Fraction | None
    order_id: str = ""

    @property
    def day(self) -> date:
        return self.at.astimezone(NEW_YORK).date()


@dataclass(frozen=True)
class Spell:
    """Shares without a stop."""

    symbol: str
    start: datetime
    end: datetime
    qty: Fraction

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    def __str__(self) -> str:
        since = f"{self.start:%m-%d %H:%M:%S}"
        return f"{float(self.qty):g} {self.symbol} from {since} for {self.seconds:.0f} s"


class Record:
    """Orders, rows and positions as they are now; `at` is when that was."""

    def __init__(
        self,
        orders: Sequence[dict[str, Any]],
        rows: Sequence[dict[str, Any]],
        positions: Sequence[dict[str, Any]],
        at: datetime,
        single: Sequence[dict[str, Any]] = (),
    ) -> None:
        """As Alpaca lists them: orders nested and oldest first, activities oldest first. `single`:
        the same not nested, where alone the legs are that were replaced since."""
        self.at, self.orders, self.rows = at, orders, rows
        self.positions = {row["symbol"]: Fraction(row["qty"]) for row in positions}
        self.flat: list[dict[str, Any]] = list(_flat(orders, single))
        self.changes = sorted(_changes(rows), key=lambda change: change.at)

    # --- what is held ------------------------------------------------------------------------

    def oversold(self) -> list[str]:
        """Each moment at which more had been sold than was held."""
        held: defaultdict[str, Fraction] = defaultdict(Fraction)
        found = []
        for change in self.changes:
            held[change.symbol] += change.qty
            if held[change.symbol] < 0:
                found.append(f"{change.symbol} {held[change.symbol]} at {change.at}")
        return found

    def differs_from_rows(self) -> list[str]:
        """The judge itself: what the rows add up to is what the exchange says is held."""
        held: defaultdict[str, Fraction] = defaultdict(Fraction)
        for change in self.changes:
            held[change.symbol] += change.qty
        mine = {symbol: qty for symbol, qty in held.items() if qty}
        return [] if mine == self.positions else [f"rows say {mine}, positions {self.positions}"]

    def executed(self) -> dict[str, Fraction]:
        """Shares by order."""
        found: defaultdict[str, Fraction] = defaultdict(Fraction)
        for change in self.changes:
            if change.price is not None:
                found[change.order_id] += abs(change.qty)
        return dict(found)

    # --- stops -------------------------------------------------------------------------------

    def spells(self) -> list[Spell]:
        """Every stretch in which more was held than stops and closing orders stood for."""
        return [spell for symbol in sorted({c.symbol for c in self.changes})
                for spell in self._spells_of(symbol)]  # fmt: skip

    def _spells_of(self, symbol: str) -> Iterator[Spell]:
        moves: list[tuple[datetime, Fraction, Fraction]] = []  # when, held, covered
        moves += [(c.at, c.qty, ZERO) for c in self.changes if c.symbol == symbol]
        for cover in self._covers(symbol):
            moves += cover
        held = covered = worst = ZERO
        since: datetime | None = None
        for at, more_held, more_covered in sorted(moves, key=lambda move: move[0]):
            is_bare = held > covered
            if is_bare and since is not None and at > since:
                worst = max(worst, held - covered)
            held, covered = held + more_held, covered + more_covered
            if held > covered and since is None:
                since, worst = at, ZERO
            elif held <= covered and since is not None:
                if at > since:
                    yield Spell(symbol, since, at, worst)
                since = None
        if since is not None:
            yield Spell(symbol, since, self.at, max(worst, held - covered))

    def _covers(self, symbol: str) -> Iterator[list[tuple[datetime, Fraction, Fraction]]]:
        """Of each sale that would end the position: when it came, each execution, when it ended."""
        for order in self.flat:
            is_closing = order["side"] == "sell" and order["symbol"] == symbol
            if not is_closing or not (order["type"] in STOPS or _closes_at_once(order)):
                continue
            begin, end = _armed_at(order), _ended_at(order)
            if begin is None or (end is not None and end <= begin):
                continue
            left = Fraction(order["qty"] or order["filled_qty"])
            moves = [(begin, ZERO, left)]
            for change in self.changes:
                if change.order_id == order["id"]:
                    moves.append((change.at, ZERO, change.qty))
                    left += change.qty
            if end is not None:
                moves.append((max(end, moves[-1][0]), ZERO, -left))
            yield moves

    # --- money -------------------------------------------------------------------------------

    def cash(self) -> Fraction:
        """What every row, from the account's first on, has left of it."""
        found = ZERO
        for row in self.rows:
            found += Fraction(row.get("net_amount") or 0)
        for change in self.changes:
            if change.price is not None:
                found -= change.qty * change.price
        return found

    def day(self, day: date) -> Day:
        """What was traded on a day, what average cost realised, what was charged for it."""
        found = Day()
        held: defaultdict[str, Fraction] = defaultdict(Fraction)
        cost: defaultdict[str, Fraction] = defaultdict(Fraction)
        for change in self.changes:
            name = change.symbol
            if change.price is None:
                _renamed(self.changes, change, held, cost)
                held[name] += change.qty
                continue
            if change.qty > 0:
                cost[name] += change.qty * change.price
            else:
                out = cost[name] * -change.qty / held[name] if held[name] else ZERO
                cost[name] -= out
                found.add_sale(change, day, -change.qty * change.price - out)
            held[name] += change.qty
            found.add(change, day)
        for row in self.rows:
            if row["activity_type"] == "FEE" and row.get("date") == day.isoformat():
                found.fees -= Fraction(row["net_amount"])
        return found


@dataclass
class Day:
    fills: int = 0
    bought: Fraction = ZERO
    sold: Fraction = ZERO
    realized: Fraction = ZERO
    fees: Fraction = ZERO

    def add(self, change: Change, day: date) -> None:
        if change.day != day or change.price is None:
            return
        self.fills += 1
        amount = abs(change.qty) * change.price
        if change.qty > 0:
            self.bought += amount
        else:
            self.sold += amount

    def add_sale(self, change: Change, day: date, gain: Fraction) -> None:
        if change.day == day:
            self.realized += gain


def _renamed(
    changes: Sequence[Change],
    change: Change,
    held: Mapping[str, Fraction],
    cost: defaultdict[str, Fraction],
) -> None:
    """The cost goes over with the shares; of a split it stays."""
    if change.qty >= 0 or held[change.symbol] + change.qty:
        return
    for other in changes:
        is_other_half = other.order_id == change.order_id and other.symbol != change.symbol
        if change.order_id and is_other_half and other.price is None:
            cost[other.symbol] += cost.pop(change.symbol, ZERO)


def single_orders(server: Reading, key: str) -> list[dict[str, Any]]:
    """All orders, each for itself, oldest first."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        query = f"status=all&limit=500&direction=asc&nested=false{after}"
        page = server.get(f"/v2/orders?{query}", key)
        found += page
        if len(page) < 500:
            return found
        after = f"&after_order_id={page[-1]['id']}"


def rows_of(server: Reading, key: str, after: str = "") -> list[dict[str, Any]]:
    """All activities, or those after a moment, oldest first."""
    found: list[dict[str, Any]] = []
    since = f"&after={after}" if after else ""
    while True:
        token = f"&page_token={found[-1]['id']}" if found else ""
        query = f"direction=asc&page_size=100{since}{token}"
        page = server.get(f"/v2/account/activities?{query}", key)
        found += page
        if len(page) < 100:
            return found


def _flat(
    orders: Sequence[dict[str, Any]], single: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Legs beside their parents, each with its parent under `parent`. A leg in another's place has
    that one's."""
    parents: dict[str, dict[str, Any]] = {}
    rows = {order["id"]: order for order in single}
    for order in orders:
        rows[order["id"]] = order
        for leg in order["legs"] or ():
            rows[leg["id"]] = leg
            older: str | None = leg["id"]
            while older is not None and older not in parents:
                parents[older] = order
                older = rows.get(older, {}).get("replaces")
    for name, row in rows.items():
        yield {**row, "parent": parents.get(name)}


def _changes(rows: Sequence[dict[str, Any]]) -> Iterator[Change]:
    for row in rows:
        if row["activity_type"] == "FILL":
            sign = 1 if row["side"] == "buy" else -1
            at = moment(row["transaction_time"])
            assert at is not None
            yield Change(
                at,
                row["symbol"],
                sign * Fraction(row["qty"]),
                Fraction(row["price"]),
                row["order_id"],
            )
        elif row["activity_type"] in MOVING and row.get("qty"):
            at = moment(row.get("created_at")) or moment(f"{row['date']}T04:00:00Z")
            assert at is not None
            yield Change(at, row["symbol"], Fraction(row["qty"]), None, row.get("group_id") or "")


def _closes_at_once(order: Mapping[str, Any]) -> bool:
    return order["type"] == "market" or (order["type"] == "limit" and order["extended_hours"])


def _armed_at(order: Mapping[str, Any]) -> datetime | None:
    """The stop of an entry works once that is filled whole; others from when they are there."""
    parent = order["parent"]
    if parent is not None and parent["order_class"] in ("bracket", "oto"):
        filled, made = moment(parent["filled_at"]), moment(order["created_at"])
        return None if filled is None or made is None else max(filled + ARMED_AFTER, made)
    return moment(order["created_at"])


def _ended_at(order: Mapping[str, Any]) -> datetime | None:
    ends = [at for name in ENDS if (at := moment(order.get(name))) is not None]
    return min(ends, default=None)


ARMED_AFTER = timedelta(milliseconds=40)
