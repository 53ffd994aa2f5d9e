"""How many trading sessions a minute can be simulated in process, under the virtual clock.

    python tests/benchmarks/sessions.py [--sessions 400] [--processes 2]

A session is a fresh exchange and a whole day of real hours: at 09:30 a bracket, a resting limit
order and a trailing stop on a position; every five minutes the clock is stepped and account and
orders are looked at; in the afternoon everything is cancelled and closed, and the day's fills are
read. Printed for looks every five minutes (227 requests) and every half hour (47 requests): what
the clock on the wall says, and what the processor time says that two cores would do if nothing
else ran on them.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import time
from typing import Any

from execbot.sim.config import SimConfig
from execbot.sim.doors.transport import InProcess
from execbot.sim.venue import Venue

HEADERS = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
SPAN = 6 * 3600  # from 09:30 to 15:30
LOOKS_EVERY = (300, 1800)  # seconds


def call(door: InProcess, method: str, path: str, body: Any = None) -> Any:
    raw = None if body is None else json.dumps(body).encode()
    status, _, answer = door.request(method, path, HEADERS, raw)
    if status >= 400:
        raise RuntimeError(f"{method} {path} was answered {status}: {answer!r}")
    return json.loads(answer) if answer else None


def session(seed: int, every: int = LOOKS_EVERY[0]) -> tuple[int, float]:
    """One day, looked at every so many seconds: how many fills, and the processor time."""
    begin = time.process_time()
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
    for _ in range(SPAN // every):
        call(door, "POST", "/sim/clock", {"step": every})
        call(door, "GET", "/v2/account")
        call(door, "GET", "/v2/orders")
    call(door, "DELETE", "/v2/orders")
    call(door, "POST", "/sim/clock", {"step": 5})
    call(door, "DELETE", "/v2/positions")
    call(door, "POST", "/sim/clock", {"step": 3600})
    fills = len(call(door, "GET", "/v2/account/activities/FILL"))
    return fills, time.process_time() - begin


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sessions", type=int, default=400)
    options.add_argument("--processes", type=int, default=2)
    given = options.parse_args()
    with multiprocessing.Pool(given.processes) as pool:
        pool.map(session, range(given.processes))
        for every in LOOKS_EVERY:
            day = functools.partial(session, every=every)
            begin = time.perf_counter()
            done = pool.map(day, range(given.sessions), chunksize=10)
            taken = time.perf_counter() - begin
            each = sum(seconds for _, seconds in done) / given.sessions
            print(
                f"looks every {every // 60:2} minutes: "
                f"{given.sessions / taken * 60:.0f} sessions a minute on "
                f"{given.processes} processes; {each * 1000:.1f} ms of processor time each, "
                f"{given.processes * 60 / each:.0f} a minute if undisturbed "
                f"({sum(fills for fills, _ in done) / given.sessions:.1f} fills a session)"
            )


if __name__ == "__main__":
    main()
