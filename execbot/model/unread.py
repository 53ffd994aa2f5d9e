"""Rows and frames with impossible values: their subject is unknown, which is not absent.

See docs/evidence.md, E-ALL-3. `Rows` is the list of an answer, with the rows of it that could not
be read beside it, so that nobody takes one of those for a symbol that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from execbot.model.symbols import symbol_key

Row = TypeVar("Row")

POSITION = "position"


class Unread(Struct, frozen=True):
    """One impossible row or frame. `what` it is (`order`, `position`), `why` in words, `raw` as
    it came. `symbol` is empty where it cannot be told: then it may be about any."""

    what: str
    symbol: str
    why: str
    raw: Any = None
    id: str = ""

    def __str__(self) -> str:
        about = f" of {self.symbol}" if self.symbol else ""
        return f"{self.what}{about}: {self.why}"


class Rows(list[Row]):
    """The rows of an answer that can be; `unread` are the others."""

    def __init__(self, rows: Iterable[Row] = (), unread: Iterable[Unread] = ()) -> None:
        super().__init__(rows)
        self.unread = tuple(unread)


def unread_of(rows: Sequence[object]) -> tuple[Unread, ...]:
    """The rows of a list that could not be read; empty for a list from another client than ours."""
    return rows.unread if isinstance(rows, Rows) else ()


def unread_about(symbol: str, unread: Iterable[Unread], listed: Iterable[str]) -> Unread | None:
    """Why nothing is known of this symbol, if so. `listed` are the symbols whose position was read.

    A position without a symbol may be that of any that is not listed; an order may be of any.
    """
    key = symbol_key(symbol)
    is_listed = key in {symbol_key(name) for name in listed}
    for item in unread:
        if item.symbol and symbol_key(item.symbol) == key:
            return item
        if not item.symbol and not (item.what == POSITION and is_listed):
            return item
    return None
