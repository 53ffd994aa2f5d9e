"""Goal: the risk that is told of an entry is what its stop would lose, or nothing that is known.

Method: an entry and its plan by hand, for both sides.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.desk import limit
from support.exit_views import D, plan

from execbot.model.enums import PositionSide, Side
from execbot.oms.place.entry_basis import EntryBasis
from execbot.oms.place.entry_risk import risk_by

NOT_KNOWN = "Risk: not known, stop 95.00"


@pytest.mark.parametrize(
    ("side", "price", "said"),
    [
        (PositionSide.LONG, "97", "Risk: 20.00 USD (0.02 % of equity), stop 95.00, R 2.00 a share"),
        (PositionSide.LONG, "90", NOT_KNOWN),
        (PositionSide.LONG, "95", NOT_KNOWN),
        (
            PositionSide.SHORT,
            "90",
            "Risk: 50.00 USD (0.05 % of equity), stop 95.00, R 5.00 a share",
        ),
        (PositionSide.SHORT, "97", NOT_KNOWN),
    ],
)
def test_the_risk_is_what_the_stop_would_lose_and_not_known_beyond_it(
    side: PositionSide, price: str, said: str
) -> None:
    way_in = Side.BUY if side is PositionSide.LONG else Side.SELL
    request = replace(limit(price), symbol="AAPL", side=way_in, qty=D(10))
    found = risk_by(EntryBasis(D(100_000), price=D(price)), request, plan("95", side=side))
    assert found.line() == said
