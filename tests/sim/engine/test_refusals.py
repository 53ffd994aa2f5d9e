"""Goal: every refusal of a POST has Alpaca's exact status, code and message. Method: one table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.scripted_market import Desk, refusal_of

SHAPE, RULE, FORBIDDEN = (422, 40010001), (422, 42210000), (403, 40310000)
LIMIT = {"type": "limit", "limit_price": "90"}
TP, SL = {"limit_price": "110"}, {"stop_price": "90"}
CRYPTO = {"symbol": "BTC/USD", "qty": "0.1"}

SHAPES: list[tuple[dict[str, Any], str]] = [
    ({"qty": None}, "qty or notional is required"),
    ({"notional": "5"}, "only one of qty or notional is accepted"),
    ({"qty": "0"}, "qty must be > 0"),
    ({"qty": "-1"}, "qty must be > 0"),
    ({"qty": "ten"}, "invalid qty"),
    ({"qty": "nan"}, "invalid qty"),
    ({"qty": True}, "invalid qty"),
    ({"qty": None, "notional": "0"}, "notional must be > 0"),
    ({"symbol": ""}, "symbol is required"),
    ({"side": "long"}, "invalid side"),
    ({"type": "iceberg"}, "invalid order type"),
    ({"time_in_force": "forever"}, "invalid time_in_force"),
    ({"order_class": "ladder"}, "invalid order_class"),
    ({"position_intent": "hold"}, "invalid position_intent"),
    ({"extended_hours": "maybe"}, "invalid extended_hours"),
    ({"client_order_id": "x" * 129}, "client_order_id must be no more than 128 characters"),
    ({"limit_price": "90"}, "market orders require no stop or limit price"),
    ({"stop_price": "90"}, "market orders require no stop or limit price"),
    ({"type": "limit"}, "limit orders require a limit price"),
    ({"type": "limit", "limit_price": "0"}, "limit price must be > 0"),
    ({**LIMIT, "stop_price": "80"}, "limit orders must not have stop_price"),
    ({"type": "stop"}, "stop orders require a stop price"),
    ({"type": "stop", "stop_price": "0"}, "stop price must be > 0"),
    ({"type": "stop", "stop_price": "110", "limit_price": "111"},
     "stop orders must not have limit_price"),
    ({"type": "stop_limit", "stop_price": "110"},
     "stop limit orders require both stop and limit price"),
    ({"type": "trailing_stop"},
     "trailing stop orders must specify one of trail_price or trail_percent"),
    ({"type": "trailing_stop", "trail_price": "1", "trail_percent": "1"},
     "trailing stop orders must specify one of trail_price or trail_percent"),
    ({"type": "trailing_stop", "trail_percent": "0.05"},
     "trail_percent must be greater than or equal to 0.1"),
    ({"order_class": "bracket", "stop_loss": SL}, "bracket orders require take_profit.limit_price"),
    ({"order_class": "bracket", "take_profit": TP},
     "bracket orders require stop_loss.stop_price"),
    ({"order_class": "oco", **LIMIT, "stop_loss": SL},
     "oco orders require take_profit.limit_price"),
    ({"order_class": "oco", "type": "market", "take_profit": TP, "stop_loss": SL},
     "oco orders must be limit orders"),
    ({"order_class": "oto"}, "oto orders require either take_profit or stop_loss"),
    ({"order_class": "oto", "take_profit": TP, "stop_loss": SL},
     "oto orders require either take_profit or stop_loss"),
    ({"order_class": "bracket", "take_profit": {"limit_price": "0"}, "stop_loss": SL},
     "invalid take_profit.limit_price: must be > 0"),
    ({"order_class": "bracket", "type": "stop", "stop_price": "101", "take_profit": TP,
      "stop_loss": SL}, "bracket orders must be market or limit orders"),
]  # fmt: skip

RULES: list[tuple[dict[str, Any], str]] = [
    ({"symbol": "NOPE"}, 'asset "NOPE" not found'),
    ({"symbol": "DEAD"}, 'asset "DEAD" is not active'),
    ({"symbol": "OTC"}, "asset OTC is not tradable"),
    ({"type": "limit", "limit_price": "11.055"},
     "invalid limit_price 11.055. "
     "sub-penny increment does not fulfill minimum pricing criteria"),
    ({"symbol": "CHEAP", "type": "limit", "limit_price": "0.49001"},
     "invalid limit_price 0.49001. "
     "sub-penny increment does not fulfill minimum pricing criteria"),
    ({"type": "stop", "stop_price": "110.005"},
     "invalid stop_price 110.005. "
     "sub-penny increment does not fulfill minimum pricing criteria"),
    ({"order_class": "bracket", "take_profit": {"limit_price": "110.001"}, "stop_loss": SL},
     "invalid take_profit.limit_price 110.001. "
     "sub-penny increment does not fulfill minimum pricing criteria"),
    ({"qty": "1.5", "time_in_force": "gtc"}, "fractional orders must be DAY orders"),
    ({"qty": None, "notional": "50", "time_in_force": "ioc"},
     "fractional orders must be DAY orders"),
    ({"qty": "1.5", "order_class": "bracket", "take_profit": TP, "stop_loss": SL},
     "fractional orders must be simple orders"),
    ({"qty": "0.5", "side": "sell"}, "fractional orders cannot be sold short"),
    ({"qty": "1.5", "type": "trailing_stop", "trail_price": "1"},
     "fractional orders cannot be trailing stop orders"),
    ({"qty": None, "notional": "5.001"}, "notional value must be limited to 2 decimal places"),
    ({"qty": "1.0000000001"}, "qty must be limited to 9 decimal places"),
    ({"extended_hours": True}, "extended hours order must be DAY or GTC limit orders"),
    ({**LIMIT, "extended_hours": True, "time_in_force": "ioc"},
     "extended hours order must be DAY or GTC limit orders"),
    ({"type": "stop", "stop_price": "110", "time_in_force": "ioc"},
     "invalid time_in_force ioc for stop order"),
    ({"symbol": "NOSHORT", "side": "sell"}, 'asset "NOSHORT" cannot be sold short'),
    ({"symbol": "HTB", "side": "sell", "time_in_force": "gtc"},
     'only day orders are allowed for hard-to-borrow asset "HTB"'),
    ({"type": "stop", "stop_price": "99"}, "stop price must be greater than current price"),
    ({"side": "sell", "type": "stop", "stop_price": "101"},
     "stop price must be less than current price"),
    ({"position_intent": "sell_to_close"},
     "position intent mismatch, inferred: buy_to_open, specified: sell_to_close"),
    ({"order_class": "bracket", "take_profit": {"limit_price": "100"}, "stop_loss": SL},
     "take_profit.limit_price must be >= base_price + 0.01"),
    ({"order_class": "bracket", "take_profit": TP, "stop_loss": {"stop_price": "100"}},
     "stop_loss.stop_price must be <= base_price - 0.01"),
    ({**LIMIT, "order_class": "bracket", "take_profit": TP, "stop_loss": {"stop_price": "95"}},
     "stop_loss.stop_price must be <= base_price - 0.01"),
    ({"side": "sell", "order_class": "bracket", "take_profit": TP, "stop_loss": SL},
     "take_profit.limit_price must be <= base_price - 0.01"),
    ({"side": "sell", "order_class": "bracket", "take_profit": {"limit_price": "90"},
      "stop_loss": {"stop_price": "95"}}, "stop_loss.stop_price must be >= base_price + 0.01"),
    ({"order_class": "oco", **LIMIT, "limit_price": None, "take_profit": TP, "stop_loss": SL},
     "oco orders must be exit orders"),
    ({**CRYPTO, "order_class": "bracket", "take_profit": TP, "stop_loss": SL},
     "crypto orders not allowed for advanced order_class: otoco"),
    ({**CRYPTO, "order_class": "oto", "stop_loss": SL},
     "crypto orders not allowed for advanced order_class: oto"),
    ({**CRYPTO, "type": "stop", "stop_price": "60000"}, "invalid order type for crypto order"),
    ({**CRYPTO, "time_in_force": "day"}, "invalid crypto time_in_force"),
    ({**CRYPTO, "time_in_force": "fok"}, "invalid crypto time_in_force"),
]  # fmt: skip

FORBIDDENS: list[tuple[dict[str, Any], str]] = [
    ({"symbol": "WHOLE", "qty": "1.5"}, 'asset "WHOLE" is not fractionable'),
    ({"symbol": "WHOLE", "qty": None, "notional": "50"}, 'asset "WHOLE" is not fractionable'),
    ({"qty": None, "notional": "0.99"}, "cost basis must be >= minimal amount of order 1"),
    ({"qty": "100000"}, "insufficient buying power"),
    ({**CRYPTO, "side": "sell", "qty": "1"},
     "insufficient balance for BTC (requested: 1, available: 0)"),
    ({**CRYPTO, "qty": "0.00001"}, "minimal qty of order is 0.0001"),
    ({**CRYPTO, "qty": "5"}, "cost basis must be <= maximal amount of order 200000"),
]  # fmt: skip

CASES = [
    *((SHAPE, given, message) for given, message in SHAPES),
    *((RULE, given, message) for given, message in RULES),
    *((FORBIDDEN, given, message) for given, message in FORBIDDENS),
]


@pytest.mark.parametrize(
    ("kind", "given", "message"), CASES, ids=[str(i) for i in range(len(CASES))]
)
def test_an_illegal_order_is_refused_and_leaves_no_trace(
    kind: tuple[int, int], given: dict[str, Any], message: str
) -> None:
    desk = Desk()
    symbol = given.pop("symbol", "ABC") if "symbol" in (given := dict(given)) else "ABC"
    assert desk.refusal(symbol, **given) == (*kind, message)
    assert desk.exchange.orders(desk.id, {"status": "all"}) == []
    assert desk.events() == []


def test_insufficient_buying_power_carries_the_figures() -> None:
    error = refusal_of(lambda: Desk().place(qty="10000000"))
    assert error.extra == {"buying_power": "400000", "cost_basis": "1000200000"}


def test_the_wrong_side_of_a_stop_carries_both_prices() -> None:
    error = refusal_of(lambda: Desk().place(type="stop", stop_price="99", side="buy"))
    assert error.extra == {"market_price": "100", "stop_price": "99"}


def test_the_leg_check_carries_its_base_price() -> None:
    error = refusal_of(
        lambda: Desk().place(
            type="limit", limit_price="95", order_class="bracket",
            take_profit={"limit_price": "94"}, stop_loss={"stop_price": "90"},
        )
    )  # fmt: skip
    assert error.extra == {"base_price": "95"}


def test_a_client_order_id_is_refused_for_ever() -> None:
    desk = Desk()
    refusal = (422, 40010001, "client_order_id must be unique")
    first = desk.place(type="limit", limit_price="90", client_order_id="mine")
    assert desk.refusal(client_order_id="mine") == refusal
    desk.run()
    desk.cancel(first)
    desk.run()
    assert desk.status(first) == "canceled"
    assert desk.refusal(client_order_id="mine") == refusal


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ("account_blocked", "account is not authorized to trade"),
        ("trading_blocked", "account is not authorized to trade"),
        ("suspended", "new orders are rejected by user request"),
        ("liquidation_only", "account is restricted to liquidation only"),
    ],
)
def test_a_blocked_account_takes_no_entry(switch: str, message: str) -> None:
    desk = Desk()
    desk.exchange.set_switches(desk.id, **{switch: True})
    assert desk.refusal() == (403, 40310000, message)
    desk.exchange.set_switches(desk.id, **{switch: False})
    assert desk.place()["status"] == "pending_new"


def test_liquidation_only_still_lets_a_position_go() -> None:
    desk = Desk()
    desk.filled()
    desk.exchange.set_switches(desk.id, liquidation_only=True)
    assert desk.filled(side="sell")["filled_qty"] == "10"


def test_configurations_forbid_fractions_and_shorts() -> None:
    desk = Desk()
    desk.exchange.set_configurations(desk.id, {"fractional_trading": False, "no_shorting": True})
    assert desk.refusal(qty="1.5")[2] == "fractional trading is disabled for this account"
    assert desk.refusal(side="sell") == (403, 40310000, "account is not allowed to short")
    assert desk.account()["shorting_enabled"] is False


def test_an_account_below_2000_dollars_neither_shorts_nor_borrows() -> None:
    desk = Desk(starting_cash=Decimal("1999"))
    assert desk.account()["buying_power"] == "1999"
    assert desk.account()["multiplier"] == "1"
    assert desk.refusal(side="sell", qty="1") == (403, 40310000, "account is not allowed to short")


def test_the_order_limit_of_an_account() -> None:
    desk = Desk(max_open_orders=1)
    desk.place(type="limit", limit_price="90")
    assert desk.refusal("XYZ") == (403, 40310000, "maximum number of open orders reached: 1")


@pytest.mark.parametrize(
    ("at", "tif", "message"),
    [
        ("2026-10-08 09:28", "opg", "opg orders must be submitted after 7:00pm and before 9:28am"),
        ("2026-10-08 18:59", "opg", "opg orders must be submitted after 7:00pm and before 9:28am"),
        ("2026-10-08 15:55", "cls", "cls orders must be submitted after 7:00pm and before 3:55pm"),
        ("2026-10-08 18:59", "cls", "cls orders must be submitted after 7:00pm and before 3:55pm"),
        ("2026-11-27 12:50", "cls", "cls orders must be submitted after 7:00pm and before 12:50pm"),
        ("2026-11-27 13:30", "cls", "cls orders must be submitted after 7:00pm and before 12:50pm"),
    ],
)
def test_auction_orders_have_their_hours(at: str, tif: str, message: str) -> None:
    assert Desk(at).refusal(time_in_force=tif) == (403, 40310000, message)


@pytest.mark.parametrize(
    ("at", "tif"),
    [
        ("2026-10-08 09:27", "opg"),
        ("2026-10-07 19:00", "opg"),
        ("2026-10-08 15:54", "cls"),
        ("2026-11-27 12:49", "cls"),
        ("2026-11-27 09:27", "opg"),
        ("2026-11-27 19:00", "cls"),
    ],
)
def test_auction_orders_are_taken_within_their_hours(at: str, tif: str) -> None:
    assert Desk(at).place(time_in_force=tif)["status"] in ("pending_new", "accepted")
