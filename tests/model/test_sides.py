"""Goal: which side closes what, and what counts as whole, is written once."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from execbot.model.enums import PositionSide, Side
from execbot.model.numbers import fraction_part, is_whole, whole_part


@pytest.mark.parametrize(
    ("qty", "side", "closing", "intent"),
    [
        ("10", PositionSide.LONG, Side.SELL, "sell_to_close"),
        ("-0.5", PositionSide.SHORT, Side.BUY, "buy_to_close"),
        ("0", PositionSide.LONG, Side.SELL, "sell_to_close"),
    ],
)
def test_a_position_is_closed_by_the_other_side(
    qty: str, side: PositionSide, closing: Side, intent: str
) -> None:
    assert PositionSide.of(D(qty)) is side
    assert side.closing is closing
    assert closing.to_close == intent
    assert PositionSide.opened_by(closing.opposite) is side


@pytest.mark.parametrize(
    ("qty", "whole", "fraction"),
    [("10", "10", "0"), ("10.25", "10", "0.25"), ("-10.25", "-10", "-0.25"), ("0.9", "0", "0.9")],
)
def test_whole_and_fraction_add_up_on_either_side_of_zero(
    qty: str, whole: str, fraction: str
) -> None:
    assert (whole_part(D(qty)), fraction_part(D(qty))) == (D(whole), D(fraction))
    assert is_whole(D(qty)) is (D(fraction) == 0)
