"""The shipped list of assets, and the directory that order rules look symbols up in.

`data/assets.csv` holds well-known US stocks and ETFs and crypto pairs with a plausible base
price, yearly volatility and daily volume for the synthetic market. The letters in its `flags`
column switch off what an asset cannot do, so that every order rule has a symbol to try it on:

    n not fractionable     s not shortable       h hard to borrow     m not marginable
    x inactive             t not tradable        2 / 3 leveraged fund (margin 50 % / 75 %)
    o tradable overnight

For crypto the column holds `min_order_size|min_trade_increment|price_increment` instead.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

from execbot.sim.chains.contract import LATE_CLOSE, LATE_CLOSE_ATTRIBUTE
from execbot.sim.chains.grid import TWENTY
from execbot.sim.types import Asset, AssetClass

DATA = Path(__file__).parent / "data"
HAS_OPTIONS = "has_options"
MARGIN_BY_FLAG = {"2": Decimal("50"), "3": Decimal("75"), "m": Decimal("100")}


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of the shipped list: the asset and what its synthetic market is like.

    `price` in dollars, `volatility` as a fraction per year, `daily_volume` in shares or coins.
    """

    asset: Asset
    price: Decimal
    volatility: float
    daily_volume: float


def asset_id(symbol: str) -> str:
    """A UUID (version 4 in shape) that is the same for a symbol on every machine."""
    digest = blake2b(f"execbot asset {symbol}".encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


@cache
def listings() -> tuple[Listing, ...]:
    """The shipped list, in file order."""
    with (DATA / "assets.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(_listing(row) for row in csv.DictReader(lines))


def _listing(row: dict[str, str]) -> Listing:
    crypto = row["class"] == AssetClass.CRYPTO
    return Listing(
        asset=_crypto_asset(row) if crypto else _equity_asset(row),
        price=Decimal(row["price"]),
        volatility=float(row["volatility"]),
        daily_volume=float(row["daily_volume"]),
    )


def _equity_asset(row: dict[str, str]) -> Asset:
    flags = row["flags"]
    attributes = []
    if "n" not in flags and row["exchange"] != "OTC":
        attributes.append("fractional_eh_enabled")
    if row["symbol"] in TWENTY:
        attributes.append(HAS_OPTIONS)
    if row["symbol"] in LATE_CLOSE:
        attributes.append(LATE_CLOSE_ATTRIBUTE)
    if "o" in flags:
        attributes.append("overnight_tradable")
    margins = [margin for flag, margin in MARGIN_BY_FLAG.items() if flag in flags]
    return Asset(
        id=asset_id(row["symbol"]),
        symbol=row["symbol"],
        name=row["name"],
        exchange=row["exchange"],
        asset_class=AssetClass.US_EQUITY,
        tradable="t" not in flags,
        active="x" not in flags,
        marginable="m" not in flags and "x" not in flags,
        shortable=not set(flags) & set("sx"),
        easy_to_borrow=not set(flags) & set("shx"),
        fractionable=not set(flags) & set("nx"),
        maintenance_margin=margins[0] if margins else Decimal("30"),
        attributes=tuple(attributes),
    )


def _crypto_asset(row: dict[str, str]) -> Asset:
    order_size, trade_increment, price_increment = row["flags"].split("|")
    return Asset(
        id=asset_id(row["symbol"]),
        symbol=row["symbol"],
        name=row["name"],
        exchange="CRYPTO",
        asset_class=AssetClass.CRYPTO,
        marginable=False,
        shortable=False,
        easy_to_borrow=False,
        fractionable=True,
        maintenance_margin=Decimal("100"),
        min_order_size=Decimal(order_size),
        min_trade_increment=Decimal(trade_increment),
        price_increment=Decimal(price_increment),
    )


INDEX_NAMES = ("SPX", "NDX", "DJI", "RUT", "VIX")


def unlisted_asset(symbol: str) -> Asset:
    """An asset for a symbol that has recorded prices but no line in the shipped list.

    A name of two parts (`AAA/BBB`) is a crypto pair, anything else a plain US equity.
    """
    if "/" in symbol:
        return _crypto_asset({"symbol": symbol, "name": symbol, "flags": "0.0001|0.000000001|0.01"})
    # An index has prices and cannot be traded.
    flags = "t" if symbol in INDEX_NAMES else ""
    row = {"symbol": symbol, "name": symbol, "exchange": "NYSE", "flags": flags}
    return _equity_asset(row)


class Directory:
    """All assets, found by symbol (`AAPL`, `BTC/USD`, `BTCUSD`) or by id."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._assets = {asset.symbol: asset for asset in assets}
        self._by_id: dict[str, Asset] = {}
        self._by_joined_pair: dict[str, Asset] = {}
        for asset in self._assets.values():
            self._by_id[asset.id] = asset
            if "/" in asset.symbol:
                self._by_joined_pair[asset.symbol.replace("/", "")] = asset

    def get(self, symbol_or_id: str) -> Asset | None:
        return (
            self._assets.get(symbol_or_id)
            or self._by_id.get(symbol_or_id)
            or self._by_joined_pair.get(symbol_or_id)
        )

    def all(self) -> Sequence[Asset]:
        return tuple(self._assets.values())


def with_options(asset: Asset) -> Asset:
    """A recorded stock has a chain of contracts whatever else the list says."""
    stock = asset.asset_class is AssetClass.US_EQUITY and asset.tradable
    if not stock or HAS_OPTIONS in asset.attributes:
        return asset
    return replace(asset, attributes=(*asset.attributes, HAS_OPTIONS))


def shipped_directory(recorded: Iterable[str] = ()) -> Directory:
    """The shipped assets, plus those of `recorded` symbols.

    A recorded symbol is tradable even where today's list says inactive (FB, TWX): the replayed
    day lies before its end.
    """
    assets = {listing.asset.symbol: listing.asset for listing in listings()}
    for symbol in recorded:
        known = assets.get(symbol) or unlisted_asset(symbol)
        if not (known.active and known.tradable):
            known = replace(unlisted_asset(symbol), name=known.name, exchange=known.exchange)
        assets[symbol] = with_options(known)
    return Directory(assets.values())
