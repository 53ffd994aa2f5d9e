"""Goal: what the broker takes and then rejects is followed up by `execbot watch`.

Method: real processes against a served exchange, whose own list says what was ordered.
"""

from __future__ import annotations

import json
from pathlib import Path

from support.processes import Server, end_watch, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually


def test_rejected_entry_of_a_signal_goes_out_again_and_that_of_a_submit_is_told(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "watch.ndjson"
    with log.open("w") as out:
        watch = start_execbot(["watch", "--json"], env, stdout=out, stderr=None)
        try:
            assert eventually(lambda: '"started"' in log.read_text()), log.read_text()
            for symbol in ("AAPL", "MSFT"):
                fault = {"kind": "accepted_then_rejected", "count": 1, "symbol": symbol}
                server.call("POST", "/sim/faults", fault)
            signal = ["signal", "AAPL", "buy", "--strength", "90", "--qty", "3", "--id", "one"]
            execbot(signal, env, timeout=PATIENCE_SECONDS)
            submit = ["submit", "MSFT", "--qty", "2", "--client-order-id", "mine"]
            execbot(submit, env, timeout=PATIENCE_SECONDS)

            def done() -> dict[str, str]:
                return {
                    order["client_order_id"]: order["status"]
                    for order in server.orders()
                    if order["side"] == "buy"
                }

            assert eventually(lambda: done().get("execbot-signal-one.2") == "filled"), done()
            assert eventually(lambda: log.read_text().count('"type": "rejected"') == 2)
        finally:
            end_watch(watch)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [line["text"] for line in lines if line["type"] == "rejected"]
    assert "tried again as execbot-signal-one.2" in told[0]
    assert "orders retry mine" in told[1]
    assert done() == {
        "execbot-signal-one": "rejected",
        "execbot-signal-one.2": "filled",
        "mine": "rejected",
    }
