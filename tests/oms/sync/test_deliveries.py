"""Goal: all that ended contracts deliver is booked, whatever is left of the shares.

Method: tables of ends and rows by hand.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from execbot.model.account import Activity
from execbot.oms.sync.deliveries import deliveries
from execbot.oms.sync.row_evidence import MovedShares

D = Decimal
AT = datetime(2026, 12, 18, tzinfo=UTC)
CALL, FAR_CALL = "AAPL261218C00190000", "AAPL261218C00200000"
PUT, FAR_PUT = "AAPL261218P00190000", "AAPL261218P00180000"


def row(kind: str, symbol: str, qty: str, price: str | None = None, name: str = "") -> Activity:
    data = {
        "id": name or f"{kind}-{symbol}-{qty}-{price}", "activity_type": kind, "symbol": symbol,
        "qty": qty, "price": price, "net_amount": "0", "date": "2026-12-18",
    }  # fmt: skip
    return Activity.from_wire(data)


def ended(kind: str, symbol: str, qty: str) -> MovedShares:
    """`qty` is what its end moved: below 0 for bought ones."""
    return MovedShares(symbol, D(qty), (row(kind, symbol, qty),))


@pytest.mark.parametrize(
    ("ends", "shares", "net"),
    [
        (
            [("OPEXC", CALL, "-1"), ("OPASN", FAR_CALL, "1")],
            [("100", "190"), ("-100", "200")],
            "0",
        ),
        ([("OPEXC", PUT, "-1"), ("OPASN", FAR_PUT, "1")], [("-100", "190"), ("100", "180")], "0"),
        (
            [("OPEXC", CALL, "-2"), ("OPASN", FAR_CALL, "1")],
            [("-100", "200"), ("200", "190")],
            "100",
        ),
        ([("OPASN", CALL, "2")], [("-100", "190"), ("-100", "190")], "-200"),
        ([("OPEXP", CALL, "-1")], [("100", "190")], None),
        ([("OPEXC", CALL, "-1")], [("100", "195")], None),
        ([("OPEXC", CALL, "-2")], [("100", "190")], None),
        ([("OPEXC", CALL, "-1")], [], None),
    ],
)
def test_rows_of_shares_are_those_that_the_ends_deliver(
    ends: list[tuple[str, str, str]], shares: list[tuple[str, str]], net: str | None
) -> None:
    rows = [row("OPTRD", "AAPL", q, p, f"row-{n}") for n, (q, p) in enumerate(shares)]
    found = deliveries([ended(*end) for end in ends], {"AAPL": rows}, frozenset())
    assert [one.qty for one in found] == ([] if net is None else [D(net)])
    if found:
        assert set(found[0].rows) == set(rows)
        assert not deliveries([ended(*end) for end in ends], {"AAPL": rows}, {r.id for r in rows})
