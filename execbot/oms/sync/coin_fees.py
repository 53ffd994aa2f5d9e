"""Fees in coins: taken out of what was bought, booked when the broker's quantity shows them.

The difference is a fee while it is no more than the purchases may have cost (`COIN_FEE_SHARE`), or
than rows say was taken since the position began or was last agreed (docs/evidence.md, E-FEE-2).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from execbot.journal.journal import Journal
from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.enums import STOP_TYPES, AssetClass, Side
from execbot.model.numbers import ZERO
from execbot.model.symbols import symbol_key
from execbot.model.times import eastern
from execbot.oms.ledger import recording
from execbot.oms.machine.table import COIN_FEE
from execbot.oms.sync.differences import compare, is_crypto_fee
from execbot.risk.fees import COIN_ROW, coins_charged, is_coin_fee


def is_fee(journal: Journal, ours: PositionRecord, theirs: Decimal) -> bool:
    """Is what the broker holds less of a coin its fee? Raises JournalError."""
    if ours.asset_class != AssetClass.CRYPTO or not ZERO <= theirs < ours.qty:
        return False
    return is_crypto_fee(ours, theirs) or ours.qty - theirs <= _told(journal, ours)


def _told(journal: Journal, ours: PositionRecord) -> Decimal:
    """Coins that rows say were taken, and that are not booked yet."""
    executions = journal.executions(symbol=ours.symbol)
    taken_over = [item.at for item in executions if item.is_adjustment and not is_coin_fee(item)]
    since = max(taken_over, default=executions[0].at if executions else None)
    if since is None:
        return ZERO
    rows = [row.activity for row in journal.account_rows((COIN_ROW,))]
    booked = [item.net_qty for item in executions if is_coin_fee(item) and item.at >= since]
    return coins_charged(rows, ours.symbol, eastern(since).date()) - sum(booked, ZERO)


def _may_just_have_sold(journal: Journal, symbol: str) -> bool:
    """A fill on its way looks like a fee where it is small enough."""
    working = journal.orders("open", symbol=symbol)
    return any(
        record.order.side is Side.SELL and record.order.type not in STOP_TYPES for record in working
    )


def book_coin_fees(journal: Journal, positions: Iterable[Position], now: datetime) -> list[str]:
    """Book what the broker has taken of coins that nothing is being done with; their symbols.

    Raises JournalError.
    """
    held = list(positions)
    coins = {
        symbol_key(item.symbol): item
        for item in journal.positions()
        if item.asset_class == AssetClass.CRYPTO
    }
    booked = []
    for difference in compare(coins.values(), [p for p in held if symbol_key(p.symbol) in coins]):
        ours = coins[symbol_key(difference.symbol)]
        if _may_just_have_sold(journal, ours.symbol) or not is_fee(
            journal, ours, difference.theirs
        ):
            continue
        with recording(journal) as ledger:
            current = journal.position(ours.symbol)
            if current is None or current.qty != ours.qty:
                continue
            ledger.adjust(
                ours.symbol,
                difference.theirs - ours.qty,
                ours.avg_entry_price or ZERO,
                reason=COIN_FEE,
                asset_class=ours.asset_class,
                at=now,
                now=now,
            )
        booked.append(ours.symbol)
    return booked
