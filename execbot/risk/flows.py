"""Cash and securities that came to the account or left it: no profit, no loss. Pure.

The day's profit and loss is the change of equity less what came and went (docs/evidence.md, E-EQ-2,
E-CASH-1). Rows carry a day of New York and may be written later; each read corrects the day.

Types of rows: Alpaca's OpenAPI description of account activities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct

from execbot.model.account import Account, Activity
from execbot.model.numbers import ZERO
from execbot.model.symbols import symbol_key

CASH_ROWS = ("CSD", "CSW", "JNL", "JNLC", "ACATC")
SHARE_ROWS = ("JNLS", "ACATS", "FOPT")
FLOW_ROWS = (*CASH_ROWS, *SHARE_ROWS)


class Flows(Struct, frozen=True):
    """USD that came (plus) or went (minus) on `day`; `unpriced` are symbols of moved shares whose
    worth is not known."""

    day: date
    amount: Decimal = ZERO
    unpriced: tuple[str, ...] = ()


def flows_of(rows: Iterable[Activity], day: date, prices: Mapping[str, Decimal]) -> Flows:
    """What the rows of that day add up to. `prices` by symbol key, for shares without a price."""
    amount, unpriced = ZERO, []
    for row in rows:
        if row.activity_type not in FLOW_ROWS or row.at is None or row.at.date() != day:
            continue
        if str(row.raw.get("status") or "executed") == "canceled":
            continue
        if row.activity_type in CASH_ROWS:
            amount += row.net_amount or ZERO
            continue
        price = row.price or prices.get(symbol_key(row.symbol or ""))
        if price is None or row.qty is None:
            unpriced.append(row.symbol or "?")
        else:
            amount += row.qty * price
    return Flows(day, amount, tuple(unpriced))


def day_change(account: Account, flows: Decimal) -> Decimal | None:
    """The day's profit (plus) or loss (minus) in USD; None where a figure is missing."""
    if account.equity is None or account.last_equity is None:
        return None
    return account.equity - account.last_equity - flows
