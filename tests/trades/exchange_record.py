"""The judge of a month: round trips, fees and equity worked out from the exchange's own record.

Nothing of execbot is used here. What was executed stands in the exchange's orders (as corrected or
busted since), when in its FILL rows, splits and fees in rows of their own, money in its account.
Numbers are fractions, so that nothing is rounded.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from support.desk import KEY, Desk

NEW_YORK = ZoneInfo("America/New_York")
CENT = Fraction(1, 100)


@dataclass
class Fill:
    id: str
    at: datetime
    symbol: str
    buys: bool
    qty: Fraction
    price: Fraction
    fee: Fraction = Fraction(0)

    @property
    def day(self) -> date:
        return self.at.astimezone(NEW_YORK).date()


@dataclass
class Trip:
    symbol: str
    opened_at: datetime
    side: int
    closed_at: datetime | None = None
    qty: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    entered: Fraction = Fraction(0)
    paid: Fraction = Fraction(0)
    sold: Fraction = Fraction(0)
    got: Fraction = Fraction(0)
    gross: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    lots: list[list[Fraction]] = field(default_factory=list)
    fifo: Fraction = Fraction(0)
    fills: list[Fill] = field(default_factory=list)
    ratios: list[Fraction] = field(default_factory=list)
    """Of each of the fills: into how many shares one of its shares has become since."""

    @property
    def net(self) -> Fraction:
        return self.gross - self.fees


def rows(desk: Desk) -> list[dict[str, Any]]:
    """All activities, oldest first."""
    found: list[dict[str, Any]] = []
    while True:
        token = f"&page_token={found[-1]['id']}" if found else ""
        page = desk.call("GET", f"/v2/account/activities?direction=asc&page_size=100{token}")
        found += page
        if len(page) < 100:
            return found


def fills_of(desk: Desk, listed: list[dict[str, Any]]) -> dict[str, Fill]:
    """By the id of their row; those that were busted have no quantity."""
    core = desk.venue.exchange.core
    counted: defaultdict[str, int] = defaultdict(int)
    found = {}
    for row in listed:
        if row["activity_type"] != "FILL":
            continue
        order = core.find(row["order_id"])
        assert order is not None
        name, qty, price, _ = order.fills[counted[row["order_id"]]]
        counted[row["order_id"]] += 1
        found[row["id"]] = Fill(
            name,
            datetime.fromisoformat(row["transaction_time"]),
            row["symbol"],
            row["side"] == "buy",
            Fraction(qty),
            Fraction(price),
        )
    return found


_CHARGED = {
    "REG": (False, lambda fill: fill.qty * fill.price),
    "TAF": (False, lambda fill: fill.qty),
    "CAT": (True, lambda fill: fill.qty),
}
"""Whether purchases are charged as well, and by what."""


def share_fees(listed: list[dict[str, Any]], fills: list[Fill]) -> Fraction:
    """Each day's fee of a kind over its executions, in whole cents by largest remainder; all that
    was shared out: what was charged for executions that were busted since is nobody's."""
    charged: defaultdict[tuple[date, str], Fraction] = defaultdict(Fraction)
    for row in listed:
        if row["activity_type"] == "FEE":
            charged[date.fromisoformat(row["date"]), row["activity_sub_type"]] -= Fraction(
                row["net_amount"]
            )
    for (day, kind), amount in charged.items():
        both, weigh = _CHARGED[kind]
        mine = sorted(
            (f for f in fills if f.day == day and f.qty and (both or not f.buys)),
            key=lambda fill: (fill.at, fill.id),
        )
        whole = sum((weigh(fill) for fill in mine), Fraction(0))
        cents = amount / CENT
        exact = [weigh(fill) * cents / whole for fill in mine]
        parts = [int(part) for part in exact]
        order = sorted(range(len(mine)), key=lambda n: (parts[n] - exact[n], n))
        for number in order[: int(cents) - sum(parts)]:
            parts[number] += 1
        for fill, part in zip(mine, parts, strict=True):
            fill.fee += part * CENT
    return sum((fill.fee for fill in fills), Fraction(0))


def trips_of(desk: Desk) -> tuple[list[Trip], Fraction]:
    """Round trips of stocks by average cost, with FIFO beside it; and all fees that are shared."""
    listed = rows(desk)
    fills = fills_of(desk, listed)
    total = share_fees(listed, list(fills.values()))
    open_trips: dict[str, Trip] = {}
    done: list[Trip] = []
    for row in listed:
        if row["activity_type"] == "SPLIT" and Fraction(row["qty"]) > 0:
            _split(open_trips.get(row["symbol"]), Fraction(row["qty"]))
        fill = fills.get(row["id"])
        if fill is None or not fill.qty:
            continue
        trip = open_trips.get(fill.symbol)
        if trip is None:
            trip = open_trips[fill.symbol] = Trip(fill.symbol, fill.at, 1 if fill.buys else -1)
        _take(trip, fill)
        if not trip.qty:
            trip.closed_at = fill.at
            done.append(open_trips.pop(fill.symbol))
    return [*done, *open_trips.values()], total


def _split(trip: Trip | None, new: Fraction) -> None:
    if trip is None:
        return
    ratio = new / trip.qty
    trip.qty, trip.entered, trip.sold = new, trip.entered * ratio, trip.sold * ratio
    trip.lots = [[qty * ratio, price / ratio] for qty, price in trip.lots]
    trip.ratios = [one * ratio for one in trip.ratios]


def _take(trip: Trip, fill: Fill) -> None:
    opens = fill.buys == (trip.side > 0)
    trip.fees += fill.fee
    trip.fills.append(fill)
    trip.ratios.append(Fraction(1))
    if opens:
        trip.qty += fill.qty
        trip.cost += fill.qty * fill.price
        trip.entered += fill.qty
        trip.paid += fill.qty * fill.price
        trip.lots.append([fill.qty, fill.price])
        return
    assert fill.qty <= trip.qty
    out = trip.cost * fill.qty / trip.qty
    trip.gross += trip.side * (fill.qty * fill.price - out)
    trip.qty, trip.cost = trip.qty - fill.qty, trip.cost - out
    trip.sold += fill.qty
    trip.got += fill.qty * fill.price
    left = fill.qty
    while left:
        lot = trip.lots[0]
        part = min(left, lot[0])
        trip.fifo += trip.side * part * (fill.price - lot[1])
        lot[0], left = lot[0] - part, left - part
        if not lot[0]:
            trip.lots.pop(0)


def worth(desk: Desk) -> Fraction:
    """What the account is worth now: its dollars, and what it holds at the market's price. Fees of
    stocks leave when their day is over."""
    desk.call("GET", "/v2/account")  # the exchange books what is due when it is asked
    core = desk.venue.exchange.core
    name = desk.venue.account_of(KEY)
    assert name is not None
    account = core.accounts[name]
    held = sum(
        (
            Fraction(position.qty) * Fraction(core.price(position.symbol, core.now))
            for position in account.positions.values()
        ),
        Fraction(0),
    )
    return Fraction(account.cash) + held
