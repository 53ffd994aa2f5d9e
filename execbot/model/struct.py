"""How value types are made: `msgspec.Struct` instead of a dataclass.

A frozen dataclass with slots costs about a millisecond when its module is imported, because its
methods are compiled from text each time; a Struct costs a twentieth of that and copies faster.
With more than a hundred value types this is half of a command's start-up (docs/performance.md).
They are used alike: annotated fields with defaults, `replace`, equality, hashing, patterns.

`gc=False` on the values of orders and events keeps Python's cycle collector from looking through
them again and again (a sixth of what an event cost). They hold no references to their holders, so
they can be in no cycle and are freed when the last reference goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any

from msgspec import Struct, field


class Reported(Struct, frozen=True, eq=False, kw_only=True, gc=False):
    """A value read from the broker: `raw` keeps its object as it came, fields unknown to us
    included.

    The raw payload belongs to the audit trail, not to the value: it is neither compared nor shown.
    """

    raw: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        facts = _facts_of(type(self))
        return bool(facts(self) == facts(other))

    def __hash__(self) -> int:
        return hash(_facts_of(type(self))(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _compared(self))
        return f"{type(self).__name__}({shown})"


@cache
def _facts_of(kind: type[Struct]) -> Callable[[Struct], tuple[Any, ...]]:
    """Everything but the raw payload, at once; of an order each report asks for it."""
    first, *more = (name for name in kind.__struct_fields__ if name != "raw")
    return attrgetter(first, *more) if more else lambda value: (getattr(value, first),)


def _compared(value: Struct) -> tuple[str, ...]:
    return tuple(name for name in value.__struct_fields__ if name != "raw")


def field_types(kind: type[Struct]) -> dict[str, str]:
    """Field name to its annotation as written, in order."""
    return {name: str(kind.__annotations__[name]) for name in kind.__struct_fields__}


def required(kind: type[Struct]) -> tuple[str, ...]:
    """The fields without a default."""
    fields = kind.__struct_fields__
    return fields[: len(fields) - len(kind.__struct_defaults__)]
