"""Goal: what the limits of the day count is what was really sent, and entries alone.

Method: orders of every sort through the trader's own desk, then the counters of one more.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.broker.errors import BrokerError
from execbot.config.schema import ScaleInSettings
from execbot.journal import Role
from execbot.model.enums import OrderType, Outcome, Side
from execbot.model.order import OrderRequest
from execbot.oms.errors import Refused
from execbot.oms.release_queue import release_due
from execbot.risk.facts import Counters
from execbot.risk.halting import current
from execbot.risk.kill_switch import Level

D = Decimal
AFTERNOON = {"calendar": "exchange", "at": "2026-10-06 15:00"}
EVENING = {"calendar": "exchange", "at": "2026-10-06 18:00"}


def counters(trader: SignalTrader, request: OrderRequest) -> Counters:
    return trader.executor.desk.check(request).facts.counters


def test_queued_orders_count_on_the_day_on_which_they_are_sent(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, sim=EVENING, risk={"max_daily_orders": 3})
    for symbol in ("KO", "PEP", "BAC"):
        trader.placer.place(market(symbol, "1"))
    assert counters(trader, market("WMT", "1")).orders_today == 0
    trader.until("2026-10-07 10:00")
    assert [item.outcome for item in release_due(trader.executor)] == [Outcome.ACCEPTED] * 3
    with pytest.raises(Refused) as caught:
        trader.placer.place(market("WMT", "1"))
    assert caught.value.kind == "risk.daily_orders"
    assert len(trader.desk.orders_there()) == 3


def stop() -> OrderRequest:
    return OrderRequest("AAPL", Side.SELL, qty=D(10), type=OrderType.STOP, stop_price=D(100))


@pytest.mark.parametrize("role", [Role.STOP, Role.TARGET, Role.EXIT])
def test_refused_exits_are_no_rejections_in_a_row(tmp_path: Path, role: str) -> None:
    trader = open_trader(tmp_path, risk={"max_consecutive_rejections": 2})
    trader.placer.place(market())
    trader.fill()
    trader.desk.oms.submit(stop(), role=Role.STOP)
    for _ in range(3):
        trader.desk.sleep(1)
        with pytest.raises(BrokerError):
            trader.desk.oms.submit(stop(), role=role)
    assert counters(trader, market("KO", "1")).consecutive_rejections == 0
    trader.placer.place(market("KO", "1"))
    assert current(trader.desk.journal).level is Level.OFF


def test_refused_entries_count_also_between_exits(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(market())
    trader.fill()
    for number in range(2):
        trader.desk.sleep(1)
        _refused_entry(trader, number)
        trader.desk.oms.submit(OrderRequest(**_small_exit()), role=Role.EXIT)
    assert counters(trader, market("KO", "1")).consecutive_rejections == 2


def _refused_entry(trader: SignalTrader, number: int) -> None:
    with pytest.raises(BrokerError):
        trader.desk.oms.submit(market("NOSUCH", "1", client_order_id=f"refused-{number}"))


def _small_exit() -> dict[str, Any]:
    return {"symbol": "AAPL", "side": Side.SELL, "qty": D(1)}


def test_queued_addition_is_no_step_before_itself(tmp_path: Path) -> None:
    scale = ScaleInSettings(enabled=True, max_steps=1, min_profit_pct=D(1))
    trader = open_trader(tmp_path, sim=AFTERNOON, risk={"scale_in": scale})
    trader.placer.place(market(qty="10"))
    trader.fill()
    trader.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "300"})
    trader.until("2026-10-06 18:00")
    trader.placer.place(market(qty="5", client_order_id="more"))
    assert counters(trader, market(qty="5", client_order_id="more")).scale_in_steps == 0
    assert counters(trader, market(qty="5", client_order_id="again")).scale_in_steps == 1
    trader.until("2026-10-07 10:00")
    (released,) = release_due(trader.executor)
    assert released.outcome is Outcome.ACCEPTED, released.reason
