"""How many trading sessions a minute can be simulated in process, under the virtual clock.

    python tests/benchmarks/sessions.py [--sessions 400] [--processes 2]

A session is a fresh exchange and a whole day of real hours: at 09:30 a bracket, a resting limit
order and a trailing stop on a position; every five minutes the account is looked at; in the
afternoon everything is cancelled and closed, and the day's fills are read.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from typing import Any

from execbot.sim.config import SimConfig
from execbot.sim.transport import InProcess
from execbot.sim.venue import Venue

HEADERS = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
LOOKS = 72  # every five minutes from 09:30 to 15:30


def call(door: InProcess, method: str, path: str, body: Any = None) -> Any:
    raw = None if body is None else json.dumps(body).encode()
    status, _, answer = door.request(method, path, HEADERS, raw)
    if status >= 400:
        raise RuntimeError(f"{method} {path} was answered {status}: {answer!r}")
    return json.loads(answer) if answer else None


def session(seed: int) -> int:
    """One day; returns how many fills it had."""
    config = SimConfig(seed=seed, at="2026-10-08 09:30", speed=0, calendar="exchange")
    door = InProcess(Venue(config))
    order = {"side": "buy", "type": "market", "time_in_force": "day"}
    call(door, "POST", "/v2/orders", {**order, "symbol": "MSFT", "qty": "20"})
    call(door, "POST", "/sim/clock", {"step": 5})
    price = float(call(door, "GET", "/v2/stocks/AAPL/quotes/latest")["quote"]["ap"])
    exits = {
        "order_class": "bracket",
        "take_profit": {"limit_price": f"{price * 1.01:.2f}"},
        "stop_loss": {"stop_price": f"{price * 0.99:.2f}"},
    }
    call(door, "POST", "/v2/orders", {**order, "symbol": "AAPL", "qty": "10", **exits})
    resting = {**order, "type": "limit", "limit_price": "1.00", "symbol": "SPY", "qty": "1"}
    call(door, "POST", "/v2/orders", resting)
    trailing = {"type": "trailing_stop", "trail_percent": "1", "side": "sell"}
    call(door, "POST", "/v2/orders", {**order, **trailing, "symbol": "MSFT", "qty": "20"})
    for _ in range(LOOKS):
        call(door, "POST", "/sim/clock", {"step": 300})
        call(door, "GET", "/v2/account")
        call(door, "GET", "/v2/orders")
    call(door, "DELETE", "/v2/orders")
    call(door, "POST", "/sim/clock", {"step": 5})
    call(door, "DELETE", "/v2/positions")
    call(door, "POST", "/sim/clock", {"step": 3600})
    return len(call(door, "GET", "/v2/account/activities/FILL"))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sessions", type=int, default=400)
    options.add_argument("--processes", type=int, default=2)
    given = options.parse_args()
    with multiprocessing.Pool(given.processes) as pool:
        pool.map(session, range(given.processes))
        begin = time.perf_counter()
        fills = sum(pool.map(session, range(given.sessions), chunksize=10))
        taken = time.perf_counter() - begin
    print(
        f"{given.sessions / taken * 60:.0f} sessions a minute on {given.processes} processes "
        f"({fills / given.sessions:.1f} fills a session)"
    )


if __name__ == "__main__":
    main()
