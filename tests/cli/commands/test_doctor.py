"""Goal: `doctor` says before the first order where the feed cannot give what levels ask for.

Method: processes against a served exchange that answers with few daily bars for SPY.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, execbot


def levels(env: dict[str, str]) -> list[dict[str, Any]]:
    done = execbot(["doctor", "--json"], env)
    assert done.code == 0, done.err
    return [row for row in done.data["checks"] if row["check"] == "levels"]


def configured(server: Server, home: Path, text: str) -> dict[str, str]:
    path = home / "trading.yaml"
    path.write_text(f"trading_execution:\n{text}")
    return server.environment(home, EXECBOT_CONFIG=str(path))


def few_bars(server: Server, count: int) -> None:
    bar = {"o": 1, "h": 2, "l": 1, "c": 1.5, "v": 10}
    rows = [{"t": f"2026-01-{day:02}T05:00:00Z", **bar} for day in range(1, count + 1)]
    body = {"bars": {"SPY": rows}, "next_page_token": None}
    rule = {"kind": "canned_reply", "method": "GET", "path": "/v2/stocks/bars", "count": 1}
    server.call("POST", "/sim/faults", {**rule, "status": 200, "body": body})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  stop_loss: {method: atr}\n", "stop_loss.atr_period needs 15"),
        pytest.param(
            "  stop_loss: {method: support, support_days: 30}\n",
            "stop_loss.support_days needs 30",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "  take_profit: {method: resistance}\n",
            "take_profit.resistance_days needs 20",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_feed_with_too_few_days_is_told_with_the_key_that_asks(
    server: Server, tmp_path: Path, text: str, words: str
) -> None:
    env = configured(server, tmp_path, text)
    few_bars(server, 9)
    [row] = levels(env)
    assert row["status"] == "WARN"
    assert "SPY: the feed has 9 complete daily bars" in row["detail"] and words in row["detail"]
    [row] = levels(env)
    assert (row["status"], "are enough" in row["detail"]) == ("OK", True)


def test_levels_that_need_no_days_ask_for_none(server: Server, tmp_path: Path) -> None:
    few_bars(server, 0)
    [row] = levels(configured(server, tmp_path, "  stop_loss: {default_pct: 3}\n"))
    assert (row["status"], row["detail"]) == ("OK", "none is measured from daily bars")
