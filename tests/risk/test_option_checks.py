"""Goal: each check of option orders fails on its own fact, and passes beside it.

Method: a table over facts that pass every check; losses and collateral worked out by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support import risk_facts as b

from execbot.config.schema import OptionSettings
from execbot.model.enums import OrderType, Side
from execbot.model.options.contract import Contract
from execbot.model.options.grid import is_on_grid, on_grid
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.options.structure import (
    Holding,
    collateral,
    holdings_of,
    max_loss,
    why_no_structure,
)
from execbot.model.quote import Quote
from execbot.model.symbols import option_contract
from execbot.risk.checks import evaluate
from execbot.risk.facts import Facts, Intent, exposure_of
from execbot.risk.options.cover import uncovered_after
from execbot.risk.options.facts import OptionFacts
from execbot.risk.pending import Purpose

D = Decimal
CALL, HIGH, PUT, LOW_PUT = (
    f"AAPL261218{word}" for word in ("C00200000", "C00210000", "P00200000", "P00190000")
)
LATER_CALL = "AAPL270115C00200000"


def listed(symbol: str, **changes: Any) -> Contract:
    given = {"symbol": symbol, "status": "active", "tradable": True, "ppind": False, **changes}
    return Contract.from_wire(given)


def facts(
    bid: str = "3.90", ask: str = "4.00", contract: Contract | None = None, **more: Any
) -> Facts:
    sides = dict.fromkeys((CALL, HIGH, PUT, LOW_PUT, LATER_CALL), (bid, ask))
    sides |= {HIGH: ("1.90", "2.00"), LOW_PUT: ("1.90", "2.00")}
    quotes = {name: Quote(name, b.NOW, D(low), D(high)) for name, (low, high) in sides.items()}
    contracts = {name: listed(name) for name in sides}
    if contract is not None:
        contracts[contract.symbol] = contract
    given = {"options_buying_power": "100000", "options_trading_level": 3, **more.pop("of", {})}
    options = OptionFacts(contracts, quotes)
    asset = contracts[CALL].as_asset()
    return b.facts(account=b.account(**given), asset=asset, quote=None, options=options, **more)


def buy(price: str | None = "4.00", qty: int = 1, **more: Any) -> Intent:
    given = {"symbol": CALL, "qty": D(qty), **more}
    if price is not None:
        given["limit_price"] = D(price)
    return b.intent(**given)


def spread(net: str, *legs: Leg, qty: int = 1) -> Intent:
    legs = legs or (Leg(CALL, Side.BUY), Leg(HIGH, Side.SELL))
    return Intent(spread_request(legs, D(qty), D(net)), Purpose.ENTRY)


def limits(**changes: Any) -> Any:
    return replace(b.LIMITS, options=replace(OptionSettings(), **changes))


ROLL = (
    Leg(CALL, Side.SELL, 1, opens=False),
    Leg(HIGH, Side.BUY, 1, opens=False),
    Leg(LATER_CALL, Side.BUY),
    Leg("AAPL270115C00210000", Side.SELL),
)
"""A vertical that brings 3.90 - 2.00 = 1.90, and another one for that and the net price."""

SHARES = b.held("AAPL", "100", "200", market_value="20000", qty_available="100")

CASES: list[tuple[str, Intent, Facts, Any]] = [
    ("option_terms", buy(qty=1, time_in_force="ioc"), facts(), b.LIMITS),
    ("option_terms", spread("2", Leg(CALL, Side.BUY, 2), Leg(HIGH, Side.SELL, 2)), facts(),
     b.LIMITS),
    ("option_contract", buy(), facts(contract=listed(CALL, status="inactive")), b.LIMITS),
    ("option_contract", buy(), facts(contract=listed(CALL, size="10")), b.LIMITS),
    ("option_contract", buy(), facts(contract=listed(CALL, style="european")), b.LIMITS),
    ("option_contract", buy(), facts(), limits(min_days=40)),
    ("option_level", spread("2"), facts(of={"options_trading_level": 2}), b.LIMITS),
    ("option_level", spread("2"), facts(of={"options_approved_level": 1}), b.LIMITS),
    ("option_grid", buy("3.95"), facts(), b.LIMITS),
    ("option_quote", buy(), facts(bid="0"), b.LIMITS),
    ("option_quote", buy(), facts(bid="2.00"), b.LIMITS),
    ("option_price_band", buy("5.00"), facts(), b.LIMITS),
    ("option_price_band", spread("4", Leg(CALL, Side.SELL), Leg(HIGH, Side.BUY)), facts(),
     b.LIMITS),
    ("option_price_band", spread("-1.20"), facts(), b.LIMITS),
    ("option_premium", buy(qty=6), facts(), b.LIMITS),
    ("option_contracts", buy(qty=2), facts(), limits(max_contracts=1)),
    ("option_max_loss", spread("-1.90", Leg(CALL, Side.SELL), Leg(HIGH, Side.BUY), qty=5), facts(),
     limits(max_loss_pct=D(4))),
    ("option_covered", b.intent(symbol=CALL, side=Side.SELL, qty=D(1), limit_price=D("3.90")),
     facts(), limits(max_loss_pct=D(100))),
    ("option_legs_free",
     Intent(spread_request((Leg(CALL, Side.SELL, 1, False), Leg(HIGH, Side.BUY, 1, False)), D(1),
                           D("-1.90")), Purpose.EXIT), facts(), b.LIMITS),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_fails_by_its_own_fact(case: tuple[str, Intent, Facts, Any]) -> None:
    code, intent, seen, settings = case
    found = {failure.code for failure in evaluate(intent, seen, settings).failures}
    assert code in found
    sizes = {"option_max_loss", "buying_power", "max_position_size", "max_exposure"}
    assert found <= {code, "asset_tradable", *sizes}


@pytest.mark.parametrize(
    "intent",
    [buy(), buy(None, type=OrderType.MARKET), spread("2.10"), spread("2.10", qty=5)],
)
def test_passes_every_check(intent: Intent) -> None:
    verdict = evaluate(intent, facts(), b.LIMITS)
    assert verdict.passed, verdict.message


def test_a_debit_spread_that_is_given_at_a_credit_is_told_which_word_was_meant() -> None:
    verdict = evaluate(spread("-1.20"), facts(), b.LIMITS)
    assert "was --debit meant?" in verdict.message
    roll = evaluate(spread("-0.30", *ROLL), facts(), b.LIMITS)  # may wait for such a price
    assert "option_price_band" not in {failure.code for failure in roll.failures}


def test_an_order_in_the_way_is_named_as_it_was_given_not_by_its_legs() -> None:
    """Nobody can cancel a leg by itself."""
    legs = tuple(b.pending(s, group="spread-1", group_risk=D(100)) for s in (CALL, HIGH))
    verdict = evaluate(spread("2.10"), facts(pending=legs), b.LIMITS)
    [found] = [one for one in verdict.failures if one.code == "one_pending"]
    assert found.seen == "spread-1"


def test_covered_call_needs_free_shares_and_adds_no_loss() -> None:
    sold = b.intent(symbol=CALL, side=Side.SELL, qty=D(1), limit_price=D("3.90"))
    wide = replace(b.LIMITS, max_position_size_pct=D(50))
    assert evaluate(sold, facts(positions=[SHARES]), wide).passed
    stopped = replace(SHARES, qty_available=D(0))
    found = {f.code for f in evaluate(sold, facts(positions=[stopped]), wide).failures}
    assert "option_covered" in found


def test_losses_and_collateral_by_hand() -> None:
    vertical = holdings_of((Leg(CALL, Side.BUY), Leg(HIGH, Side.SELL)))
    assert max_loss(vertical, D(200)) == 200 and collateral(vertical) == 0
    sold = holdings_of((Leg(CALL, Side.SELL), Leg(HIGH, Side.BUY)))
    assert max_loss(sold, D(-190)) == 1000 - 190 and collateral(sold) == 1000
    put = [Holding(option_contract(PUT), D(-1))]
    assert max_loss(put, D(-400)) == 20000 - 400
    naked = [Holding(option_contract(CALL), D(-1))]
    assert max_loss(naked, D(-400)) is None and max_loss(naked, D(-400), D(100)) == 0
    calendar = holdings_of((Leg(LATER_CALL, Side.BUY), Leg(CALL, Side.SELL)))
    assert max_loss(calendar, D(150)) == 150
    assert collateral(holdings_of((Leg(LATER_CALL, Side.SELL), Leg(CALL, Side.BUY)))) is None
    condor = holdings_of(
        (Leg(CALL, Side.SELL), Leg(HIGH, Side.BUY), Leg(PUT, Side.SELL), Leg(LOW_PUT, Side.BUY))
    )
    assert collateral(condor) == 1000  # one side alone can lose


@pytest.mark.parametrize(("most_pct", "passes"), [(D("1.05"), True), (D("1.04"), False)])
def test_a_roll_can_lose_what_its_closing_legs_bring_too(most_pct: Decimal, passes: bool) -> None:
    """It costs 0.20, and opens what is worth 0.20 and the 1.90 of the vertical that it leaves."""
    intent = spread("0.20", *ROLL, qty=5)
    verdict = evaluate(intent, facts(), limits(max_loss_pct=most_pct))
    assert ("option_max_loss" in {one.code for one in verdict.failures}) is not passes


def test_roll_of_a_lone_short_is_no_order() -> None:
    roll = (Leg(CALL, Side.BUY, 1, opens=False), Leg(LATER_CALL, Side.SELL))
    assert "no roll" in why_no_structure(roll)
    whole = (*roll, Leg(HIGH, Side.SELL, 1, opens=False), Leg("AAPL270115C00210000", Side.BUY))
    assert why_no_structure(whole) == ""


def test_what_covers_a_sold_call_is_not_sold_alone() -> None:
    held = {p.symbol: p for p in (b.held(CALL, "1", "4"), b.held(HIGH, "-1", "2"))}
    assert "no cover" in uncovered_after("AAPL", held, {CALL: D(-1)}, D(10**6))
    assert uncovered_after("AAPL", held, {CALL: D(-1), HIGH: D(1)}, None) == ""
    covered = {"AAPL": SHARES, HIGH: held[HIGH]}
    assert "no cover" in uncovered_after("AAPL", covered, {"AAPL": D(-100)}, None)


def test_held_spread_is_exposed_by_what_it_can_still_lose() -> None:
    """E-OPT-4."""
    long = b.held(CALL, "1", "4", asset_class="us_option", market_value="400")
    short = b.held(HIGH, "-1", "2", asset_class="us_option", market_value="-200")
    assert exposure_of(b.facts(positions=[long, short])).gross == 200


@given(st.decimals("0.01", "50", places=2), st.sampled_from([True, False, None]), st.booleans())
def test_rounded_prices_stand_on_the_grid(price: Decimal, penny: bool | None, up: bool) -> None:
    contract = replace(listed(CALL), penny=penny)
    found = on_grid(contract, price, up=up)
    assert is_on_grid(contract, found)
    assert abs(found - price) <= D("0.10")


legs_drawn = st.lists(
    st.tuples(st.sampled_from([150, 200, 210, 250]), st.booleans(), st.integers(-3, 3)), max_size=4
)


@given(legs_drawn, st.integers(0, 400))
def test_no_price_loses_more_than_the_collateral(legs: list[Any], price: int) -> None:
    held = [
        Holding(option_contract(f"AAPL261218{'C' if is_call else 'P'}{strike * 1000:08d}"), D(qty))
        for strike, is_call, qty in legs
        if qty
    ]
    behind = collateral(held)
    if behind is None:
        return
    worth = sum(
        h.qty * max((price - h.contract.strike) * (1 if h.contract.is_call else -1), D(0))
        for h in held
    )
    assert -worth * 100 <= behind
