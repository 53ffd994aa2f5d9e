"""Goal: on recorded prices arrival, fill, cost, spread and the prices afterwards are the file's.

Method: orders at market through a recorded day; the judge reads the recording itself, never the
exchange's data or our journal, and does its own arithmetic.
"""

from __future__ import annotations

import bisect
import csv
import gzip
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.confirming import Confirmed, open_confirmed
from support.desk import market
from support.paths import market_data

from execbot.journal.confirmation import ArrivalBasis, Confirmation
from execbot.model.enums import Side

D = Decimal
CENT = D("0.01")


class Tape:
    """The quotes of a recorded day, by their file."""

    def __init__(self, path: Path) -> None:
        self.times: list[datetime] = []
        self.quotes: list[tuple[Decimal, Decimal]] = []
        with gzip.open(path, "rt") as rows:
            for row in csv.DictReader(rows):
                if row["bid"] and row["ask"]:
                    self.times.append(datetime.fromisoformat(row["timestamp"]))
                    self.quotes.append((D(row["bid"]), D(row["ask"])))

    def at(self, moment: datetime) -> tuple[Decimal, Decimal]:
        return self.quotes[bisect.bisect_right(self.times, moment) - 1]

    def mid(self, moment: datetime) -> Decimal:
        bid, ask = self.at(moment)
        return (bid + ask) / 2


def bps(amount: Decimal, of: Decimal) -> Decimal:
    return (amount / of * 10_000).quantize(CENT)


@pytest.fixture(scope="module")
def ibm() -> Tape:
    return Tape(market_data() / "quotes-tick" / "IBM_20131008.csv.gz")


@pytest.fixture
def account(tmp_path: Path, ibm: Tape) -> Confirmed:
    exchange = {"starting_cash": "10000000"}
    return open_confirmed(
        tmp_path, data=str(market_data()), at="2013-10-08 10:00", exchange=exchange
    )


def judge(made: Confirmation, tape: Tape, decided: datetime, row: dict[str, str]) -> None:
    filled = datetime.fromisoformat(row["transaction_time"].replace("Z", "+00:00"))
    paid, sign = D(row["price"]), 1 if made.side is Side.BUY else -1
    bid, ask = tape.at(decided)
    arrival = (bid + ask) / 2
    assert made.arrival.price == arrival
    assert made.price == paid
    assert made.times.first_fill == made.times.last_fill == filled
    worse = (paid - arrival) * sign
    assert made.cost is not None
    assert made.cost.bps == bps(worse, arrival)
    assert made.cost.usd == (worse * made.filled_qty).quantize(D("0.0001"))
    assert made.quoted_spread_bps == bps(ask - bid, arrival)
    assert made.effective_spread_bps == bps(2 * worse, arrival)
    assert made.effective_over_quoted == (2 * worse / (ask - bid)).quantize(CENT)
    assert [later.after_seconds for later in made.later] == [1, 60, 300]
    for later in made.later:
        price = tape.mid(filled + timedelta(seconds=later.after_seconds))
        assert later.price == price
        assert later.moved_bps == bps((price - paid) * sign, paid)


@pytest.mark.parametrize("minute", [1, 17, 95])
def test_what_is_confirmed_is_what_the_file_says(
    account: Confirmed, ibm: Tape, minute: int
) -> None:
    desk = account.desk
    desk.sleep(minute * 60 + 0.123)
    bought_at = desk.now()
    account.submit(market("IBM", "10", client_order_id="in"), role="entry")
    desk.sleep(200)
    sold_at = desk.now()
    desk.oms.submit(
        market("IBM", "10", Side.SELL, client_order_id="out"), role="exit", origin="close"
    )
    account.later(10)
    account.later(400)
    rows = account.fills_there()
    for name, decided, basis in (
        ("in", bought_at, ArrivalBasis.QUOTE),
        ("out", sold_at, ArrivalBasis.LOOKED_UP),
    ):
        made = account.of(name)
        assert made.arrival.basis is basis
        [row] = rows[made.order_id]
        judge(made, ibm, decided, row)
        assert made.findings == ()
        assert made.is_complete
