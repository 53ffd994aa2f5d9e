"""The section of `docs/clients.md` about bots, from what they were seen to order."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from clients.bots import BOTS, DAY, Bot, run
from clients.catalogue import CannotInstall

HEADING = "\n## Bots, unchanged\n"
HEAD = f"""
These trade by themselves. Each was installed from its registry and run under `execbot sim run`,
sealed, nothing in it changed: what is shown is all that starts it. What a bot orders depends on the
day, and most keep to the exchange's hours, so the exchange and the bot's clock (by libfaketime,
from outside) both start in the morning of {DAY}.
`pytest -m clients tests/clients/test_bots.py` plays it again and compares.

"""
TAIL = """
What was noticed in them:

- Pairs_Package2 uses keys that are written into it, whatever the environment says. It rounds what
  it sells short away from zero (`//` of a negative amount), so that side is up to a share larger
  than its target. Its orders are `gtc` at market and carry no id of their own.
- Lumibot's broker for Alpaca fails when it is told to end (`'Alpaca' object has no attribute
  'process_pending_orders'`), after its orders. Its example `stock_diversified_leverage` ends with
  an error where one of its funds has no price, before it orders any; the built-in exchange has no
  UPRO.
- msts-trader wants its own clock in the exchange's hours, whatever the exchange says; equal targets
  are not sent twice on a day (`--force`).

Not run, and why, as their code reads:

| program | version | |
|---|---|---|
| vol-mom-pkg | 0.3.1 | takes its list of shares from another site |
| py-alpaca-daily-losers | 2.2.8 | asks OpenAI before each purchase |
| alpatrade, alpacacode | 0.1.3, 0.1.0 | take prices from Massive or Yahoo |
| alpaca-trading-algorithm | 0.0.5 | takes prices from IEX |
| trading-algo | 0.1.3 | its modules import `src`, which the package has not |
| blockpaca, alpaca-backtrader-api | 0.1.2, 0.15.0 | the strategy is the user's |
"""


def ordered(account: Mapping[str, Any]) -> str:
    """What came of its orders, and what it bought and sold; no quantities, as prices move."""
    parts = [f"{count} {status}" for status, count in sorted(account["orders"].items())]
    for side, word in (("bought", "bought"), ("sold", "sold")):
        names = [symbol for symbol, row in account["traded"].items() if row[side] != "0"]
        if names:
            parts.append(f"{word} {', '.join(names)}")
    if account["refused_count"]:
        parts.append(f"{account['refused_count']} refused")
    return "; ".join(parts)


def row(bot: Bot, said: str) -> str:
    """One line of the table."""
    return f"| {bot.program} | {bot.version} | {bot.shown} | {said} | {bot.needs} |"


def section() -> str:
    """The whole section; each bot is run."""
    rows = []
    for bot in BOTS:
        try:
            said = ordered(run(bot))
        except CannotInstall as error:
            print(f"{bot.name}: {error}", file=sys.stderr)
            said = "not run"
        rows.append(row(bot, said))
        print(rows[-1], flush=True)
    return render(rows)


def render(rows: Sequence[str]) -> str:
    """The section around the rows of its table."""
    head = ["| program | version | started by | orders | what it needs |", "|---|---|---|---|---|"]
    return HEADING + HEAD + "\n".join([*head, *rows]) + "\n" + TAIL
