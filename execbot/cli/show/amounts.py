"""Money, prices and percentages for the eye; every digit of them is in --json and --csv."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from execbot.cli.show.output import Cell
from execbot.model.amounts import even, signed
from execbot.model.numbers import text
from execbot.watch.show.gain_style import gain_style

_FOUR = Decimal("0.0001")


def price(value: Decimal | None) -> Cell | None:
    return None if value is None else Cell(even(value), even(value))


def fixed(value: Decimal | float, digits: int) -> str:
    """Half goes to the even one; what rounds to nothing has no sign."""
    return f"{value:z.{digits}f}"


def in_cents(value: Decimal) -> str:
    return fixed(value, 2)


def four_decimals(value: Decimal) -> str:
    """Greeks and volatilities, without the zeros at the end."""
    return text(value.quantize(_FOUR))


def money(value: Decimal | None) -> Cell | None:
    """An amount of dollars: always in cents."""
    return None if value is None else Cell(in_cents(value), in_cents(value))


def gain(value: Decimal | None, unit: str = "") -> Cell | None:
    """A profit or a loss in cents; on a terminal with its sign, in the colour of the sign, and with
    `unit` behind it: ` %`, `R`."""
    if value is None:
        return None
    shown = signed(value)
    return Cell(in_cents(value), f"{shown}{unit}", gain_style(shown))


def percent(value: Decimal | None) -> Cell | None:
    """`2.37 %`, elsewhere `2.37`."""
    return None if value is None else Cell(in_cents(value), f"{in_cents(value)} %")


def fee(value: Decimal | None, *, estimated: bool = False) -> Cell | None:
    """An amount, with `~` where it is a share of what a whole day was charged."""
    amount = money(value)
    if amount is None or not estimated:
        return amount
    return Cell(f"~{amount.value}", f"~{amount.short}")


def counted(number: int, noun: str) -> str:
    """`1 order`, `2 orders`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def prices(values: Iterable[Decimal]) -> Cell:
    found = list(values)
    said = " ".join(even(value) for value in found)
    return Cell(said, said or "-")
