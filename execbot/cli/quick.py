"""Plain command lines, read without Typer: importing that takes a quarter of a `submit`'s time.

Read is what leaves no doubt: flags by their full names, each at most once (unless it may be given
again), values that cannot be taken for flags. Everything else, and everything that is wrong, is
left to Typer: it reads the same declarations, and its words are those that a person sees. That
both make the same of a line is tested.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args, get_origin

from execbot.cli.flags.declared import REQUIRED, Flag
from execbot.cli.words import Convert, WrongWord, converter

COMPLETING = "_EXECBOT_COMPLETE"
"""Set by a shell in which somebody has pressed Tab."""

ONLY_SHOWN = frozenset({"help", "metavar", "show_default", "hidden"})
"""What may be said of a parameter and changes nothing of how its words are read."""


class _Reader(NamedTuple):
    """How one parameter is read."""

    flag: Flag
    convert: Convert
    is_switch: bool
    is_many: bool


class _Left(Exception):
    """It is left to Typer."""


def read_words(flags: Sequence[Flag], words: Sequence[str]) -> dict[str, Any] | None:
    """The values of all parameters; None where Typer must say. Pure."""
    try:
        return _read(flags, words)
    except (_Left, WrongWord):
        return None


def _read(flags: Sequence[Flag], words: Sequence[str]) -> dict[str, Any]:
    options: dict[str, _Reader] = {}
    arguments: list[_Reader] = []
    for flag in flags:
        reader = _reader_of(flag)
        declared = flag.declared
        assert declared is not None
        if not declared.is_option:
            arguments.append(reader)
        for name in _names_of(flag):
            options[name] = reader
    found: dict[str, Any] = {}
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            if not arguments or not word:
                raise _Left
            _take(found, arguments.pop(0), word)
            continue
        name, has_value, value = word.partition("=")
        option = options.get(name)
        if option is None or (option.is_switch and has_value):
            raise _Left
        if not option.is_switch and not has_value:
            value = next(left, "")
        _take(found, option, value)
    values = {flag.name: _default(flag) for flag in flags if flag.name not in found}
    return {**values, **found}


def _take(found: dict[str, Any], reader: _Reader, word: str) -> None:
    name = reader.flag.name
    if name in found and not reader.is_many:
        raise _Left
    if reader.is_switch:
        found[name] = True
        return
    if not word or word.startswith("-"):
        raise _Left
    value = reader.convert(word)
    found[name] = [*found.get(name, ()), value] if reader.is_many else value


def _default(flag: Flag) -> Any:
    if flag.default is REQUIRED:
        raise _Left
    return [] if _is_many(flag) and flag.default is None else flag.default


def _reader_of(flag: Flag) -> _Reader:
    declared, kind = flag.declared, _without_none(flag.kind)
    if declared is None or declared.said.keys() - ONLY_SHOWN:
        raise _Left
    is_many = get_origin(kind) is list
    is_switch = kind is bool
    if is_switch and (not declared.is_option or not declared.names or flag.default is not False):
        raise _Left
    convert = converter(get_args(kind)[0] if is_many else kind)
    if convert is None or (is_many and not declared.is_option):
        raise _Left
    return _Reader(flag, convert, is_switch, is_many)


def _is_many(flag: Flag) -> bool:
    return get_origin(_without_none(flag.kind)) is list


def _names_of(flag: Flag) -> tuple[str, ...]:
    declared = flag.declared
    assert declared is not None
    if not declared.is_option:
        return ()
    names = declared.names or (f"--{flag.name.replace('_', '-')}",)
    if any(not name.startswith("--") or "/" in name or "=" in name for name in names):
        raise _Left
    return names


def _without_none(kind: Any) -> Any:
    """`str` of `str | None`."""
    parts = [part for part in get_args(kind) if part is not type(None)]
    is_optional = len(parts) == 1 and get_origin(kind) is not list
    return parts[0] if is_optional else kind


def quick_of(function: Any, words: Sequence[str], env: Mapping[str, str] = os.environ) -> Any:
    """What carries the command out, given these words after its name; None where Typer must."""
    flags: Callable[[], Sequence[Flag]] | None = getattr(function, "all_flags", None)
    if flags is None or COMPLETING in env:
        return None
    values = read_words(flags(), words)
    return None if values is None else lambda name: function.begin(name, values)
