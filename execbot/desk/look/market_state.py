"""Is the market open, which session, until when, what is ahead, and what is halted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.market.broker_calendar import compare_with_broker
from execbot.market.calendar_cache import refresh_table, table_for
from execbot.market.halts import HALTS_KEY, Halt, book_from_json
from execbot.market.sessions import MarketNow, agreed_now, crypto_now, holidays_ahead
from execbot.model.times import eastern

__all__ = ["Halt", "MarketNow", "MarketState", "market_state"]

CALENDAR_DAYS = 30
"""How far ahead the broker's calendar is compared with ours."""


class MarketState(Struct, frozen=True):
    """`at` is the market's time. `holidays` are dates, each with the time of an early close in New
    York, None where the market stays shut. `calendar` names where the session table comes from.
    """

    at: datetime
    stocks: MarketNow
    crypto: MarketNow
    holidays: Sequence[tuple[date, time | None]]
    halts: Sequence[Halt]
    calendar: str
    warnings: Sequence[str] = ()


def market_state(desk: Desk, *, holidays: int, refresh: bool = False) -> MarketState:
    """The market by our table and the broker's word; the stricter holds where they differ.

    `refresh` builds the table anew first. Raises BrokerError.
    """
    reader = desk.risk.reader
    account = reader.account_facts()
    at = reader.market_time(account)
    today = eastern(at).date()
    table = (refresh_table if refresh else table_for)(desk.directory.parent, today)
    warnings = []
    stocks = agreed_now(table, at, account.clock)
    if not stocks.never_closes:
        until = today + timedelta(days=CALENDAR_DAYS)
        differences = compare_with_broker(desk.client, desk.journal, table, today, until)
        warnings = [
            f"{d.date}: our calendar says {d.ours}, the broker's {d.theirs}; the stricter holds"
            for d in differences
        ]
        stocks = agreed_now(reader.table_at(at), at, account.clock)
    if stocks.disagreement:
        warnings.append(stocks.disagreement)
    ahead = holidays_ahead(table, today, holidays)
    book = book_from_json(desk.journal.meta_get(HALTS_KEY))
    return MarketState(
        at, stocks, crypto_now(at), ahead, list(book.known(at)), table.source, warnings
    )
