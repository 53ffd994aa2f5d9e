"""Symbols: stocks, pairs and option contracts, and how each of them is written.

Orders say `BTC/USD`, positions `BTCUSD`. An option contract is written as OCC does, without blanks:
root (1 to 6 characters, after corporate actions with a digit), yymmdd, C or P, and the strike in
thousandths as 8 digits: `AAPL261218C00190000`. It is read from the right, since roots vary.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from execbot.model.enums import AssetClass

QUOTE_CURRENCIES = ("USDT", "USDC", "USDG", "USD", "BTC", "ETH", "EUR", "GBP")
"""What Alpaca's pairs are quoted in; longer names first, so that USDT is not read as USD."""

DOLLARS = "USD"

PAIR_LENGTH_MIN = 6
"""So long is the shortest pair without its slash (`BTCUSD`); no stock of a US exchange is."""

OPTION_MULTIPLIER = Decimal(100)
"""Shares a contract stands for. Alpaca's positions carry no other number."""

_STOCK = re.compile(r"[A-Z0-9]{1,10}([.\-][A-Z0-9]{1,4}){0,2}")
_PAIR = re.compile(r"[A-Z0-9]{1,10}/[A-Z0-9]{2,10}")
_OPTION = re.compile(r"([A-Z][A-Z0-9]{0,5})(\d{2})(\d{2})(\d{2})([CP])(\d{8})", re.ASCII)


def read_symbol(word: str) -> str | None:
    """A symbol as orders write it, from how people and positions do; None where it is none.

    `btcusd` is BTC/USD: so `positions` prints a pair, and no stock has such a name.
    """
    if not word.isascii():
        return None
    symbol = word.strip().upper()
    if _OPTION.fullmatch(symbol) or _PAIR.fullmatch(symbol):
        return symbol
    if not _STOCK.fullmatch(symbol):
        return None
    return pair_symbol(symbol) if len(symbol) >= PAIR_LENGTH_MIN else symbol


def symbol_key(symbol: str) -> str:
    """Orders say `BTC/USD`, positions `BTCUSD`: one key for both."""
    return symbol.replace("/", "").upper()


def in_path(segment: str) -> str:
    """One path segment: `BTC/USD` becomes `BTC%2FUSD`."""
    return quote(segment, safe="")


# --- what kind of instrument it is -------------------------------------------------------------


def is_pair(symbol: str) -> bool:
    """Crypto pairs are written BASE/QUOTE; no stock has a slash."""
    return "/" in symbol


def is_option(symbol: str) -> bool:
    return option_contract(symbol) is not None


def is_stock(symbol: str) -> bool:
    """The parent of a multi-leg option order has no symbol: that is none either."""
    return bool(symbol) and not is_pair(symbol) and not is_option(symbol)


def asset_class_of(symbol: str) -> AssetClass:
    """The asset class as the symbol's spelling suggests it, until the broker names it."""
    if is_pair(symbol):
        return AssetClass.CRYPTO
    return AssetClass.US_OPTION if is_option(symbol) else AssetClass.US_EQUITY


def units_word(symbol: str) -> str:
    """What a quantity of it counts, for people."""
    return "contracts" if is_option(symbol) else "shares"


def multiplier_of(symbol: str) -> Decimal:
    """Dollars that a move of one dollar in its price makes for a quantity of one."""
    return OPTION_MULTIPLIER if is_option(symbol) else Decimal(1)


# --- pairs -------------------------------------------------------------------------------------


def pair_symbol(symbol: str) -> str:
    """`BTCUSD` (as positions spell a pair) to `BTC/USD` (as orders do); unknown ones stay."""
    if is_pair(symbol):
        return symbol
    for currency in QUOTE_CURRENCIES:
        base = symbol.removesuffix(currency)
        if base and base != symbol:
            return f"{base}/{currency}"
    return symbol


def quote_currency(symbol: str) -> str:
    """The currency of its prices: dollars for all but some pairs."""
    return symbol.partition("/")[2] if is_pair(symbol) else DOLLARS


def is_in_dollars(symbol: str) -> bool:
    """Limits, sizes and profits are counted in dollars: for other pairs they would be wrong."""
    return quote_currency(symbol) == DOLLARS


# --- options -----------------------------------------------------------------------------------


class OptionContract(Struct, frozen=True):
    """The parts of a contract's symbol. `strike` is in dollars per share of the underlying."""

    root: str
    expires: date
    is_call: bool
    strike: Decimal


@lru_cache(maxsize=4096)
def option_contract(symbol: str) -> OptionContract | None:
    """The contract that a symbol names; None for stocks and pairs. Cached: every order asks it."""
    found = _OPTION.fullmatch(symbol)
    if found is None:
        return None
    root, year, month, day, right, strike = found.groups()
    try:
        expires = date(2000 + int(year), int(month), int(day))
    except ValueError:
        return None
    return OptionContract(root, expires, right == "C", Decimal(strike).scaleb(-3))
