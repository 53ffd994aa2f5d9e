"""Goal: nobody is left with a stop that silently ends at the close.

Method: the rule as a table, and orders of real commands in sim mode.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.processes import clean_environment, execbot

from execbot.desk.placing import legs_lapse
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss

GTC, DAY = TimeInForce.GTC, TimeInForce.DAY
STOP = StopLoss(Decimal(90))


@pytest.mark.parametrize(
    ("tif", "stop", "limit", "words"),
    [
        (DAY, STOP, None, "lapse at the close"),
        (DAY, STOP, Decimal(99), "lapse at the close"),
        (GTC, STOP, None, ""),
        (GTC, STOP, Decimal(99), "rests until it fills"),
        (DAY, None, None, ""),
        (GTC, None, Decimal(99), ""),
    ],
)
def test_what_one_time_in_force_for_entry_and_legs_means_is_said(
    tif: TimeInForce, stop: StopLoss | None, limit: Decimal | None, words: str
) -> None:
    request = OrderRequest(
        "AAPL",
        Side.BUY,
        qty=Decimal(1),
        type=OrderType.LIMIT if limit else OrderType.MARKET,
        limit_price=limit,
        time_in_force=tif,
        stop_loss=stop,
    )
    said = legs_lapse(request)
    assert len(said) == bool(words)
    assert words in "".join(said)


def test_legs_live_on_unless_the_day_was_asked_for(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, EXECBOT_MODE="sim")
    command = ["submit", "--qty", "1", "--stop-loss", "2%", "--json", "--mode", "sim"]
    plain = execbot([*command, "AAPL"], env)
    assert plain.code == 0, plain.err
    assert plain.data["time_in_force"] == "gtc"
    assert [leg["time_in_force"] for leg in plain.data["legs"]] == ["gtc"]
    assert plain.json["warnings"] == []
    day = execbot([*command, "MSFT", "--tif", "day"], env)
    assert day.code == 0, day.err
    assert day.data["time_in_force"] == "day"
    assert any("lapse at the close" in warning for warning in day.json["warnings"])
    without = execbot(["submit", "NVDA", "--qty", "1", "--json", "--mode", "sim"], env)
    assert without.data["time_in_force"] == "day"


def test_exits_by_default_make_a_submitted_order_outlive_the_day_too(tmp_path: Path) -> None:
    config = tmp_path / "trading.yaml"
    config.write_text(
        "trading_execution:\n"
        "  exits: {protect_submitted: true}\n"
        "  take_profit: {partial_exits: []}\n"
        "  stop_loss: {use_trailing: false}\n"
    )
    env = clean_environment(tmp_path, EXECBOT_MODE="sim", EXECBOT_CONFIG=str(config))
    command = ["submit", "AAPL", "--qty", "1", "--json", "--mode", "sim"]
    done = execbot(command, env)
    assert done.code == 0, done.err
    assert (done.data["order_class"], done.data["time_in_force"]) == ("bracket", "gtc")
