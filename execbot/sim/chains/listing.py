"""The contracts listed on a date, and each as `/v2/options/contracts` shows it.

Listed are strikes around the price at which the stock began the day, more of them for dates
further ahead. What is not listed any more, or not yet, can still be named and traded as long as
its strike is within `REACH` of the stock's price: a position never loses its market.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from execbot.sim.calendar import new_york_date
from execbot.sim.chains import grid
from execbot.sim.chains.carried import carried_ratios, carried_strikes
from execbot.sim.chains.contract import MULTIPLIER, Contract, contract_id
from execbot.sim.chains.expiries import expiries
from execbot.sim.chains.market import Chains
from execbot.sim.types import AssetDirectory, Ns

WIDTHS = ((10, 0.12), (60, 0.25), (400, 0.4))
WIDEST = 0.6
"""Up to so many days ahead strikes are listed so far from the price, as a share of it."""
REACH = 10
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
HISTORY_DAYS = 30  # how far back contracts that have expired are listed


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a list. Dates are ISO; None filters nothing."""

    underlyings: tuple[str, ...]
    first: str | None = None
    last: str | None = None
    kind: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    root: str | None = None
    style: str | None = None
    penny: bool | None = None
    expired: bool = False

    def takes(self, contract: Contract) -> bool:
        return (
            (self.first is None or contract.expires >= self.first)
            and (self.last is None or contract.expires <= self.last)
            and (self.kind is None or contract.kind == self.kind)
            and (self.low is None or contract.strike >= self.low)
            and (self.high is None or contract.strike <= self.high)
            and (self.root is None or contract.root == self.root)
            and self.style in (None, "american")
            and self.penny in (None, grid.in_penny_program(contract.underlying))
        )


def roots(chains: Chains, underlying: str) -> tuple[str, ...]:
    """Roots of an underlying, ascending."""
    own = (name for name, root in chains.roots.items() if root.underlying == underlying)
    return tuple(sorted((underlying, *own)))


def listed(chains: Chains, wanted: Wanted, now: Ns, after: str = "") -> Iterator[Contract]:
    """The contracts that a list wants, by symbol, those beyond the symbol `after`."""
    today = new_york_date(now)
    names = wanted.underlyings or tuple(sorted(chains.underlyings))
    chosen = {root for name in names if name in chains.underlyings for root in roots(chains, name)}
    every = sorted(chosen, key=lambda root: root + "2")  # as their symbols sort: dates follow
    for root in every:
        if wanted.root not in (None, root) or root + "9" < after[: len(root) + 1]:
            continue
        for day in _dates(chains, root, today, wanted):
            strikes = _strikes(chains, root, day, now)
            for is_call in (True, False):
                for strike in strikes:
                    contract = Contract.of(root, day, is_call, strike, chains.roots)
                    if contract.symbol > after and wanted.takes(contract):
                        yield contract


def dates(chains: Chains, root: str, today: str) -> tuple[str, ...]:
    """Dates at which contracts of a root expire that are listed on a date. Of one that a split has
    made: those that were listed then."""
    changed = chains.roots.get(root)
    if changed is None or not changed.since:
        return expiries(root, today, adjusted=changed is not None)
    if today < changed.since:
        return ()
    return tuple(day for day in expiries(changed.underlying, changed.since) if day >= today)


def _dates(chains: Chains, root: str, today: str, wanted: Wanted) -> list[str]:
    if not wanted.expired:
        found = dates(chains, root, today)
    else:
        begin = (date.fromisoformat(today) - timedelta(days=HISTORY_DAYS)).isoformat()
        found = tuple(day for day in dates(chains, root, begin) if day < today)
    return [
        day
        for day in found
        if (wanted.first is None or day >= wanted.first)
        and (wanted.last is None or day <= wanted.last)
    ]


def _strikes(chains: Chains, root: str, expires: str, now: Ns) -> list[Decimal]:
    """Ascending: those around the price, and what splits have made of older ones."""
    today, changed = new_york_date(now), chains.roots.get(root)
    underlying = root if changed is None else changed.underlying
    day = min(today, expires)
    days = (date.fromisoformat(expires) - date.fromisoformat(day)).days
    width = next((share for limit, share in WIDTHS if days <= limit), WIDEST)
    share = 1.0 if changed is None else float(changed.shares / MULTIPLIER)
    middle = chains.reference(underlying, day) / float(chains.grown(underlying, day, now)) * share
    low, high = middle * (1 - width), middle * (1 + width)
    found = set(grid.strikes(underlying, low, high))
    for since, ratio in _carried(chains, underlying, now):
        if expires in dates(chains, root, since):
            found.update(carried_strikes(underlying, low, high, ratio))
    return sorted(found)


