"""Goal: a plan is given up for what is bought later on full proof only (E-POS-10).

Method: a table of what was bought and sold since the plan began, and of what the fills tell.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest
from msgspec.structs import replace
from support.exit_views import later, order, plan
from support.wishes import target

from execbot.exits.living_orders import SymbolOrder
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.outlived import has_outlived
from execbot.exits.rules.view import View
from execbot.model.enums import OrderStatus, OrderType, Side

names = count()


def deal(minute: int, qty: str, *, name: str = "", under: str | None = None) -> SymbolOrder:
    """Filled in that minute; a negative quantity is sold."""
    side, size = (Side.SELL, qty[1:]) if qty.startswith("-") else (Side.BUY, qty)
    name = name or f"deal-{next(names)}"
    made = order(name, OrderType.MARKET, size, OrderStatus.FILLED, side=side, filled=size)
    filled = replace(made.order, filled_at=later(60 * minute))
    return replace(made, order=filled, plan_id=under)


ENTRY = deal(0, "10", name="entry-1", under="p1")
SOLD = deal(5, "-10", under="p1")
ANEW = deal(9, "4")


def seen(orders: list[SymbolOrder], *, qty: str = "4", opened: int | None = 9) -> View:
    at = None if opened is None else later(60 * opened)
    return View("AAPL", later(900), Decimal(qty), None, tuple(orders), opened_at=at)


@pytest.mark.parametrize("status", [PlanStatus.PENDING, PlanStatus.ACTIVE])
def test_what_was_sold_to_the_last_and_bought_anew_is_not_the_plans(status: PlanStatus) -> None:
    view = seen([ANEW, SOLD, ENTRY])  # in any order
    assert has_outlived(view, plan(status=status))


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(seen([ENTRY], qty="10", opened=0), id="only the entry"),
        pytest.param(seen([ENTRY, SOLD, ANEW], qty="7"), id="more is held than was bought"),
        pytest.param(seen([ENTRY, SOLD, ANEW], opened=0), id="held on, by the fills"),
        pytest.param(seen([ENTRY, SOLD, ANEW], opened=None), id="from before the journal"),
        pytest.param(seen([SOLD, ANEW]), id="the entry is not known"),
        pytest.param(seen([ENTRY, deal(5, "-6")], qty="4", opened=0), id="a part was sold"),
        pytest.param(
            seen([ENTRY, SOLD, deal(9, "4", under="p1")]), id="bought anew under the plan"
        ),
        pytest.param(seen([ENTRY, deal(4, "4"), SOLD], opened=0), id="added before the sale"),
        # 10 become 20 in a split, half is sold, and 4 are added: 14 are held on.
        pytest.param(seen([ENTRY, SOLD, ANEW], qty="14", opened=0), id="a split in between"),
        # 10 become 1 in a reverse split, which the fills tell as sold and bought.
        pytest.param(seen([ENTRY], qty="1", opened=3), id="a reverse split"),
        pytest.param(
            seen([ENTRY, replace(SOLD, order=replace(SOLD.order, filled_at=None)), ANEW]),
            id="nobody knows when it was sold",
        ),
    ],
)
def test_without_that_proof_the_plan_stays(view: View) -> None:
    assert not has_outlived(view, plan())


@pytest.mark.parametrize("part", ["plan", "stop", "target"])
def test_levels_said_after_the_purchase_are_for_it(part: str) -> None:
    made, said = plan("95", target("110")), later(60 * 10)
    made = {
        "plan": replace(made, created_at=said),
        "stop": replace(made, stop=replace(made.stop, moved_at=said)),
        "target": replace(made, targets=(replace(made.targets[0], moved_at=said),)),
    }[part]
    assert not has_outlived(seen([ENTRY, SOLD, ANEW]), made)


@pytest.mark.parametrize("status", [PlanStatus.SUSPENDED, PlanStatus.SLEEPING])
def test_a_plan_that_waits_for_the_trader_or_its_shares_goes_on_waiting(status: PlanStatus) -> None:
    assert not has_outlived(seen([ENTRY, SOLD, ANEW]), plan(status=status))
