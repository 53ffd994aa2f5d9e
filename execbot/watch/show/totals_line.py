"""The account in one line, as much of it as there is room for. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from execbot.model.amounts import signed
from execbot.model.numbers import text
from execbot.watch.show.gain_style import gain_style

Used = tuple[Decimal | None, Decimal | None]
"""How far a limit is used, and the limit; None: not known, no limit."""

NOTHING: Used = (None, None)
NEARLY = Decimal("0.8")
"""From this part of a limit on its figure is yellow."""


class Totals(Struct, frozen=True):
    """Money in USD, percentages of equity. `halted` in words, empty where entries are allowed."""

    equity: Decimal | None = None
    day_profit: Decimal | None = None
    day_profit_pct: Decimal | None = None
    open_pl: Decimal | None = None
    buying_power: Decimal | None = None
    exposure_pct: Used = NOTHING
    positions: Used = NOTHING
    orders_today: Used = NOTHING
    daily_loss_pct: Used = NOTHING
    halted: str = ""


class Part(NamedTuple):
    """Some words and their colour, in Rich's words. `lasts`: the lower, the sooner it goes."""

    words: str
    style: str = ""
    lasts: int = 0


def parts_of(totals: Totals) -> list[Part]:
    """Every figure that is known, the most telling ones first."""
    found = [
        Part(f"equity {_cents(totals.equity)}", lasts=9),
        _profit("day", totals.day_profit, totals.day_profit_pct, 8),
        _profit("open", totals.open_pl, None, 7),
        _used("exposure", totals.exposure_pct, " %", 6),
        _used("positions", totals.positions, "", 4),
        _used("orders today", totals.orders_today, "", 2),
        _used("day's loss", totals.daily_loss_pct, " %", 3),
        Part(f"buying power {_cents(totals.buying_power)}", lasts=5),
    ]
    if totals.halted:
        found.insert(0, Part(totals.halted, "bold red", 9))
    return [part for part in found if part.words]


def fitting(totals: Totals, width: int) -> list[Part]:
    """The parts that have room in `width`, with `SEPARATOR` between them."""
    parts = parts_of(totals)
    while len(parts) > 1 and len(line_of(parts)) > width:
        parts.remove(min(parts, key=lambda part: part.lasts))
    return parts


SEPARATOR = "  "


def line_of(parts: list[Part]) -> str:
    return SEPARATOR.join(part.words for part in parts)


def _profit(name: str, value: Decimal | None, share: Decimal | None, lasts: int) -> Part:
    if value is None:
        return Part("")
    percent = "" if share is None else f" ({signed(share)} %)"
    shown = signed(value)
    return Part(f"{name} {shown}{percent}", gain_style(shown), lasts)


def _used(name: str, used: Used, unit: str, lasts: int) -> Part:
    value, most = used
    if value is None or most is None:
        return Part("")
    shown = _cents(value) if unit else text(value)
    style = "red" if value >= most else "yellow" if value >= most * NEARLY else ""
    return Part(f"{name} {shown} of {text(most)}{unit}", style, lasts)


def _cents(value: Decimal | None) -> str:
    return "not known" if value is None else f"{value:z.2f}"
