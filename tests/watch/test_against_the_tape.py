"""Goal: what `watch` and the exchange make of a plan equals what the tape alone says.

Method: sessions on synthetic and recorded prices. Afterwards the test walks the same ticks by
itself: the first trade at or through the stop (or quote at or through the target) decides which
exit was due and when, and the fill must be at the quote of the fill's own moment.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.paths import market_data
from support.wishes import stop_at, target, trail
from support.world import D, World, open_world

from execbot.model.times import parse_time
from execbot.sim.types import SECOND

MINUTES = 20


def tape_world(path: Path, symbol: str, **config: Any) -> World:
    """A world whose prices are the market's own."""
    world = open_world(path, symbols=(symbol,), **config)
    world.desk.venue.market.release_price(symbol, world.ns)
    world.desk.venue.exchange.market_changed(symbol)
    quote = world.desk.venue.market.shown_quote(symbol, world.ns)
    assert quote is not None
    world.quoted[symbol] = quote["ask"]
    return world


def run_until_flat(world: World, symbol: str) -> None:
    for _ in range(MINUTES * 60 * 2):
        world.step(0.5)
        if world.witness.qty(symbol) == 0 and world.plan(symbol) is None:
            return


def fills(world: World, side: str) -> list[dict[str, Any]]:
    rows = world.desk.call("GET", "/v2/account/activities/FILL?direction=asc&page_size=100")
    return [row for row in rows if row["side"] == side]


def instant(row: dict[str, Any]) -> int:
    moment = parse_time(row["transaction_time"])
    assert moment is not None
    return int(moment.timestamp() * 1_000_000) * 1000


def first_touch(
    world: World, symbol: str, since: int, stop: Decimal | None, limit: Decimal | None
) -> tuple[str, int] | None:
    """`stop` or `target`, whichever the tape reached first, and when. Long positions."""
    for tick in world.desk.venue.market.prices.ticks(symbol, since, world.ns):
        if stop is not None and tick.last.price <= stop:
            return "stop", tick.at
        if limit is not None and tick.quote.bid >= limit:
            return "target", tick.at
    return None


def check_exit(world: World, symbol: str, stop: Decimal, limit: Decimal) -> str:
    [bought] = fills(world, "buy")[:1]
    touch = first_touch(world, symbol, instant(bought) + SECOND, stop, limit)
    assert touch is not None, "the tape reached neither; choose closer levels"
    which, at = touch
    sold = fills(world, "sell")
    assert sold, f"{which} was due at {at}"
    prices = world.desk.venue.market.prices
    for row in sold:
        when = instant(row)
        assert when >= at - SECOND
        assert when - at < 10 * SECOND, f"{which} was due {(when - at) / SECOND:.1f} s earlier"
        quote = prices.quote(symbol, when)
        assert quote is not None
        price = D(row["price"])
        if which == "stop":
            assert price == quote.bid
        else:
            assert price >= limit
    return which


def levels(world: World) -> tuple[Decimal, Decimal]:
    """Where the exits of the position stood: stop and target."""
    legs = [r for r in world.witness.orders().values() if r["side"] == "sell"]
    stop = next(D(r["stop_price"]) for r in legs if r["stop_price"])
    return stop, next(D(r["limit_price"]) for r in legs if r["limit_price"])


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_stop_or_target_is_taken_when_the_synthetic_tape_reaches_it(
    tmp_path: Path, seed: int
) -> None:
    world = tape_world(tmp_path, "TSLA", seed=seed)
    world.trader.buy("10", stop_at("0.08%"), target("0.1%", shares=100), symbol="TSLA")
    run_until_flat(world, "TSLA")
    assert world.witness.qty("TSLA") == 0
    check_exit(world, "TSLA", *levels(world))
    assert not world.witness.shorts


def test_recorded_prices_take_the_exit_that_they_reach_first(tmp_path: Path) -> None:
    folder = str(market_data())
    world = tape_world(tmp_path, "IBM", data=folder, at="2013-10-08 10:00")
    world.trader.buy("10", stop_at("0.1%"), target("0.1%", shares=100), symbol="IBM")
    run_until_flat(world, "IBM")
    assert world.witness.qty("IBM") == 0
    check_exit(world, "IBM", *levels(world))


def test_the_brokers_trail_equals_the_highest_trade_less_the_distance(tmp_path: Path) -> None:
    world = tape_world(tmp_path, "TSLA", seed=7)
    world.trader.buy("10", trail("0.1%"), symbol="TSLA")
    run_until_flat(world, "TSLA")
    assert world.witness.qty("TSLA") == 0
    [stop] = [r for r in world.witness.orders().values() if r["type"] == "trailing_stop"]
    began = parse_time(stop["submitted_at"])
    assert began is not None
    since = int(began.timestamp() * 1_000_000) * 1000
    prices = world.desk.venue.market.prices
    before = prices.last_trade("TSLA", since)
    assert before is not None
    high = before.price
    for tick in prices.ticks("TSLA", since, world.ns):
        high = max(high, tick.last.price)
        if tick.last.price <= high * D("0.999"):
            sold = fills(world, "sell")
            assert 0 <= instant(sold[0]) - tick.at < 3 * SECOND
            return
    raise AssertionError("the tape never fell by the distance, yet the position was sold")
