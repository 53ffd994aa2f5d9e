"""A week on your paper account without a person: `PYTHONPATH=tests python -m paper --help`.

Keys: ALPACA_API_KEY and ALPACA_SECRET_KEY. Real time, orders of one or two shares of cheap funds;
it refuses where the account holds one of them, ends flat, and writes a report.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from paper.account import NotSafe, PaperAccount
from paper.week_on_paper import PaperWanted, run
from week.summary import summary

from execbot.config.credentials import find_credentials


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m paper", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--days", type=int, default=7, help="calendar days from today (7)")
    parser.add_argument("--minutes", type=float, help="cut short after so many minutes")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--signal-seconds", type=float, default=300.0)
    parser.add_argument("--max-cost", type=Decimal, default=Decimal(25), help="dollars (25)")
    parser.add_argument("--report", type=Path, default=Path("paper-week.txt"))
    given = parser.parse_args()
    # Ended from outside, it takes its programs along; what is held keeps its stops at the broker.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    keys = find_credentials("paper", os.environ)
    if keys is None:
        print("No paper account: set ALPACA_API_KEY and ALPACA_SECRET_KEY.", file=sys.stderr)
        return 2
    first = date.today()
    wanted = PaperWanted(
        seed=given.seed,
        weeks=((first.isoformat(), (first + timedelta(days=given.days - 1)).isoformat()),),
        signal_seconds=given.signal_seconds,
        max_cost=given.max_cost,
        minutes=given.minutes,
        zone=os.environ.get("TZ") or "America/New_York",
    )
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="execbot-paper-week-"))
    print(f"What the programs say is kept in {folder}", flush=True)
    try:
        account = PaperAccount(keys.api_key, keys.secret_key)
        week, verdict = run(wanted, account, folder, lambda line: print(line, flush=True))
    except NotSafe as why:
        print(f"Not begun: {why}.", file=sys.stderr)
        return 2
    words = summary(week, verdict, time.monotonic() - began)
    given.report.write_text(words + "\n")
    print(words)
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
