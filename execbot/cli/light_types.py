"""Flags become values without pydantic.

Typer builds a pydantic adapter for every option, used or not, and importing pydantic costs more
time than all the rest of a command together. For the few kinds of values that our commands take
(`words`) this does the same work with nothing to import. Other kinds, and Typer versions that
convert by themselves, are left alone.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args, get_origin

import typer

from execbot.cli.words import Convert, WrongWord, converter

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
        convert = converter(get_args(annotation)[0] if is_list else annotation)
        if convert is not None:
            light = _LightParam(convert, is_list)
            parameter.get_runtime_param = lambda light=light: light
    for below in getattr(command, "commands", {}).values():
        lighten(below)


def _is_special(info: Any) -> bool:
    """Ranges, parsers, files and the like stay with Typer."""
    names = ("min", "max", "parser", "exists", "resolve_path", "formats")
    return any(getattr(info, name, None) not in (None, False) for name in names)


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
        except WrongWord as wrong:
            raise typer.BadParameter(str(wrong), ctx=ctx, param=param) from None

    def _one(self, value: Any) -> Any:
        """Defaults come as what they are, words from the command line as text."""
        return self.convert(value) if type(value) is str else value
