"""Words of the command line become values: text, numbers, paths, enums, switches. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

Convert = Callable[[str], Any]


class WrongWord(Exception):
    """The value cannot be read."""


def converter(annotation: Any) -> Convert | None:
    """What makes a value of this type of a word; None for a type that is not one of ours."""
    if annotation in (str, Path):
        return annotation  # type: ignore[no-any-return]
    if annotation is bool:
        return _switch
    if annotation in (int, float):
        return lambda word: _number(annotation, word)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return lambda word: _choice(annotation, word)
    return None


def _switch(word: str) -> bool:
    """A flag's value as text comes only from an environment variable."""
    return word.lower() in ("1", "true", "yes", "on")


def _number(kind: type[int] | type[float], word: str) -> int | float:
    try:
        number = kind(word)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise WrongWord(f"{word!r} is not {wanted}") from None
    if not math.isfinite(number):
        raise WrongWord(f"{word!r} is not a finite number")
    return number


def _choice(kind: type[Enum], word: str) -> Enum:
    for member in kind:
        if str(member.value) == word.lower():
            return member
    names = ", ".join(str(member.value) for member in kind)
    raise WrongWord(f"{word!r} is not one of {names}")
