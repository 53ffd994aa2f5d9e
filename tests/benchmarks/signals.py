"""Signals a second through risk, sizing, the journal and the built-in exchange.

    python tests/benchmarks/signals.py [signals]

One `execbot signal --file` process in sim mode answers each line. Of four signals two become orders
(a position is opened, then closed); the others are skipped (already held or pending, too weak).
Prints lines a second of wall time, first line to last.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.processes import clean_environment, start_execbot

SYMBOLS = ("AAPL", "MSFT", "NVDA", "KO", "SPY")
CONFIG = """
trading_execution:
  risk: {max_daily_orders: null, duplicate_window_seconds: 0, max_daily_loss_pct: null}
  order_management: {timeout_seconds: 60}
  broker: {requests_per_minute: 1000000}
"""


def lines(count: int) -> list[str]:
    """Rounds of twenty: open five positions, ask again (held), too weak, close the five."""
    steps = (("buy", 82), ("buy", 90), ("buy", 10), ("sell", 80))
    made = []
    for number in range(count):
        side, strength = steps[number // len(SYMBOLS) % len(steps)]
        signal = {
            "id": f"bench-{number}",
            "symbol": SYMBOLS[number % len(SYMBOLS)],
            "side": side,
            "strength": strength,
            "strategy_id": "bench",
            "qty": "1",
            "created_at": datetime.now(UTC).isoformat(),
        }
        made.append(json.dumps(signal) + "\n")
    return made


def main(count: int = 1000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "trading.yaml").write_text(CONFIG)
        env = clean_environment(home, EXECBOT_MODE="sim", EXECBOT_CONFIG=str(home / "trading.yaml"))
        source = home / "signals.jsonl"
        source.write_text("".join(lines(count)))
        process = start_execbot(
            ["signal", "--file", str(source), "--json"], env, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        first = None
        answers: dict[str, int] = {}
        for line in process.stdout:
            first = first or time.perf_counter()
            outcome = json.loads(line)["outcome"]
            answers[outcome] = answers.get(outcome, 0) + 1
        assert first is not None
        rate = sum(answers.values()) / (time.perf_counter() - first)
        process.wait()
    print(f"{sum(answers.values())} signals, {rate:.0f} a second   goal: >= 100")
    print("  " + ", ".join(f"{name} {number}" for name, number in sorted(answers.items())))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
