"""A signal as it is read: one JSON object, one a line.

The reader itself (`execbot.model.signal`) needs no pydantic; a test holds both to the same fields
and bounds. What only the reader can say is listed in `BEYOND`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from execbot.model.signal import NUMBER_MAX, TTL_SECONDS_MAX, SignalSide
from execbot.schemas.base import Input

SYMBOL = r"^\s*[A-Za-z][A-Za-z0-9]{0,9}([.-][A-Za-z]{1,3})?(/[A-Za-z]{3,5})?\s*$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,95}$"
DECIMAL_TEXT = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"

TEXT_LENGTH_MAX = 40

BEYOND = (
    "a line longer than 64 KiB, that is not UTF-8, or repeats a field",
    "a number of more than 40 characters or 12 decimals",
    "a price or quantity as text that is out of bounds",
    "a `stop` and `target` that are the wrong way round for the side",
    "a `created_at` more than 60 seconds in the future",
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

Name = Annotated[str, Field(pattern=NAME)]
SIDE = r"^([Bb][Uu][Yy]|[Ss][Ee][Ll][Ll](_[Ss][Hh][Oo][Rr][Tt])?)$"
Side = Annotated[
    str,
    Field(
        pattern=SIDE,
        title=", ".join(f"`{side.value}`" for side in SignalSide),
        examples=[side.value for side in SignalSide],
    ),
]
"""In any case."""


class SignalLine(Input):
    """What a strategy wants. Null is the same as leaving a field out."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["qty", "notional"],
                "properties": {
                    "qty": {"not": {"type": "null"}},
                    "notional": {"not": {"type": "null"}},
                },
            }
        }
    )

    symbol: Annotated[str, Field(pattern=SYMBOL)]
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: Side
    """`buy` opens, `sell` closes what is held, `sell_short` opens a short."""
    strength: Strength
    """0 to 100; it must exceed `min_signal_strength`."""
    id: Name | None = None
    """The same id acts once, ever. Without one only this very line does."""
    strategy_id: Name | None = None
    """Kept with the order and its position."""
    expected_price: Amount | None = None
    """What the strategy saw, USD a share: slippage is measured against it."""
    stop: Amount | None = None
    """Where the position is given up, USD a share, instead of what trading.yaml says."""
    target: Amount | None = None
    """Where profit is taken, USD a share, instead of what trading.yaml says."""
    tier: Name | None = None
    """For sizing by stars."""
    confidence: Confidence | None = None
    """0 to 1, for sizing by stars."""
    qty: Amount | None = None
    """Shares or coins instead of the configured sizing; not beside `notional`."""
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
