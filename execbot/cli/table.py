"""The table of commands: where each lives, what it is for in one line."""

from __future__ import annotations

from typing import NamedTuple

PROGRAM = "execbot"


class CommandEntry(NamedTuple):
    """Where a command lives, below `execbot.cli.commands`.

    `writes` commands may change something at the broker; those that `opens` may send an entry,
    which they tell a running `watch` before all else.
    """

    module: str
    help: str
    writes: bool = False
    opens: bool = False


COMMANDS: dict[str, CommandEntry] = {
    "submit": CommandEntry("submit", "Send one order.", writes=True, opens=True),
    "buy": CommandEntry("sides", "Buy: submit with its side said.", writes=True, opens=True),
    "sell": CommandEntry("sides", "Sell: submit with its side said.", writes=True, opens=True),
    "short": CommandEntry("sides", "Sell short: submit --short.", writes=True, opens=True),
    "orders": CommandEntry("orders", "List orders, or show one with its whole history."),
    "positions": CommandEntry("positions", "Show open positions."),
    "account": CommandEntry(
        "look.account", "Show equity, the day's profit, and how far limits are used."
    ),
    "quote": CommandEntry(
        "look.quote", "Bid, ask, spread, the day's change, and what may be traded."
    ),
    "cancel": CommandEntry("cancel", "Cancel one order.", writes=True),
    "cancel-all": CommandEntry(
        "cancel", "Cancel every open order: the emergency brake.", writes=True
    ),
    "replace": CommandEntry("replace", "Change a working order.", writes=True),
    "close": CommandEntry("close", "Close a position, or all of them.", writes=True),
    "option": CommandEntry("options.option", "Option chains, structures, exercise.", writes=True),
    "signal": CommandEntry("signal", "Act on a strategy's signal.", writes=True, opens=True),
    "watch": CommandEntry(
        "watch", "Follow orders and positions, and keep positions protected.", True
    ),
    "page": CommandEntry("page", "The account as a live page in the browser.", writes=True),
    "reconcile": CommandEntry(
        "reconcile", "Bring journal and broker together, explain every break."
    ),
    "trades": CommandEntry(
        "results.trades", "Round trips: entry, exit, profit, R, and why they ended."
    ),
    "stats": CommandEntry("results.stats", "Win rate, expectancy, returns, drawdown, Sharpe."),
    "chart": CommandEntry(
        "results.chart", "Bars with entries, exits, and the way stop and targets went."
    ),
    "report": CommandEntry("report", "Results of a day, a week or a month, and the scorecard."),
    "halt": CommandEntry("halt", "Stop new entries: the kill switch.", writes=True),
    "resume": CommandEntry("halt", "Allow entries again after a halt."),
    "market": CommandEntry("market", "Is the market open, and until when."),
    "queue": CommandEntry("queue", "Orders kept for the open.", writes=True),
    "exits": CommandEntry("exits", "Stops and targets of positions.", writes=True),
    "protect": CommandEntry("exits", "Give a position a stop and targets.", writes=True),
    "health": CommandEntry(
        "care.health", "Is everything well now: protection, journal, watch, queue."
    ),
    "doctor": CommandEntry(
        "care.doctor", "Check configuration, keys, connection, journal and stream."
    ),
    "alerts": CommandEntry("care.alerts", "Receivers of alerts: list, set up."),
    "service": CommandEntry(
        "care.service", "Set-ups for systemd, cron, tmux or launchd: watch, reports, backups."
    ),
    "selftest": CommandEntry(
        "care.selftest", "A guided check on a real account, step by step.", writes=True
    ),
    "journal": CommandEntry("care.journal", "The journal as a file: verify, back up, restore."),
    "init": CommandEntry("care.init", "Set up an account: mode, keys, limits, alerts."),
    "profiles": CommandEntry(
        "care.profiles", "List the accounts set up here, and who watches them."
    ),
    "config": CommandEntry("care.config", "Show, check or write trading.yaml."),
    "schema": CommandEntry("care.schema", "The JSON Schema of what programs read and write."),
    "sim": CommandEntry("care.sim", "The built-in exchange: run a bot on it, serve it, steer it."),
    "help": CommandEntry("about", "Show the commands, or what one of them takes."),
    "version": CommandEntry("about", "Print the version."),
}
