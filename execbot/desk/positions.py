"""What is held, what it is worth, and what protects it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from execbot.desk.context import Context
from execbot.desk.freshen import freshen
from execbot.model.symbols import symbol_key
from execbot.report.holdings import Holding, holdings

__all__ = ["Holding", "Positions", "positions", "read_holdings"]


class Positions(Struct, frozen=True):
    """By symbol. `warnings` say what may be old or missing."""

    holdings: Sequence[Holding]
    warnings: Sequence[str] = ()


def positions(desk: Context, symbol: str | None = None) -> Positions:
    """Open positions, or the one in `symbol`, after a look at the broker. Raises BrokerError."""
    warnings = freshen(desk)
    wanted = None if symbol is None else symbol_key(symbol)
    found = read_holdings(desk)
    held = [item for item in found if wanted in (None, symbol_key(item.position.symbol))]
    return Positions(held, warnings)


def read_holdings(desk: Context) -> list[Holding]:
    """Positions of the account, whoever opened them; `freshen` first. Raises BrokerError."""
    held = desk.client.get_positions()
    # The journal, not the broker's list of open orders: that one hides the held leg of a pair.
    open_orders = [record.order for record in desk.journal.orders("open")]
    records = {symbol_key(record.symbol): record for record in desk.journal.positions()}
    return holdings(held, open_orders, records, desk.now())
