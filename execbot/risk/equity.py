"""Whether the broker's equity can be believed (docs/evidence.md, E-EQ-1). Pure.

Alpaca has sent an equity of 0, and equities far away from what the account holds, for minutes
(incidents of 2021 and of 2022-08-19). Such a figure is unknown: nothing is bought on it, no loss
is measured by it, and where a size must be had the smaller of both figures counts.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import EquitySample
from execbot.model.account import Account
from execbot.model.numbers import ZERO

EQUITY_TOLERANCE = Decimal("0.20")
"""How far equity may lie from cash and market values, as a share of their sum: positions are priced
at other moments than the account."""


class Equity(Struct, frozen=True):
    """USD. `told` is the broker's figure, `summed` is cash and market values; None: not sent."""

    stated: Decimal | None
    summed: Decimal | None

    @property
    def is_known(self) -> bool:
        """Positive, and near the sum of what the account holds."""
        if self.stated is None or self.stated <= 0:
            return False
        if self.summed is None:
            return True
        return abs(self.stated - self.summed) <= abs(self.summed) * EQUITY_TOLERANCE

    @property
    def safe(self) -> Decimal:
        """The equity that sizes and limits use: the smaller positive figure where the two
        differ."""
        if self.is_known and self.stated is not None:
            return self.stated
        positive = [figure for figure in (self.stated, self.summed) if figure and figure > 0]
        return min(positive, default=ZERO)


def equity_of(account: Account | None) -> Equity:
    if account is None:
        return Equity(None, None)
    parts = (account.cash, account.long_market_value, account.short_market_value)
    known = [part for part in parts if part is not None]
    if len(known) == len(parts):
        return Equity(account.equity, sum(known, ZERO))
    # A server that sends no equity at all is measured by its cash.
    stated = account.cash if account.equity is None else account.equity
    return Equity(stated, None)


def sample_of(account: Account, now: datetime, *, is_close: bool = False) -> EquitySample | None:
    """The account's equity at `now`; None if it cannot be believed."""
    found = equity_of(account)
    if not found.is_known or found.stated is None:
        return None
    kind = "close" if is_close else "minute"
    return EquitySample(now, found.stated, account.last_equity, account.cash, kind)
