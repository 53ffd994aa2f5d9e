"""Which operations of Alpaca's description the exchange answers, and why it leaves others out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from execbot.sim.wire.absent import ABSENT

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One request of an OpenAPI file; `left_out` says why it is not answered, empty where it is."""

    name: str
    method: str
    path: str
    left_out: str


def operations(spec: Mapping[str, Any]) -> Iterator[Operation]:
    """All operations of a file, in its order."""
    for path, methods in spec["paths"].items():
        reason = next((why for glob, why in ABSENT if fnmatchcase(path, glob)), "")
        for method, described in methods.items():
            if method in METHODS:
                yield Operation(described["operationId"], method.upper(), path, reason)


def totals(rows: Sequence[Operation]) -> str:
    """How many there are, are covered, and are left out."""
    left_out = sum(bool(row.left_out) for row in rows)
    covered = len(rows) - left_out
    return f"{len(rows)} operations, {covered} covered, {left_out} left out with a reason"


def cells(rows: Iterable[Operation]) -> Iterator[tuple[str, str, str]]:
    """A line of a table for each."""
    for row in rows:
        said = f"left out: {row.left_out}" if row.left_out else "covered"
        yield f"`{row.name}`", f"`{row.method} {row.path}`", said
