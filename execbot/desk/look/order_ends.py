"""When `watch` takes a working order back: by the clock it was given, or at the close of the day.

The broker does neither. So every answer that names the moment also says whether a `watch` runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.exits.exit_orders import is_meant_to_close
from execbot.journal.records import OrderRecord
from execbot.market.sessions import MarketNow, agreed_now, crypto_now
from execbot.model.enums import AssetClass, OrderStatus, OrderType, TimeInForce
from execbot.model.times import show_eastern

if TYPE_CHECKING:
    from execbot.config.schema import TradingSettings
    from execbot.desk.account import Desk


class Why(StrEnum):
    TIMEOUT = "timeout"
    CLOSE = "close"


class Ending(Struct, frozen=True):
    """`at` is None while its clock stands still: queued, or the market is closed."""

    why: Why
    after: timedelta | None
    at: datetime | None
    is_watched: bool

    def line(self) -> str:
        """In words: when, and who does it."""
        if not self.is_watched:
            return f"{self._when()} only if `watch` runs by then: none does."
        return f"{self._when()} by the `watch` that runs."

    def warnings(self) -> list[str]:
        if self.is_watched:
            return []
        rests = "it stays good till canceled" if self.why is Why.CLOSE else "nothing cancels it"
        return [f"No `watch` runs: {rests}. Start `execbot watch`."]

    def _when(self) -> str:
        if self.why is Why.CLOSE:
            return f"Unfilled, it is canceled at the close, {show_eastern(self.at)},"
        assert self.after is not None
        seconds = f"{self.after.total_seconds():g} s"
        if self.at is None:
            return f"Unfilled, it is canceled after {seconds} of open market,"
        return f"Unfilled, it is canceled after {seconds}, at {show_eastern(self.at)},"


def ending_of(
    record: OrderRecord, market: MarketNow, trading: TradingSettings, *, is_watched: bool
) -> Ending | None:
    """The earlier of the two; None for an order that `watch` leaves alone."""
    order = record.order
    if not order.is_open or not record.is_ours:
        return None
    if order.asset_class == AssetClass.CRYPTO:
        market = crypto_now(market.at)
    of_signals = trading.order_management.timeout_seconds
    by_clock, by_day = _timeout(record, market, of_signals, is_watched), None
    if trading.market_hours.cancel_at_close:
        by_day = _close(record, market, is_watched)
    if by_clock is None or by_day is None:
        return by_clock or by_day
    if by_clock.at is not None and by_day.at is not None and by_day.at < by_clock.at:
        return by_day
    return by_clock


def _timeout(
    record: OrderRecord, market: MarketNow, of_signals: Decimal, is_watched: bool
) -> Ending | None:
    from execbot.watch.core.entry_timeouts import clock_of

    after = clock_of(record, of_signals)
    if after is None:
        return None
    runs = market.is_open or market.never_closes
    since = record.sent_at if record.status is not OrderStatus.QUEUED else None
    if since is None or not runs:
        return Ending(Why.TIMEOUT, after, None, is_watched)
    if market.day is not None:
        since = max(since, market.day.open)
    return Ending(Why.TIMEOUT, after, since + after, is_watched)


def _close(record: OrderRecord, market: MarketNow, is_watched: bool) -> Ending | None:
    """A day order ends by itself at the broker; what is gtc for its legs does not. One at market
    fills at once or not at all."""
    order = record.order
    ends_here = record.for_the_day and order.time_in_force is TimeInForce.GTC
    if not ends_here or order.type is OrderType.MARKET or is_meant_to_close(record):
        return None
    if market.never_closes or market.next_close is None:
        return None
    from execbot.watch.core.entry_timeouts import CLOSE_LEAD

    return Ending(Why.CLOSE, None, market.next_close - CLOSE_LEAD, is_watched)


def market_now(desk: Desk) -> MarketNow:
    """The market of stocks by our table and the broker's clock; by the table alone where that does
    not answer."""
    reader, at = desk.risk.reader, desk.now()
    return agreed_now(reader.table_at(at), at, reader.clock())


def endings_of(desk: Desk, records: Iterable[OrderRecord]) -> Mapping[str, Ending]:
    """By client_order_id, for those that have one. Asks the broker only if there may be any."""
    of_signals = desk.settings.trading.order_management.timeout_seconds
    from execbot.watch.core.entry_timeouts import clock_of

    may_end = [r for r in records if r.order.is_open and (clock_of(r, of_signals) or r.for_the_day)]
    if not may_end:
        return {}
    from execbot.desk.protect import watched_by

    market, is_watched = market_now(desk), watched_by(desk) is not None
    found = {
        r.client_order_id: ending_of(r, market, desk.settings.trading, is_watched=is_watched)
        for r in may_end
    }
    return {name: ending for name, ending in found.items() if ending is not None}


def ending_warnings(endings: Mapping[str, Ending]) -> list[str]:
    """One line for all that nobody would end."""
    count = sum(not ending.is_watched for ending in endings.values())
    if not count:
        return []
    said = "1 order has" if count == 1 else f"{count} orders have"
    return [f"{said} a moment to be canceled at, and no `watch` runs that would do it."]
