"""Money and prices for the eye: even decimals on a terminal, all digits everywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from execbot.cli.show.output import Cell
from execbot.model.amounts import even
from execbot.model.numbers import CENT, text


def price(value: Decimal | None) -> Cell | None:
    return None if value is None else Cell(text(value), even(value))


def money(value: Decimal | None) -> Cell | None:
    """An amount of dollars, a profit say: always in cents."""
    if value is None:
        return None
    return Cell(text(value), f"{value.quantize(CENT, ROUND_HALF_EVEN):f}")


def prices(values: Iterable[Decimal]) -> Cell:
    found = list(values)
    return Cell(" ".join(text(value) for value in found), " ".join(even(v) for v in found) or "-")
