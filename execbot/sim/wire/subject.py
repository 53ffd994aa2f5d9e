"""Finds the symbols that a request is about, for fault rules that name one."""

from __future__ import annotations

from collections.abc import Callable

from execbot.sim.types import ApiError, Request
from execbot.sim.wire.http import json_body, segments

BY_PATH = ("positions", "assets", "stocks")


def symbols_of(request: Request, symbol_of_order: Callable[[str], str]) -> tuple[str, ...]:
    """From the path, the query, the body, or the order that the path names."""
    found = request.query.get("symbols", request.query.get("symbol", ""))
    parts = segments(request.path)
    if len(parts) > 2 and parts[1] in BY_PATH:
        found = parts[2]
    elif len(parts) == 3 and parts[1] == "orders":
        found = symbol_of_order(parts[2])
    elif request.body:
        try:
            found = str(json_body(request).get("symbol", found))
        except ApiError:
            return ()
    return tuple(part for part in found.split(",") if part)
