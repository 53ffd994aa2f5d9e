"""Goal: no fill is missed and none is booked twice, however often the stream is cut.

Method: a real `watch` follows the account while orders fill at a real server and its stream
connection is cut at random moments; afterwards the journal and the exchange's own record are
compared order by order and share by share. `--fills N` runs more, `--seed S` another run.
"""

from __future__ import annotations

import random
import signal
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, ended_well, exchange, execbot, start_execbot

from execbot.journal.journal import Journal

SYMBOLS = ("AAPL", "MSFT", "NVDA", "KO", "F", "SPY", "AMZN", "QQQ")
CUT_PROBABILITY = 0.05


def test_a_stream_cut_at_random_loses_and_doubles_no_fill(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wanted = int(request.config.getoption("--fills"))
    seed = int(request.config.getoption("--seed"))
    print(f"seed {seed}, fills {wanted}")
    chance = random.Random(seed)
    with exchange(tmp_path) as server:
        env = server.environment(
            tmp_path, EXECBOT__STREAM__BACKOFF_SECONDS="0.1", EXECBOT__STREAM__POLL_SECONDS="0.5"
        )
        with (tmp_path / "watch.ndjson").open("w") as output:
            watch = start_execbot(["watch", "--json"], env, stdout=output)
            try:
                _wait_for_stream(server)
                cuts = _trade(server, chance, wanted)
                theirs = _exchange_fills(server)
                journal = next((tmp_path / "state").rglob("journal.db"))
                _wait_until_equal(journal, theirs)
            finally:
                watch.send_signal(signal.SIGTERM)
                _, errors = watch.communicate(timeout=60)
        assert ended_well(watch.returncode), errors
        assert cuts > 0
        assert sum(len(fills) for fills in theirs.values()) >= wanted

        result = execbot(["reconcile", "--json"], env)
        assert result.code == 0, result.out + result.err
        assert _journal_fills(journal) == theirs
        positions = {row["symbol"]: row["qty"] for row in server.get("/v2/positions")}
        ours = {row["symbol"]: row["qty"] for row in execbot(["positions", "--json"], env).data}
        assert ours == positions


def _wait_for_stream(server: Server) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if server.get("/sim/status")["streams"]:
            return
        time.sleep(0.05)
    raise AssertionError("watch does not connect to the stream")


def _trade(server: Server, chance: random.Random, wanted: int) -> int:
    """Round trips until there are `wanted` fills; returns how often the stream was cut."""
    cuts = 0
    for number in range(wanted // 2):
        symbol = chance.choice(SYMBOLS)
        for side in ("buy", "sell"):
            order = {
                "symbol": symbol,
                "qty": "1",
                "side": side,
                "type": "market",
                "time_in_force": "day",
                "client_order_id": f"cut-{number}-{side}",
            }
            placed = server.call("POST", "/v2/orders", order)
            if chance.random() < CUT_PROBABILITY:
                server.call("POST", "/sim/streams/cut", {})
                cuts += 1
            _until_filled(server, placed["id"])
    return cuts


def _until_filled(server: Server, order_id: str) -> None:
    until = time.monotonic() + 60
    while server.get(f"/v2/orders/{order_id}")["status"] != "filled":
        assert time.monotonic() < until, "the order does not fill"
        time.sleep(0.01)


def _exchange_fills(server: Server) -> dict[str, list[tuple[str, str]]]:
    """Quantity and price of every execution, by order, from the exchange's own record."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    token = ""
    while True:
        page: list[dict[str, Any]] = server.get(
            f"/v2/account/activities/FILL?direction=asc&page_size=100{token}"
        )
        for row in page:
            found[row["order_id"]].append((row["qty"], row["price"]))
        if len(page) < 100:
            return {order: sorted(rows) for order, rows in found.items()}
        token = f"&page_token={page[-1]['id']}"


def _journal_fills(path: Path) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with Journal.open(path, read_only=True) as journal:
        for fill in journal.fills():
            found[fill.order_id].append((_plain(fill.qty), _plain(fill.price)))
    return {order: sorted(rows) for order, rows in found.items()}


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _wait_until_equal(path: Path, theirs: dict[str, list[tuple[str, str]]]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if _journal_fills(path) == theirs:
            return
        time.sleep(0.25)
    assert _journal_fills(path) == theirs
