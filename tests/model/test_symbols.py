"""Goal: every symbol that `positions` prints is read, and each is taken for what it is.

Method: tables of what people, orders and positions write, through the one reader.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbot.model.enums import AssetClass
from execbot.model.symbols import (
    OptionContract,
    asset_class_of,
    is_in_dollars,
    is_pair,
    is_stock,
    multiplier_of,
    option_contract,
    quote_currency,
    read_symbol,
)

CALL = "AAPL261218C00190000"


@pytest.mark.parametrize(
    ("word", "symbol", "asset_class"),
    [
        ("aapl", "AAPL", AssetClass.US_EQUITY),
        (" BRK.B ", "BRK.B", AssetClass.US_EQUITY),
        ("F", "F", AssetClass.US_EQUITY),
        ("GOOGL", "GOOGL", AssetClass.US_EQUITY),
        ("btc/usd", "BTC/USD", AssetClass.CRYPTO),
        ("BTCUSD", "BTC/USD", AssetClass.CRYPTO),
        ("ethbtc", "ETH/BTC", AssetClass.CRYPTO),
        ("BTCUSDT", "BTC/USDT", AssetClass.CRYPTO),
        (CALL, CALL, AssetClass.US_OPTION),
        ("f261218c00012000", "F261218C00012000", AssetClass.US_OPTION),
        ("XOM2260116P00100000", "XOM2260116P00100000", AssetClass.US_OPTION),
    ],
)
def test_what_is_typed_becomes_what_orders_say(
    word: str, symbol: str, asset_class: AssetClass
) -> None:
    assert read_symbol(word) == symbol
    assert asset_class_of(symbol) is asset_class


@pytest.mark.parametrize(
    "word", ["", "   ", "A B", "AAPL;", "BTC/", "/USD", "ÄÖ", "A" * 30, "..", "ß"]
)
def test_what_is_no_symbol_is_none(word: str) -> None:
    assert read_symbol(word) is None


@pytest.mark.parametrize("word", ["USD", "TUSD", "AUSD", "GBTC"])
def test_a_short_word_is_a_stock_even_if_it_ends_like_a_pair(word: str) -> None:
    """No pair without its slash is so short, and GBTC is a trust."""
    assert read_symbol(word) == word
    assert is_stock(word) and not is_pair(word)


def test_a_contract_is_read_from_the_right() -> None:
    """E-OPT-1."""
    assert option_contract(CALL) == OptionContract("AAPL", date(2026, 12, 18), True, D(190))
    adjusted = option_contract("XOM2260116P00006500")
    assert adjusted == OptionContract("XOM2", date(2026, 1, 16), False, D("6.5"))


@pytest.mark.parametrize(
    "symbol", ["AAPL", "BTC/USD", "AAPL261318C00190000", "AAPL261218X00190000", "261218C00190000"]
)
def test_what_names_no_contract_is_none(symbol: str) -> None:
    """A thirteenth month, neither call nor put, no root."""
    assert option_contract(symbol) is None


def test_a_contract_stands_for_a_hundred_shares() -> None:
    assert multiplier_of(CALL) == 100
    assert multiplier_of("AAPL") == multiplier_of("BTC/USD") == 1


@pytest.mark.parametrize(
    ("symbol", "currency"),
    [("AAPL", "USD"), ("BTC/USD", "USD"), ("ETH/BTC", "BTC"), ("BTC/USDT", "USDT"), (CALL, "USD")],
)
def test_what_prices_are_in(symbol: str, currency: str) -> None:
    """A coin that follows the dollar is none."""
    assert quote_currency(symbol) == currency
    assert is_in_dollars(symbol) is (currency == "USD")


@given(st.text(max_size=25))
def test_reading_twice_changes_nothing(word: str) -> None:
    symbol = read_symbol(word)
    assert symbol is None or read_symbol(symbol) == symbol
