"""Goal: the running process itself carries day legs over a weekend.

Method: a real `watch` against a served exchange; the test says when the weekend is over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.processes import exchange, execbot, start_execbot


@pytest.mark.timeout(300)
def test_a_running_watch_crosses_a_weekend_with_day_legs(tmp_path: Path) -> None:
    """The process itself: threads, streams, the broker's clock."""
    # It runs: of a clock that stands the watch sees only what its own requests bring back, and
    # while no time passes it has none to make.
    clock = ("--calendar", "exchange", "--at", "2026-10-09 15:50", "--speed", "1")
    with exchange(tmp_path, *clock) as server:
        env = server.environment(tmp_path)
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        legs = ["--stop-loss", "190", "--take-profit", "220", "--tif", "day"]
        assert execbot(["submit", "AAPL", "--qty", "10", *legs], env).code == 0
        server.call("POST", "/sim/clock", {"step": 5})
        output = tmp_path / "watch.ndjson"
        watch = start_execbot(["watch", "--json"], env, stdout=output.open("w"), stderr=None)

        def lines(**facts: str) -> list[dict[str, Any]]:
            whole = [x for x in output.read_text().splitlines(keepends=True) if x.endswith("\n")]
            told = [json.loads(x) for x in whole]
            return [line for line in told if all(line.get(k) == v for k, v in facts.items())]

        def comes(true: Callable[[], bool]) -> bool:
            until = time.monotonic() + 90
            while not true() and time.monotonic() < until:
                server.call("POST", "/sim/clock", {"step": 0.5})
                time.sleep(0.1)
            return true()

        def stands(state: str) -> bool:
            return [line["state"] for line in lines(type="guard")][-1:] == [state]

        try:
            assert comes(lambda: stands("protected")), lines()
            server.call("POST", "/sim/clock", {"set": "2026-10-09 16:00:05"})
            assert comes(lambda: bool(lines(type="alarm", kind="exit_expired")))
            assert comes(lambda: stands("dormant")), lines()
            server.call("POST", "/sim/clock", {"set": "2026-10-12 09:30:05"})
            assert comes(lambda: stands("protected")), lines()
            assert comes(lambda: lines(type="session")[-1]["session"] == "regular"), lines()
        finally:
            watch.terminate()
            watch.wait(timeout=60)
        [pair] = [r for r in server.orders() if r["order_class"] == "oco"]
        assert (pair["qty"], pair["time_in_force"], pair["status"]) == ("10", "gtc", "new")
        assert [leg["status"] for leg in pair["legs"]] == ["held"]
