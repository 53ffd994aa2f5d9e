"""Weeks without a person: `PYTHONPATH=tests python -m week --help`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from week.running import run
from week.summary import summary
from week.wanted import CLOCK_CHANGE_WEEK, HALF_DAY_WEEK, Wanted


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m week", description=__doc__)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--speed", type=float, default=30.0, help="the exchange's seconds in one")
    parser.add_argument("--signal-seconds", type=float, default=90.0)
    parser.add_argument("--stride-minutes", type=float, default=60.0, help="steps of a night")
    parser.add_argument("--session-minutes", type=float, help="only so much of each session")
    parser.add_argument("--days", nargs=2, metavar=("FIRST", "LAST"), action="append",
                        help="a week of these days; more than one may be given")  # fmt: skip
    parser.add_argument("--manager", action="append", choices=("systemd", "cron"))
    parser.add_argument("--keep", type=Path, help="keep there what the programs said")
    given = parser.parse_args()
    # Ended from outside, it takes its programs along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    weeks = [(first, last) for first, last in given.days or (CLOCK_CHANGE_WEEK, HALF_DAY_WEEK)]
    wanted = Wanted(
        seed=given.seed,
        speed=given.speed,
        weeks=weeks,
        signal_seconds=given.signal_seconds,
        stride_minutes=given.stride_minutes,
        session_minutes=given.session_minutes,
        managers=given.manager or ("systemd", "cron"),
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="execbot-week-") as made:
        folder = given.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        week, verdict = run(wanted, folder, lambda line: print(line, flush=True))
    print(summary(week, verdict, time.monotonic() - began))
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
