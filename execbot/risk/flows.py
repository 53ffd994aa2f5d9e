"""Cash and securities that came to the account or left it: no profit, no loss. Pure.

The day's profit and loss is the change of equity less what came and went (docs/evidence.md, E-EQ-2,
E-CASH-1). Rows carry a day of New York and may be written later; each read corrects the day.

Types of rows: Alpaca's OpenAPI description of account activities.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import AccountRow
from execbot.model.account import Account
from execbot.model.numbers import ZERO, first_known
from execbot.model.symbols import multiplier_of, symbol_key
from execbot.model.times import eastern
from execbot.risk.fees import day_of, standing_rows

CASH_ROWS = ("CSD", "CSW", "TRANS", "JNL", "JNLC", "ACATC")
TRANSFER_ROWS = ("JNLS", "ACATS", "FOPT")
"""Shares that came from or went to another account: their cost may be anything."""

FLOW_ROWS = (*CASH_ROWS, *TRANSFER_ROWS)


CLOSED_MOST = timedelta(days=10)
"""A close that is longer ago than any weekend and holiday is not the last one."""


class Flows(Struct, frozen=True):
    """USD that came (plus) or went (minus) until `day`, `came` of it only what came; `unpriced` are
    symbols of moved shares whose worth is not known."""

    day: date
    amount: Decimal = ZERO
    unpriced: tuple[str, ...] = ()
    came: Decimal = ZERO


def closed_on(account: Account | None, day: date) -> date | None:
    """The day of whose close `last_equity` is, as seen on `day`: that day itself, once the broker
    has turned the page in its evening. None where the broker says none, or an impossible one."""
    told = None if account is None else account.balance_asof
    return told if told is not None and day - CLOSED_MOST <= told <= day else None


def flows_begin(account: Account | None, day: date) -> date:
    """The first day whose rows `last_equity` does not hold yet: after the last close, so that what
    came on a weekend is no profit of Monday. It lies behind `day` in the evening of a session."""
    closed = closed_on(account, day)
    return day if closed is None else closed + timedelta(days=1)


def flows_of(
    rows: Collection[AccountRow],
    day: date,
    prices: Mapping[str, Decimal],
    first: date | None = None,
) -> Flows:
    """The sum of that day's rows, and of the days from `first` on.

    Shares count with the market's price when their row came, as equity does: the price in a row may
    be what they had cost elsewhere. `prices` are of now, by symbol key.
    """
    by_day, unpriced = flows_by_day(rows, prices)
    days = [one for one in sorted({*by_day, *unpriced}) if (first or day) <= one <= day]
    amounts = [amount for one in days for amount in by_day.get(one, ())]
    return Flows(
        day,
        sum(amounts, ZERO),
        tuple(dict.fromkeys(name for one in days for name in unpriced.get(one, ()))),
        sum((amount for amount in amounts if amount > 0), ZERO),
    )


def flows_by_day(
    rows: Collection[AccountRow], prices: Mapping[str, Decimal]
) -> tuple[Mapping[date, Sequence[Decimal]], Mapping[date, Sequence[str]]]:
    """Amounts that came (plus) and went (minus), one for each row, by day; and the symbols of moved
    shares whose worth is unknown. Otherwise as `flows_of`."""
    worth = {row.activity.id: row.worth for row in rows}
    found: defaultdict[date, list[Decimal]] = defaultdict(list)
    unpriced: defaultdict[date, list[str]] = defaultdict(list)
    for row in standing_rows(row.activity for row in rows):
        day = day_of(row)
        if row.activity_type not in FLOW_ROWS or day is None:
            continue
        if row.activity_type in CASH_ROWS:
            found[day].append(row.net_amount or ZERO)
            continue
        name = row.symbol or ""
        price = first_known(worth[row.id], prices.get(symbol_key(name)), row.price)
        if price is None or row.qty is None:
            unpriced[day].append(name or "?")
        else:
            found[day].append(row.qty * price * multiplier_of(name))
    return found, unpriced


def day_change(account: Account, flows: Decimal, day: date) -> Decimal | None:
    """The day's profit (plus) or loss (minus) in USD, since the last close; None where a figure is
    missing. `flows` are those from `flows_begin` on.
    """
    began = _began(account, flows, day)
    if account.equity is None or began is None:
        return None
    return account.equity - began - flows


def day_return(account: Account, flows: Flows) -> Decimal | None:
    """That profit as a fraction of what was there to make it: the last close and what came since,
    as `EquityDay.rate` has it; None where a figure is missing or nothing was there."""
    profit = day_change(account, flows.amount, flows.day)
    began = _began(account, flows.amount, flows.day)
    if profit is None or began is None or began + flows.came <= 0:
        return None
    return profit / (began + flows.came)


def _began(account: Account, flows: Decimal, day: date) -> Decimal | None:
    """Equity at the last close.

    An account that was opened since has no close before it: Alpaca's `last_equity` may hold the
    opening cash already, whose row is among `flows` as well, and would count twice.
    """
    began = account.last_equity
    opened = None if account.created_at is None else eastern(account.created_at).date()
    if began is None or opened is None:
        return began
    is_new = flows_begin(account, day) <= opened <= day and flows >= began
    return ZERO if is_new else began
