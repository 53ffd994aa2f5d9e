"""What `watch` costs in the long run: memory, log, journal and NDJSON while positions come and go.

    python tests/benchmarks/soak.py [minutes] [speed]

The built-in exchange keeps real hours and runs at `speed` times real time (20, so 20 minutes pass
a whole session and its close). A strategy opens a protected position every two real seconds and
closes it again; one is kept from the first to the last. The figures are those of the `watch`
process alone, read while it runs; `cpu` is since its start. Memory that still grows after the
first minutes grows with the orders.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.processes import Server, exchange, execbot, start_execbot

START = "2026-10-05 09:31"
SYMBOLS = ("MSFT", "NVDA", "KO", "SPY")
CONFIG = """
trading_execution:
  risk:
    max_daily_orders: null
    duplicate_window_seconds: 0
    max_daily_loss_pct: null
    max_consecutive_losses: null
  broker: {requests_per_minute: 1000000}
  exits: {unprotected_alarm_seconds: 300}
"""
"""Seconds are the exchange's, which passes 20 of them while this machine passes one."""


def signals() -> Iterator[dict[str, str | int]]:
    """Buy and sell in turn, through the symbols; `trading.yaml` gives the stop."""
    for number in itertools.count():
        symbol = SYMBOLS[number // 2 % len(SYMBOLS)]
        side = "sell" if number % 2 else "buy"
        head = {"id": f"soak-{number}", "symbol": symbol, "side": side, "strength": 90}
        yield {**head, "strategy_id": "soak", "qty": "2"}


def memory_mb(pid: int) -> float:
    """Resident memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(row for row in status.splitlines() if row.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def sizes_mb(home: Path) -> dict[str, float]:
    """What the state directory and the output hold."""
    files = [path for path in (home / "state").rglob("*") if path.is_file()]
    log = sum(f.stat().st_size for f in files if ".log" in f.name)
    journal = sum(f.stat().st_size for f in files if f.name.startswith("journal.db"))
    lines = (home / "watch.ndjson").stat().st_size
    return {"log": log / 1e6, "journal": journal / 1e6, "ndjson": lines / 1e6}


def show(server: Server, watch: subprocess.Popen[str], home: Path, began: float) -> None:
    now = server.get("/v2/clock")["timestamp"][:16]
    parts = "  ".join(f"{name} {size:7.2f} MB" for name, size in sizes_mb(home).items())
    used = 100 * cpu_seconds(watch.pid) / (time.monotonic() - began)
    print(f"{now}  memory {memory_mb(watch.pid):6.1f} MB  cpu {used:4.1f} %  {parts}", flush=True)


def trade(strategy: subprocess.Popen[str], seconds: float, look: Callable[[], None]) -> None:
    """Feed signals for so many real seconds, looking twelve times."""
    assert strategy.stdin is not None
    began = looked = time.monotonic()
    for line in signals():
        strategy.stdin.write(json.dumps(line) + "\n")
        strategy.stdin.flush()
        time.sleep(2)
        if time.monotonic() - looked > seconds / 12:
            looked = time.monotonic()
            look()
        if time.monotonic() - began > seconds:
            break
    strategy.stdin.close()
    strategy.wait()


def outcomes(path: Path) -> str:
    found = Counter(json.loads(row)["outcome"] for row in path.read_text().splitlines())
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items()))


def main(minutes: float = 20, speed: float = 20) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "trading.yaml").write_text(CONFIG)
        clock = ("--at", START, "--speed", str(speed), "--calendar", "exchange")
        with exchange(home, *clock) as server:
            env = server.environment(home, EXECBOT_CONFIG=str(home / "trading.yaml"))
            kept = execbot(["submit", "AAPL", "--qty", "3", "--stop-loss", "20%"], env)
            print(kept.out or kept.err, end="")
            with (home / "watch.ndjson").open("w") as out, (home / "signals.out").open("w") as told:
                watch = start_execbot(["watch", "--json"], env, stdout=out)
                strategy = start_execbot(
                    ["signal", "-", "--json"], env, stdout=told, stdin=subprocess.PIPE
                )
                began = time.monotonic()
                trade(strategy, minutes * 60, lambda: show(server, watch, home, began))
                watch.send_signal(signal.SIGTERM)
                print("watch ended with", watch.wait())
            print("signals:", outcomes(home / "signals.out"))
            print("AAPL:", [p["qty"] for p in server.get("/v2/positions") if p["symbol"] == "AAPL"])


if __name__ == "__main__":
    main(*(float(value) for value in sys.argv[1:3]))
