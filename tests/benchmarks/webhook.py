"""Signals a second that are taken over HTTP, each on the disk before its 202.

    python tests/benchmarks/webhook.py [signals]

One `execbot page --signals` process in sim mode; sixteen senders, each with a connection of its own
for every signal, as TradingView does it. The signals are too weak to be acted on. Prints answers
a second, how long they took, and how many commits the store made of them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from page.signals.listening import Doors
from support.processes import exchange


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, exchange(Path(folder)) as served:
        doors = Doors(served, Path(folder))

        def send(number: int) -> tuple[int, float]:
            signal = {"id": f"b-{number}", "symbol": "AAPL", "side": "buy", "strength": 1}
            began = time.perf_counter()
            status = doors.post(json.dumps(signal).encode()).status
            return status, time.perf_counter() - began

        began = time.perf_counter()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(send, range(count)))
        seconds = time.perf_counter() - began
        doors.end()
    taken = sum(status == 202 for status, _ in answers)
    took = sorted(one * 1000 for _, one in answers)
    print(f"{count} signals, {taken} taken: {taken / seconds:.0f} a second")
    print(f"answered in ms: median {took[count // 2]:.1f}, p99 {took[count * 99 // 100]:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
