"""The legs of a signal: how they are written in JSON, and read from it. Strict, as all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from execbot.model.enums import Side
from execbot.model.options.legs import Leg
from execbot.model.options.structure import LEGS_MAX, why_no_structure
from execbot.model.symbols import option_contract, read_symbol

T = TypeVar("T")

LEG_FIELDS = ("symbol", "side", "ratio", "to")
RATIO_MAX = 100
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_ENDS = {"open": True, "close": False}


class BadLeg(ValueError):
    """`field` is the one at fault: `legs`, `legs.0.symbol`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read_legs(value: object) -> tuple[Leg, ...]:
    """Raises BadLeg, also for legs that no broker's order could have."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadLeg("legs", "must be a list of legs")
    if len(value) > LEGS_MAX:
        raise BadLeg("legs", f"at most {LEGS_MAX} legs")
    legs = tuple(_read_leg(number, row) for number, row in enumerate(value))
    why = why_no_structure(legs)
    if why:
        raise BadLeg("legs", why)
    return legs


def legs_json(legs: Sequence[Leg]) -> list[dict[str, Any]]:
    """The same names as on input."""
    return [
        {
            "symbol": leg.symbol,
            "side": leg.side.value,
            "ratio": leg.ratio,
            "to": "open" if leg.opens else "close",
        }
        for leg in legs
    ]


def _read_leg(number: int, row: object) -> Leg:
    name = f"legs.{number}"
    if not isinstance(row, Mapping):
        raise BadLeg(name, "must be an object with `symbol` and `side`")
    for key in row:
        if key not in LEG_FIELDS:
            raise BadLeg(f"{name}.{str(key)[:40]}", f"unknown field: {', '.join(LEG_FIELDS)}")
    word = row.get("symbol")
    symbol = read_symbol(word) if isinstance(word, str) else None
    if symbol is None or option_contract(symbol) is None:
        raise BadLeg(f"{name}.symbol", "is no option contract")
    side = _one_of(f"{name}.side", row.get("side"), _SIDES)
    to = row.get("to")
    opens = True if to is None else _one_of(f"{name}.to", to, _ENDS)
    return Leg(symbol, side, _ratio(f"{name}.ratio", row.get("ratio")), opens)


def _one_of(field: str, value: object, known: Mapping[str, T]) -> T:
    if isinstance(value, str) and value in known:
        return known[value]
    raise BadLeg(field, f"is none of {', '.join(known)}")


def _ratio(field: str, value: object) -> int:
    """One where none is given."""
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadLeg(field, "must be a whole number")
    if value != int(value) or not 1 <= value <= RATIO_MAX:
        raise BadLeg(field, f"must be a whole number from 1 to {RATIO_MAX}")
    return int(value)
