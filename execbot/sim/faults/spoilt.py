"""Puts one impossible value into an answer or a frame, as raw JSON, or in place of all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_MARK = "\x00spoilt\x00"  # stands where the raw JSON will


def spoil(payload: bytes, params: Mapping[str, Any]) -> bytes:
    """The JSON with the value at `field` replaced by `json`, or `text` instead of it all.

    `field` is a path with dots: `legs`, `data.order.qty`, `0.qty` (the first of a list), `*.qty`
    (of all). `json` is written as it stands, so that it may be what no encoder would write:
    `1e999`, `"\\ud800"`, three thousand digits.
    """
    if params["text"] is not None:
        return str(params["text"]).encode("utf-8", "surrogatepass")
    raw = params["json"]
    raw = raw if isinstance(raw, str) else json.dumps(raw)
    try:
        found = json.loads(payload, parse_float=Decimal)
    except ValueError:
        return payload
    marked = _put(found, [part for part in str(params["field"]).split(".") if part])
    text = json.dumps(marked, separators=(",", ":"), default=_number)
    return text.replace(json.dumps(_MARK), raw).encode("utf-8", "surrogatepass")


def _put(value: Any, path: list[str]) -> Any:
    if not path:
        return _MARK
    name, rest = path[0], path[1:]
    if isinstance(value, list):
        return [
            _put(item, rest) if name in ("*", str(index)) else item
            for index, item in enumerate(value)
        ]
    if isinstance(value, dict):
        names = list(value) if name == "*" else [name]
        return {**value, **{key: _put(value.get(key), rest) for key in names}}
    return _MARK


def _number(value: Decimal) -> float:
    return float(value)
