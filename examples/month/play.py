"""A month of trading in virtual time, and its report.

    python examples/month/play.py                     # into a new folder ./month
    python examples/month/play.py --into DIR --sessions 2

Everything is made up: the prices, the strategies, the money. What execbot does with it is not:
signals, stops, targets, limits, reconciliation, fees and reports are those of every day. Some
minutes of work; the same seed gives the same month.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from diary import BAD_DAYS, DIARY, UNWATCHED
from msgspec.structs import replace
from stepped import SteppedWatch
from strategies import REGIMES
from trader import Trader
from virtual import Exchange
from written import write_results

from execbot.config.load import load_settings
from execbot.desk.account import open_desk
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import TradingDay, trading_days
from execbot.model.times import eastern
from execbot.oms.service import OrderManagementSystem
from execbot.oms.signals.executor import Executor

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
CONFIG = Path(__file__).with_name("trading.yaml")
MINUTE = timedelta(minutes=1)
QUICK, CALM = timedelta(seconds=0.25), timedelta(seconds=3)
"""How often the watch looks while it acts, and for how long."""


def main() -> None:
    given = _arguments()
    given.into.mkdir(parents=True, exist_ok=True)
    env = environment(given.into / "state")
    play(env, sessions=given.sessions, is_told=given.tell)
    for path in write_results(env, given.into, FIRST, LAST):
        print(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=Path("month"), help="where the files go")
    parser.add_argument("--sessions", type=int, default=None, help="only the first so many")
    parser.add_argument("--tell", action="store_true", help="say what happens")
    return parser.parse_args()


def environment(state: Path) -> dict[str, str]:
    """Of an account of its own: nothing of the reader's set-up is used or touched."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(state.resolve()),
        "EXECBOT_MODE": "sim",
        "EXECBOT_STATE_DIR": str(state.resolve()),
        "EXECBOT_CONFIG": str(CONFIG),
        "NO_COLOR": "1",
    }


def play(env: dict[str, str], *, sessions: int | None = None, is_told: bool = False) -> None:
    settings = load_settings(CONFIG, env)
    first = f"{FIRST} 09:00"
    exchange = Exchange(env, settings.trading.sim, first, REGIMES)
    opened = open_desk("sim", CONFIG, env=env)
    desk = replace(opened, client=exchange.client, now=exchange.now)
    desk.oms = OrderManagementSystem(
        desk.client,
        desk.journal,
        settings=settings.trading.order_management,
        now=desk.now,
        timer=exchange.timer,
    )

    def told(words: str) -> None:
        if is_told:
            print(f"{eastern(exchange.now()):%m-%d %H:%M:%S}  {words}", flush=True)

    executor = Executor(desk.oms, desk.risk, alerter=desk.alerter)
    watch = SteppedWatch(desk, exchange, executor, told)
    trader = Trader(desk, exchange, executor, told)
    days = list(trading_days(load_table(), FIRST, LAST))[:sessions]
    watch.begin()
    for day in days:
        _session(day, exchange, watch, trader)
    for at in _hours(exchange.now(), days[-1].close + timedelta(hours=17)):  # fees come at night
        _pass(exchange, watch, at)
    watch.end()
    desk.close()
    exchange.close()


def _session(day: TradingDay, exchange: Exchange, watch: SteppedWatch, trader: Trader) -> None:
    """One day of trading, minute by minute; the night before it in hours."""
    for at in _hours(exchange.now(), day.open):
        _pass(exchange, watch, at)
    trader.resume()
    for at in _minutes(day):
        _pass(exchange, watch, at)
        wall = f"{eastern(at):%Y-%m-%d %H:%M}"
        if wall == UNWATCHED[0]:
            watch.end()
        elif wall == UNWATCHED[1]:
            watch.begin()
        trader.move_market()
        if at.minute % 5 == 0:
            trader.note_prices()
        if wall in DIARY:
            DIARY[wall](trader)
        if at.minute % 15 == 0 and at < day.close - timedelta(minutes=45):
            trader.ask_strategies(is_bad_day=day.date in BAD_DAYS)
        watch.turn()


def _pass(exchange: Exchange, watch: SteppedWatch, until: datetime) -> None:
    """Time passes, and the watch looks at whatever happens; often for as long as it acts."""
    while (now := exchange.now()) < until:
        wakes_at, acted_at = watch.wakes_at(), watch.acted_at
        if acted_at is not None and now - acted_at < CALM:
            following = now + QUICK
        elif wakes_at is not None:
            following = max(wakes_at, now + QUICK)
        else:
            following = until
        exchange.pass_to_event(min(following, until))
        watch.turn()


def _hours(now: datetime, until: datetime) -> Iterator[datetime]:
    at = now
    while at < until:
        at = min(at + timedelta(hours=1), until)
        yield at


def _minutes(day: TradingDay) -> Iterator[datetime]:
    at = day.open + MINUTE
    while at <= day.close:
        yield at
        at += MINUTE


if __name__ == "__main__":
    main()
