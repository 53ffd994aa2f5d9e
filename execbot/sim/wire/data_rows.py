"""Quotes, trades, bars and books as the market-data API writes them.

Numbers are JSON numbers (whole ones without a point), times RFC 3339 in UTC. Exchange, tape and
condition codes say where a symbol is listed; the prices of this exchange come from one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from execbot.sim.times import format_ns
from execbot.sim.types import SECOND, Asset, AssetClass, Bar, Level, Ns, Quote, Trade

DAY: Ns = 86_400 * SECOND
TAPES = {"NYSE": "A", "ARCA": "B", "AMEX": "B", "BATS": "B", "NASDAQ": "C", "OTC": "O"}
VENUES = {"A": "N", "B": "P", "C": "Q", "O": "OTC"}
"""The exchange code of the primary listing, by tape."""
ODD_LOT = Decimal(100)


def number(value: Decimal) -> int | float:
    whole = int(value)
    return whole if whole == value else float(value)


def tape(asset: Asset | None) -> str:
    return TAPES.get(asset.exchange, "A") if asset is not None else "C"


def is_crypto(symbol: str, asset: Asset | None) -> bool:
    return "/" in symbol if asset is None else asset.asset_class is AssetClass.CRYPTO


def trade_id(trade: Trade) -> int:
    """Unique within a symbol and UTC day, and small enough for every JSON reader."""
    return trade.at % DAY


def conditions(trade: Trade, where: str) -> list[str]:
    regular = "@" if where == "C" else " "
    return [regular, "I"] if trade.size < ODD_LOT else [regular]


def stock_trade(trade: Trade, asset: Asset | None, feed: str = "sip") -> dict[str, Any]:
    where = tape(asset)
    return {
        "t": format_ns(trade.at),
        "x": "V" if feed == "iex" else VENUES[where],
        "p": number(trade.price),
        "s": number(trade.size),
        "c": conditions(trade, where),
        "i": trade_id(trade),
        "z": where,
    }


def stock_quote(quote: Quote, asset: Asset | None, feed: str = "sip") -> dict[str, Any]:
    """A side that is absent has price and size 0 and a blank exchange."""
    where = tape(asset)
    venue = "V" if feed == "iex" else VENUES[where]
    return {
        "t": format_ns(quote.at),
        "ax": venue if quote.ask > 0 else " ",
        "ap": number(quote.ask),
        "as": number(quote.ask_size),
        "bx": venue if quote.bid > 0 else " ",
        "bp": number(quote.bid),
        "bs": number(quote.bid_size),
        "c": ["R"],
        "z": where,
    }


def crypto_trade(trade: Trade, quote: Quote | None) -> dict[str, Any]:
    """`tks` is the side of the taker: B bought at the ask."""
    bought = quote is None or trade.price >= quote.ask
    return {
        "t": format_ns(trade.at),
        "p": number(trade.price),
        "s": number(trade.size),
        "tks": "B" if bought else "S",
        "i": trade_id(trade),
    }


def crypto_quote(quote: Quote) -> dict[str, Any]:
    return {
        "t": format_ns(quote.at),
        "bp": number(quote.bid),
        "bs": number(quote.bid_size),
        "ap": number(quote.ask),
        "as": number(quote.ask_size),
    }


def bar_row(bar: Bar, at: Ns | None = None) -> dict[str, Any]:
    """A bar stamped with its own start, or with `at` (a day's midnight)."""
    return {
        "t": format_ns(bar.at if at is None else at),
        "o": number(bar.open),
        "h": number(bar.high),
        "l": number(bar.low),
        "c": number(bar.close),
        "v": number(bar.volume),
        "n": bar.trade_count,
        "vw": number(bar.vwap),
    }


def book_row(at: Ns, bids: Sequence[Level], asks: Sequence[Level]) -> dict[str, Any]:
    return {"t": format_ns(at), "b": book_side(bids), "a": book_side(asks)}


def book_side(levels: Sequence[Level]) -> list[dict[str, Any]]:
    return [{"p": number(level.price), "s": number(level.size)} for level in levels]
