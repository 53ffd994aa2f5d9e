"""What goes ex dividend on the next trading day, asked once a day for each underlying."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from execbot.broker.port import BrokerClient
from execbot.model.times import eastern

DAYS_AHEAD = 4
"""Over a weekend with a holiday the next trading day is so far away."""

Dividends = Callable[[list[str], datetime], Mapping[str, Decimal]]


def dividends_of(client: BrokerClient) -> Dividends:
    """Raises BrokerError when called, where they cannot be read."""
    known: dict[tuple[date, str], Decimal] = {}

    def ask(symbols: list[str], at: datetime) -> Mapping[str, Decimal]:
        today = eastern(at).date()
        missing = [s for s in symbols if (today, s) not in known]
        if missing:
            until = today + timedelta(days=DAYS_AHEAD)
            found = client.cash_dividends(missing, today + timedelta(days=1), until)
            for symbol in missing:
                known[today, symbol] = found.get(symbol, Decimal(0))
        return {s: known[today, s] for s in symbols if known[today, s] > 0}

    return ask
