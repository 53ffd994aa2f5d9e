"""Goal: one rule says whether a contract of a structure is protected: a stop, whole legs, a watch.

Method: tables of plans and of what is held, as every surface hands them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from execbot.exits.rules.guard import coverage_of
from execbot.exits.rules.view import Coverage, Guarded, SymbolMarket, View
from execbot.exits.structures.plan import StructurePlan, UnderlyingStop
from execbot.exits.structures.standing import how_to_protect, standing_of
from execbot.model.account import Position

D = Decimal
NOW = datetime(2026, 10, 7, 15, tzinfo=UTC)
LOW, HIGH, OTHER = "AAPL261218C00250000", "AAPL261218C00260000", "MSFT261218C00500000"
PLAN = StructurePlan("s-1", "AAPL", {LOW: D(1), HIGH: D(-1)}, NOW, D("1.20"), D("0.60"))
WHOLE = {LOW: D(2), HIGH: D(-2)}


def shown(
    symbol: str,
    held: Mapping[str, Decimal],
    plan: StructurePlan | None = PLAN,
    *,
    watched: bool = True,
) -> Coverage:
    plans = [] if plan is None else [plan]
    standing = standing_of(symbol, plans, held, is_looked_after=watched)
    view = View(symbol, NOW, held[symbol], structure=standing, market=SymbolMarket())
    return coverage_of(view, None)


@pytest.mark.parametrize("symbol", [LOW, HIGH])
@pytest.mark.parametrize(
    ("plan", "held", "watched", "state"),
    [
        (PLAN, WHOLE, True, Guarded.EMULATED),
        (PLAN, WHOLE, False, Guarded.UNPROTECTED),
        (PLAN, {LOW: D(2), HIGH: D(-1)}, True, Guarded.UNPROTECTED),
        (PLAN, {LOW: D(1), HIGH: D(-2)}, True, Guarded.UNPROTECTED),
        (PLAN, {LOW: D(-2), HIGH: D(2)}, True, Guarded.UNPROTECTED),
        (None, WHOLE, True, Guarded.NO_PLAN),
        (replace(PLAN, stop_net=None, target_net=D(4)), WHOLE, True, Guarded.NO_PLAN),
        (
            replace(PLAN, stop_net=None, underlying_stop=UnderlyingStop(D(240), True)),
            WHOLE,
            True,
            Guarded.EMULATED,
        ),
    ],
)
def test_a_contract_stands_as_its_structure_does(
    symbol: str,
    plan: StructurePlan | None,
    held: Mapping[str, Decimal],
    watched: bool,
    state: Guarded,
) -> None:
    assert shown(symbol, held, plan, watched=watched).state is state


def test_a_sold_contract_that_no_plan_names_is_not_protected_by_its_neighbours() -> None:
    naked = "AAPL261218C00270000"
    assert shown(naked, {**WHOLE, naked: D(-1)}).state is Guarded.NO_PLAN
    assert shown(LOW, {**WHOLE, naked: D(-1)}).state is Guarded.EMULATED


@pytest.mark.parametrize(
    ("symbol", "held", "plan", "watched", "command"),
    [
        (LOW, {LOW: D(1), OTHER: D(1)}, None, True, f"execbot protect {LOW}"),
        (LOW, WHOLE, None, True, "execbot option protect AAPL --stop PRICE"),
        (LOW, WHOLE, PLAN, False, "execbot watch"),
        ("MSFT", WHOLE, None, True, "execbot protect MSFT"),
    ],
)
def test_the_next_step_is_one_that_is_not_refused(
    symbol: str,
    held: Mapping[str, Decimal],
    plan: StructurePlan | None,
    watched: bool,
    command: str,
) -> None:
    plans = [] if plan is None else [plan]
    standing = standing_of(symbol, plans, held, is_looked_after=watched)
    assert how_to_protect(symbol, standing) == command


def test_a_sold_contract_is_no_dust_however_little_it_is_worth() -> None:
    assert not Position(LOW, D(-1), market_value=D(0), current_price=D(0)).is_dust()
    assert Position(LOW, D(1), market_value=D(0), current_price=D(0)).is_dust()
    assert not View(LOW, NOW, D(-1), avg_entry_price=D("0.001"),
                    market=SymbolMarket(last=D("0.001"))).is_dust  # fmt: skip
