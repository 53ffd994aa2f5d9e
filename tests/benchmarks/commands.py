"""Whole-process cost of `execbot submit` and `execbot --help` against a bare alpaca-py script.

Run by hand: `python tests/benchmarks/commands.py`. Every command talks to one server of the
built-in exchange on loopback. Prints medians and the ratios of this one run.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.processes import EXECBOT, exchange

from benchmarks.measure import compare, show, show_ratio

LIMITS_OFF = """
trading_execution:
  max_positions: 100
  max_position_size_pct: 100
  max_account_exposure_pct: 100
  risk:
    max_daily_orders: null
    duplicate_window_seconds: 0
    one_pending_per_symbol: false
    scale_in: {enabled: true, max_steps: 1000000, min_profit_pct: -100}
"""


def main(runs: int = 15) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "trading.yaml").write_text(LIMITS_OFF)
        with exchange(home) as server:
            env = server.environment(home, EXECBOT_CONFIG=str(home / "trading.yaml"))
            sdk = [sys.executable, str(Path(__file__).with_name("submit_with_sdk.py"))]
            submit = [*EXECBOT, "submit", "AAPL", "--qty", "1", "--json"]
            ours, theirs, ratio = compare(submit, sdk, env, runs=runs)
            print(show("alpaca-py script", theirs))
            print(show("execbot submit", ours))
            print(show_ratio("  ratio", ratio, "wall <= 0.35, memory <= 0.70"))
            ours, theirs, ratio = compare([*EXECBOT, "--help"], sdk, env, runs=runs)
            print(show("execbot --help", ours))
            print(show_ratio("  ratio", ratio, "wall <= 0.15"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
