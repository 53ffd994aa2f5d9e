"""Flags become values without pydantic.

Typer builds a pydantic adapter for every option, used or not, and importing pydantic costs more
time than all the rest of a command together. For the few kinds of values that our commands take
(text, numbers, paths, enums, lists of them) this does the same work with nothing to import. Other
kinds, and Typer versions that convert by themselves, are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_origin

import typer

Convert = Callable[[str], Any]

HELP_FLAGS = ["-h", "--help"]


def lighten(command: Any) -> None:
    """Give the parameters of a command, and of those below it, light converters."""
    help_option = command.get_help_option(SimpleNamespace(help_option_names=HELP_FLAGS))
    for parameter in [*command.params, help_option]:
        descriptor = getattr(parameter, "type_descriptor", None)
        if descriptor is None or _is_special(descriptor.parameter_info):
            continue
        annotation = descriptor.annotation
        is_list = get_origin(annotation) is list
        convert = _converter(get_args(annotation)[0] if is_list else annotation)
        if convert is not None:
            light = _LightParam(convert, is_list)
            parameter.get_runtime_param = lambda light=light: light
    for below in getattr(command, "commands", {}).values():
        lighten(below)


def _is_special(info: Any) -> bool:
    """Ranges, parsers, files and the like stay with Typer."""
    names = ("min", "max", "parser", "exists", "resolve_path", "formats")
    return any(getattr(info, name, None) not in (None, False) for name in names)


def _converter(annotation: Any) -> Convert | None:
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
        raise _Wrong(f"{word!r} is not {wanted}") from None
    if not math.isfinite(number):
        raise _Wrong(f"{word!r} is not a finite number")
    return number


def _choice(kind: type[Enum], word: str) -> Enum:
    for member in kind:
        if str(member.value) == word.lower():
            return member
    names = ", ".join(str(member.value) for member in kind)
    raise _Wrong(f"{word!r} is not one of {names}")


class _Wrong(Exception):
    """The value cannot be read."""


class _LightParam:
    """Stands in for Typer's runtime parameter: it is asked only to `coerce`."""

    def __init__(self, convert: Convert, is_list: bool) -> None:
        self.convert = convert
        self.is_list = is_list

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            if self.is_list:
                return [self._one(item) for item in value or ()]
            return None if value is None else self._one(value)
        except _Wrong as wrong:
            raise typer.BadParameter(str(wrong), ctx=ctx, param=param) from None

    def _one(self, value: Any) -> Any:
        """Defaults come as what they are, words from the command line as text."""
        return self.convert(value) if type(value) is str else value
