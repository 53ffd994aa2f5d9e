"""Shares that contracts deliver when they are exercised or assigned: rows OPTRD. Pure.

They belong to the row of their contract, and are booked all together. Looked at by quantity alone
some would be lost: a spread of which both legs end in the money buys and sells the same shares at
two strikes, its shares do not differ at all, and the money does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import Execution
from execbot.model.account import Activity
from execbot.model.numbers import ZERO
from execbot.model.symbols import option_contract
from execbot.oms.sync.row_evidence import DELIVERING_ROWS, DELIVERY_ROWS, MovedShares


def due_deliveries(
    rows: Iterable[Activity], ended: Sequence[Activity], booked: Mapping[str, frozenset[str]]
) -> Mapping[str, tuple[Activity, ...]]:
    """By underlying the rows that follow from the contracts' own (`ended`, booked or about to be),
    and are not `booked` (ids by symbol) themselves."""
    left = [row for row in ended if row.activity_type in DELIVERING_ROWS]
    found: defaultdict[str, list[Activity]] = defaultdict(list)
    for row in rows:
        if row.activity_type not in DELIVERY_ROWS or not row.symbol or not row.qty:
            continue
        contract = next((one for one in left if _delivers(one, row)), None)
        if contract is None:
            continue
        left.remove(contract)
        if row.id not in booked.get(row.symbol, frozenset()):
            found[row.symbol].append(row)
    return {symbol: tuple(due) for symbol, due in found.items()}


def delivered(
    rows: Iterable[Activity], ended: Sequence[Activity], booked: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """The ids of those ends of contracts whose shares are booked."""
    left = [row for row in ended if row.activity_type in DELIVERING_ROWS]
    found: set[str] = set()
    for row in rows:
        if row.activity_type in DELIVERY_ROWS and row.id in booked.get(row.symbol or "", ()):
            contract = next((one for one in left if _delivers(one, row)), None)
            if contract is not None:
                left.remove(contract)
                found.add(contract.id)
    return frozenset(found)


def explained(
    symbol: str, difference: Decimal, due: Sequence[Activity], adopted: Adopted | None
) -> MovedShares | None:
    """All that is due, where it explains just the difference, which may be nothing; together with
    the shares that were adopted meanwhile, where it takes those."""
    total = sum((row.qty or ZERO for row in due), ZERO)
    if not due:
        return None
    if total == difference:
        return MovedShares(symbol, difference, tuple(due))
    if adopted is not None and total == difference + adopted.qty:
        return MovedShares(symbol, difference, tuple(due), adopted.qty, adopted.price)
    return None


class Adopted(Struct, frozen=True):
    """Shares that were taken over lately with no row that says where they came from, signed."""

    qty: Decimal
    price: Decimal
    at: datetime


def adopted_lately(executions: Iterable[Execution], now: datetime) -> Adopted | None:
    """A position that is closed on the day on which an exercise brought it is adopted for that: the
    row comes a day late. What rows have explained since is taken off."""
    found = [item for item in executions if is_adopted(item, now)]
    qty = sum((item.signed_qty for item in found), ZERO)
    return Adopted(qty, found[0].net_price, found[0].at) if qty else None


def is_adopted(item: Execution, now: datetime) -> bool:
    """Whether shares were taken over by it lately, or taken back."""
    is_ours = item.activity_id is None or item.activity_id.endswith(TAKEN_BACK)
    return item.is_adjustment and is_ours and now - item.at < ADOPTED_LATELY


TAKEN_BACK = "~adopted"
"""Ends the mark of an adoption that a row has taken the place of."""

ADOPTED_LATELY = timedelta(days=5)
"""Over a weekend with a holiday a row that comes a day late is not older."""


def _delivers(ended: Activity, delivery: Activity) -> bool:
    """By the group that both rows name; where none is named by day, strike and what is traded."""
    group = str(ended.raw.get("group_id") or "")
    if group:
        return group == str(delivery.raw.get("group_id") or "")
    contract = option_contract(ended.symbol or "")
    if contract is None or delivery.at != ended.at or not delivery.symbol:
        return False
    is_same = delivery.symbol == contract.root and delivery.price == contract.strike
    return is_same and not (delivery.qty or ZERO) % (ended.qty or ZERO)
