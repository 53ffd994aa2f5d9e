"""Goal: an entry that waits to be sent again is judged again. Method: a desk with every check.

The built-in exchange in process, under a virtual clock; the pause of the code under test is where
the trader or the hour comes in between.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import Desk, market
from support.signal_trader import SignalTrader, open_trader

from execbot.model.enums import OrderStatus, Side
from execbot.model.timer import Timer
from execbot.oms.errors import InDoubt, Refused
from execbot.oms.results import GateVerdict
from execbot.risk.halting import raise_switch
from execbot.risk.kill_switch import Level

POST = {"method": "POST", "path": "/v2/orders"}
ALL = Decimal(100)


def halt_in_the_next_pause(trader: SignalTrader) -> None:
    desk, pipeline = trader.desk, trader.executor.oms._pipeline

    def sleep(seconds: float) -> None:
        raise_switch(desk.journal, Level.HALTED, "stop", "trader", desk.now())
        desk.sleep(seconds)

    pipeline._timer = Timer(desk.monotonic, sleep)


def test_entry_is_not_sent_again_after_a_halt(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=ALL)
    trader.desk.fault("rate_limited", **POST, retry_after=8)
    halt_in_the_next_pause(trader)
    with pytest.raises(Refused) as caught:
        trader.placer.place(market(client_order_id="held"))
    assert caught.value.kind == "risk.kill_switch"
    assert trader.executor.oms.record("held").status is OrderStatus.NEVER_SENT
    assert trader.desk.orders_there() == {}


def test_exit_is_sent_again_after_a_halt(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=ALL)
    trader.placer.place(market())
    trader.fill()
    trader.desk.fault("rate_limited", **POST, retry_after=8)
    halt_in_the_next_pause(trader)
    assert trader.placer.place(market(side=Side.SELL)).record.order_id


def test_entry_is_not_sent_again_after_the_close(tmp_path: Path) -> None:
    sim = {"calendar": "exchange", "at": "2026-10-06 15:59:50"}
    trader = open_trader(tmp_path, sim=sim, max_position_size_pct=ALL)
    trader.desk.fault("rate_limited", **POST, retry_after=20)
    with pytest.raises(Refused) as caught:
        trader.placer.place(market())
    assert caught.value.kind == "risk.session"
    assert trader.desk.orders_there() == {}


def test_entry_that_may_still_trade_is_sent_again(tmp_path: Path) -> None:
    limits = {"max_daily_orders": 1}
    trader = open_trader(tmp_path, max_position_size_pct=ALL, risk=limits)
    trader.desk.fault("rate_limited", **POST, retry_after=8)
    assert trader.placer.place(market()).record.order_id


def test_entry_in_doubt_that_is_not_allowed_any_more_stays_in_doubt(desk: Desk) -> None:
    no = GateVerdict(False, "risk.kill_switch", "halted")
    desk.fault("reset_before", **POST)
    with pytest.raises(InDoubt, match="halted"):
        desk.oms.submit(
            market(client_order_id="mine"),
            gate=lambda journal: GateVerdict(True, before_resend=lambda journal: no),
        )
    assert desk.oms.record("mine").status is OrderStatus.IN_DOUBT
    assert desk.sent.count("POST /v2/orders") == 1
