"""Sizing: each method's number, every cap, and never more than a limit allows.

Method: tables with hand-computed sizes; hypothesis over prices, equity, holdings and settings.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support import risk_facts as b

from execbot.config.schema import SizingMethod, SizingSettings, StarRule, TradingSettings
from execbot.model.enums import Side
from execbot.model.numbers import QTY_STEP
from execbot.risk.facts import exposure_of
from execbot.risk.sizing import Sized, SizeRefused, SizeRequest, size, stars_of

D = Decimal
M = SizingMethod


def limits(method: SizingMethod = M.EQUITY_PCT, **changes: Any) -> TradingSettings:
    return replace(b.LIMITS, sizing=replace(SizingSettings(), method=method, **changes))


def ask(**changes: Any) -> SizeRequest:
    return SizeRequest(**{"symbol": "AAPL", "side": Side.BUY, "price": D(200), **changes})


def sized(request: SizeRequest, facts: Any = None, given: TradingSettings | None = None) -> Sized:
    result = size(request, facts or b.facts(), given or limits())
    assert isinstance(result, Sized), result
    return result


@pytest.mark.parametrize(
    ("method", "changes", "request_", "expected", "rule"),
    [
        (M.QTY, {"qty": D(7)}, {}, "7", "qty"),
        (M.NOTIONAL, {"notional": D(1000)}, {}, "5", "notional"),
        (M.NOTIONAL, {"notional": D(1099)}, {}, "5", "notional"),
        (M.EQUITY_PCT, {"equity_pct": D(5)}, {}, "25", "equity_pct"),
        # 1 % of 100,000 over a distance of 20 is 50 shares, which the position limit
        # (10,000 USD less the reserve of 0.5 %) cuts to 49.
        (M.RISK, {}, {"stop": D(180)}, "49", "max_position_size_pct"),
        (M.RISK, {}, {"stop": D(150)}, "20", "risk"),
        (M.RISK, {"risk_per_trade_pct": D("0.5")}, {"stop": D(170)}, "16", "risk"),
        (M.ATR, {}, {}, "33", "atr"),  # 1,000 / (20 x 1.5)
        (M.STARS, {}, {"tier": "A", "confidence": D("0.9")}, "10", "stars"),
        (M.STARS, {}, {"tier": "A", "confidence": D("0.5")}, "5", "stars"),
        (M.STARS, {}, {"tier": "B", "confidence": D("0.8")}, "5", "stars"),
        (M.STARS, {}, {}, "2", "stars"),
        (M.RISK, {}, {"qty": D(3)}, "3", "qty"),  # given sizes replace the method
        (M.RISK, {}, {"notional": D(450)}, "2", "notional"),
    ],
)
def test_method_gives_its_size(
    method: SizingMethod, changes: Any, request_: Any, expected: str, rule: str
) -> None:
    result = sized(ask(**request_), b.facts(atr=D(20)), limits(method, **changes))
    assert (result.qty, result.notional) == (D(expected), None)
    assert result.binding_rule == rule


def test_short_by_risk_measures_up_to_the_stop() -> None:
    request = ask(side=Side.SELL, price=D(100), stop=D(125))
    assert sized(request, given=limits(M.RISK)).qty == D(40)


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        (M.RISK, {}, "size.no_stop"),
        (M.RISK, {"stop": D(200)}, "size.stop_side"),
        (M.RISK, {"stop": D(201)}, "size.stop_side"),
        (M.RISK, {"side": Side.SELL, "stop": D(199)}, "size.stop_side"),
        (M.ATR, {}, "size.no_atr"),
        (M.QTY, {"price": D(0)}, "size.no_price"),
        (M.QTY, {"qty": D("0.4")}, "size.below_minimum"),
        (M.NOTIONAL, {"notional": D(150)}, "size.below_minimum"),
    ],
)
def test_impossible_size_is_refused_with_a_code(
    method: SizingMethod, request_: Any, code: str
) -> None:
    result = size(ask(**request_), b.facts(), limits(method))
    assert isinstance(result, SizeRefused)
    assert result.code == code and result.message


def test_below_the_minimum_says_the_numbers() -> None:
    facts = b.facts(positions=[b.held("MSFT", "100", "499")])
    result = size(ask(), facts, limits())
    assert isinstance(result, SizeRefused) and result.code == "size.below_minimum"
    for number in ("0.4975", "200", "max_account_exposure_pct"):
        assert number in result.message


FRACTIONS = limits(M.NOTIONAL, whole_shares=False)


@pytest.mark.parametrize(
    ("request_", "facts", "qty", "notional"),
    [
        ({"notional": D("1000"), "whole_shares": False}, b.facts(), None, "1000"),
        ({"notional": D("333.339"), "whole_shares": False}, b.facts(), None, "333.33"),
        ({"notional": D("1000"), "whole_shares": False, "price": D(3)}, b.facts(), None, "1000"),
        ({"notional": D("1000"), "whole_shares": False, "as_notional": False, "price": D(3)},
         b.facts(), "333.333333333", None),
        ({"qty": D("1.2345678919"), "whole_shares": False}, b.facts(), "1.234567891", None),
        ({"qty": D("1.9"), "whole_shares": False}, b.facts(asset=b.asset(fractionable=False)),
         "1", None),
        ({"qty": D("1.9"), "whole_shares": False, "side": Side.SELL}, b.facts(), "1", None),
        ({"notional": D(500), "price": D(50000)}, b.crypto_facts(), "0.01", None),
        ({"notional": D(500), "price": D(50000)},
         b.crypto_facts(asset=b.coin(min_trade_increment="0.003")), "0.009", None),
    ],
)  # fmt: skip
def test_fractions_serve_where_they_may(
    request_: Any, facts: Any, qty: str | None, notional: str | None
) -> None:
    result = sized(ask(**request_), facts, FRACTIONS)
    assert result.qty == (D(qty) if qty else None)
    assert result.notional == (D(notional) if notional else None)


def test_coin_below_its_smallest_order_is_refused() -> None:
    result = size(ask(price=D(50000), notional=D(2)), b.crypto_facts(), FRACTIONS)
    assert isinstance(result, SizeRefused) and "0.0001" in result.message


@pytest.mark.parametrize(
    ("changes", "facts", "rule"),
    [
        ({}, b.facts(account=b.account(buying_power="1000")), "buying_power"),
        ({"max_order_notional": D(1000)}, b.facts(), "max_order_notional"),
        ({"max_order_qty": D(3)}, b.facts(), "max_order_qty"),
        ({}, b.facts(positions=[b.held("MSFT", "100", "490")]), "max_account_exposure_pct"),
        ({}, b.facts(pending=(b.pending(leaves_qty=D(45)),)), "max_position_size_pct"),
        ({}, b.facts(pending=(b.pending("X", leaves_qty=D(245)),)), "max_account_exposure_pct"),
        ({}, b.facts(account=b.account(buying_power="11000"),
                     pending=(b.pending("X", leaves_qty=D(50), reserved=False),)), "buying_power"),
    ],
)  # fmt: skip
def test_each_limit_can_be_the_one_that_binds(changes: Any, facts: Any, rule: str) -> None:
    given = limits()
    given = replace(given, risk=replace(given.risk, **changes))
    assert sized(ask(), facts, given).binding_rule == rule


def test_steps_explain_the_size() -> None:
    result = sized(ask(stop=D(180)), given=limits(M.RISK))
    rules = [step.rule for step in result.steps]
    assert rules == [
        "risk", "max_position_size_pct", "max_account_exposure_pct", "buying_power", "rounding",
    ]  # fmt: skip
    assert result.steps[0].note == "1000.00 USD at risk, 20.00 a unit"


@pytest.mark.parametrize(
    ("tier", "confidence", "stars"),
    [
        ("A", "0.8", 5), ("A", "0.79", 4), ("B", "0.8", 4), ("B", "0.79", 3), ("C", "1", 3),
        (None, None, 3), ("a", "0.9", 3), ("A", None, 4),
    ],
)  # fmt: skip
def test_stars_of_tier_and_confidence(tier: str, confidence: str | None, stars: int) -> None:
    given = D(confidence) if confidence else None
    assert stars_of(tier, given, SizingSettings().star_rules) == stars


def test_no_rule_and_no_size_for_the_stars_are_refused() -> None:
    only_a = limits(M.STARS, star_rules=(StarRule(5, "A"),))
    assert isinstance(size(ask(tier="B"), b.facts(), only_a), SizeRefused)
    no_size = limits(M.STARS, star_notional={3: D(500)})
    assert isinstance(size(ask(tier="A"), b.facts(), no_size), SizeRefused)


MONEY = st.decimals("0.0001", "100000", places=4)


@given(
    method=st.sampled_from(list(M)),
    side=st.sampled_from(list(Side)),
    price=MONEY,
    stop=MONEY,
    atr=MONEY,
    equity=st.decimals(0, 1_000_000, places=2),
    power=st.decimals(-1000, 4_000_000, places=2),
    pct=st.decimals("0.1", "100", places=1),
    held=st.decimals(0, 60_000, places=2),
    waiting=st.decimals(0, 60_000, places=2),
    whole=st.booleans(),
    given_qty=st.none() | st.decimals("0.000000001", 10_000, places=9),
)
@settings(max_examples=400, deadline=None)
def test_size_never_exceeds_a_limit_and_always_rounds_down(
    method: SizingMethod, side: Side, price: Decimal, stop: Decimal, atr: Decimal,
    equity: Decimal, power: Decimal, pct: Decimal, held: Decimal, waiting: Decimal,
    whole: bool, given_qty: Decimal | None,
) -> None:  # fmt: skip
    sizing = SizingSettings(
        method=method, equity_pct=pct, risk_per_trade_pct=pct, notional=price * 7
    )
    rules = replace(b.LIMITS, sizing=sizing)
    facts = b.facts(
        account=b.account(equity=str(equity), buying_power=str(power)),
        positions=[b.held("MSFT", "1", str(held))] if held else [],
        pending=(b.pending(leaves_qty=D(1), limit_price=waiting),),
        atr=atr,
    )
    request = ask(side=side, price=price, stop=stop, qty=given_qty, whole_shares=whole)
    result = size(request, facts, rules)
    if isinstance(result, SizeRefused):
        assert result.code.startswith("size.") and result.message
        return
    assert (result.qty is None) != (result.notional is None)
    value = result.notional if result.notional is not None else (result.qty or D(0)) * price
    assert value > 0
    exposure = exposure_of(facts)
    assert waiting + value <= equity * rules.max_position_size_pct / 100
    assert exposure.gross + value <= equity * rules.max_account_exposure_pct / 100
    assert value <= power
    if given_qty is not None:
        assert result.estimated_qty <= given_qty
    if result.qty is not None:
        assert result.qty % (1 if whole or side is Side.SELL else QTY_STEP) == 0
    if result.notional is not None:
        assert result.notional % D("0.01") == 0
    if method is M.RISK and given_qty is None:
        assert result.estimated_qty * abs(price - stop) <= equity * pct / 100
