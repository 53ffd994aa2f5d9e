"""Goal: what is too small to be sold gets no stop, raises no alarm and keeps no plan alive.

Method: the pure decision over positions of a few cents.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.exit_views import D, entry, later, plan, stop_order, view

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.actions import Alarm, Cancel, SavePlan, Submit
from execbot.exits.rules.decide import decide
from execbot.exits.rules.view import Guarded, Memory, SymbolMarket, View
from execbot.model.enums import OrderStatus


def remainder(qty: str = "0.005", the_plan: ExitPlan | None = None, **fields: object) -> View:
    """Half a cent's worth... of a hundred dollars: fifty cents, bought at 100 and now at 101."""
    return view(qty, the_plan or plan(), **fields)


def test_dust_gets_no_stop_and_its_plan_is_closed() -> None:
    decision = decide(remainder())
    [saved] = [a for a in decision.actions if isinstance(a, SavePlan)]
    assert (saved.plan.status, saved.plan.note) == (PlanStatus.CLOSED, "only dust is left")
    assert not [a for a in decision.actions if isinstance(a, Submit | Alarm)]
    assert decision.coverage.state is Guarded.DUST


def test_an_hour_of_dust_without_a_stop_alarms_nobody() -> None:
    since = Memory(uncovered_since=later(-3600), exposed_since=later(-3600))
    for the_plan in (plan(), None):
        seen = replace(remainder(memory=since), plan=the_plan)
        assert not [a for a in decide(seen).actions if isinstance(a, Alarm)]


def test_what_still_works_for_the_plan_is_canceled_first() -> None:
    stop = replace(stop_order("10"), plan_id="p1")
    decision = decide(view("0.005", plan(), stop))
    [gone] = [a for a in decision.actions if isinstance(a, Cancel)]
    assert gone.client_order_id == stop.name
    assert not [a for a in decision.actions if isinstance(a, SavePlan)]


def test_dust_is_believed_of_the_broker_only() -> None:
    decision = decide(remainder(is_confirmed=False))
    assert not [a for a in decision.actions if isinstance(a, SavePlan)]


@pytest.mark.parametrize(
    "market",
    [SymbolMarket(), SymbolMarket(D("0.01"), D("0.02"), D("0.01"))],
    ids=["no price", "a price gone mad"],
)
def test_no_price_makes_dust_of_what_was_worth_something(market: SymbolMarket) -> None:
    """Ten shares bought at 100 keep their stop, whatever the last print says."""
    decision = decide(view("10", plan(), stop_order("10"), market=market))
    assert decision.coverage.state is not Guarded.DUST
    assert not [a for a in decision.actions if isinstance(a, Cancel)]


def test_less_than_the_smallest_order_is_dust_whatever_it_is_worth() -> None:
    seen = view("0.02", plan(), is_crypto=True, smallest=D("0.05"))
    assert decide(seen).coverage.state is Guarded.DUST


def test_an_entry_that_begins_small_is_no_dust() -> None:
    """Its first shares wait for the rest as any do."""
    waiting = plan(entry=None, status=PlanStatus.PENDING)
    resting = entry("10", "0.005", OrderStatus.PARTIALLY_FILLED)
    decision = decide(view("0.005", waiting, resting))
    assert decision.coverage.state is not Guarded.DUST
    assert decision.plan is not None and decision.plan.status is not PlanStatus.CLOSED
