"""Goal: whichever way it goes, a close ends flat although exits come to hold the shares, or an exit
sells them, while its order is under way.

Method: real processes at an exchange that carries the closing order out late; meanwhile another
program places an exit, or sells.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, done, exchange, start_execbot
from support.waiting import eventually
from support.watching import watching

STOP = {"type": "stop", "stop_price": "1", "time_in_force": "gtc"}
SALE = {"type": "market", "time_in_force": "day"}
CLOSE = ("close", "AAPL", "--wait", "20")
SIGNAL = ("signal", "AAPL", "sell", "--strength", "90", "--id", "out")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    at = ("--at", "2026-10-07 10:00", "--speed", "1")
    with exchange(tmp_path_factory.mktemp("exchange"), *at) as running:
        yield running


def has_fired(server: Server, rule: str) -> bool:
    return any(one["id"] == rule and one["fired"] for one in server.get("/sim/faults"))


@pytest.mark.parametrize("crossing", [STOP, SALE], ids=["an exit comes", "an exit sells"])
@pytest.mark.parametrize(
    ("command", "is_watched"),
    [(CLOSE, True), (SIGNAL, True), ((*CLOSE, "--direct"), True), (CLOSE, False)],
    ids=["handed over", "signal handed over", "direct", "without a watch"],
)
def test_it_ends_flat(
    server: Server,
    tmp_path: Path,
    command: tuple[str, ...],
    is_watched: bool,
    crossing: dict[str, Any],
) -> None:
    key = f"crossed-{tmp_path.name}"
    env = server.environment(tmp_path, key=key)
    done(env, "account")
    with watching(env) if is_watched else nullcontext():
        done(env, "submit", "AAPL", "--qty", "2", "--wait", "20")
        fault = {"kind": "request_delayed", "method": "POST", "path": "/v2/orders", "count": 1,
                 "params": {"seconds": 2}}  # fmt: skip
        rule = server.call("POST", "/sim/faults", fault, key)["id"]
        closing = start_execbot([*command, "--json"], env)
        try:
            assert eventually(lambda: has_fired(server, rule) or closing.poll() is not None)
            assert closing.poll() is None, closing.communicate()
            order = {"symbol": "AAPL", "side": "sell", "qty": "2", **crossing}
            server.call("POST", "/v2/orders", order, key)
            out, err = closing.communicate(timeout=60)
        finally:
            closing.kill()
    assert closing.returncode == 0, out + err
    assert eventually(lambda: server.get("/v2/positions", key) == [])
    assert server.get("/v2/orders?status=open", key) == []
