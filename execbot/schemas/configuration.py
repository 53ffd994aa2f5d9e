"""The shape of trading.yaml, made from the loader's own schema: no key can be missing here.

Keys, defaults and kinds come from `execbot.config.schema`, bounds from `execbot.config.limits`, the
words from the comments of the template. The loader is a little more lenient about how a value is
written (`LENIENT`) and knows rules between keys that a JSON Schema cannot say (`BEYOND`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from msgspec import Struct
from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema, create_model

from execbot.config import load, schema
from execbot.config.limits import Bound, bound_of
from execbot.model.struct import field_types, required
from execbot.schemas.base import Input

TEMPLATE = Path(load.__file__).with_name("template.yaml")

SYMBOL = r"^[A-Za-z0-9./-]+$"
SYMBOLS = r"^\s*([A-Za-z0-9./-]+\s*(,\s*[A-Za-z0-9./-]+\s*)*)?$"

FORMS = {
    "ping.": r"^https?://[^/\s]",
    "alerts.quiet_hours": r"^\s*\d\d?:\d\d\s*-\s*\d\d?:\d\d(\s+\S+)?\s*$",
}
"""How texts must look, by the beginning of their key."""

LENIENT = (
    "numbers in quotes or with `_` between digits",
    "`yes`, `no`, `on`, `off` for true and false",
    "words of a choice in any case",
    "`none` or empty text for null",
    "symbols that YAML takes for a truth or a number, such as `TRUE`",
)
"""What the loader takes as well, and a schema for editors rather marks."""

BEYOND = (
    "parts of `take_profit.partial_exits` that add up to more than 100 %, or do not rise",
    "`stream.backoff_max_seconds` below `stream.backoff_seconds`",
    "`order_management.settle_quiet_seconds` too short for `broker.timeout_seconds`",
    "stars in `sizing.star_rules` without a size in `sizing.star_notional`",
    "a symbol in both `symbols` and `denied_symbols`",
    "a time of day or a time zone in `alerts.quiet_hours` that does not exist",
    "a key given twice",
)
"""What the loader refuses and a JSON Schema cannot say."""


ROW_WORDS = {
    "take_profit.partial_exits.level": "where it is taken, in R",
    "take_profit.partial_exits.size_pct": "how much of the position, percent",
    "sizing.star_rules.stars": "how many stars a signal gets that fits",
    "sizing.star_rules.tier": "the signal's tier; left out: any",
    "sizing.star_rules.min_confidence": "the signal's confidence must be at least this, 0 to 1",
}
"""What the keys of a row are for: the template shows rows without comments."""


@cache
def trading_yaml() -> type[Input]:
    """The model of the whole file."""
    top: Any = (_section("", schema.TradingSettings()) | None, Field(description="The top key."))
    return create_model(
        "TradingYaml",
        __base__=Input,
        __doc__="execbot's configuration. Every key has a default; none is needed.",
        trading_execution=top,
    )


def _section(prefix: str, defaults: Struct) -> type[Input]:
    """A section of keys as a model; sections inside it are models too."""
    fields: dict[str, Any] = {}
    for name, holds in field_types(type(defaults)).items():
        key, value = f"{prefix}{name}", getattr(defaults, name)
        about = descriptions().get(key, "")
        if isinstance(value, Struct):
            inner = _section(f"{key}.", value)
            fields[name] = (inner | None, _field(about, None))
            continue
        kind = _kind(key, holds.removesuffix("| None").strip())
        if holds.endswith("| None"):
            kind = kind | None
        fields[name] = (kind, _field(about, _shown(value)))
    title = type(defaults).__name__.removesuffix("Settings") or "Trading"
    return create_model(title, __base__=Input, __doc__=descriptions().get(prefix[:-1]), **fields)


def _field(about: str, default: Any) -> Any:
    """A key may be left out; what holds then is shown, and not filled in."""

    def note_default(shown: dict[str, Any]) -> None:
        shown.pop("default", None)
        if default is not None:
            shown["default"] = default

    return Field(default=None, description=about, json_schema_extra=note_default)


def _shown(value: Any) -> Any:
    """A default as JSON has it."""
    if isinstance(value, Decimal):
        return _json(value)
    if isinstance(value, Struct):
        return {name: _shown(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _shown(item) for name, item in value.items()}
    return str(value) if isinstance(value, str) else value


def _kind(key: str, holds: str) -> Any:
    """The type of a value, by the annotation in the loader's schema."""
    if holds.startswith("tuple["):
        return _list(key, holds.removeprefix("tuple[").removesuffix(", ...]"))
    if holds.startswith("dict["):
        return _sizes(key)
    if holds in ("Decimal", "int"):
        return _number(bound_of(key), whole=holds == "int")
    if holds == "bool":
        return Annotated[bool, Field(strict=True)]
    if holds == "str":
        form = next((FORMS[start] for start in FORMS if key.startswith(start)), None)
        if form is None:  # any scalar is taken as its text: an account's number needs no quotes
            return str | int | float | bool
        return Annotated[str, Field(strict=True, pattern=form)]
    choices = [choice.value for choice in getattr(schema, holds)]
    pattern = f"^({'|'.join(choices)})$"
    return Annotated[
        str, Field(pattern=pattern), WithJsonSchema({"type": "string", "enum": choices})
    ]