def _carried(chains: Chains, underlying: str, now: Ns) -> Iterator[tuple[str, Decimal]]:
    """The splits whose contracts bear divided strikes: the date, and by how much since."""
    known = [split for split in chains.splits.get(underlying, ()) if split[0] <= now]
    ratios = carried_ratios(known)
    for (at, _), ratio in zip(reversed(known), reversed(ratios), strict=False):
        yield new_york_date(at), ratio


def in_reach(chains: Chains, contract: Contract, now: Ns) -> bool:
    """Whether a contract of the chain may be named at a moment: it was listed by then, at a strike
    that is not beyond reason. What was listed once stays so."""
    today = new_york_date(now)
    is_over = contract.expires < today
    if not is_over and contract.expires not in dates(chains, contract.root, today):
        return False
    spot = chains.spot(contract.underlying, now)
    if spot is None:
        return False
    price = Decimal(spot[0]) * contract.shares / MULTIPLIER
    return price / REACH <= contract.strike <= price * REACH


# --- as shown --------------------------------------------------------------------------------


def shown(
    chains: Chains, assets: AssetDirectory, contract: Contract, now: Ns, *, deliverables: bool
) -> dict[str, Any]:
    """One row. Open interest and closing price are of the trading day before."""
    stock = assets.get(contract.underlying)
    today = new_york_date(now)
    expired = contract.expires < today
    stock_id = "" if stock is None else stock.id
    row: dict[str, Any] = {
        "id": contract_id(contract.symbol, chains.seed),
        "symbol": contract.symbol,
        "name": _name(contract),
        "status": "inactive" if expired else "active",
        "tradable": not expired,
        "expiration_date": contract.expires,
        "root_symbol": contract.root,
        "underlying_symbol": contract.underlying,
        "underlying_asset_id": stock_id,
        "type": contract.kind,
        "style": "american",
        "strike_price": _plain(contract.strike),
        "multiplier": _plain(MULTIPLIER),
        "size": _plain(contract.shares),
        "ppind": grid.in_penny_program(contract.underlying),
        **_of_the_day_before(chains, contract, now),
    }
    if deliverables:
        row["deliverables"] = _deliverables(contract, stock_id)
    return row


def _name(contract: Contract) -> str:
    day = date.fromisoformat(contract.expires)
    month = MONTHS[3 * day.month - 3 : 3 * day.month]
    kind, strike = contract.kind.capitalize(), _plain(contract.strike)
    return f"{contract.root} {month} {day.day:02d} {day.year} {strike} {kind}"


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _of_the_day_before(chains: Chains, contract: Contract, now: Ns) -> dict[str, Any]:
    day = date.fromisoformat(new_york_date(now)) - timedelta(days=1)
    day = min(day, date.fromisoformat(contract.expires))
    while chains.session(contract.underlying, day.isoformat()) is None:
        day -= timedelta(days=1)
    session = chains.session(contract.underlying, day.isoformat())
    assert session is not None
    row: dict[str, Any] = {
        "open_interest": str(open_interest(chains, contract, day.isoformat())),
        "open_interest_date": day.isoformat(),
    }
    spot = chains.spot(contract.underlying, session[1] - 1)
    if spot is not None:
        bid, ask = chains.cents(contract, spot[0], session[1] - 1)
        close = Decimal(bid + ask) / 200
        row["close_price"] = _plain(close.quantize(Decimal("0.01")))
        row["close_price_date"] = day.isoformat()
    return row


def open_interest(chains: Chains, contract: Contract, day: str) -> int:
    """More near the money and in the most traded names; it drifts a little from day to day."""
    raw = blake2b(f"{chains.seed} {contract.symbol} interest".encode(), digest_size=4).digest()
    stretch = chains.day(contract, day).stretch
    size = 600_000 // stretch
    return int(size * (0.2 + raw[0] / 255)) + (raw[1] + date.fromisoformat(day).toordinal()) % 50


def _deliverables(contract: Contract, stock_id: str) -> list[dict[str, Any]]:
    return [
        {
            "type": "equity",
            "symbol": contract.underlying,
            "asset_id": stock_id,
            "amount": _plain(contract.shares),
            "allocation_percentage": "100",
            "settlement_type": "T+1",
            "settlement_method": "CCC",
            "delayed_settlement": False,
        }
    ]
