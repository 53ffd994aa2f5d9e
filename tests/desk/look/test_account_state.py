"""Goal: `account` says what the account is worth, what the day made, and what is left of limits.

Method: an account of the built-in exchange in this process; the exchange moves cash, prices and
fees, and every figure is worked out by hand from what it was told.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from execbot.desk import halting
from execbot.desk.account import Desk, open_desk
from execbot.desk.following import follow
from execbot.desk.look.account_state import AccountState, account_state
from execbot.desk.opening.exchange import control
from execbot.model.enums import Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.risk.kill_switch import Level

D = Decimal


@pytest.fixture
def desk(sim_env: dict[str, str]) -> Iterator[Desk]:
    price(sim_env, "AAPL", "200")
    price(sim_env, "BTC/USD", "50000")
    opened = open_desk(env=sim_env)
    yield opened
    opened.close()


def price(env: dict[str, str], symbol: str, value: str) -> None:
    control("POST", "price", {"symbol": symbol, "price": value, "hold": True}, env=env)


def buy(desk: Desk, symbol: str, qty: str) -> Decimal:
    """The average price paid."""
    tif = TimeInForce.GTC if "/" in symbol else TimeInForce.DAY
    request = OrderRequest(symbol, Side.BUY, qty=D(qty), time_in_force=tif)
    record, _ = follow(desk, desk.placer.place(request).record, 20)
    assert record.order.filled_avg_price is not None
    return record.order.filled_avg_price


def used(state: AccountState, name: str) -> tuple[Decimal | None, Decimal | None]:
    (found,) = [item for item in state.limits if item.name == name]
    return found.used, found.left


def near(value: Decimal | None, wanted: Decimal) -> bool:
    return value is not None and abs(value - wanted) < D("0.02")


def test_a_fresh_account_has_made_nothing_and_has_all_limits_left(desk: Desk) -> None:
    state = account_state(desk)
    assert (state.account.equity, state.day.profit, state.open_pl) == (D(100_000), 0, 0)
    assert (state.day.flows, state.day.fees, state.exposure) == (0, None, 0)
    assert used(state, "max_positions") == (0, 5)
    assert used(state, "max_account_exposure_pct") == (0, 50)
    assert used(state, "risk.max_daily_orders") == (0, 200)
    assert used(state, "risk.max_consecutive_losses") == (None, None)


def test_the_day_is_what_prices_and_fees_made_of_it_whatever_came_or_went(
    desk: Desk, sim_env: dict[str, str]
) -> None:
    paid = buy(desk, "AAPL", "20")
    coins = buy(desk, "BTC/USD", "0.1")
    control("POST", "flow", {"type": "CSD", "amount": 50_000}, env=sim_env)
    control("POST", "fee", {"type": "FEE", "sub_type": "TAF", "amount": "0.05"}, env=sim_env)
    price(sim_env, "AAPL", "190")
    state = account_state(desk)
    fee = D("0.00025") * coins
    lost = 20 * (paid - 190) + D("0.1") * coins - D("0.09975") * 50_000 + D("0.05")
    assert near(state.day.profit, -lost)
    assert state.day.flows == 50_000
    assert near(state.day.profit_pct, -lost / 1500)  # of the close and of what came: as `stats`
    assert near(state.day.fees, fee + D("0.05"))
    assert near(used(state, "risk.max_daily_loss_pct")[0], lost / 1000)
    assert used(state, "max_positions") == (2, 3)
    assert used(state, "risk.max_daily_orders") == (2, 198)
    assert near(state.exposure, 20 * D(190) + D("0.09975") * 50_000)


def test_an_equity_that_cannot_be_is_not_shown_as_a_loss(
    desk: Desk, sim_env: dict[str, str]
) -> None:
    control("POST", "faults", {"kind": "account_zero", "count": 1}, env=sim_env)
    state = account_state(desk)
    assert not state.equity_known and state.day.profit is None and state.margin_excess is None
    assert any("unknown" in warning for warning in state.warnings)


def test_a_halt_is_shown(desk: Desk) -> None:
    halting.halt(desk, "broken feed")
    assert account_state(desk).kill_switch.level is Level.HALTED
