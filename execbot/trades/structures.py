"""Round trips of contracts that stood together, put together as the one trade that they were. Pure.

Contracts belong together that one order of several legs has opened, or that one plan kept. Their
trip is open as long as one of them is. Its price is the net price of one unit a share, unsigned: of
what was bought what it cost, of what was sold what it brought; so a profit is the way of the price,
up for a `long` and down for a `short`, as of any other trade.

Shares that an exercise or assignment of its contracts has brought and another one taken away belong
to it; shares that stayed, or were sold by an order, are a trade of their own.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import gcd

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.records import OrderRecord
from execbot.model.enums import AssetClass, PositionSide
from execbot.model.numbers import ZERO
from execbot.model.symbols import OPTION_MULTIPLIER, option_contract
from execbot.oms.sync.row_evidence import DELIVERING_ROWS, DELIVERY_ROWS, booked_as
from execbot.risk.fees import FillFee
from execbot.trades.endings import EndedBy, Ending, endings
from execbot.trades.model import Part, RoundTrip
from execbot.trades.round_trips import ID_LENGTH

DELIVERED = frozenset(map(booked_as, DELIVERY_ROWS))
"""The journal's words for shares that came or went at a strike."""

DELIVERS = frozenset(map(booked_as, DELIVERING_ROWS))
"""Its words for the ends of contracts that bring or take such shares."""


class KeptTogether(Struct, frozen=True):
    """Contracts that a plan kept as one from a moment on."""

    symbols: frozenset[str]
    since: datetime


def with_structures(
    trips: Sequence[RoundTrip], parents: Mapping[str, str], kept: Iterable[KeptTogether] = ()
) -> tuple[RoundTrip, ...]:
    """The trips, those of one structure as one. `parents` are the orders of several legs by the
    client_order_id of their legs."""
    contracts = [t for t in trips if t.asset_class == AssetClass.US_OPTION]
    if len(contracts) < 2:
        return tuple(trips)
    groups = _Groups(contracts)
    by_order: defaultdict[str | None, list[RoundTrip]] = defaultdict(list)
    for trip in contracts:
        names = {parents.get(part.client_order_id) for part in trip.entries}
        for name in names - {None}:
            by_order[name].append(trip)
    for some in by_order.values():
        groups.join(some)
    for together in _named(contracts, kept):
        groups.join(together)
    folded = [some for some in groups.all() if len(some) > 1]
    used = {trip.id for some in folded for trip in some}
    structures = []
    for some in folded:
        shares = _delivered(some, [t for t in trips if t.id not in used])
        used.update(trip.id for trip in shares)
        structures.append(_folded(some, shares, parents))
    rest = [trip for trip in trips if trip.id not in used]
    return tuple(sorted([*rest, *structures], key=lambda trip: (trip.opened_at, trip.symbol)))


def plain_trips(trip: RoundTrip) -> tuple[RoundTrip, ...]:
    """The trips of single symbols that it is made of: what books are kept by."""
    return trip.legs or (trip,)


def contracts_of(trip: RoundTrip) -> list[RoundTrip]:
    """Its legs without the shares that they delivered."""
    return [leg for leg in trip.legs if leg.asset_class == AssetClass.US_OPTION]


LAST_WORD = (EndedBy.EXPIRED, EndedBy.EXERCISED, EndedBy.ASSIGNED, EndedBy.LIQUIDATION)
"""What rules where legs ended in several ways, the strongest last: nobody here decided on it."""


def structure_endings(trip: RoundTrip, orders: Mapping[str, OrderRecord]) -> tuple[Ending, ...]:
    """How its units were left, each way once; what rules is last. Ways in which only some of its
    legs ended are there, too."""
    units: dict[tuple[EndedBy, int | None], Decimal] = {}
    places: dict[tuple[EndedBy, int | None], int] = {}
    for leg in contracts_of(trip):
        each = abs(ratio_of(leg, trip))
        for place, ending in enumerate(endings(leg, orders, ())):
            key = (ending.by, ending.target)
            units[key] = max(units.get(key, ZERO), ending.qty / each)
            places[key] = max(places.get(key, 0), place)

    def rank(key: tuple[EndedBy, int | None]) -> tuple[int, int]:
        by = key[0]
        return LAST_WORD.index(by) + 1 if by in LAST_WORD else 0, places[key]

    return tuple(Ending(by, units[by, target], target) for by, target in sorted(units, key=rank))


def ratio_of(leg: RoundTrip, trip: RoundTrip) -> Decimal:
    """Contracts of one unit, signed."""
    return leg.entered / trip.entered * _sign(leg)


def _named(
    trips: Iterable[RoundTrip], kept: Iterable[KeptTogether]
) -> Iterable[Sequence[RoundTrip]]:
    """What was kept together; of a contract that was in several the newest counts."""
    oldest_first = sorted(kept, key=lambda one: one.since)
    found: defaultdict[KeptTogether, list[RoundTrip]] = defaultdict(list)
    for trip in trips:
        of = [one for one in oldest_first if trip.symbol in one.symbols and _stood(trip, one.since)]
        if of:
            found[of[-1]].append(trip)
    return found.values()