def _number(bound: Bound, *, whole: bool) -> Any:
    limits: dict[str, Any] = {}
    shown: dict[str, Any] = {"type": "integer" if whole else "number"}
    if bound.low is not None:
        limits["gt" if bound.above else "ge"] = bound.low
        shown["exclusiveMinimum" if bound.above else "minimum"] = _json(bound.low)
    if bound.high is not None:
        limits["le"] = bound.high
        shown["maximum"] = _json(bound.high)
    kind = int if whole else Decimal
    return Annotated[kind, BeforeValidator(_a_number), Field(**limits), WithJsonSchema(shown)]


def _json(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _a_number(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("must be a number")
    return value


def _list(key: str, item: str) -> Any:
    if item == "str":
        symbol = Annotated[str, Field(pattern=SYMBOL)]
        return list[symbol] | Annotated[str, Field(pattern=SYMBOLS)] | None
    row = getattr(schema, item)
    if issubclass(row, StrEnum):
        words = "|".join(word.value for word in row)
        several = Annotated[str, Field(pattern=f"^\\s*(({words})\\s*(,\\s*({words})\\s*)*)?$")]
        return list[_kind(key, item)] | several  # type: ignore[misc]
    needed = required(row)
    fields: dict[str, Any] = {}
    for name, holds in field_types(row).items():
        kind, about = _kind(f"{key}.{name}", holds), ROW_WORDS[f"{key}.{name}"]
        needs = Field(description=about)
        fields[name] = (kind, needs if name in needed else _field(about, None))
    model = create_model(row.__name__, __base__=Input, __doc__=_first_line(row), **fields)
    return list[model]  # type: ignore[valid-type]


def _sizes(key: str) -> Any:
    """Stars to dollars. In JSON the names of an object are text."""
    stars = bound_of("sizing.star_rules.stars")
    assert stars.low is not None and stars.high is not None
    pattern = f"^[{int(stars.low)}-{int(stars.high)}]$"
    sizes: Any = dict
    dollars = _number(bound_of(key), whole=False)
    shown = TypeAdapter(dollars).json_schema()
    return Annotated[
        sizes[Annotated[str, Field(pattern=pattern)], dollars],
        WithJsonSchema(
            {"type": "object", "patternProperties": {pattern: shown}, "additionalProperties": False}
        ),
    ]


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


@cache
def descriptions() -> dict[str, str]:
    """What each key and section is for, in the words of the template's comments."""
    found: dict[str, str] = {}
    path: list[str] = []
    heading = ""
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        if line.startswith("  # "):
            heading = line.removeprefix("  # ")
        match = re.match(r"^( +)([a-z_]+):[^#]*(?:#\s*(.*))?$", line)
        if not match:
            continue
        depth = len(match[1]) // 2
        path = [*path[: depth - 1], match[2]]
        words = match[3] or (heading if depth == 1 else "")
        heading = ""
        if words:
            found[".".join(path)] = words
    return found
