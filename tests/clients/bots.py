"""The bots that are run: programs from the registries that trade by themselves, unchanged.

What a bot orders depends on the day, and most trade in the exchange's hours only. So each is run
on one day in the past: the exchange starts at it (`--at`), and the bot's own clock is set to it
from outside, by libfaketime.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.catalogue import Environment, install
from support.processes import clean_environment, execbot

LAUNCHERS = Path(__file__).parent / "launchers"
LIBFAKETIME = "libfaketime==3.0.1"
DAY = "2026-10-08"
RUN_SECONDS = 300


@dataclass(frozen=True)
class Bot(Environment):
    """`command` runs it: the first word is a program of its environment, `{launchers}` the folder
    of ours. `files` are what it reads, by their place in its home.
    """

    command: tuple[str, ...]
    shown: str
    """How one runs it, for the page."""
    needs: str
    """What it wants beside its packages, for the page."""
    files: Mapping[str, str]
    settings: Mapping[str, str]
    starts: str = "10:00:00"
    """New York time on `DAY`."""
    ends_after: int = 0
    """Seconds after which a bot that never ends is told to; 0: it ends by itself."""

    @property
    def program(self) -> str:
        return self.packages[0].partition("==")[0]

    @property
    def slug(self) -> str:
        """Two bots of one package share an environment; a client's stays without libfaketime."""
        return f"bot-{self.program.lower()}"


BOTS = (
    Bot(
        "msts-trader rebalance", "Python", ("msts-trader==0.47.1", LIBFAKETIME),
        ("msts-trader", "rebalance", "--broker", "alpaca", "--csv-file", "weights.csv", "--yes"),
        "`msts-trader rebalance --broker alpaca --csv-file weights.csv --yes`",
        "target weights (60 % SPY, 40 % TLT)",
        {"weights.csv": "ticker,weight\nSPY,0.60\nTLT,0.40\n"},
        {},
    ),
    Bot(
        "Pairs_Package2 daily run", "Python", ("Pairs_Package2==0.3.0", LIBFAKETIME),
        ("python", "{launchers}/pairs_daily.py"),
        "`daily_pairs_run()`",
        "its file of pairs, which it makes on the first of a month from Wikipedia's and Yahoo's "
        "data",
        {
            ".pairs_package2/strong_cointegrated_pairs.csv": "Stock1,Stock2\nKO,PEP\nMSFT,AMD\n"
            "XOM,CVX\nPFE,NKE\n"
        },
        {},
    ),
    Bot(
        "Lumibot buy and hold", "Python", ("lumibot==4.6.30", LIBFAKETIME),
        ("python", "{launchers}/lumibot_buy_and_hold.py"),
        "`BuyAndHold(broker=Alpaca(ALPACA_CONFIG)).run_live()`",
        "`IS_BACKTESTING=False`; runs until it is told to end",
        {},
        {"IS_BACKTESTING": "False"},
        starts="09:59:40",
        ends_after=45,
    ),
    Bot(
        "Lumibot 60/40", "Python", ("lumibot==4.6.30", LIBFAKETIME),
        ("python", "{launchers}/lumibot_60_40.py"),
        "`DriftRebalancer(broker=Alpaca(ALPACA_CONFIG), parameters=parameters).run_live()`",
        "`IS_BACKTESTING=False`; runs until it is told to end",
        {},
        {"IS_BACKTESTING": "False"},
        starts="09:59:40",
        ends_after=75,
    ),
)  # fmt: skip


def run(bot: Bot) -> Mapping[str, Any]:
    """The bot's account as the run's summary tells it. Raises `CannotInstall`."""
    install(bot)
    with tempfile.TemporaryDirectory() as home:
        for name, text in bot.files.items():
            place = Path(home) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        options = ["--at", f"{DAY} {bot.starts}", "--calendar", "exchange"]
        env = clean_environment(Path(home))
        ended = execbot(
            ["sim", "run", "--json", *options, "--", *_command(bot)], env, timeout=RUN_SECONDS
        )
    assert ended.out, ended.err[-3000:]
    found: Mapping[str, Any] = ended.data
    assert found["sealed"], found
    assert found["exit_code"] == 0 or bot.ends_after, ended.err[-3000:]
    assert len(found["accounts"]) == 1, ended.err[-3000:]
    account: Mapping[str, Any] = found["accounts"][0]
    assert account["orders"], ended.err[-3000:]
    return account


def _command(bot: Bot) -> Sequence[str]:
    program, *arguments = (word.format(launchers=LAUNCHERS) for word in bot.command)
    [library] = bot.place.glob("lib/python*/site-packages/libfaketime/**/libfaketime.so.1")
    hour, rest = bot.starts.split(":", 1)
    clock = {
        "TZ": "UTC",
        "FAKETIME": f"@{DAY} {int(hour) + 4:02}:{rest}",  # New York is four hours behind that day
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "LD_PRELOAD": str(library),
    }
    ending = ["timeout", "-s", "INT", "-k", "10", str(bot.ends_after)] if bot.ends_after else []
    settings = [f"{name}={value}" for name, value in {**clock, **bot.settings}.items()]
    return [*ending, "env", *settings, str(bot.place / "bin" / program), *arguments]
