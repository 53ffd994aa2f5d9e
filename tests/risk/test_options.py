"""Goal: options count with their multiplier, and what may be opened of them is one table.

Method: the pure values and checks; figures worked out by hand. A contract stands for 100 shares.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from support import risk_facts as b

from execbot.model.enums import ErrorCategory, OrderClass, Side
from execbot.model.order import Order
from execbot.risk.checks import CHECKS, evaluate
from execbot.risk.facts import exposure_of
from execbot.risk.options.spreads import risk_of_spread
from execbot.risk.pending import PendingOrder, Purpose, pending_from_order

D = Decimal
CALL, PUT, FAR_PUT = "AAPL261218C00190000", "AAPL261218P00170000", "AAPL261218P00160000"


def exposure(*pending: PendingOrder) -> Decimal:
    return exposure_of(b.facts(pending=pending)).gross


@pytest.mark.parametrize("symbol", ["ETH/BTC", "BTC/USDT"])
def test_what_is_not_opened_is_refused_by_name_and_for_nothing_else(symbol: str) -> None:
    """What else might be wrong with it (no quote, not shortable) says nothing."""
    facts = b.facts(asset=b.asset(symbol, shortable=False, tradable=False), quote=None)
    verdict = evaluate(b.intent(symbol=symbol, side=Side.SELL), facts, b.LIMITS)
    assert (verdict.kind, verdict.category) == ("risk.instrument", ErrorCategory.FATAL)
    assert verdict.message.startswith(symbol)
    assert len(verdict.failures) == 1 and len(verdict.results) == len(CHECKS)


def test_what_is_held_is_closed() -> None:
    held = b.held(CALL, "2", "6", asset_class="us_option", market_value="1200")
    closing = b.intent(Purpose.EXIT, symbol=CALL, side=Side.SELL, qty=D(2))
    assert evaluate(closing, b.facts(positions=[held], quote=None), b.LIMITS).passed


def test_an_open_order_counts_a_hundred_times_its_limit() -> None:
    assert exposure(b.pending(CALL, leaves_qty=D(2), limit_price=D("6.05"))) == 1210


def test_an_order_at_an_unknown_price_counts_by_its_strike() -> None:
    """Not as unvalued: that would refuse every entry for the sake of one foreign order."""
    assert exposure(b.pending(CALL, leaves_qty=D(1), limit_price=None)) == 19000


def test_a_contract_that_is_sold_counts_by_its_strike() -> None:
    sold = b.pending(PUT, side=Side.SELL, leaves_qty=D(1), limit_price=D("1.50"))
    assert exposure(sold) == 17000


def spread(side: str, limit: str) -> Order:
    """A vertical of puts as Alpaca shows it: the parent has no symbol and a signed net limit."""

    def leg(symbol: str, side: str) -> dict[str, object]:
        return {
            "id": symbol, "client_order_id": f"leg-{symbol}", "symbol": symbol, "side": side,
            "asset_class": "us_option", "order_class": "mleg", "type": "", "qty": "2",
            "status": "new", "position_intent": f"{side}_to_open", "legs": None,
        }  # fmt: skip

    other = "buy" if side == "sell" else "sell"
    return Order.from_wire(
        {
            "id": "parent", "client_order_id": "spread-1", "symbol": "", "side": "",
            "asset_class": "", "order_class": "mleg", "type": "limit", "limit_price": limit,
            "qty": "2", "status": "new", "time_in_force": "day",
            "legs": [leg(PUT, side), leg(FAR_PUT, other)],
        }
    )  # fmt: skip


@pytest.mark.parametrize(("side", "limit"), [("sell", "-1.20"), ("buy", "1.20")])
def test_a_spread_counts_leg_by_leg_and_never_lowers_exposure(side: str, limit: str) -> None:
    parts = [pending_from_order(leg, held_qty=D(0)) for leg in spread(side, limit).parts]
    assert [part.symbol for part in parts] == [PUT, FAR_PUT]
    assert exposure(*parts) == 2 * 100 * (D(170) + D(160))


@pytest.mark.parametrize(
    ("side", "limit", "risk"),
    [
        ("buy", "1.20", 240),
        ("sell", "-1.20", 2000 - 240),
        ("sell", "0", 2000),
        ("sell", "-11", 0),  # more than it could lose: still it lowers nothing
        ("buy", "-1", 0),
    ],
)
def test_a_working_spread_counts_what_it_may_lose_and_never_less_than_nothing(
    side: str, limit: str, risk: int
) -> None:
    """E-OPT-2: two verticals, 10 dollars wide."""
    assert risk_of_spread(spread(side, limit)) == risk


def test_only_a_multi_leg_order_is_taken_apart() -> None:
    bracket = Order.from_wire(
        {
            "id": "one", "client_order_id": "one", "symbol": "AAPL", "order_class": "bracket",
            "legs": [{"id": "leg", "symbol": "AAPL"}],
        }
    )  # fmt: skip
    assert bracket.parts == (bracket,)
    assert spread("buy", "1").parts[0].order_class is OrderClass.MLEG


def test_a_pending_order_in_another_currency_has_no_value_in_dollars() -> None:
    """0.05 is a price in bitcoin: read as dollars it would hide what is at stake."""
    found = exposure_of(b.facts(pending=[b.pending("ETH/BTC", limit_price=D("0.05"))]))
    assert found.unvalued == ("other-ETH/BTC",)


def test_a_position_without_the_brokers_value_counts_with_its_multiplier() -> None:
    """E-OPT-2."""
    held = b.held(CALL, "-3", "2", asset_class="us_option", market_value=None)
    assert exposure_of(b.facts(positions=[held])).gross == 3 * 19000  # uncovered: by the strike
    long = b.held(CALL, "3", "2", asset_class="us_option", market_value=None)
    assert exposure_of(b.facts(positions=[long])).gross == 600


@pytest.mark.parametrize("sold_worth", ["-600", None])
def test_a_held_spread_counts_the_same_where_the_broker_does_not_say_its_value(
    sold_worth: str | None,
) -> None:
    """E-OPT-2: bought back it costs 400, and 2000 of collateral stand behind it."""
    sold = b.held(PUT, "-2", "3", asset_class="us_option", market_value=sold_worth)
    bought = b.held(FAR_PUT, "2", "1", asset_class="us_option", market_value="200")
    assert exposure_of(b.facts(positions=[sold, bought])).gross == 2000 - 400
