"""How an order changed the position at the broker, against what it filled. Pure."""

from __future__ import annotations

from decimal import Decimal

from execbot.journal.confirmation import PositionChange
from execbot.model.numbers import ZERO
from execbot.quality.facts import Facts, PositionFacts


def position_change(facts: Facts) -> PositionChange:
    """By the stream's word where it told the position with the last fill, else by what was read
    later. `actual` is None where neither is known yet.

    A coin that was bought comes without its fee, which is booked later: a shortfall within it is
    none.
    """
    expected = facts.filled_qty * facts.record.order.side.sign
    known = facts.position
    if known is None:
        return PositionChange(expected)
    if known.told is not None:
        actual = known.told - known.before - known.between
        return PositionChange(expected, _without_fee(expected, actual, known), "stream")
    if known.theirs_now is not None and known.ours_now is not None:
        actual = expected + known.theirs_now - known.ours_now
        return PositionChange(expected, _without_fee(expected, actual, known), "rest")
    return PositionChange(expected)


def _without_fee(expected: Decimal, actual: Decimal, known: PositionFacts) -> Decimal:
    return expected if ZERO < expected - actual <= known.coin_fee else actual
