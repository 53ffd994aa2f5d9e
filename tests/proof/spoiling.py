"""Values that cannot be, and where in a recorded answer they can be put.

A spoilt value is of another kind than the field, or beyond what its kind can be. What is merely
wrong (7 shares for 10) nobody can see in one answer: such values are not among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st

from execbot.sim.faults.spoilt import spoil

ROWS_SPOILT = 3
"""Of a list so many rows are spoilt; the others are of the same shapes."""

Path = tuple[str, ...]


class Field(NamedTuple):
    """A value of a recorded answer or frame: `where` names the answer, `path` is empty for all."""

    where: str
    path: Path
    value: Any

    def __str__(self) -> str:
        return f"{self.where} {'.'.join(self.path) or '(all of it)'}"


def fields_of(where: str, payload: bytes) -> list[Field]:
    """Every value of an answer, objects and lists included, and the answer itself."""
    return [Field(where, path, value) for path, value in _values((), json.loads(payload))]


def _values(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            if "." not in name and "*" not in name:
                yield from _values((*path, name), item)
    elif isinstance(value, list):
        for index, item in enumerate(value[:ROWS_SPOILT]):
            yield from _values((*path, str(index)), item)


def spoilt(payload: bytes, path: Path, raw: str) -> bytes:
    """The payload with the raw JSON in the place of one value."""
    if not path:
        return raw.encode("utf-8", "surrogatepass")
    return spoil(payload, {"text": None, "json": raw, "field": ".".join(path)})


# --- what cannot be ------------------------------------------------------------------------

NESTED = ('{"a":' * 60 + "1" + "}" * 60, "[" * 500 + "]" * 500, "[" * 200_000)
OBJECTS = ("{}", "[]", "[7]", '{"id":7}', "[[7],{}]", *NESTED)
NUMBERS = (
    *("1e999", "-1e999", "NaN", "Infinity", "1e30", "-1e30", "9" * 3000, "9" * 5000),
    *('"1e999"', '"NaN"', '"-Infinity"', '"1e30"', '"1e999999999999"', '"' + "9" * 3000 + '"'),
    *('"0.' + "0" * 40 + '1"', '"1e-999999999"'),
)
TEXTS = (
    *(r'"\ud800"', r'"x\udfffy"', r'"\u0000"', r'"\u001b[2J"', r'"\u202e"', '"\\n"'),
    *('"../../x"', '"a/../b"', '"' + "x" * 5000 + '"'),
)
TIMES = (
    *('"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59Z"', '"2150-01-01T00:00:00Z"'),
    *('"1850-01-01T00:00:00Z"', '"2026-13-45T00:00:00Z"', '"0000-00-00"'),
)
BROKEN = ("", "{", '"', "\x00", "nul", "<html>", "7 7")
"""No JSON at all: with one in it the whole answer is none."""

generated = st.one_of(
    st.integers(10**12, 10**40).map(str),
    st.integers(-(10**40), -(10**12)).map(str),
    st.decimals(Decimal("1e13"), Decimal("1e60"), allow_nan=False).map(lambda d: f'"{d}"'),
    st.text(st.characters(categories=("Cc", "Cs")), min_size=1, max_size=9).map(json.dumps),
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
    .filter(lambda value: isinstance(value, list | dict))
    .map(json.dumps),
)
anything = st.one_of(
    st.sampled_from((*OBJECTS, *NUMBERS, *TEXTS, *TIMES, *BROKEN, "7", "-7", "0.5", "true")),
    generated,
)


def can_be(field: Field, raw: str) -> bool:
    """Whether a value could stand there: then it is wrong at most, and nobody can tell."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    known = field.value
    if _is_number(known):
        return _is_number(value) and Decimal(str(value)).copy_abs() < 10**12
    if isinstance(known, bool):
        return isinstance(value, bool)
    if _is_time(known):
        return _is_time(value) and value[:2] == "20" and value < "2100"
    if known is None:  # a number, a text, a list: some of it may be
        return not isinstance(value, dict | list)
    return isinstance(value, type(known)) and value != known and not _is_hopeless(value)


def _is_hopeless(value: Any) -> bool:
    return isinstance(value, str) and (len(value) > 128 or not value.isprintable() or ".." in value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    return bool(re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", str(value)))


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
