"""Goal: a strategy's clock is held against the broker's, not against what we last heard of it.

Method: `signal -` as a process, which asks nobody while it has nothing to do; meanwhile the
exchange's clock is moved.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

from support.processes import Server, start_execbot


def test_a_signal_made_after_an_idle_night_is_not_of_the_future(
    server: Server, env: dict[str, str]
) -> None:
    run = start_execbot(["signal", "-", "--json"], env, stdin=subprocess.PIPE)

    def say(symbol: str, ahead: timedelta) -> Any:
        now = datetime.fromtimestamp(server.get("/sim/clock")["now_ns"] / 1e9, UTC) + ahead
        line = {"symbol": symbol, "side": "buy", "strength": 90, "qty": 1}
        assert run.stdin is not None and run.stdout is not None
        run.stdin.write(json.dumps({**line, "created_at": now.isoformat()}) + "\n")
        run.stdin.flush()
        return json.loads(run.stdout.readline())

    assert say("AAPL", timedelta())["reason"] is None
    server.call("POST", "/sim/clock", {"step": 12 * 3600})
    assert say("MSFT", timedelta())["reason"] is None
    server.call("POST", "/sim/clock", {"step": 3 * 24 * 3600})
    assert say("NVDA", timedelta())["reason"] is None
    assert say("KO", timedelta(minutes=5))["reason"] == "signal.bad_line"
    assert run.stdin is not None
    run.stdin.close()
    assert run.wait(timeout=60) in (0, 12)
