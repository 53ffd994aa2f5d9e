"""A changed copy of a frozen dataclass, fast enough for thousands of events a second.

`dataclasses.replace` looks every field up by name; an order has forty.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def evolve(value: T, **changes: Any) -> T:
    """Like `dataclasses.replace` for a dataclass whose fields are all in its constructor.

    Raises KeyError for a field that does not exist.
    """
    kind = type(value)
    getter, places = _layout(kind)  # type: ignore[arg-type]
    values = list(getter(value))
    for name, changed in changes.items():
        values[places[name]] = changed
    return kind(*values)


@cache
def _layout(kind: type[Any]) -> tuple[attrgetter[tuple[Any, ...]], dict[str, int]]:
    names = [field.name for field in fields(kind)]
    return attrgetter(*names), {name: place for place, name in enumerate(names)}
