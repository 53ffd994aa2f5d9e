"""The chain of an underlying: contracts of one expiry with prices, greeks, open interest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.broker.options import OptionFeed
from execbot.desk.account import Desk
from execbot.desk.errors import DeskError
from execbot.model.options.contract import Contract, ContractQuery
from execbot.model.options.snapshot import Snapshot
from execbot.model.times import eastern

DAYS_AHEAD = 60
"""How far expiries are looked for where none is named."""

STRIKES_PCT = Decimal(40)
"""How far from the price strikes are looked at where none is named."""


class NoContracts(DeskError):
    kind = "option.no_contracts"
    hint = "Alpaca lists no such contracts."
    next_step = "See the expiries: execbot option chain SYMBOL --expiries"


class ChainWish(Struct, frozen=True):
    """`is_call` None: both. `near`: so many strikes on each side of the price. `delta`: of each
    right the one contract whose delta is nearest to it."""

    underlying: str
    expiry: date | None = None
    is_call: bool | None = None
    near: int | None = None
    delta: Decimal | None = None


class Link(Struct, frozen=True):
    """One contract of a chain; `snapshot` None where the market says nothing of it."""

    contract: Contract
    snapshot: Snapshot | None


class Chain(Struct, frozen=True):
    underlying: str
    price: Decimal | None
    expiry: date
    links: Sequence[Link]
    feed: str
    warnings: Sequence[str] = ()


def expiries(desk: Desk, underlying: str) -> list[tuple[date, int]]:
    """Each day on which contracts expire within the next two months, and how many do."""
    found: dict[date, int] = {}
    for contract in _listed(desk, underlying, None, _price(desk, underlying)):
        found[contract.expires] = found.get(contract.expires, 0) + 1
    if not found:
        raise NoContracts(f"no contracts of {underlying} are listed")
    return sorted(found.items())


def chain(desk: Desk, wish: ChainWish) -> Chain:
    """Raises NoContracts, BrokerError."""
    price = _price(desk, wish.underlying)
    listed = _listed(desk, wish.underlying, wish.expiry, price)
    least = eastern(desk.now()).date() + timedelta(desk.settings.trading.options.min_days)
    days = sorted({c.expires for c in listed})
    day = wish.expiry or next((d for d in days if d >= least), None)
    found = [c for c in listed if c.expires == day and wish.is_call in (None, c.is_call)]
    if day is None or not found:
        when = f" for {wish.expiry}" if wish.expiry is not None else ""
        raise NoContracts(f"no contracts of {wish.underlying} are listed{when}")
    if wish.near is not None and price is not None:
        found = _near(found, price, wish.near)
    query = ContractQuery(wish.underlying, day, day, is_call=wish.is_call)
    snapshots = desk.client.option_chain(query)
    links = [Link(contract, snapshots.get(contract.symbol)) for contract in found]
    if wish.delta is not None:
        links = _by_delta(links, wish.delta)
        if not links:
            raise NoContracts(f"no contract of {wish.underlying} has a delta on {day}")
    feed = str(getattr(desk.client, "option_feed", "") or "")
    return Chain(wish.underlying, price, day, links, feed, feed_warnings(feed))


def feed_warnings(feed: str) -> list[str]:
    if feed != OptionFeed.INDICATIVE:
        return []
    return [
        "Prices are of the indicative feed: modelled, wide and delayed. Alpaca gives the market's "
        "own (OPRA) to accounts that have subscribed and signed for it."
    ]


def _price(desk: Desk, underlying: str) -> Decimal | None:
    trade = desk.client.latest_trade(underlying)
    return trade.price if trade is not None and trade.price > 0 else None


def _listed(
    desk: Desk, underlying: str, expiry: date | None, price: Decimal | None
) -> list[Contract]:
    """Of one day all; of all days those around the price."""
    today = eastern(desk.now()).date()
    if expiry is not None:
        return desk.client.get_contracts(ContractQuery(underlying, expiry, expiry))
    away = STRIKES_PCT / 100
    low = None if price is None else (price * (1 - away)).quantize(Decimal("0.01"))
    high = None if price is None else (price * (1 + away)).quantize(Decimal("0.01"))
    until = today + timedelta(DAYS_AHEAD)
    return desk.client.get_contracts(ContractQuery(underlying, today, until, low, high))


def _near(found: Sequence[Contract], price: Decimal, count: int) -> list[Contract]:
    strikes = sorted({c.strike for c in found})
    below = [s for s in strikes if s <= price][-count:]
    above = [s for s in strikes if s > price][:count]
    return [c for c in found if c.strike in {*below, *above}]


def _by_delta(links: Sequence[Link], delta: Decimal) -> list[Link]:
    """Deltas of puts are negative: people say 0.30 for both."""
    found = []
    for is_call in (True, False):
        same = [
            (abs(abs(link.snapshot.greeks.delta) - abs(delta)), link)
            for link in links
            if link.contract.is_call is is_call
            and link.snapshot is not None
            and link.snapshot.greeks.delta is not None
        ]
        if same:
            found.append(min(same, key=lambda one: one[0])[1])
    return found
