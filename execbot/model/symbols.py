"""Symbols on the wire: pairs with a slash in orders, without it in positions."""

from __future__ import annotations

from urllib.parse import quote

QUOTE_CURRENCIES = ("USDT", "USDC", "USDG", "USD", "BTC", "ETH", "EUR", "GBP")
"""What Alpaca's pairs are quoted in; longer names first, so that USDT is not read as USD."""


def is_pair(symbol: str) -> bool:
    """Crypto pairs are written BASE/QUOTE; no stock has a slash."""
    return "/" in symbol


def pair_symbol(symbol: str) -> str:
    """`BTCUSD` (as positions spell a pair) to `BTC/USD` (as orders do); unknown ones stay."""
    if is_pair(symbol):
        return symbol
    for currency in QUOTE_CURRENCIES:
        base = symbol.removesuffix(currency)
        if base and base != symbol:
            return f"{base}/{currency}"
    return symbol


def in_path(segment: str) -> str:
    """One path segment: `BTC/USD` becomes `BTC%2FUSD`."""
    return quote(segment, safe="")


def symbol_key(symbol: str) -> str:
    """Orders say `BTC/USD`, positions `BTCUSD`: one key for both."""
    return symbol.replace("/", "").upper()
