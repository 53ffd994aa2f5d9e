"""Take in what the broker has charged, before profit is shown."""

from __future__ import annotations

from collections.abc import Iterable

from execbot.desk.account import Desk
from execbot.model.account import Position
from execbot.oms.sync.coin_fees import book_coin_fees
from execbot.risk.account_rows import market_prices, refresh_rows


def learn_fees(desk: Desk, held: Iterable[Position]) -> list[str]:
    """Rows of fees into the journal, and coins that went as fees out of it; `freshen` first.

    `held` are the positions read after that. A warning where the broker does not answer. Raises
    JournalError.
    """
    positions = list(held)
    prices = market_prices(positions)
    answered = refresh_rows(desk.journal, desk.client, desk.now(), prices, far_back=True)
    if not answered:
        return ["Fees may be missing: the account's activities could not be read."]
    book_coin_fees(desk.journal, positions, desk.now())
    return []
