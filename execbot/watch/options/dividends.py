"""What goes ex dividend on the next trading day, asked once a day for each underlying."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from execbot.broker.port import BrokerClient
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import SessionTable, trading_day
from execbot.model.times import eastern

DAYS_AHEAD_MAX = 10
"""The next trading day is never further away."""

Dividends = Callable[[list[str], datetime], Mapping[str, Decimal]]


def dividends_of(client: BrokerClient) -> Dividends:
    """Raises BrokerError when called, where they cannot be read."""
    known: dict[tuple[date, str], Decimal] = {}

    def ask(symbols: list[str], at: datetime) -> Mapping[str, Decimal]:
        today = eastern(at).date()
        missing = [s for s in symbols if (today, s) not in known]
        if missing:
            until = next_trading_date(today, load_table())
            found = client.cash_dividends(missing, today + timedelta(days=1), until)
            for symbol in missing:
                known[today, symbol] = found.get(symbol, Decimal(0))
        return {s: known[today, s] for s in symbols if known[today, s] > 0}

    return ask


def next_trading_date(today: date, table: SessionTable) -> date:
    """A stock goes ex on a trading day: who is assigned before it, in the night of `today`, gives
    the dividend away."""
    days = (today + timedelta(days=ahead) for ahead in range(1, DAYS_AHEAD_MAX))
    return next((day for day in days if trading_day(table, day) is not None), today)
