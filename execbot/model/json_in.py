"""Reads JSON from outside, and refuses what we could not store or write again. Raises ValueError.

Python's reader accepts what other programs do not: half a character (a lone surrogate), which no
file or terminal takes, and nesting so deep that a writer gives up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

DEPTH_MAX = 32
"""Alpaca's answers nest four deep."""

_HALF = re.compile("[\ud800-\udfff]")
_HALVES_WRITTEN = re.compile(r"\\u[dD][89a-fA-F]")
_UNKNOWN_CHARACTER = "\ufffd"


def read_json(text: str | bytes, *, parse_float: Callable[[str], Any] | None = None) -> Any:
    try:
        value = json.loads(text, parse_float=parse_float)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    refuse_deep(value, text)
    return _mended(value) if _may_have_halves(text) else value


def refuse_deep(value: Any, text: str | bytes) -> None:
    """Raises ValueError for what was read from this text and is nested too deeply."""
    opened = _count(text, "{") + _count(text, "[")
    if opened > DEPTH_MAX and is_deeper(value, DEPTH_MAX):  # seldom is there as much to open
        raise ValueError("nested too deeply")


def _count(text: str | bytes, sign: str) -> int:
    return text.count(sign) if isinstance(text, str) else text.count(sign.encode())


def _may_have_halves(text: str | bytes) -> bool:
    written = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return bool(_HALVES_WRITTEN.search(written) or _HALF.search(written))


def is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects are nested more than `most` deep."""
    level = [value]
    for _ in range(most + 1):
        level = [
            child
            for item in level
            if isinstance(item, list | dict)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, list | dict)
        ]
        if not level:
            return False
    return True


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub(_UNKNOWN_CHARACTER, value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
