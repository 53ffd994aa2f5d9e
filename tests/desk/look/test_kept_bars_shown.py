"""Goal: where the broker gives no bars, charts and excursions are read from those `watch` has kept.

Method: an account of the built-in exchange in this process that refuses bars; bars in the folder in
which `watch` puts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from execbot.desk.account import Desk, open_desk
from execbot.desk.following import follow
from execbot.desk.look.reporting.charts import ChartWanted, read_chart
from execbot.desk.look.trades import one_trade
from execbot.desk.opening.exchange import control
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.model.quote import Bar
from execbot.trades.excursions import SeenBy
from execbot.watch.bars.files import append

D = Decimal


@pytest.fixture
def desk(sim_env: dict[str, str]) -> Iterator[Desk]:
    control("POST", "price", {"symbol": "AAPL", "price": "200", "hold": True}, env=sim_env)
    opened = open_desk(env=sim_env)
    yield opened
    opened.close()


def test_charts_and_excursions_without_the_brokers_bars(
    desk: Desk, sim_env: dict[str, str]
) -> None:
    placed = desk.placer.place(OrderRequest("AAPL", Side.BUY, qty=D(5)))
    follow(desk, placed.record, 20)
    opened = one_trade(desk, "AAPL").trades[0].trip.opened_at
    kept = [
        Bar("AAPL", opened + timedelta(milliseconds=n), D(200), D(high), D(low), D(200), D(0))
        for n, low, high in ((1, "199", "201"), (2, "195.5", "204"))
    ]
    append(desk.directory, kept, 90)
    refusal = {"kind": "canned_reply", "method": "GET", "path": "/v2/stocks/bars", "count": 9}
    control("POST", "faults", {**refusal, "status": 403, "body": {"message": "no"}}, env=sim_env)
    charted = read_chart(desk, ChartWanted("AAPL"))
    assert charted.chart.bars == kept
    assert any("bars that `watch` kept" in words for words in charted.warnings)
    found = one_trade(desk, "AAPL").trades[0].excursion
    assert found is not None
    assert (found.worst, found.best, found.seen_by) == (D("195.5"), D(204), SeenBy.MINUTES)
    hour = read_chart(desk, ChartWanted("AAPL", frame="1Hour")).chart.bars
    assert [(bar.low, bar.high) for bar in hour] == [(D("195.5"), D(204))]
