"""What the positions that a past span left were worth when it ended: the broker's bars say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.following import lowered
from execbot.journal.records import Execution, FillState, PositionRecord
from execbot.model.symbols import is_pair
from execbot.report.span import Span

LOOK_BACK = timedelta(days=10)
"""Longer than the exchange was ever closed in the years of its electronic trading."""


def left_open(
    stood: Mapping[str, PositionRecord], executions: Iterable[Execution], span: Span
) -> list[str]:
    """Symbols of which something was held when the span ended, by name. Pure.

    `stood` are the positions that `executions` begin with.
    """
    held = {symbol: record.qty for symbol, record in stood.items()}
    for item in executions:
        if item.at < span.end:
            held[item.symbol] = held.get(item.symbol, Decimal(0)) + item.signed_qty
    return sorted(symbol for symbol, qty in held.items() if qty)


def closing_prices(
    desk: Desk, span: Span, symbols: Iterable[str]
) -> tuple[dict[str, Decimal], list[str]]:
    """Of each symbol the close of the span's last session, of a pair its last hour's close, and
    what to warn of. Bars are counted in today's shares: a symbol that was split since is left out.

    Raises JournalError.
    """
    prices: dict[str, Decimal] = {}
    changed = {
        item.symbol
        for item in desk.journal.executions(span.end)
        if item.state is FillState.ADJUSTMENT
    }
    for symbol in symbols:
        if symbol in changed:
            continue
        frame = "1Hour" if is_pair(symbol) else "1Day"
        start, end = span.end - LOOK_BACK, span.end - timedelta(seconds=1)
        try:
            bars = desk.client.get_bars(symbol, frame, start=start, end=end, limit=1, newest=True)
        except BrokerError as error:
            return prices, [f"No prices of {span.last}: {lowered(error.message)}."]
        if bars:
            prices[symbol] = bars[-1].close
    return prices, []
