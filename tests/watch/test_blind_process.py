"""Goal: the running process tells that it knows nothing, and goes on when the broker answers.

Method: a real `watch` against a served exchange that is stopped in the middle: no frame, no answer.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from support.processes import exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

QUICK = {
    "EXECBOT__BROKER__TIMEOUT_SECONDS": "1",
    "EXECBOT__EXITS__UNPROTECTED_ALARM_SECONDS": "1",
}


def test_a_broker_that_stands_still_is_told_with_the_positions_and_trips_nothing(
    tmp_path: Path,
) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path, **QUICK)
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        bought = execbot(["submit", "AAPL", "--qty", "7", "--stop-loss", "190"], env)
        assert bought.code == 0, bought.err
        output = tmp_path / "watch.ndjson"
        watch = start_execbot(["watch", "--json"], env, stdout=output.open("w"), stderr=None)

        def lines(**facts: str) -> list[dict[str, Any]]:
            whole = [x for x in output.read_text().splitlines(keepends=True) if x.endswith("\n")]
            told = [json.loads(x) for x in whole]
            return [line for line in told if all(line.get(k) == v for k, v in facts.items())]

        try:
            assert eventually(lambda: lines(type="guard", state="protected"))
            server.process.send_signal(signal.SIGSTOP)
            assert eventually(lambda: lines(type="alarm", kind="blind"))
            [alarm] = lines(type="alarm", kind="blind")
            assert alarm["symbols"] == ["AAPL"]
            assert "AAPL 7 protected, stop at 190.00" in alarm["message"]
            server.process.send_signal(signal.SIGCONT)
            assert eventually(lambda: lines(type="broker", state="answers"))
            # Entries go on: not knowing has halted nothing.
            more = execbot(["submit", "MSFT", "--qty", "1", "--stop-loss", "5%"], env)
            assert more.code == 0, more.err
            assert eventually(lambda: lines(type="guard", symbol="MSFT", state="protected"))
        finally:
            server.process.send_signal(signal.SIGCONT)
            watch.send_signal(signal.SIGTERM)
            watch.wait(timeout=PATIENCE_SECONDS)
