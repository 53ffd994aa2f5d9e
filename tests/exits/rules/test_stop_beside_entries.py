"""Goal: a stop waits for a resting entry only where the broker would refuse it beside that entry.

Method: the pure decision for a position whose next entry still rests.
"""

from __future__ import annotations

import pytest
from support.exit_views import T0, D, later, order, plan, view

from execbot.exits.rules.actions import Cancel, Submit
from execbot.exits.rules.decide import decide
from execbot.exits.rules.view import Memory, View
from execbot.journal.records import Origin
from execbot.model.enums import OrderType, Side


def coins(entry_limit: str) -> View:
    """A quarter of a coin bought at 100, its stop at 95 missing, and a second entry that rests.

    A coin's stop is a stop-limit, 3 % below its trigger: 92.15.
    """
    entry = order(
        "entry-2", OrderType.LIMIT, "0.1", side=Side.BUY, limit=entry_limit, origin=Origin.SUBMIT
    )
    return view(
        "0.25",
        plan(base="0"),
        entry,
        is_crypto=True,
        tick=D("0.01"),
        now=later(60),
        memory=Memory(partial_since=T0),
    )


def test_a_stop_limit_stands_beside_an_entry_that_it_could_not_trade_with() -> None:
    decision = decide(coins("90"))
    [stop] = [a for a in decision.actions if isinstance(a, Submit)]
    assert (stop.request.type, stop.request.limit_price) == (OrderType.STOP_LIMIT, D("92.15"))
    assert not [a for a in decision.actions if isinstance(a, Cancel)]


@pytest.mark.parametrize("entry_limit", ["92.15", "99"])
def test_an_entry_that_would_trade_with_the_stop_makes_room_for_it(entry_limit: str) -> None:
    decision = decide(coins(entry_limit))
    assert not [a for a in decision.actions if isinstance(a, Submit)]
    [gone] = [a for a in decision.actions if isinstance(a, Cancel)]
    assert gone.client_order_id == "entry-2"