class _Groups:
    """Trips that belong together, by joining."""

    def __init__(self, trips: Iterable[RoundTrip]) -> None:
        self._trips = {trip.id: trip for trip in trips}
        self._head = {name: name for name in self._trips}

    def join(self, some: Sequence[RoundTrip]) -> None:
        for trip in some[1:]:
            first, other = self._find(some[0].id), self._find(trip.id)
            self._head[max(first, other)] = min(first, other)

    def all(self) -> Iterator[list[RoundTrip]]:
        found: defaultdict[str, list[RoundTrip]] = defaultdict(list)
        for name, trip in self._trips.items():
            found[self._find(name)].append(trip)
        for some in found.values():
            yield sorted(some, key=lambda trip: trip.symbol)

    def _find(self, name: str) -> str:
        while self._head[name] != name:
            name = self._head[name]
        return name


def _stood(trip: RoundTrip, at: datetime) -> bool:
    return trip.opened_at <= at and (trip.closed_at is None or trip.closed_at > at)


def _delivered(legs: Sequence[RoundTrip], others: Iterable[RoundTrip]) -> list[RoundTrip]:
    """Shares that came by one of these contracts and went by another, and just those."""
    ends = [part for leg in legs for part in leg.exits if part.booked_as in DELIVERS]
    days = {part.at.date() for part in ends}
    shares = sum((part.qty for part in ends), ZERO) * OPTION_MULTIPLIER
    root = _root(legs)
    found = [
        trip
        for trip in others
        if trip.symbol == root
        and not trip.is_open
        and all(p.booked_as in DELIVERED and p.at.date() in days for p in trip.parts)
    ]
    moved = sum((part.qty for trip in found for part in trip.parts), ZERO)
    return found if found and moved == shares else []


def _folded(
    legs: Sequence[RoundTrip], shares: Sequence[RoundTrip], parents: Mapping[str, str]
) -> RoundTrip:
    everything = (*legs, *shares)
    units = Decimal(gcd(*(int(leg.entered) for leg in legs)))
    net = sum((leg.entered * leg.entry_price * _sign(leg) for leg in legs), ZERO) / units
    side = PositionSide.LONG if net >= 0 else PositionSide.SHORT
    away = 1 if side is PositionSide.LONG else -1
    is_open = any(trip.is_open for trip in everything)
    gone = units if not is_open else _units_gone(legs, units)
    gross = sum((trip.gross for trip in everything), ZERO)
    parts = sorted(_parts(everything), key=lambda part: (part.at, part.symbol, part.execution_id))
    return RoundTrip(
        id=_name(legs, parents),
        symbol=_root(legs),
        asset_class=AssetClass.US_OPTION,
        side=side,
        opened_at=min(leg.opened_at for leg in legs),
        closed_at=None if is_open else max(t.closed_at for t in everything if t.closed_at),
        qty=(units - gone) * away if is_open else ZERO,
        cost=sum((trip.cost for trip in everything), ZERO),
        entered=units,
        exited=gone,
        peak_qty=units,
        entry_price=abs(net),
        exit_price=abs(net) + gross / gone / OPTION_MULTIPLIER * away if gone else None,
        gross=gross,
        gross_fifo=sum((trip.gross_fifo for trip in everything), ZERO),
        fees=_fees(everything),
        parts=tuple(parts),
        lots=tuple(lot for trip in everything for lot in trip.lots),
        legs=everything,
    )


def _units_gone(legs: Sequence[RoundTrip], units: Decimal) -> Decimal:
    """Whole units that were left; 0 where the legs are left in other numbers."""
    shares = {leg.exited / (leg.entered / units) for leg in legs}
    [gone, *others] = sorted(shares)
    return gone if not others and gone == gone.to_integral_value() else ZERO


def _parts(trips: Iterable[RoundTrip]) -> Iterator[Part]:
    for trip in trips:
        for part in trip.parts:
            yield replace(part, symbol=trip.symbol)


def _name(legs: Sequence[RoundTrip], parents: Mapping[str, str]) -> str:
    """Named after the order that opened it; one of its legs, where it was opened leg by leg."""
    first = min(legs, key=lambda leg: (leg.opened_at, leg.symbol))
    opener = first.parts[0].client_order_id
    said = f"{_root(legs)}|{parents.get(opener, first.id)}|{min(leg.id for leg in legs)}"
    return f"{_root(legs)}-{hashlib.sha256(said.encode()).hexdigest()[:ID_LENGTH]}"


def _root(legs: Iterable[RoundTrip]) -> str:
    contract = option_contract(next(iter(legs)).symbol)
    return contract.root if contract is not None else ""


def _sign(trip: RoundTrip) -> int:
    return 1 if trip.side is PositionSide.LONG else -1


def _fees(trips: Iterable[RoundTrip]) -> FillFee | None:
    known = [trip.fees for trip in trips if trip.fees is not None]
    if not known:
        return None
    return FillFee(sum((fee.amount for fee in known), ZERO), any(fee.estimated for fee in known))
