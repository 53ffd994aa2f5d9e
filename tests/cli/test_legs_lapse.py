"""Goal: nobody is left with a stop that silently ends at the close.

Method: the rule as a table, and the warning of a real command in sim mode.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.processes import clean_environment, execbot

from execbot.cli.submit import legs_lapse
from execbot.model.enums import Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss


@pytest.mark.parametrize(
    ("tif", "stop", "warned"),
    [
        (TimeInForce.DAY, StopLoss(Decimal(90)), True),
        (TimeInForce.GTC, StopLoss(Decimal(90)), False),
        (TimeInForce.DAY, None, False),
    ],
)
def test_only_the_legs_of_a_day_order_are_warned_of(
    tif: TimeInForce, stop: StopLoss | None, warned: bool
) -> None:
    request = OrderRequest("AAPL", Side.BUY, qty=Decimal(1), time_in_force=tif, stop_loss=stop)
    assert bool(legs_lapse(request)) is warned


def test_submit_with_a_day_stop_says_when_it_lapses(tmp_path: Path) -> None:
    command = ["submit", "AAPL", "--qty", "1", "--stop-loss", "2%", "--json", "--mode", "sim"]
    result = execbot(command, clean_environment(tmp_path))
    assert result.code == 0, result.err
    assert any("close" in warning for warning in result.json["warnings"])
