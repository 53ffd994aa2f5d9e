"""Goal: what was promised and is not there is a finding at once when it is proven, and not before.

Method: one position at the exchange in process, in virtual time; its orders are sent by hand
(docs/evidence.md, E-PROT-1).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.desk import Desk, market, open_desk
from support.wishes import stop_at, wishes

from execbot.config.schema import ExitSettings, TradingSettings
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.protection import Protection, Surroundings, protections
from execbot.exits.rules.view import Guarded
from execbot.exits.store import change_plan, plan_of
from execbot.market.sessions import crypto_now
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.oms.place.held_plans import HeldPlanner


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """10 shares, filled a moment ago, with a plan and no stop."""
    found = open_desk(tmp_path)
    found.oms.submit(market())
    found.sleep(1)
    found.oms.gap_fill()
    position = found.client.get_position("AAPL")
    assert position is not None
    planner = HeldPlanner(found.client, found.journal, TradingSettings(), found.now)
    planner.protect("AAPL", position, wishes(stop_at("2%")), far=False, keeps_rules=False)
    return found


def place_stop(desk: Desk, qty: Decimal | None = None) -> str:
    request = OrderRequest("AAPL", Side.SELL, qty=qty or market().qty, type=OrderType.STOP,
                           stop_price=plan(desk).stop.price)  # fmt: skip
    return desk.oms.submit(request, role="stop", plan_id=plan(desk).plan_id).client_order_id


def plan(desk: Desk) -> ExitPlan:
    found = plan_of(desk.journal, "AAPL")
    assert found is not None
    return found


def judged(desk: Desk, **exits: object) -> Protection:
    settings = replace(TradingSettings(), exits=ExitSettings(**exits))  # type: ignore[arg-type]
    around = Surroundings(desk.now(), crypto_now(desk.now()), settings)
    [found] = protections(desk.journal, desk.client.get_positions(), around)
    return found


def test_shares_that_have_just_come_are_shown_bare_and_are_a_finding_after_the_alarm_time(
    desk: Desk,
) -> None:
    assert (judged(desk).state, judged(desk).missing) == (Guarded.UNPROTECTED, "")
    desk.sleep(6)
    assert judged(desk).missing == "10 of 10 have no stop"


def buy(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.sleep(1)
    desk.oms.gap_fill()


def test_shares_that_have_stood_bare_are_a_finding_also_while_more_of_them_come(desk: Desk) -> None:
    """The alarm time counts from the first share without a stop, not from the last."""
    for _ in range(3):
        desk.sleep(1)
        buy(desk)
    assert judged(desk).missing == "40 of 40 have no stop"


def test_what_comes_beside_shares_with_a_stop_has_its_own_alarm_time(desk: Desk) -> None:
    desk.sleep(6)
    buy(desk)
    place_stop(desk)
    desk.sleep(1)
    desk.oms.gap_fill()
    assert (judged(desk).state, judged(desk).missing) == (Guarded.UNPROTECTED, "")
    desk.sleep(5)
    assert judged(desk).missing == "10 of 20 have no stop"


def test_selling_some_and_buying_them_again_makes_none_of_the_others_young(desk: Desk) -> None:
    desk.sleep(6)
    for side in (Side.SELL, Side.BUY):
        desk.oms.submit(replace(market(), side=side, qty=Decimal(6)))
        desk.sleep(1)
        desk.oms.gap_fill()
    assert judged(desk).missing == "10 of 10 have no stop"


def test_a_stop_on_its_way_for_some_makes_none_of_the_others_young(desk: Desk) -> None:
    desk.sleep(6)
    place_stop(desk, qty=Decimal(4))
    assert judged(desk).missing == "10 of 10 have no stop"


def test_a_stop_that_ended_is_gone_at_once(desk: Desk) -> None:
    name = place_stop(desk)
    desk.sleep(1)
    desk.oms.gap_fill()
    assert (judged(desk).state, judged(desk).missing) == (Guarded.PROTECTED, "")
    desk.oms.cancel(name, wait_seconds=2)
    assert judged(desk).missing == "10 of 10 have no stop"


def test_a_stop_on_its_way_is_no_finding_within_the_alarm_time(desk: Desk) -> None:
    desk.sleep(6)
    place_stop(desk)
    assert (judged(desk).state, judged(desk).missing) == (Guarded.ARRIVING, "")
    desk.sleep(6)  # and no report of it comes
    assert judged(desk).missing == "10 of 10 have no stop"


def test_a_suspended_plan_says_why_its_shares_are_bare(desk: Desk) -> None:
    def suspended(known: ExitPlan) -> ExitPlan:
        return known.changed(desk.now(), status=PlanStatus.SUSPENDED, note="cancel-all")

    change_plan(desk.journal, plan(desk).plan_id, suspended)
    found = judged(desk)
    assert (found.state, found.missing) == (
        Guarded.UNPROTECTED,
        "10 of 10 have no stop (cancel-all)",
    )


def test_every_position_is_promised_a_stop_where_that_is_configured(desk: Desk) -> None:
    change_plan(
        desk.journal, plan(desk).plan_id, lambda p: p.changed(desk.now(), status=PlanStatus.CLOSED)
    )
    desk.sleep(6)
    assert (judged(desk).state, judged(desk).missing) == (Guarded.NO_PLAN, "")
    assert judged(desk, every_position=True).missing == "no plan: 10 of 10 have no stop"


def test_a_list_that_leaves_the_position_out_leaves_it_unprotected_all_the_same(desk: Desk) -> None:
    """An absence is no proof (E-ALL-1): the fills say what is held."""
    desk.sleep(6)
    around = Surroundings(desk.now(), crypto_now(desk.now()), TradingSettings())
    [found] = protections(desk.journal, (), around)
    assert (found.qty, found.missing) == (10, "10 of 10 have no stop")
