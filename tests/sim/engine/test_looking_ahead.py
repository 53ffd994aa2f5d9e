"""Goal: looking far ahead of the clock changes nothing. Method: the same market read tick by
tick, and the same day in small steps and in one stroke, on the synthetic market.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.scripted_market import new_york

from execbot.sim.calendar import ExchangeCalendar
from execbot.sim.engine import Exchange, ExchangeConfig
from execbot.sim.prices.mixed import MixedPrices, build_prices
from execbot.sim.prices.regimes import Regime
from execbot.sim.types import SECOND

CALENDAR = ExchangeCalendar()
OPEN, CLOSE = new_york("2026-10-08 09:30"), new_york("2026-10-08 16:00")
DAY = (CLOSE - OPEN) // SECOND


def market(seed: int, regime: Regime) -> tuple[MixedPrices, Exchange, str]:
    prices, assets = build_prices(seed=seed, regimes={"AAPL": regime}, calendar=CALENDAR)
    exchange = Exchange(
        prices=prices,
        assets=assets,
        calendar=CALENDAR,
        config=ExchangeConfig(seed=seed),
        start=OPEN,
    )
    return prices, exchange, exchange.account_id("K")


def held(exchange: Exchange, account: str, side: str) -> None:
    body = {"symbol": "AAPL", "qty": "10", "side": side, "type": "market"}
    exchange.place(account, {**body, "time_in_force": "day"})
    exchange.advance(exchange.now + SECOND)


def trail(side: str, percent: str) -> dict[str, Any]:
    body = {"symbol": "AAPL", "qty": "10", "side": side, "type": "trailing_stop"}
    return {**body, "trail_percent": percent, "time_in_force": "day"}


@pytest.mark.parametrize("regime", [Regime.NORMAL, Regime.VOLATILE, Regime.CRASH, Regime.THIN])
@pytest.mark.parametrize("side", ["sell", "buy"])
def test_a_trailing_stop_fires_where_a_walk_over_every_tick_fires_it(
    regime: Regime, side: str
) -> None:
    fired = 0
    for seed in range(3):
        prices, exchange, account = market(seed, regime)
        held(exchange, account, "buy" if side == "sell" else "sell")
        order = exchange.place(account, trail(side, "0.6"))
        begin = exchange.now + 53_000_000  # acknowledged after 3 ms, in the market 50 ms later
        mark, stop, seen = Decimal(order["hwm"]), Decimal(order["stop_price"]), None
        first = prices.last_trade("AAPL", begin)
        assert first is not None
        for at, price in [
            (begin, first.price),
            *((tick.at, tick.last.price) for tick in prices.ticks("AAPL", begin, CLOSE - 1)),
        ]:
            if price <= stop if side == "sell" else price >= stop:
                seen = at
                break
            if price > mark if side == "sell" else price < mark:
                mark = price
                stop = mark * (Decimal("0.994") if side == "sell" else Decimal("1.006"))
        for _ in range(DAY // 300):
            exchange.advance(exchange.now + 300 * SECOND)
        shown = exchange.order(account, order["id"])
        assert Decimal(shown["hwm"]) == mark
        assert (shown["status"] == "filled") == (seen is not None)
        if seen is not None:
            fired += 1
            quote = prices.quote("AAPL", seen + 50_000_000)
            assert quote is not None
            taken = quote.bid if side == "sell" else quote.ask
            assert Decimal(shown["filled_avg_price"]) == taken
    assert fired or regime is not Regime.CRASH, "a crash fires a trailing stop"


def day(step: int, fall: str | None = None) -> list[dict[str, Any]]:
    """A day with resting orders of every kind, in steps of so many seconds."""
    prices, exchange, account = market(5, Regime.VOLATILE)
    held(exchange, account, "buy")
    quote = prices.quote("AAPL", exchange.now)
    assert quote is not None
    order = {"symbol": "AAPL", "qty": "5", "side": "buy", "time_in_force": "day"}
    for tenths in (2, 5, 9) if fall is None else (80, 90, 100):
        limit = (quote.bid * (1000 - tenths) / 1000).quantize(Decimal("0.01"))
        exchange.place(account, {**order, "type": "limit", "limit_price": str(limit)})
    exchange.place(account, trail("sell", "0.7" if fall is None else "9"))
    while exchange.now < CLOSE:
        if fall is not None and exchange.now >= OPEN + DAY // 2 * SECOND:
            prices.set_price("AAPL", exchange.now, price=Decimal(fall))
            exchange.market_changed("AAPL")
            fall = None
        exchange.advance(min(exchange.now + step * SECOND, CLOSE))
    return exchange.orders(account, {"status": "all", "direction": "asc"})


def test_small_steps_and_one_stroke_end_in_the_same_orders() -> None:
    shown = [day(step) for step in (7, 300, DAY)]
    assert shown[0] == shown[1] == shown[2]
    assert "filled" in {row["status"] for row in shown[0][1:]}


def test_a_forced_price_is_met_although_the_market_was_searched_beyond_it() -> None:
    rows = day(300, fall="1.00")
    assert [row["status"] for row in rows] == ["filled"] * 5
    assert [row["filled_avg_price"] for row in rows[1:]] == ["1"] * 4


def lowest_ask(prices: MixedPrices, begin: str, end: str) -> Decimal:
    span = new_york(f"2026-10-08 {begin}"), new_york(f"2026-10-08 {end}")
    return min(quote.ask for quote in prices.quotes("AAPL", *span))


def test_an_order_searched_into_the_night_rests_when_nights_are_switched_off() -> None:
    start, statuses = new_york("2026-10-08 19:50"), []
    for seed in range(100):
        prices, assets = build_prices(
            seed=seed, regimes={"AAPL": Regime.VOLATILE}, calendar=CALENDAR
        )
        limit = lowest_ask(prices, "20:00", "20:08")
        if limit < lowest_ask(prices, "19:50", "19:59"):
            break
    for switched_off in (False, True):
        exchange = Exchange(prices=prices, assets=assets, calendar=CALENDAR, start=start)
        account = exchange.account_id("K")
        body = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit"}
        body |= {"time_in_force": "gtc", "limit_price": str(limit), "extended_hours": True}
        order = exchange.place(account, body)
        exchange.advance(new_york("2026-10-08 19:59:59"))
        assert exchange.order(account, order["id"])["status"] == "new"
        exchange.set_configurations(account, {"disable_overnight_trading": switched_off})
        exchange.advance(new_york("2026-10-08 20:08"))
        statuses.append(exchange.order(account, order["id"])["status"])
    assert statuses == ["filled", "new"]
