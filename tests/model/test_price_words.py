"""Goal: a price in a sentence reads as traders write it, and is never another price than the one
that counts.

Method: a table of values; then that whatever the value, the words say exactly it.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbot.model.amounts import level_words, maybe_price_words, money_words, price_words

D = Decimal
CONTRACT = "AAPL261120C00200000"


@pytest.mark.parametrize(
    ("price", "says"),
    [
        ("149.3", "149.30"),
        ("149.30", "149.30"),
        ("149", "149.00"),
        ("1E+2", "100.00"),
        ("64000", "64000.00"),
        ("1", "1.00"),
        ("149.305", "149.305"),
        ("149.333333333", "149.333333333"),
        ("0.5", "0.5000"),
        ("0.51234", "0.51234"),
        ("0.005", "0.0050"),
        ("0.00001234", "0.00001234"),
        ("1E-9", "0.000000001"),
        ("0", "0.00"),
        ("-149.3", "-149.30"),
        ("-0.5", "-0.5000"),
    ],
)
def test_a_price_has_the_decimals_of_its_tick_and_each_digit_of_its_own(
    price: str, says: str
) -> None:
    assert price_words(D(price)) == says


@pytest.mark.parametrize(("price", "says"), [("0.5", "0.50"), ("12", "12.00"), ("0.125", "0.125")])
def test_a_contract_trades_in_cents_below_a_dollar_too(price: str, says: str) -> None:
    assert price_words(D(price), CONTRACT) == says


@pytest.mark.parametrize(
    ("amount", "says"),
    [("0.5", "0.50"), ("1000", "1000.00"), ("-2.4", "-2.40"), ("0.0025", "0.0025"), ("0", "0.00")],
)
def test_money_is_in_cents_and_keeps_what_is_smaller(amount: str, says: str) -> None:
    assert money_words(D(amount)) == says


@pytest.mark.parametrize(
    ("level", "says"),
    [
        ("149.3", "149.30"),
        ("2%", "2%"),
        ("1.5ATR", "1.5ATR"),
        ("2R", "2R"),
        ("support", "support"),
        ("AAPL 231.5", "AAPL 231.50"),
        ("-", "-"),
    ],
)
def test_a_level_that_is_a_price_reads_as_one(level: str, says: str) -> None:
    assert level_words(level) == says


def test_no_price_is_said_in_words() -> None:
    assert maybe_price_words(None) == "none"
    assert maybe_price_words(None, nothing="no price") == "no price"
    assert maybe_price_words(D("1.5")) == "1.50"


@given(st.decimals(-1_000_000, 1_000_000, allow_nan=False, places=9))
def test_the_words_are_the_number(value: Decimal) -> None:
    for said in (price_words(value), price_words(value, CONTRACT), money_words(value)):
        assert D(said) == value
        assert len(said.partition(".")[2]) >= 2
