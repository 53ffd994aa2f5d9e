"""A signal as it is read: one JSON object, one a line.

The reader itself (`execbot.model.signal`) needs no pydantic; a test holds both to the same fields
and bounds. What only the reader can say is listed in `BEYOND`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from execbot.model.options.signal_legs import RATIO_MAX
from execbot.model.signal import (
    NOT_WITH_LEGS,
    NUMBER_MAX,
    ONLY_TO_OPEN,
    SHORT_WORD,
    TTL_SECONDS_MAX,
    SignalSide,
)
from execbot.schemas.base import Input

SYMBOL = (
    r"^[ \t\r\n]*("
    r"[A-Za-z0-9]{1,10}([.-][A-Za-z0-9]{1,4}){0,2}"  # a stock
    r"|[A-Za-z0-9]{1,10}/[A-Za-z0-9]{2,10}"  # a pair
    r"|[A-Za-z][A-Za-z0-9]{0,5}[0-9]{6}[CcPp][0-9]{8}"  # an option contract
    r")[ \t\r\n]*$"
)
NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,95}$"
DECIMAL_TEXT = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"

TEXT_LENGTH_MAX = 40

BEYOND = (
    "a line longer than 64 KiB, that is not UTF-8, or repeats a field",
    "a number of more than 40 characters or 12 decimals",
    "a price or quantity as text that is out of bounds",
    "a `stop` and `target` that are the wrong way round for the side",
    "a `created_at` more than 60 seconds in the future",
    "a `debit`, `credit` or a number of units as text that is out of bounds, or no whole units",
    "legs of several underlyings, uncovered ones, ratios with a common divisor, or a `symbol` or "
    "`side` that is not theirs",
    "a `stop` or `target` with a leg that closes",
)
"""What the reader refuses and a JSON Schema cannot say."""


def _no_text(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("must be a number")
    return value


def _number_or_text(value: object) -> object:
    is_text = isinstance(value, str)
    if isinstance(value, bool) or (is_text and not _is_decimal(str(value))):
        raise ValueError("must be a number or decimal text")
    return value


def _is_decimal(text: str) -> bool:
    return len(text) <= TEXT_LENGTH_MAX and re.fullmatch(DECIMAL_TEXT, text) is not None


def _bounds(lowest: Decimal, highest: Decimal, *, inclusive: bool) -> tuple[Any, dict[str, Any]]:
    low, high = float(lowest), float(highest)
    if inclusive:
        return Field(ge=lowest, le=highest), {"minimum": low, "maximum": high}
    return Field(gt=lowest, le=highest), {"exclusiveMinimum": low, "maximum": high}


_POSITIVE, _POSITIVE_JSON = _bounds(Decimal(0), NUMBER_MAX, inclusive=False)
_STRENGTH, _STRENGTH_JSON = _bounds(Decimal(0), Decimal(100), inclusive=True)
_CONFIDENCE, _CONFIDENCE_JSON = _bounds(Decimal(0), Decimal(1), inclusive=True)
_TTL, _TTL_JSON = _bounds(Decimal(0), Decimal(TTL_SECONDS_MAX), inclusive=False)

Strength = Annotated[
    Decimal,
    BeforeValidator(_no_text),
    _STRENGTH,
    WithJsonSchema({"type": "number", **_STRENGTH_JSON}),
]
Confidence = Annotated[
    Decimal,
    BeforeValidator(_no_text),
    _CONFIDENCE,
    WithJsonSchema({"type": "number", **_CONFIDENCE_JSON}),
]
Seconds = Annotated[
    Decimal, BeforeValidator(_no_text), _TTL, WithJsonSchema({"type": "number", **_TTL_JSON})
]
Amount = Annotated[
    Decimal,
    BeforeValidator(_number_or_text),
    _POSITIVE,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", **_POSITIVE_JSON},
                {"type": "string", "pattern": DECIMAL_TEXT, "maxLength": TEXT_LENGTH_MAX},
            ],
            "title": "number or decimal text",
        }
    ),
]
"""A price, a quantity or dollars: a JSON number, or text as execbot prints it."""

_NET, _NET_JSON = _bounds(Decimal(0), NUMBER_MAX, inclusive=True)
NetPrice = Annotated[
    Decimal,
    BeforeValidator(_number_or_text),
    _NET,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", **_NET_JSON},
                {"type": "string", "pattern": DECIMAL_TEXT, "maxLength": TEXT_LENGTH_MAX},
            ],
            "title": "number or decimal text",
        }
    ),
]
"""A net price without a sign, at most two decimals."""

Name = Annotated[str, Field(pattern=NAME)]
SIDE = r"^([Bb][Uu][Yy]|[Ss][Ee][Ll][Ll]|([Ss][Ee][Ll][Ll]_)?[Ss][Hh][Oo][Rr][Tt])$"
Side = Annotated[
    str,
    Field(
        pattern=SIDE,
        title=", ".join(f"`{side.value}`" for side in SignalSide) + f", `{SHORT_WORD}`",
        examples=[*(side.value for side in SignalSide), SHORT_WORD],
    ),
]
"""In any case."""


CONTRACT = r"^[ \t\r\n]*[A-Za-z][A-Za-z0-9]{0,5}[0-9]{6}[CcPp][0-9]{8}[ \t\r\n]*$"


class SignalLeg(Input):
    """One leg of a structure."""

    symbol: Annotated[str, Field(pattern=CONTRACT)]
    """The contract: `AAPL261218C00250000`."""
    side: Literal["buy", "sell"]
    """Which way it trades."""
    ratio: Annotated[int, Field(ge=1, le=RATIO_MAX)] | None = None
    """Contracts of one unit; 1 where none is given."""
    to: Literal["open", "close"] | None = None
    """Whether it opens or closes; `open` where nothing is said."""


_IS_THERE: dict[str, Any] = {"not": {"type": "null"}}
_IS_NOT: dict[str, Any] = {"type": "null"}


def _given(*names: str) -> dict[str, Any]:
    return {"required": list(names), "properties": dict.fromkeys(names, _IS_THERE)}


def _with_legs() -> dict[str, Any]:
    """Units and one net price, and nothing that only a single symbol has."""
    without = dict.fromkeys((*NOT_WITH_LEGS, "tier"), _IS_NOT)
    one = [
        {**_given(name), "properties": {name: _IS_THERE, other: _IS_NOT}}
        for name, other in (("debit", "credit"), ("credit", "debit"))
    ]
    return {"allOf": [_given("qty"), {"properties": without}, {"oneOf": one}]}


class SignalLine(Input):
    """What a strategy wants. Null is the same as leaving a field out."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": _given("qty", "notional"),
            "if": _given("legs"),
            "then": _with_legs(),
            "else": {
                "allOf": [
                    _given("symbol", "side"),
                    {"properties": {"debit": _IS_NOT, "credit": _IS_NOT}},
                ]
            },
        }
    )

    symbol: Annotated[str, Field(pattern=SYMBOL)] | None = None
    """`AAPL`, `BRK.B`, `BTC/USD`; needed but with `legs`, which name their underlying."""
    side: Side | None = None
    """`buy` opens, `sell` closes what is held, `sell_short` (or `short`) opens a short; needed but
    with `legs`, which say it each."""
    legs: Annotated[list[SignalLeg], Field(min_length=2, max_length=4)] | None = None
    """A structure of option contracts, as one order: with `qty`, and with `debit` or `credit`."""
    debit: NetPrice | None = None
    """With legs: the most that one unit may cost, USD a share."""
    credit: NetPrice | None = None
    """With legs: the least that one unit must bring, USD a share."""
    strength: Strength
    """0 to 100; it must exceed `min_signal_strength`."""
    id: Name | None = None
    """The same id acts once, ever. Without one only this very line does."""
    strategy_id: Name | None = None
    """Kept with the order and its position."""
    expected_price: Amount | None = None
    """What the strategy saw, USD a share: slippage is measured against it."""
    stop: Amount | None = None
    """Where the position is given up, USD a share, instead of what trading.yaml says. With legs
    that open: the net price of one unit, without a sign; a running `watch` keeps it."""
    target: Amount | None = None
    """Where profit is taken, USD a share, instead of what trading.yaml says. With legs: see
    `stop`."""
    tier: Name | None = None
    """For sizing by stars."""
    confidence: Confidence | None = None
    """0 to 1, for sizing by stars."""
    qty: Amount | None = None
    """Shares or coins instead of the configured sizing; not beside `notional`. With legs: units,
    whole and needed."""
    notional: Amount | None = None
    """Dollars instead of the configured sizing; not beside `qty`."""
    created_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When it was made, RFC 3339; default: when it is read."""
    ttl_seconds: Seconds | None = None
    """How long it is good for; default `signal_ttl_seconds`."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.qty is not None and self.notional is not None:
            raise ValueError("qty and notional exclude each other")
        return self

    @model_validator(mode="after")
    def _legs_or_symbol(self) -> Self:
        nets = [net for net in (self.debit, self.credit) if net is not None]
        if self.legs is None:
            if self.symbol is None or self.side is None or nets:
                raise ValueError("symbol and side, or legs with a net price")
            return self
        single = (getattr(self, name) for name in (*NOT_WITH_LEGS, "tier"))
        if len(nets) != 1 or self.qty is None or any(value is not None for value in single):
            raise ValueError("legs go with qty and one of debit and credit")
        is_open = all(leg.to != "close" for leg in self.legs)
        if not is_open and any(getattr(self, name) is not None for name in ONLY_TO_OPEN):
            raise ValueError("a leg that closes has no stop and no target")
        return self
