"""Goal: what happens after the last scrape of a day is in the first one of the next, and nothing is
counted twice: a Prometheus that scrapes every two minutes misses nothing.

Method: an exchange whose clock the test moves over midnight in New York, where coins trade; the
journal that commands have written is read by one reader that goes on, and by one that begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from support.processes import done, exchange

from execbot.config.load import Settings
from execbot.market.sessions import MarketNow, crypto_now
from execbot.model.enums import Outcome, Side
from execbot.model.times import new_york
from execbot.page.metrics.reading import Reader

EVENING = ("--calendar", "exchange", "--at", "2026-10-07 23:50", "--speed", "0")


@dataclass
class Account:
    """What a reader needs of a desk; its clock is the test's."""

    directory: Path
    at: datetime
    settings: Settings = field(default_factory=Settings)

    def now(self) -> datetime:
        return self.at

    def hours(self, at: datetime) -> MarketNow:
        return crypto_now(at)


def counted(reader: Reader) -> tuple[int, int]:
    """Fills, and orders that filled."""
    found = reader.read().journal
    assert found is not None
    return found.traded.counts[Side.BUY], found.tally.outcomes[Outcome.FILLED]


def test_the_last_minutes_of_a_day_are_scraped(tmp_path: Path) -> None:
    with exchange(tmp_path, *EVENING) as served:
        env = served.environment(tmp_path)

        def buy(name: str, time: str) -> None:
            served.call("POST", "/sim/clock", {"set": f"2026-10-{time}"})
            words = ["BTC/USD", "--notional", "100", "--also", "--add", "--client-order-id", name]
            done(env, "buy", *words)
            served.call("POST", "/sim/clock", {"step": 5})
            done(env, "reconcile")

        buy("first", "07 23:52")
        [journal] = tmp_path.rglob("journal.db")
        account: Any = Account(journal.parent, datetime.now(new_york()))
        goes_on = Reader(account)

        def counted_at(time: str) -> tuple[int, int]:
            moment = datetime.fromisoformat(f"2026-10-{time}")
            account.at = moment.replace(tzinfo=new_york())
            found = counted(goes_on)
            assert counted(Reader(account)) == found, "a page that begins now says the same"
            return found

        assert counted_at("07 23:55") == (1, 1)
        buy("second", "07 23:58")
        assert counted_at("08 00:00:30") == (2, 2), "no scrape had told of it"
        buy("third", "08 00:01")
        assert counted_at("08 00:01:30") == (2, 2), "the new day is not told yet"
        assert counted_at("08 00:02:00") == (1, 1)
        buy("fourth", "08 00:05")
        assert counted_at("08 00:06") == (2, 2)
