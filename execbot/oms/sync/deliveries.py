"""Shares that ends of contracts have delivered, all of them. Pure.

An exercise may bring the shares that an assignment takes away on the same evening: the quantity of
the underlying does not differ then, and what lies between the strikes was won or lost all the same.
So deliveries are looked for by the contracts that have ended, not by what is left of the shares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from execbot.model.account import Activity
from execbot.model.numbers import ZERO
from execbot.model.symbols import OPTION_MULTIPLIER, option_contract
from execbot.oms.sync.row_evidence import DELIVERY_ROWS, MovedShares

DELIVERING_ROWS = ("OPEXC", "OPASN")


def deliveries(
    ends: Iterable[MovedShares],
    rows: Mapping[str, Sequence[Activity]],
    booked: Collection[str | None],
) -> list[MovedShares]:
    """By underlying, where rows are there for just what the ends deliver, strike by strike. `rows`
    are by symbol, `booked` the ids of those that are in the books."""
    expected: defaultdict[str, defaultdict[Decimal, Decimal]] = defaultdict(
        lambda: defaultdict(Decimal)
    )
    for end in ends:
        contract = option_contract(end.symbol)
        if contract is None:
            continue
        was_long = end.qty < 0
        sign = 1 if contract.is_call is was_long else -1
        for row in end.rows:
            if row.activity_type in DELIVERING_ROWS:
                shares = abs(row.qty or ZERO) * OPTION_MULTIPLIER * sign
                expected[contract.root][contract.strike] += shares
    found = []
    for root, strikes in expected.items():
        delivered = [
            row
            for row in rows.get(root, ())
            if row.activity_type in DELIVERY_ROWS and row.price in strikes and row.id not in booked
        ]
        moved: defaultdict[Decimal | None, Decimal] = defaultdict(Decimal)
        for row in delivered:
            moved[row.price] += row.qty or ZERO
        if delivered and all(moved[strike] == qty for strike, qty in strikes.items()):
            found.append(MovedShares(root, sum(moved.values(), ZERO), tuple(delivered)))
    return found
