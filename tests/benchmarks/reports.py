"""What the report of a month of many executions costs, on the terminal and as a page.

    python tests/benchmarks/reports.py [executions [runs]]

The executions (10,000 without a number), a month of them, are cloned from real round trips of the
same run: market orders, and a bracket that `watch` followed, with their confirmations. `report
--from` runs in turn without and with `--html`; printed are wall time, processor time and peak
memory, the difference that the page makes, and its size.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from journal.grown import BOOKS, CONFIRMED, grow
from support.processes import EXECBOT, exchange

from benchmarks.commands import LIMITS_OFF
from benchmarks.growth import _env, _journal, _trade
from benchmarks.measure import Run, run_once, show

DAYS = 21
A_COPY = 4
"""Executions of what is cloned."""


def main(executions: int = 10_000, runs: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        (home / "trading.yaml").write_text(LIMITS_OFF)
        with exchange(home) as server:
            env = _env(server, home)
            _trade(env)
            copies = -(-executions // A_COPY)
            grow(_journal(home), copies, a_day=-(-copies // DAYS), books=(*BOOKS, *CONFIRMED))
            first = datetime.now(UTC).date() - timedelta(days=DAYS + 3)
            words = [*EXECBOT, "report", "--from", str(first)]
            page = home / "page.html"
            pairs = [
                (run_once(words, env), run_once([*words, "--html", str(page)], env))
                for _ in range(runs + 1)
            ][1:]
            print(f"{executions:,} executions from {first}")
            text, html = (_median([pair[of] for pair in pairs]) for of in (0, 1))
            print(show("report", text))
            print(show("report --html", html))
            print(f"the page: {html.wall_seconds - text.wall_seconds:.2f} s more, "
                  f"{html.wall_seconds / text.wall_seconds:.2f} times, "
                  f"{page.stat().st_size / 1e6:.2f} MB")  # fmt: skip


def _median(runs: list[Run]) -> Run:
    return Run(
        statistics.median(run.wall_seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
        statistics.median(run.memory_mb for run in runs),
    )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
