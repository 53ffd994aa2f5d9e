"""Goal: the main job, end to end, as a trader's processes on recorded prices.

Method: one server replays the national best bid and offer of IBM on 2013-10-08; `watch` follows
in the background while submit, a partial fill, cancel, close, reconcile and report run as
processes. Every fill price is compared with the quote that the file shows at that instant.
"""

from __future__ import annotations

import bisect
import csv
import gzip
import json
import signal
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.paths import market_data
from support.processes import Outcome, Server, ended_well, exchange, execbot, start_execbot

CONFIG = """
trading_execution:
  max_position_size_pct: 200
  max_account_exposure_pct: 400
  risk:
    duplicate_window_seconds: 0
    scale_in: {enabled: true, max_steps: 100, min_profit_pct: -100}
"""


@dataclass(frozen=True)
class Tape:
    """The quotes of the file, to look up independently of the exchange."""

    times: list[str]
    bids: list[Decimal]
    asks: list[Decimal]

    @classmethod
    def read(cls, path: Path) -> Tape:
        with gzip.open(path, "rt") as file:
            rows = list(csv.DictReader(file))
        return cls(
            [row["timestamp"] for row in rows],
            [Decimal(row["bid"]) for row in rows],
            [Decimal(row["ask"]) for row in rows],
        )

    def at(self, moment: str) -> set[tuple[Decimal, Decimal]]:
        """Bid and ask of the last row at or before a time; several where rows share a millisecond:
        all but the last of them stand nanoseconds in front of it, and a time that is cut to
        microseconds does not say which it was."""
        then = datetime.fromisoformat(moment)
        row = bisect.bisect_right(self.times, _millisecond(then)) - 1
        found = {(self.bids[row], self.asks[row])}
        after = _millisecond(then + timedelta(microseconds=1))
        if after != _millisecond(then):
            shared = range(row + 1, bisect.bisect_right(self.times, after) - 1)
            found |= {(self.bids[i], self.asks[i]) for i in shared}
        return found


def _millisecond(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def test_the_main_job_on_recorded_prices(tmp_path: Path) -> None:
    tape = Tape.read(market_data() / "quotes-tick" / "IBM_20131008.csv.gz")
    (tmp_path / "trading.yaml").write_text(CONFIG)
    with exchange(
        tmp_path, "--data", str(market_data()), "--at", "2013-10-08 10:00", "--speed", "1"
    ) as server:
        env = server.environment(tmp_path, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))
        with (tmp_path / "watch.ndjson").open("w") as output:
            watch = start_execbot(["watch", "--json"], env, stdout=output)
            try:
                _wait_for(lambda: _lines(tmp_path), "watch says nothing")
                _journey(server, env)
                _wait_for(lambda: _last_position(tmp_path) == "0", "watch does not see the close")
            finally:
                watch.send_signal(signal.SIGTERM)
            _, errors = watch.communicate(timeout=60)
        assert ended_well(watch.returncode), errors
        assert _lines(tmp_path)[-1]["type"] == "stopped"
        assert "working" in _lines(tmp_path)[-1]["message"]

        fills = server.get("/v2/account/activities/FILL?direction=asc")
        assert len(fills) >= 3
        for fill in fills:
            quotes = tape.at(fill["transaction_time"])
            expected = {ask if fill["side"] == "buy" else bid for bid, ask in quotes}
            assert Decimal(fill["price"]) in expected, fill

        reconciled = execbot(["reconcile", "--json"], env)
        assert reconciled.code == 0, reconciled.out + reconciled.err
        assert execbot(["positions", "--json"], env).data == []

        report = execbot(["report", "--daily", "--date", "2013-10-08", "--json"], env)
        assert report.code == 0, report.err
        bought = sum(Decimal(f["qty"]) * Decimal(f["price"]) for f in fills if f["side"] == "buy")
        sold = sum(Decimal(f["qty"]) * Decimal(f["price"]) for f in fills if f["side"] == "sell")
        assert Decimal(report.data["realized_pl"]) == sold - bought


def _partly_filled(server: Server, env: dict[str, str]) -> Outcome:
    """An order of which a part was bought and the rest canceled. On a slow machine the whole may be
    bought before the cancel comes: then the next one is tried."""
    for _ in range(5):
        limit = server.get("/v2/stocks/IBM/quotes/latest")["quote"]["ap"]
        line = ["submit", "IBM", "--qty", "1000", "--limit", str(limit), "--json"]
        resting = execbot(line, env)
        assert resting.code == 0, resting.err
        path = f"/v2/orders/{resting.data['id']}"
        _wait_for(lambda p=path: server.get(p)["filled_qty"] != "0", "no partial fill")  # type: ignore[misc]
        canceled = execbot(["cancel", resting.data["id"], "--json"], env)
        if canceled.code == 0:
            return resting
        assert canceled.error["kind"] == "order.already_filled", canceled.err
        execbot(["close", "IBM", "--wait", "20"], env)
        _wait_for(lambda: not server.get("/v2/positions"), "the position is not closed")
    raise AssertionError("no order was canceled in time")


def _journey(server: Server, env: dict[str, str]) -> None:
    bought = execbot(["submit", "IBM", "--qty", "3", "--wait", "20", "--json"], env)
    assert bought.code == 0, bought.err
    assert bought.data["outcome"] == "filled"

    resting = _partly_filled(server, env)
    history = execbot(["orders", "show", resting.data["client_order_id"], "--json"], env)
    assert history.code == 0, history.err
    assert history.data["status"] == "canceled"
    assert history.data["outcome"] == "partially_filled"

    held = execbot(["positions", "--json"], env).data
    assert [row["symbol"] for row in held] == ["IBM"]
    closed = execbot(["close", "IBM", "--wait", "20", "--json", "--yes"], env, timeout=90)
    assert closed.code == 0, closed.err
    _wait_for(lambda: not server.get("/v2/positions"), "the position is not closed")


def _lines(home: Path) -> list[dict[str, Any]]:
    text = (home / "watch.ndjson").read_text()
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def _last_position(home: Path) -> str | None:
    changes = [line["qty"] for line in _lines(home) if line["type"] == "position"]
    return changes[-1] if changes else None


def _wait_for(condition: Any, complaint: str, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(complaint)
