"""Every refusal Alpaca is known to give, as data: what it means, and what to do about it.

One row a meaning. A reply is matched by HTTP status, then by the words of its message: Alpaca uses
one numeric code for many unrelated refusals (40310000 has more than fifteen meanings), and texts
drift over the years, so a pattern holds every wording seen and no more than what tells it apart.
The first row that matches wins. `docs/errors.md` is printed from this table.
"""

from __future__ import annotations

from execbot.broker.refusals.account import (
    ACCOUNT_ROWS,
    AUTHENTICATION_ROWS,
    CONFLICT_ROWS,
    MONEY_ROWS,
    SERVICE_ROWS,
)
from execbot.broker.refusals.change import CHANGE_ROWS, MISSING_ROWS
from execbot.broker.refusals.options import OPTION_ROWS
from execbot.broker.refusals.order import ORDER_RULE_ROWS, SYMBOL_ROWS
from execbot.broker.remedy import Row

ROWS: tuple[Row, ...] = (
    *AUTHENTICATION_ROWS,
    *MONEY_ROWS,
    *OPTION_ROWS,
    *ACCOUNT_ROWS,
    *CONFLICT_ROWS,
    *SYMBOL_ROWS,
    *CHANGE_ROWS,
    *ORDER_RULE_ROWS,
    *MISSING_ROWS,
    *SERVICE_ROWS,
)
"""All rows in the order in which they are tried."""
