"""Goal: every situation that users of Alpaca have reported ends in a journal that is right.

Method: each file of tests/scenarios is played by the built-in exchange while a trader enters,
protects, changes, cancels and closes; afterwards both sides are compared.
"""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import Desk, limit, market, open_desk
from support.paths import SCENARIOS

from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest
from execbot.journal import Role
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.oms.errors import OmsError
from execbot.sim.faults.scenario import Scenario

FILES = sorted(SCENARIOS.glob("*.yaml"))


def trade(desk: Desk) -> None:
    """A day of a careful trader; what the broker refuses is left alone."""
    with contextlib.suppress(BrokerError, OmsError):
        desk.oms.submit(market(client_order_id="entry"))
    listen(desk)
    with contextlib.suppress(BrokerError, OmsError):
        stop = OrderRequest(
            "AAPL",
            Side.SELL,
            qty=Decimal(10),
            type=OrderType.STOP,
            stop_price=Decimal(100),
            time_in_force=TimeInForce.GTC,
            client_order_id="stop",
        )
        desk.oms.submit(stop, role=Role.STOP)
    listen(desk)
    with contextlib.suppress(BrokerError, OmsError):
        desk.oms.submit(limit("1.00", "MSFT", client_order_id="resting"))
    listen(desk)
    with contextlib.suppress(BrokerError, OmsError):
        desk.oms.replace("resting", ReplaceRequest(limit_price=Decimal("1.10")))
    listen(desk)
    with contextlib.suppress(BrokerError, OmsError):
        desk.oms.cancel_all(symbol="MSFT", wait_seconds=2)
    with contextlib.suppress(BrokerError, OmsError):
        desk.oms.close("AAPL", wait_seconds=2)
    listen(desk)


def listen(desk: Desk) -> None:
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_journal_is_right_after(path: Path, tmp_path: Path) -> None:
    desk = open_desk(tmp_path, **Scenario.read(path).settings)
    trade(desk)
    desk.sleep(60)
    desk.call("DELETE", "/sim/faults")
    desk.sleep(15)
    result = desk.oms.reconcile()
    assert not result.has_breaks, result.breaks
    there = desk.call("GET", "/v2/orders?status=all&limit=500&nested=false")
    assert len({row["client_order_id"] for row in there}) == len(there)
    for row in there:
        record = desk.journal.order_by_broker_id(row["id"])
        assert record is not None and record.status.value == row["status"]
    assert not desk.journal.unsettled_orders()
    positions = {item.symbol: item.qty for item in desk.journal.positions()}
    assert positions == {name: Decimal(qty) for name, qty in desk.positions_there().items()}
    desk.journal.close()
